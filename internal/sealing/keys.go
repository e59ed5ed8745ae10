package sealing

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

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
	// maxKeyFile bounds what is read of a file that is no key set.
	maxKeyFile = 1 << 20
)

// key is one key of the set.
type key struct {
	id    string
	bytes []byte
}

// Keys is a key set. It is safe for concurrent use, and prints as its name
// only.
type Keys struct {
	seal   []key // the last one seals
	hash   key
	ticket []key // the last one issues
	sig    []jose.JSONWebKey
}

// Generate makes a new key set with one key for each purpose, as JSON.
func Generate() ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, use := range []string{useSeal, useHash, useTicket} {
		k := make([]byte, keyBytes)
		id := make([]byte, 6)
		rand.Read(k) // never fails: crypto/rand ends the program instead
		rand.Read(id)
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k, KeyID: use + "-" + hex.EncodeToString(id), Use: use})
	}
	set.Keys = append(set.Keys, newSigKey())
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sealing: write key set: %w", err)
	}
	return append(text, '\n'), nil
}

// Load reads a key set from a file. A file that others than its owner may read
// is refused.
func Load(path string) (*Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sealing: key file %s is no regular file", path)
	}
	if !guarded(info) {
		return nil, fmt.Errorf("sealing: key file %s may be used by others than its owner (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	// The open file, not its path again: what was checked is what is read.
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return Parse(text)
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
	p := parser{keys: &Keys{}}
	for i, raw := range set.Keys {
		p.add(i+1, raw)
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.keys, nil
}

type parser struct {
	keys   *Keys
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
	}
	if json.Unmarshal(raw, &head) != nil {
		p.bad("key %d of the set is no JSON object of strings", place)
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
	if jwk.Use == useSig {
		p.addSig(name, jwk)
		return
	}
	material, ok := jwk.Key.([]byte)
	if !ok || head.Kty != "oct" {
		p.bad("%s is not of type oct", name)
		return
	}
	if len(material) != keyBytes {
		p.bad("%s has %d bytes instead of %d", name, len(material), keyBytes)
	}
	k := key{id: head.Kid, bytes: material}
	for _, o := range p.seen {
		if o.id == k.id && k.id != "" {
			p.bad("%s: its kid is there twice", name)
		}
		if bytes.Equal(o.bytes, k.bytes) {
			p.bad("%s is the same key as %q: every purpose and rotation needs a key of its own", name, o.id)
		}
	}
	p.seen = append(p.seen, k)
	switch jwk.Use {
	case useSeal:
		p.keys.seal = append(p.keys.seal, k)
	case useHash:
		p.hashes = append(p.hashes, k)
	case useTicket:
		p.keys.ticket = append(p.keys.ticket, k)
	default:
		p.bad("%s: unknown use, want seal, hash, ticket or sig", name)
	}
}

func (p *parser) finish() error {
	if len(p.keys.seal) == 0 {
		p.bad("no key has the use %q", useSeal)
	}
	if len(p.keys.ticket) == 0 {
		p.bad("no key has the use %q", useTicket)
	}
	p.finishSig()
	switch len(p.hashes) {
	case 0:
		p.bad("no key has the use %q", useHash)
	case 1:
		p.keys.hash = p.hashes[0]
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
