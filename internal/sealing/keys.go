package sealing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Values of a key's "use".
const (
	useSeal   = "seal"
	useHash   = "hash"
	useTicket = "ticket"
	useSig    = "sig"
)

const (
	// keyBytes is the length of every key: AES-256, and the least that RFC 7518
	// section 3.2 allows for HMAC-SHA256.
	keyBytes = 32
	// maxKeyID bounds a key id: its length is one byte beside a sealed value,
	// and it is part of every ticket.
	maxKeyID = 64
)

// key is one key of the set.
type key struct {
	id string
	// bytes are the key; of one that signs, its public part.
	bytes []byte
	// sign is set for the use sig.
	sign jose.JSONWebKey
	// from is the time before which it is not used; zero: there is none.
	from time.Time
	// by and reason say who made it and why, as far as is known.
	by, reason string
}

// Keys is a key set that may be replaced while it is used. It is safe for
// concurrent use, and prints as its name only.
type Keys struct{ live *atomic.Pointer[keySet] }

// keySet holds the keys by their use, in the file's order.
type keySet struct {
	seal, ticket, sig []key
	hash              key
}

func (k *Keys) set() *keySet { return k.live.Load() }

// Replace has everybody who holds k go by the other set from now on.
func (k *Keys) Replace(with *Keys) { k.live.Store(with.set()) }

// active is the key that is used at the time: the last one whose time has come.
func active(keys []key, at time.Time) key {
	for _, k := range slices.Backward(keys) {
		if !k.from.After(at) {
			return k
		}
	}
	return keys[0]
}

// Generate makes a new key set with one key for each purpose, as JSON.
func Generate() ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, use := range []string{useSeal, useHash, useTicket, useSig} {
		set.Keys = append(set.Keys, newKey(use))
	}
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sealing: write key set: %w", err)
	}
	return append(text, '\n'), nil
}

// newKey makes a key.
func newKey(use string) jose.JSONWebKey {
	id := make([]byte, 6)
	rand.Read(id) // never fails: crypto/rand ends the program instead
	k := jose.JSONWebKey{KeyID: use + "-" + hex.EncodeToString(id), Use: use}
	if use == useSig {
		_, private, _ := ed25519.GenerateKey(rand.Reader)
		k.Key, k.Algorithm = private, string(jose.EdDSA)
		return k
	}
	secret := make([]byte, keyBytes)
	rand.Read(secret)
	k.Key = secret
	return k
}

// Parse reads a key set and reports every fault at once, each naming the key
// by its kid, or by its place in the set. Key material never enters an error.
func Parse(text []byte) (*Keys, error) {
	// Key by key: as a whole set, keys that cannot be read would be left out
	// without a word.
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil, errors.New("sealing: the key set is no JSON object with an array \"keys\"")
	}
	p := parser{now: time.Now()}
	for i, raw := range set.Keys {
		p.add(i+1, raw)
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	keys := &Keys{live: new(atomic.Pointer[keySet])}
	keys.live.Store(&p.set)
	return keys, nil
}

type parser struct {
	set    keySet
	now    time.Time
	hashes []key
	errs   []error
	seen   []key
}

func (p *parser) bad(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("sealing: "+format, args...))
}

func (p *parser) add(place int, raw []byte) {
	var head struct {
		Kid string `json:"kid"`
		Kty string `json:"kty"`
		added
	}
	if json.Unmarshal(raw, &head) != nil {
		p.bad("key %d of the set is no JSON object of strings, with a number as its nbf", place)
		return
	}
	name := fmt.Sprintf("key %q", head.Kid)
	if head.Kid == "" {
		name = fmt.Sprintf("key %d of the set", place)
		p.bad("%s has no kid", name)
	}
	if len(head.Kid) > maxKeyID {
		p.bad("%s: its kid is longer than %d bytes", name, maxKeyID)
	}
	var jwk jose.JSONWebKey
	// The library's error may quote the key, so it is not passed on.
	if jwk.UnmarshalJSON(raw) != nil {
		p.bad("%s cannot be read as a JWK", name)
		return
	}
	k := head.key(head.Kid)
	if jwk.Use == useSig {
		k.sign, k.bytes = jwk, publicPart(jwk)
		if k.bytes == nil {
			p.bad("%s is no Ed25519 key (type OKP)", name)
			return
		}
	} else {
		material, ok := jwk.Key.([]byte)
		if !ok || head.Kty != "oct" {
			p.bad("%s is not of type oct", name)
			return
		}
		if len(material) != keyBytes {
			p.bad("%s has %d bytes instead of %d", name, len(material), keyBytes)
		}
		k.bytes = material
	}
	p.sort(name, jwk.Use, k)
}

// sort puts a key with those of its use.
func (p *parser) sort(name, use string, k key) {
	for _, o := range p.seen {
		if o.id == k.id && k.id != "" {
			p.bad("%s: its kid is there twice", name)
		}
		if bytes.Equal(o.bytes, k.bytes) {
			p.bad("%s is the same key as %q: every purpose and rotation needs a key of its own", name, o.id)
		}
	}
	p.seen = append(p.seen, k)
	switch use {
	case useSeal:
		p.set.seal = append(p.set.seal, k)
	case useHash:
		p.hashes = append(p.hashes, k)
	case useTicket:
		p.set.ticket = append(p.set.ticket, k)
	case useSig:
		p.set.sig = append(p.set.sig, k)
	default:
		p.bad("%s: unknown use, want seal, hash, ticket or sig", name)
	}
}

func (p *parser) finish() error {
	if len(p.set.seal) == 0 {
		p.bad("no key has the use %q", useSeal)
	}
	if len(p.set.ticket) == 0 {
		p.bad("no key has the use %q", useTicket)
	}
	p.finishSig()
	switch len(p.hashes) {
	case 0:
		p.bad("no key has the use %q", useHash)
	case 1:
		p.set.hash = p.hashes[0]
	default:
		p.bad("keys %q and %q both have the use %q, which never rotates", p.hashes[0].id, p.hashes[1].id, useHash)
	}
	return errors.Join(p.errs...)
}

// find returns the key with the id.
func find(keys []key, id string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.id == id })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

const printed = "[keys]"

// String, GoString, Format and LogValue keep keys that stray into a log or an
// error from being told, whatever the verb.
func (Keys) String() string               { return printed }
func (Keys) GoString() string             { return printed }
func (Keys) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(printed)) }
func (Keys) LogValue() slog.Value         { return slog.StringValue(printed) }
func (Keys) MarshalText() ([]byte, error) { return []byte(printed), nil }
