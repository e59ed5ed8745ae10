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
