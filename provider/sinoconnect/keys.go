package sinoconnect

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/yanzhen-id/yanzhen/internal/settings"
)

// The ways in which a shared secret becomes a key; vendors differ.
const (
	ModeRaw       = "raw"       // its bytes
	ModeHex       = "hex"       // the bytes that its hexadecimal digits spell
	ModeBase64URL = "base64url" // the bytes that its base64url spells, padded or not
	ModeSHA256    = "sha256"    // the SHA-256 of its bytes
)

// A token for which more keys than this could be meant is tried with the first
// ones only: every try costs a private-key operation.
const maxKeysTried = 4

// A key file larger than this is none.
const maxKeyFile = 1 << 20

// key is one of ours.
type key struct {
	kid string
	alg string // the only one it is for; empty: whichever fits
	// any: it has no name, so a token's kid cannot exclude it.
	any   bool
	value any // *rsa.PrivateKey, *ecdsa.PrivateKey or []byte
}

// describe names a key's kind, for people.
func (k key) describe() string {
	switch v := k.value.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("RSA %d", v.N.BitLen())
	case *ecdsa.PrivateKey:
		return "EC " + v.Curve.Params().Name
	case []byte:
		return fmt.Sprintf("oct %d", 8*len(v))
	}
	return "unknown"
}

// fits reports whether the key is of the kind and size that a token asks for.
// An RSA key is never taken for a shared one, and no key for an algorithm that
// it was not made for.
func (k key) fits(h header) bool {
	// The alg of a key that is used as it is may name the content encryption.
	direct := h.alg == string(jose.DIRECT)
	if k.alg != "" && k.alg != h.alg && !(direct && k.alg == h.enc) {
		return false
	}
	rule := keyAlgorithms[h.alg]
	switch v := k.value.(type) {
	case *rsa.PrivateKey:
		return rule.kind == kindRSA && v.Size() == h.wrapped
	case *ecdsa.PrivateKey:
		return rule.kind == kindEC && v.Curve.Params().Name == h.curve
	case []byte:
		if direct {
			return len(v) == contentAlgorithms[h.enc].key
		}
		return rule.kind == kindShared && len(v) == rule.size
	}
	return false
}

// choose returns the keys to try for a token, at most maxKeysTried: those of
// its kid, and where it names none, those that fit.
func choose(keys []key, h header) []key {
	var out []key
	for _, k := range keys {
		named := h.kid == "" || k.any || k.kid == h.kid
		if named && k.fits(h) && len(out) < maxKeysTried {
			out = append(out, k)
		}
	}
	return out
}

// loadKeys reads the set of private keys and derives the shared one.
func (c *Config) loadKeys(check *settings.Check) []key {
	var keys []key
	if c.JWKS != "" {
		set, err := readSet(c.JWKS)
		if err != nil {
			check.Bad(&c.JWKS, "%v", err)
		}
		for i, k := range set {
			if why := unfit(k); why != "" {
				check.Bad(&c.JWKS, "has a key %d that %s", i, why)
				continue
			}
			keys = append(keys, key{kid: k.KeyID, alg: k.Algorithm, value: k.Key})
		}
	}
	if c.SharedKey != "" {
		shared, why := deriveShared(c.SharedKey, c.SharedKeyMode)
		switch {
		case why != "":
			check.Bad(&c.SharedKey, "%s", why)
		case shared != nil: // else its mode is wrong, which is told below
			keys = append(keys, key{any: true, value: shared})
		}
	}
	check.OneOf(&c.SharedKeyMode, ModeRaw, ModeHex, ModeBase64URL, ModeSHA256)
	return keys
}

// unfit says why a key of the set cannot serve; empty: it can.
func unfit(k jose.JSONWebKey) string {
	if k.Use != "" && k.Use != "enc" {
		return "is not for encryption (use)"
	}
	_, manages := keyAlgorithms[k.Algorithm]
	_, encrypts := contentAlgorithms[k.Algorithm]
	if k.Algorithm != "" && !manages && !encrypts {
		return "is for an algorithm that is never taken (alg)"
	}
	switch v := k.Key.(type) {
	case *rsa.PrivateKey:
		if v.N.BitLen() < 2048 || v.N.BitLen() > 8192 {
			return "is an RSA key of other than 2048 to 8192 bits"
		}
	case *ecdsa.PrivateKey: // P-256, P-384, P-521: go-jose reads no other
	case []byte:
		if !slices.Contains(sharedSizes, len(v)) {
			return "is a symmetric key of no algorithm's length"
		}
	case *rsa.PublicKey:
		return "is a public RSA key: its d, p and q are missing"
	case *ecdsa.PublicKey:
		return "is a public EC key: its d is missing"
	default:
		return "is no private RSA or EC key and no symmetric one"
	}
	return ""
}

