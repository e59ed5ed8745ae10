package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

var scopes = []string{ScopeWrite, ScopeRead, ScopeOutputs, ScopeReviewRead, ScopeReview, ScopeEvents, ScopeWebhooks, ScopePrivacy, ScopeSearch, ScopeEvidence}

const maxRateLimit = 10000

// purpose is a word for which outputs are read.
var purpose = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// keyName is what a key may be called: it stands beside decisions.
var keyName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,59}$`)

// CheckAccess reports every error in the configured clients and reviewers at
// once.
func CheckAccess(clients []Client, reviewers []Reviewer) error {
	c := accessCheck{hashes: map[string]bool{}, names: map[string][]string{}}
	for _, client := range clients {
		c.client(client)
	}
	seen := map[string]bool{}
	for _, r := range reviewers {
		if seen[r.Name] {
			c.bad("reviewer %q: name is given twice", r.Name)
		}
		seen[r.Name] = true
		c.reviewer(r)
	}
	return errors.Join(c.errs...)
}

type accessCheck struct {
	errs   []error
	hashes map[string]bool
	// names of the keys that may act for each client.
	names map[string][]string
}

func (a *accessCheck) bad(format string, args ...any) {
	a.errs = append(a.errs, fmt.Errorf(format, args...))
}

func (a *accessCheck) client(c Client) {
	at := fmt.Sprintf("client %q", c.ID)
	if c.ID == "" {
		a.bad("%s: id is empty", at)
	}
	if _, twice := a.names[c.ID]; twice {
		a.bad("%s: id is given twice", at)
	}
	a.names[c.ID] = []string{}
	for i, k := range c.Keys {
		key := fmt.Sprintf("%s: keys[%d]", at, i)
		a.key(key, k.Name, k.Hash)
		a.name(key, c.ID, k.Name)
		if len(k.Scopes) == 0 {
			a.bad("%s: scopes is empty, so it could do nothing: %s", key, strings.Join(scopes, ", "))
		}
		for _, s := range k.Scopes {
			if !slices.Contains(scopes, s) {
				a.bad("%s: scopes: unknown scope %q, want one of %s", key, s, strings.Join(scopes, ", "))
			}
		}
		if k.RateLimit < 0 || k.RateLimit > maxRateLimit {
			a.bad("%s: rate_limit must be 0 (no limit) to %d requests a second", key, maxRateLimit)
		}
		for _, s := range []string{ScopeOutputs, ScopeSearch} {
			if slices.Contains(k.Scopes, s) && len(c.Purposes) == 0 {
				a.bad("%s: %s needs purposes of the client, the words that say what a person's data is read for", key, s)
			}
		}
		if !c.SelfReview && slices.Contains(k.Scopes, ScopeWrite) && slices.Contains(k.Scopes, ScopeReview) {
			a.bad("%s: a key that holds both %s and %s lets whoever starts a verification approve it: take %s away and list a reviewer under reviewers, or say self_review: true for the client",
				key, ScopeWrite, ScopeReview, ScopeReview)
		}
	}
	for i, p := range c.Purposes {
		if !purpose.MatchString(p) || slices.Contains(c.Purposes[:i], p) {
			a.bad("%s: purposes[%d] is no word of lower case letters, digits and _, at most 40, or is given twice", at, i)
		}
	}
	for i, u := range c.ReturnURLs {
		if why := checkReturnEntry(u); why != "" {
			a.bad("%s: return_urls[%d] %s", at, i, why)
		}
	}
}

func (a *accessCheck) reviewer(r Reviewer) {
	at := fmt.Sprintf("reviewer %q", r.Name)
	a.key(at, r.Name, r.Hash)
	if len(r.Clients) == 0 {
		a.bad("%s: clients is empty, so there is nothing to review", at)
	}
	for i, id := range r.Clients {
		if _, known := a.names[id]; !known || slices.Contains(r.Clients[:i], id) {
			a.bad("%s: clients[%d] is no client's id, or is given twice", at, i)
			continue
		}
		a.name(at, id, r.Name)
	}
}

// key checks a key's name and hash. A hash that is none is not repeated: it may
// be the key itself.
func (a *accessCheck) key(at, name, hash string) {
	if !keyName.MatchString(name) || residentid.ShapedLikeIDNumber(name) {
		a.bad("%s: name must be 1 to 60 letters, digits, spaces or . _ @ -, and no ID number", at)
	}
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size {
		a.bad("%s: hash is no SHA-256 in hex: printf %%s \"$KEY\" | sha256sum", at)
	} else if a.hashes[strings.ToLower(hash)] {
		a.bad("%s: hash is given twice", at)
	}
	a.hashes[strings.ToLower(hash)] = true
}

// name keeps the names of a client's keys and reviewers apart: a decision tells
// by name who made it.
func (a *accessCheck) name(at, client, name string) {
	if slices.Contains(a.names[client], name) {
		a.bad("%s: name %q is given twice for client %q", at, name, client)
	}
	a.names[client] = append(a.names[client], name)
}
