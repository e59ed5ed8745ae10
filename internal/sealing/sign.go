package sealing

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoSigKey: the key set has no key that signs.
var ErrNoSigKey = errors.New(`sealing: no key has the use "sig", with which receipts are signed: run yanzhen keys new sig`)

// newSigKey makes a key that signs.
func newSigKey() jose.JSONWebKey {
	_, private, _ := ed25519.GenerateKey(rand.Reader) // never fails: crypto/rand ends the program instead
	id := make([]byte, 6)
	rand.Read(id)
	return jose.JSONWebKey{Key: private, KeyID: useSig + "-" + hex.EncodeToString(id), Use: useSig, Algorithm: string(jose.EdDSA)}
}

func (p *parser) addSig(name string, k jose.JSONWebKey) {
	switch k.Key.(type) {
	case ed25519.PrivateKey, ed25519.PublicKey:
	default:
		p.bad("%s is no Ed25519 key (type OKP)", name)
		return
	}
	for _, o := range p.seen {
		if o.id == k.KeyID && o.id != "" {
			p.bad("%s: its kid is there twice", name)
		}
	}
	p.seen = append(p.seen, key{id: k.KeyID})
	p.keys.sig = append(p.keys.sig, k)
}

// finishSig wants a private key in the last place: it signs.
func (p *parser) finishSig() {
	if n := len(p.keys.sig); n > 0 && p.keys.sig[n-1].IsPublic() {
		p.bad("key %q is the last one with the use %q and lacks its private part", p.keys.sig[n-1].KeyID, useSig)
	}
}

// CanSign returns ErrNoSigKey where there is no key to sign with.
func (k *Keys) CanSign() error {
	if len(k.sig) == 0 {
		return ErrNoSigKey
	}
	return nil
}

// Sign signs a statement as a compact JWS (RFC 7515) with the newest signing
// key. typ says what it is, so that one kind is never taken for another.
func (k *Keys) Sign(typ string, statement []byte) (string, error) {
	if err := k.CanSign(); err != nil {
		return "", err
	}
	newest := k.sig[len(k.sig)-1]
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: newest}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("sealing: key %q does not sign", newest.KeyID)
	}
	signed, err := signer.Sign(statement)
	if err != nil {
		return "", fmt.Errorf("sealing: key %q does not sign", newest.KeyID)
	}
	return signed.CompactSerialize()
}

// PublicKeys are the public parts of all signing keys as a JWK set, by which
// anybody checks what was signed.
func (k *Keys) PublicKeys() ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, one := range k.sig {
		public := one.Public()
		public.Algorithm = string(jose.EdDSA)
		set.Keys = append(set.Keys, public)
	}
	return json.Marshal(set)
}

// KeyInfo is what may be told of a key.
type KeyInfo struct {
	ID, Use string
	// Active: it seals, issues or signs; the others of its use only open or check.
	Active bool
}

// List tells of each key of the set, by use and in the file's order.
func (k *Keys) List() (out []KeyInfo) {
	for _, list := range []struct {
		use  string
		keys []key
	}{{useSeal, k.seal}, {useHash, []key{k.hash}}, {useTicket, k.ticket}} {
		for i, one := range list.keys {
			out = append(out, KeyInfo{one.id, list.use, i == len(list.keys)-1})
		}
	}
	for i, one := range k.sig {
		out = append(out, KeyInfo{one.KeyID, useSig, i == len(k.sig)-1})
	}
	return out
}

// WithNewSigKey returns the text of a key set with one more signing key, which is
// the one that signs from then on. What is in the set stays as it is.
func WithNewSigKey(text []byte) (with []byte, id string, err error) {
	if _, err := Parse(text); err != nil {
		return nil, "", err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil, "", errors.New("sealing: the key set cannot be read")
	}
	fresh := newSigKey()
	one, err := json.Marshal(fresh)
	if err != nil {
		return nil, "", errors.New("sealing: the new key does not encode")
	}
	set.Keys = append(set.Keys, one)
	with, err = json.MarshalIndent(set, "", "  ")
	return append(with, '\n'), fresh.KeyID, err
}
