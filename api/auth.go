package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scopes that an API key may have.
const (
	ScopeWrite = "verifications:write"
	ScopeRead  = "verifications:read"
	// ScopeReview decides and reopens.
	ScopeReview = "review:write"
)

// Client is an onboarding service, as the configuration names it.
type Client struct {
	ID string `json:"id"`
	// KeyHashes are SHA-256 hashes of the client's API keys, in hex; two while
	// a key is rotated. A plain hash suffices: NewKey's keys are 256 random
	// bits, so there is nothing to guess.
	KeyHashes []string `json:"key_hashes"`
	Scopes    []string `json:"scopes"`
	// ReturnURLs are where the client's verifications may send a browser: web
	// addresses whose path is a prefix, or app links, taken whole.
	ReturnURLs []string `json:"return_urls"`
}

func (c *Client) has(scope string) bool { return slices.Contains(c.Scopes, scope) }

// NewKey makes an API key and the hash that the configuration keeps of it.
func NewKey() (key, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	key = "yz_" + base64.RawURLEncoding.EncodeToString(b[:])
	return key, HashKey(key)
}

// HashKey returns the hash that the configuration keeps of a key.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// CheckClients reports every fault in the configured clients at once.
func CheckClients(clients []Client) error {
	var errs []error
	ids, hashes := map[string]bool{}, map[string]bool{}
	for _, c := range clients {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("client %q: "+format, append([]any{c.ID}, args...)...))
		}
		if c.ID == "" {
			bad("id is empty")
		}
		if ids[c.ID] {
			bad("id is given twice")
		}
		ids[c.ID] = true
		for i, h := range c.KeyHashes {
			if raw, err := hex.DecodeString(h); err != nil || len(raw) != sha256.Size {
				bad("key_hashes[%d] is no SHA-256 in hex", i)
			}
			if hashes[strings.ToLower(h)] {
				bad("key_hashes[%d] is given twice", i)
			}
			hashes[strings.ToLower(h)] = true
		}
		for _, s := range c.Scopes {
			if s != ScopeWrite && s != ScopeRead && s != ScopeReview {
				bad("scopes: %q is none of %s, %s, %s", s, ScopeWrite, ScopeRead, ScopeReview)
			}
		}
		for i, u := range c.ReturnURLs {
			if why := checkReturnEntry(u); why != "" {
				bad("return_urls[%d] %s", i, why)
			}
		}
	}
	return errors.Join(errs...)
}

// keyring finds a client by its key.
type keyring struct{ entries []keyEntry }

type keyEntry struct {
	hash   []byte
	client *Client
}

func newKeyring(clients []Client) keyring {
	var k keyring
	for i := range clients {
		for _, h := range clients[i].KeyHashes {
			if raw, err := hex.DecodeString(h); err == nil {
				k.entries = append(k.entries, keyEntry{raw, &clients[i]})
			}
		}
	}
	return k
}

// find returns the client of an Authorization header, nil for none: "Bearer",
// one space, the key. It compares with every key and stops at none, so that its
// time tells nothing.
func (k keyring) find(headers []string) *Client {
	if len(headers) != 1 {
		return nil
	}
	scheme, key, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	var found *Client
	for _, e := range k.entries {
		if subtle.ConstantTimeCompare(sum[:], e.hash) == 1 {
			found = e.client
		}
	}
	return found
}

func clientOf(ctx context.Context) *Client {
	c, _ := ctx.Value(clientKey).(*Client)
	return c
}

// checkIdempotencyKey holds the header to its rules before anything is done
// with it. It is not looked at for ID numbers: it is kept as a keyed hash only,
// and a UUID or an order's number may by chance be shaped like one.
func checkIdempotencyKey(values []string) error {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return errKeyMissing
	}
	key := values[0]
	if len(values) > 1 || len(key) > 255 {
		return errKeyInvalid
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return errKeyInvalid
		}
	}
	return nil
}
