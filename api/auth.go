package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/starter"
)

// Scopes that an API key may have.
const (
	ScopeWrite = "verifications:write"
	ScopeRead  = "verifications:read"
	// ScopeOutputs reads whom a verification was about.
	ScopeOutputs = "outputs:read"
	// ScopeReviewRead reads what reviewers said; ScopeReview decides and reopens.
	ScopeReviewRead = "review:read"
	ScopeReview     = "review:write"
	// ScopeEvents reads the feed.
	ScopeEvents = "events:read"
	// ScopeWebhooks reads the log of deliveries, sends again, and pauses.
	ScopeWebhooks = "webhooks:write"
	// ScopePrivacy erases people.
	ScopePrivacy = "privacy:write"
	// ScopeSearch finds verifications by a person's number; ScopeEvidence gets
	// signed evidence.
	ScopeSearch   = "privacy:search"
	ScopeEvidence = "evidence:read"
)

// Client is an onboarding service, as the configuration names it.
type Client struct {
	ID   string
	Keys []Key
	// SelfReview lets one key both start and decide.
	SelfReview bool
	// Policies are those under which the client may start; empty: all.
	Policies []string
	// Purposes are the words for which the client reads outputs.
	Purposes []string
	// ReturnURLs are where the client's verifications may send a browser: web
	// addresses whose path is a prefix, or app links, taken whole.
	ReturnURLs []string
}

// Key is an API key of a client.
type Key struct {
	// Name tells the key from others, and who decided with it.
	Name string
	// Hash is the SHA-256 hash of the key, in hex. A plain hash suffices: NewKey's
	// keys are 256 random bits, so there is nothing to guess.
	Hash   string
	Scopes []string
	// Expires is when it is not taken any more; zero: never.
	Expires time.Time
	// RateLimit is how many requests a second the key may send, in each process;
	// 0: any number.
	RateLimit int
}

// Reviewer is somebody whose key reads, decides and reopens the verifications
// of the clients named, and can do nothing else.
type Reviewer struct {
	Name, Hash string
	Clients    []string
	Expires    time.Time
}

var reviewerScopes = []string{ScopeRead, ScopeReviewRead, ScopeReview}

// Keys begin with words by which scanners for secrets know them.
const (
	prefixLive = "yz_live_"
	prefixTest = "yz_test_"
)

// NewKey makes an API key and the hash that the configuration keeps of it.
func NewKey() (key, hash string) { return newKey(prefixLive) }

// NewTestKey makes one for an installation with stand-in vendors. It is taken
// wherever its hash stands: the word is for people and scanners.
func NewTestKey() (key, hash string) { return newKey(prefixTest) }

func newKey(prefix string) (key, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	key = prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return key, HashKey(key)
}

// HashKey returns the hash that the configuration keeps of a key.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// caller is who a key stands for.
type caller struct {
	// name is the key's.
	name   string
	scopes []string
	// client is nil for a reviewer, who sees those named by reviews.
	client  *Client
	reviews []string
	// of are the clients themselves, one or those that are reviewed.
	of    []*Client
	limit *limiter
}

func (c *caller) has(scope string) bool { return slices.Contains(c.scopes, scope) }

// clients are those whose verifications the caller may see.
func (c *caller) clients() []string {
	if c.client != nil {
		return []string{c.client.ID}
	}
	return c.reviews
}

// keyring is who may call, as the configuration says now, and finds a caller by
// their key.
type keyring struct {
	entries []keyEntry
	clients []Client
}

// client is the one with the id; nil: it is not configured any more.
func (k *keyring) client(id string) *Client {
	for i := range k.clients {
		if k.clients[i].ID == id {
			return &k.clients[i]
		}
	}
	return nil
}

// limiterOf returns the limiter of a key that was there before, so that a
// reloaded configuration gives nobody a fresh start.
func (k *keyring) limiterOf(hash []byte, perSecond int) *limiter {
	if k != nil {
		for _, e := range k.entries {
			if l := e.caller.limit; l != nil && l.perSecond == perSecond && bytes.Equal(e.hash, hash) {
				return l
			}
		}
	}
	return newLimiter(perSecond)
}

type keyEntry struct {
	hash    []byte
	expires time.Time
	caller  *caller
}

// newKeyring makes the keyring of a configuration that takes before's place; nil:
// the first.
func newKeyring(clients []Client, reviewers []Reviewer, before *keyring) *keyring {
	clients = slices.Clone(clients)
	k := &keyring{clients: clients}
	add := func(hash string, expires time.Time, perSecond int, c *caller) {
		if raw, err := hex.DecodeString(hash); err == nil {
			c.limit = before.limiterOf(raw, perSecond)
			k.entries = append(k.entries, keyEntry{raw, expires, c})
		}
	}
	for i := range clients {
		for _, key := range clients[i].Keys {
			add(key.Hash, key.Expires, key.RateLimit, &caller{name: key.Name, scopes: key.Scopes, client: &clients[i], of: []*Client{&clients[i]}})
		}
	}
	for _, r := range reviewers {
		who := &caller{name: r.Name, scopes: reviewerScopes, reviews: r.Clients}
		for i := range clients {
			if slices.Contains(r.Clients, clients[i].ID) {
				who.of = append(who.of, &clients[i])
			}
		}
		add(r.Hash, r.Expires, 0, who)
	}
	return k
}

// find returns the caller of an Authorization header, nil for none: "Bearer",
// one space, a key that has not expired. It compares with every key and stops
// at none, so that its time tells nothing.
func (k *keyring) find(headers []string, now time.Time) *caller {
	if len(headers) != 1 {
		return nil
	}
	scheme, key, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	var found *caller
	for _, e := range k.entries {
		if subtle.ConstantTimeCompare(sum[:], e.hash) == 1 && (e.expires.IsZero() || now.Before(e.expires)) {
			found = e.caller
		}
	}
	return found
}

// callerOf returns who calls; nil where nobody is asked.
func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey).(*caller)
	return c
}

// clientOf returns the client that calls; nil for a reviewer.
func clientOf(ctx context.Context) *Client {
	if c := callerOf(ctx); c != nil {
		return c.client
	}
	return nil
}

// askedBy names a client's key, and its request, to the audit log.
func askedBy(ctx context.Context) starter.Caller {
	who := callerOf(ctx)
	return starter.Caller{Client: who.client.ID, By: who.name, RequestID: requestID(ctx)}
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