// sharedSizes are the lengths of symmetric keys, in bytes: AES, and AES-CBC
// with HMAC.
var sharedSizes = []int{16, 24, 32, 48, 64}

func deriveShared(secret, mode string) (derived []byte, fault string) {
	switch mode {
	case ModeRaw:
		derived = []byte(secret)
	case ModeHex:
		b, err := hex.DecodeString(secret)
		if err != nil {
			return nil, "is not hexadecimal"
		}
		derived = b
	case ModeBase64URL:
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(secret, "="))
		if err != nil {
			return nil, "is not base64url"
		}
		derived = b
	case ModeSHA256:
		if len(secret) < 16 {
			return nil, "is shorter than 16 characters: its hash could be guessed"
		}
		sum := sha256.Sum256([]byte(secret))
		derived = sum[:]
	default:
		return nil, ""
	}
	if !slices.Contains([]int{32, 64}, len(derived)) {
		return nil, "decodes to a key of other than 32 or 64 bytes"
	}
	return derived, ""
}

// verifier checks the signature of a nested token.
type verifier struct {
	alg  jose.SignatureAlgorithm
	keys []jose.JSONWebKey
}

var errKeyFile = errors.New("is neither a JWK set nor a readable file with one")

// loadVerifier reads the key for nested tokens; nil: there is none, and nested
// tokens are refused.
func (c *Config) loadVerifier(check *settings.Check) *verifier {
	if c.NestedKey == "" && c.NestedAlg == "" {
		return nil
	}
	fitting, known := nestedAlgorithms[c.NestedAlg]
	switch {
	case !known:
		check.Bad(&c.NestedAlg, "must be one of RS256 to RS512, PS256 to PS512, ES256 to ES512, HS256 to HS512, EdDSA")
		return nil
	case c.NestedKey == "":
		check.Bad(&c.NestedKey, "is not set, but %s is", check.Name(&c.NestedAlg))
		return nil
	}
	v := &verifier{alg: jose.SignatureAlgorithm(c.NestedAlg)}
	set, err := readSet(c.NestedKey)
	switch {
	case err == nil:
		v.keys = set
	case fitting == "oct":
		v.keys = []jose.JSONWebKey{{Key: []byte(c.NestedKey)}}
	default:
		check.Bad(&c.NestedKey, "%v", err)
		return nil
	}
	for _, k := range v.keys {
		// A key of another kind is how a public key becomes a shared secret.
		if kindOfVerifying(k.Key) != fitting {
			check.Bad(&c.NestedKey, "holds a key that does not fit %s: public, of its kind, and 32 bytes or more of a secret", check.Name(&c.NestedAlg))
			return nil
		}
	}
	return v
}

// nestedAlgorithms maps the signatures that may be configured to the kind of
// their key.
var nestedAlgorithms = map[string]string{
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "EC P-256", "ES384": "EC P-384", "ES512": "EC P-521",
	"HS256": "oct", "HS384": "oct", "HS512": "oct", "EdDSA": "OKP",
}

func kindOfVerifying(k any) string {
	switch v := k.(type) {
	case *rsa.PublicKey:
		if v.N.BitLen() >= 2048 && v.N.BitLen() <= 8192 {
			return "RSA"
		}
	case *ecdsa.PublicKey:
		return "EC " + v.Curve.Params().Name
	case []byte:
		if len(v) >= 32 {
			return "oct"
		}
	case ed25519.PublicKey:
		return "OKP"
	}
	return ""
}

// readSet reads a JWK set, or a single JWK, given as JSON or as a file's path.
// The error's text holds nothing of either.
func readSet(from string) ([]jose.JSONWebKey, error) {
	text := []byte(from)
	if !strings.HasPrefix(strings.TrimSpace(from), "{") {
		f, err := os.Open(from)
		if err != nil {
			return nil, errKeyFile
		}
		defer f.Close()
		if text, err = io.ReadAll(io.LimitReader(f, maxKeyFile+1)); err != nil || len(text) > maxKeyFile {
			return nil, errKeyFile
		}
	}
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal(text, &set) != nil {
		return nil, errKeyFile
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	// One by one: go-jose passes over keys of a set that it cannot read, and a
	// key that silently does not serve is found out too late.
	var keys []jose.JSONWebKey
	var faults []string
	for i, raw := range set.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(raw); err != nil {
			faults = append(faults, fmt.Sprintf("has a key %d that cannot be used: it %s", i, jwkError(raw)))
		}
		keys = append(keys, k)
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; and "))
	}
	if len(keys) == 0 {
		return nil, errors.New("is an empty set")
	}
	return keys, nil
}
