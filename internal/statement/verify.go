package statement

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Why a statement is not taken.
var (
	ErrForm      = errors.New("not a signed statement of yanzhen")
	ErrKeys      = errors.New("not a JWK set of public keys")
	ErrUnknown   = errors.New("it was signed with a key that is not in the set")
	ErrSignature = errors.New("the signature is invalid: the statement was changed, or comes from somebody else")
)

// Verify checks a compact JWS with a JWK set of public keys, as
// /.well-known/jwks.json publishes it, and returns what it says. typ is what it
// must be.
func Verify(signed, typ string, keys []byte) ([]byte, error) {
	var set jose.JSONWebKeySet
	if json.Unmarshal(keys, &set) != nil || len(set.Keys) == 0 {
		return nil, ErrKeys
	}
	jws, err := jose.ParseSignedCompact(strings.TrimSpace(signed), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrForm
	}
	head := jws.Signatures[0].Protected
	if head.ExtraHeaders["typ"] != typ {
		return nil, fmt.Errorf("%w: its type is not %s", ErrForm, typ)
	}
	for _, k := range set.Key(head.KeyID) {
		public, ok := k.Key.(ed25519.PublicKey)
		if !ok {
			continue
		}
		if statement, err := jws.Verify(public); err == nil {
			return statement, nil
		}
		return nil, ErrSignature
	}
	return nil, ErrUnknown
}
