package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/internal/strictjson"
)

const (
	// maxToken bounds a chip token, in bytes, before anything is done with it.
	maxToken = 1 << 20
	// maxHeader bounds the protected header as sent. Ours need some hundred
	// bytes; what fills more are certificates, which are refused anyhow.
	maxHeader = 8 << 10
	// maxInflated bounds a compressed token's plaintext.
	maxInflated = 4 << 20
	// go-jose inflates up to ten times the compressed size, or 250 kB. A
	// compressed ciphertext under a tenth of our bound cannot pass it.
	maxDeflated = maxInflated / 10
	// clockSkew is how far the signer's clock may be from ours.
	clockSkew = time.Minute
)

// Kinds of keys.
const (
	kindRSA    = "RSA"
	kindEC     = "EC"
	kindShared = "oct"
)

// keyAlgorithm is what a key management algorithm needs.
type keyAlgorithm struct {
	kind string
	size int  // of a shared key in bytes; 0: as the content encryption says
	safe bool // on unless the settings say otherwise
	// direct: the token carries no encrypted key.
	direct bool
	// wraps: the encrypted key is as long as the key, with extra bytes.
	wraps bool
	extra int
}

// keyAlgorithms are all that may be configured. RSA1_5 is missing because of
// its padding oracle, and PBES2 because the sender chooses how long we count
// (RFC 8725, 3.2).
var keyAlgorithms = map[string]keyAlgorithm{
	"RSA-OAEP-256":   {kind: kindRSA, safe: true},
	"RSA-OAEP":       {kind: kindRSA}, // SHA-1
	"ECDH-ES":        {kind: kindEC, safe: true, direct: true},
	"ECDH-ES+A256KW": {kind: kindEC, safe: true, wraps: true, extra: 8},
	"ECDH-ES+A128KW": {kind: kindEC, wraps: true, extra: 8},
	"dir":            {kind: kindShared, safe: true, direct: true},
	"A256KW":         {kind: kindShared, size: 32, safe: true, wraps: true, extra: 8},
	"A256GCMKW":      {kind: kindShared, size: 32, safe: true, wraps: true},
	"A128KW":         {kind: kindShared, size: 16, wraps: true, extra: 8},
}

// contentAlgorithm is what a content encryption needs, in bytes.
type contentAlgorithm struct {
	key, iv, tag int
	block        int // of a ciphertext; 0: any length
	safe         bool
}

var contentAlgorithms = map[string]contentAlgorithm{
	"A256GCM":       {key: 32, iv: 12, tag: 16, safe: true},
	"A256CBC-HS512": {key: 64, iv: 16, tag: 32, block: 16, safe: true},
	"A192GCM":       {key: 24, iv: 12, tag: 16},
	"A192CBC-HS384": {key: 48, iv: 16, tag: 24, block: 16},
	"A128GCM":       {key: 16, iv: 12, tag: 16},
	"A128CBC-HS256": {key: 32, iv: 16, tag: 16, block: 16},
}

// opener opens chip tokens.
type opener struct {
	keys   []key
	nested *verifier
	zip    bool
	algs   []string
	encs   []string
	now    func() time.Time
}

// newOpener reads the part of the settings that is about tokens.
func (c *Config) newOpener(check *settings.Check) *opener {
	o := &opener{zip: c.AllowZip, now: time.Now, keys: c.loadKeys(check), nested: c.loadVerifier(check)}
	shared := slices.ContainsFunc(o.keys, func(k key) bool { _, ok := k.value.([]byte); return ok })
	if o.algs = c.AllowedAlg; len(o.algs) == 0 {
		for alg, rule := range keyAlgorithms {
			if rule.safe && (rule.kind != kindShared || shared) {
				o.algs = append(o.algs, alg)
			}
		}
	}
	if o.encs = c.AllowedEnc; len(o.encs) == 0 {
		for enc, rule := range contentAlgorithms {
			if rule.safe {
				o.encs = append(o.encs, enc)
			}
		}
	}
	for _, alg := range o.algs {
		if _, ok := keyAlgorithms[alg]; !ok {
			check.Bad(&c.AllowedAlg, "holds %.32q, which is never accepted", alg)
		}
	}
	for _, enc := range o.encs {
		if _, ok := contentAlgorithms[enc]; !ok {
			check.Bad(&c.AllowedEnc, "holds %.32q, which is never accepted", enc)
		}
	}
	return o
}

// refusal is why a token was refused. It is for tests and for InspectToken:
// whoever sends tokens must not learn which of its tries came further.
type refusal string

func (r refusal) Error() string { return "sinoconnect: chip token refused: " + string(r) }

const (
	tooLong        refusal = "it is too long"
	notCompact     refusal = "it has not five parts of base64url"
	badHeader      refusal = "its header is no JSON object, or has a property twice"
	badEncryption  refusal = "its encrypted key, IV, ciphertext or tag has the wrong length"
	noKey          refusal = "no key is named or fits"
	notDecrypted   refusal = "no key opens it"
	tooLarge       refusal = "its plaintext is too large"
	nestedNoKey    refusal = "it holds a signed token, and no key to verify one is configured"
	notNested      refusal = "it holds no signed token, and a key to verify one is configured"
	badSignature   refusal = "the signed token in it is not verified"
	outOfTime      refusal = "the signed token in it is expired or not yet valid"
	badPayload     refusal = "its plaintext is no JSON object, or has a property twice"
	incomplete     refusal = "its plaintext lacks a required property: "
	unintelligible refusal = "a property of its plaintext has an unknown form: "
)

