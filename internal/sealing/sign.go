package sealing

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoSigKey: the key set has no key that signs.
var ErrNoSigKey = errors.New(`sealing: no key has the use "sig", with which receipts are signed: run yanzhen keys new sig`)

// publicPart is a signing key's; nil: it is no Ed25519 key.
func publicPart(k jose.JSONWebKey) []byte {
	switch k := k.Key.(type) {
	case ed25519.PrivateKey:
		return k.Public().(ed25519.PublicKey)
	case ed25519.PublicKey:
		return k
	}
	return nil
}

// finishSig wants the private part of the key that signs, and of those that will.
func (p *parser) finishSig() {
	if len(p.set.sig) == 0 {
		return
	}
	signs := active(p.set.sig, p.now).id
	for _, k := range slices.Backward(p.set.sig) {
		if k.sign.IsPublic() {
			p.bad("key %q signs, or is to, and lacks its private part", k.id)
		}
		if k.id == signs {
			return
		}
	}
}

// CanSign returns ErrNoSigKey where there is no key to sign with.
func (k *Keys) CanSign() error {
	if len(k.set().sig) == 0 {
		return ErrNoSigKey
	}
	return nil
}

// Sign signs a statement as a compact JWS (RFC 7515) with the active signing
// key. typ says what it is, so that one kind is never taken for another.
func (k *Keys) Sign(typ string, statement []byte) (string, error) {
	if err := k.CanSign(); err != nil {
		return "", err
	}
	newest := active(k.set().sig, time.Now())
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: newest.sign}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("sealing: key %q does not sign", newest.id)
	}
	signed, err := signer.Sign(statement)
	if err != nil {
		return "", fmt.Errorf("sealing: key %q does not sign", newest.id)
	}
	return signed.CompactSerialize()
}

// PublicKeys are the public parts of all signing keys as a JWK set, by which
// anybody checks what was signed.
func (k *Keys) PublicKeys() ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, one := range k.set().sig {
		public := one.sign.Public()
		public.Algorithm = string(jose.EdDSA)
		set.Keys = append(set.Keys, public)
	}
	return json.Marshal(set)
}