// stage names how far a refused token came, for logs.
func (r refusal) stage() string {
	switch r {
	case tooLong, notCompact, badEncryption:
		return "token"
	case noKey, notDecrypted:
		return "key"
	case tooLarge, badPayload:
		return "plaintext"
	case nestedNoKey, notNested, badSignature, outOfTime:
		return "signature"
	}
	if strings.HasPrefix(string(r), string(incomplete)) || strings.HasPrefix(string(r), string(unintelligible)) {
		return "member"
	}
	return "header"
}

// open decrypts a token and returns its plaintext, a JSON object as far as
// anybody knows. The header comes back with a refusal too, as far as it was
// read.
func (o *opener) open(token string) ([]byte, header, error) {
	h, jwe, refusals := o.examine(token)
	if len(refusals) > 0 {
		return nil, h, refusals[0]
	}
	// No key is looked at before this line.
	keys := choose(o.keys, h)
	if len(keys) == 0 {
		return nil, h, noKey
	}
	plaintext, err := decrypt(jwe, keys)
	switch {
	case err != nil:
		return nil, h, err
	case len(plaintext) > maxInflated:
		return nil, h, tooLarge
	case h.nested():
		plaintext, err = o.nested.verify(plaintext, o.now())
	}
	return plaintext, h, err
}

// examine lists everything that speaks against a token before a key is chosen.
// Without any, the token is parsed: go-jose is given what the header was read
// to say and nothing else, so that two readings of it could not differ.
func (o *opener) examine(token string) (header, *jose.JSONWebEncryption, []refusal) {
	parts, ok := split(token)
	switch {
	case len(token) > maxToken:
		return header{}, nil, []refusal{tooLong}
	case !ok:
		return header{}, nil, []refusal{notCompact}
	}
	h, ok := parseHeader(parts[0])
	if !ok {
		return header{}, nil, []refusal{badHeader}
	}
	h.wrapped = base64.RawURLEncoding.DecodedLen(len(parts[1]))
	if refusals := append(o.errors(h), shape(parts, h)...); len(refusals) > 0 {
		return h, nil, refusals
	}
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.KeyAlgorithm(h.alg)}, []jose.ContentEncryption{jose.ContentEncryption(h.enc)})
	if err != nil {
		return h, nil, []refusal{notCompact}
	}
	return h, jwe, nil
}

// decrypt tries each key once.
func decrypt(jwe *jose.JSONWebEncryption, keys []key) ([]byte, error) {
	for _, k := range keys {
		if plaintext, err := jwe.Decrypt(k.value); err == nil {
			return plaintext, nil
		}
	}
	return nil, notDecrypted
}

// split takes a compact token apart. One pass over it counts its dots and
// looks at every byte first, so that what is no token costs nothing.
func split(token string) (parts [5]string, ok bool) {
	if len(token) > maxToken {
		return parts, false
	}
	dots := 0
	for i := range len(token) {
		switch b := token[i]; {
		case b == '.':
			dots++
		// Go's base64 passes over line ends; a token has none.
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_':
		default:
			return parts, false
		}
	}
	if dots != len(parts)-1 {
		return parts, false
	}
	copy(parts[:], strings.Split(token, "."))
	return parts, true
}

// shape looks at the lengths of what follows the header.
func shape(parts [5]string, h header) []refusal {
	key, enc := keyAlgorithms[h.alg], contentAlgorithms[h.enc]
	length := base64.RawURLEncoding.DecodedLen
	switch {
	case key.direct != (parts[1] == ""), // RFC 7516, 5.2, step 10
		h.wrapped > 1024,
		key.wraps && h.wrapped != enc.key+key.extra,
		length(len(parts[2])) != enc.iv,
		// No JSON object is shorter; CBC fills whole blocks.
		length(len(parts[3])) < len("{}"),
		enc.block != 0 && length(len(parts[3]))%enc.block != 0,
		// A longer tag would take bytes from the ciphertext's end.
		length(len(parts[4])) != enc.tag:
		return []refusal{badEncryption}
	case h.zip != "" && length(len(parts[3])) > maxDeflated:
		return []refusal{tooLarge}
	}
	return nil
}

// verify opens the signed token in a token. The receiver may be nil.
func (v *verifier) verify(plaintext []byte, now time.Time) ([]byte, error) {
	if v == nil {
		return nil, nestedNoKey
	}
	jws, err := jose.ParseSignedCompact(string(plaintext), []jose.SignatureAlgorithm{v.alg})
	if err != nil {
		return nil, badSignature
	}
	// The same rules as for the outer header: keys and extensions in it are
	// refused before a key of ours is used.
	first, _, _ := strings.Cut(string(plaintext), ".")
	h, ok := parseHeader(first)
	if !ok || len(h.forbidden()) > 0 || h.zip != "" {
		return nil, badSignature
	}
	for _, k := range v.keys {
		if h.kid != "" && k.KeyID != "" && k.KeyID != h.kid {
			continue
		}
		payload, err := jws.Verify(k.Key)
		if err != nil {
			continue
		}
		return payload, inTime(payload, now)
	}
	return nil, badSignature
}

// inTime holds a signed token to its own times (RFC 7519, 4.1.4 and 4.1.5).
func inTime(payload []byte, now time.Time) error {
	if strictjson.CheckFolded(payload) != nil {
		return badPayload
	}
	var claims struct {
		Exp *float64 `json:"exp"`
		Nbf *float64 `json:"nbf"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return badPayload
	}
	at, skew := float64(now.Unix()), clockSkew.Seconds()
	if claims.Exp != nil && at >= *claims.Exp+skew || claims.Nbf != nil && at < *claims.Nbf-skew {
		return outOfTime
	}
	return nil
}
