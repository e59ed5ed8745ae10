package sinoconnect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Each test of this file is one known way to make a receiver
// of JWEs do what the sender wants (RFC 8725, and the advisories of JOSE
// libraries).

// reheaded is a token with another protected header and the rest as it was.
func reheaded(token string, change func(map[string]any)) string {
	first, rest, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(first)
	var h map[string]any
	_ = json.Unmarshal(text, &h)
	change(h)
	out, _ := json.Marshal(h)
	return base64.RawURLEncoding.EncodeToString(out) + "." + rest
}

func with(name string, value any) func(map[string]any) {
	return func(h map[string]any) { h[name] = value }
}

// sealed makes a token with our own RSA key, so that nothing but its header or
// its contents can be what is refused.
func sealed(t testing.TB, o *opener, plaintext []byte, options jose.EncrypterOptions, alg jose.KeyAlgorithm) string {
	t.Helper()
	var recipient jose.Recipient
	for _, k := range o.keys {
		if k.kid == "rsa-1" {
			recipient = jose.Recipient{Algorithm: alg, Key: (&jose.JSONWebKey{Key: k.value}).Public().Key}
		}
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, recipient, &options)
	require.NoError(t, err)
	jwe, err := enc.Encrypt(plaintext)
	require.NoError(t, err)
	token, err := jwe.CompactSerialize()
	require.NoError(t, err)
	return token
}

func TestAttackReassembledWithAnotherHeader(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for name, change := range map[string]func(map[string]any){
		"another typ": with("typ", "JWT"), "another kid": with("kid", "rsa-2"), "an unknown member": with("x", 1),
		"no kid": func(h map[string]any) { delete(h, "kid") },
	} {
		t.Run(name, func(t *testing.T) {
			refusedBecause(t, o, reheaded(f.tokens["RSA-OAEP-256 A256GCM kid"], change), notDecrypted)
		})
	}
}

func TestAttackPaddingOracleOfRSA15(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	refusedBecause(t, o, sealed(t, o, []byte("{}"), jose.EncrypterOptions{}, jose.RSA1_5), "its alg RSA1_5 is not allowed")
	_, faults := newOpener(f.config(func(c *Config) { c.AllowedAlg = []string{"RSA-OAEP-256", "RSA1_5"} }))
	require.Len(t, faults, 1, "no setting may allow it")
}

func TestAttackSenderChoosesTheWorkOfPBES2(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for _, alg := range []string{"PBES2-HS256+A128KW", "PBES2-HS512+A256KW"} {
		begin := time.Now()
		refusedBecause(t, o, reheaded(f.tokens["A256KW A256GCM"], func(h map[string]any) {
			h["alg"], h["p2c"], h["p2s"] = alg, 2147483647, "c2FsdA"
		}), "its header brings its own key or work: p2s")
		require.Less(t, time.Since(begin), time.Second)
		_, faults := newOpener(f.config(func(c *Config) { c.AllowedAlg = []string{alg} }))
		require.Len(t, faults, 1, "no setting may allow it")
	}
}

func TestAttackKeyBroughtByTheHeader(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for name, value := range map[string]any{
		"jwk": map[string]any{"kty": "oct", "k": "AAAA"}, "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert",
		"x5c": []string{"AAAA"}, "p2s": "AAAA", "p2c": 1,
	} {
		for _, of := range []string{"RSA-OAEP-256 A256GCM kid", "dir A256GCM"} {
			refusedBecause(t, o, reheaded(f.tokens[of], with(name, value)), refusal("its header brings its own key or work: "+name))
		}
		// And when it is the sender's true header.
		token := sealed(t, o, []byte(`{}`), jose.EncrypterOptions{ExtraHeaders: map[jose.HeaderKey]any{jose.HeaderKey(name): value}}, jose.RSA_OAEP_256)
		refusedBecause(t, o, token, refusal("its header brings its own key or work: "+name))
	}
}

func TestAttackCriticalExtensionThatNobodyKnows(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, "alg", nil} {
		token := sealed(t, o, []byte(`{}`), jose.EncrypterOptions{ExtraHeaders: map[jose.HeaderKey]any{"crit": crit}}, jose.RSA_OAEP_256)
		refusedBecause(t, o, token, "its header names extensions that must be understood: crit")
	}
}

func TestAttackNoEncryptionAtAll(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for _, alg := range []any{"none", "", nil, 7, []string{"dir"}, "DIR", "rsa-oaep-256", "RSA-OAEP-256 ", "RSA-OAEP-256\x00"} {
		_, _, err := o.open(reheaded(f.tokens["dir A256GCM"], with("alg", alg)))
		require.Error(t, err)
		require.NotEqual(t, notDecrypted, err, "no key may be tried: %v", alg)
		_, _, err = o.open(reheaded(f.tokens["dir A256GCM"], with("enc", alg)))
		require.Error(t, err)
		require.NotEqual(t, notDecrypted, err, "no key may be tried: %v", alg)
	}
}

func TestAttackPublicKeyTakenForASharedOne(t *testing.T) {
	f := loadFixtures(t)
	// Only asymmetric keys: a symmetric algorithm has nothing to be opened with,
	// even where it is allowed.
	o := newTestOpener(t, f.config(func(c *Config) {
		c.JWKS, c.SharedKey = rsaOnly(t, f), ""
		c.AllowedAlg = []string{"RSA-OAEP-256", "dir", "A256KW", "A256GCMKW"}
	}))
	for _, name := range []string{"dir A256GCM", "A256KW A256GCM", "A256GCMKW A256GCM kid"} {
		refusedBecause(t, o, f.tokens[name], noKey)
		refusedBecause(t, o, reheaded(f.tokens[name], with("kid", "rsa-1")), noKey)
	}
	// And without being allowed, symmetric algorithms are off where there is no
	// symmetric key.
	o = newTestOpener(t, Config{JWKS: rsaOnly(t, f)})
	refusedBecause(t, o, f.tokens["dir A256GCM"], "its alg dir is not allowed")
}

func rsaOnly(t testing.TB, f fixtures) string {
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(f.keys.Set, &set))
	set.Keys = set.Keys[:1]
	text, err := json.Marshal(set)
	require.NoError(t, err)
	return string(text)
}

func TestAttackInvalidCurve(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	token := f.tokens["ECDH-ES A256GCM kid"]
	zero := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	one := base64.RawURLEncoding.EncodeToString(append(make([]byte, 31), 1))
	full := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32)))
	for name, epk := range map[string]map[string]any{
		"not on the curve": {"kty": "EC", "crv": "P-256", "x": one, "y": one},
		"infinity":         {"kty": "EC", "crv": "P-256", "x": zero, "y": zero},
		"out of the field": {"kty": "EC", "crv": "P-256", "x": full, "y": full},
		"too short":        {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := o.open(reheaded(token, with("epk", epk)))
			require.Error(t, err)
		})
	}
	const said = "the sender's ephemeral key (epk) "
	for name, c := range map[string]struct {
		epk any
		why string
	}{
		"another kind":   {map[string]any{"kty": "OKP", "crv": "X25519", "x": one}, "is no EC key on P-256, P-384 or P-521"},
		"unknown curve":  {map[string]any{"kty": "EC", "crv": "P-224", "x": one, "y": one}, "is no EC key on P-256, P-384 or P-521"},
		"shared":         {map[string]any{"kty": "oct", "k": "AAAA"}, "is no EC key on P-256, P-384 or P-521"},
		"private":        {map[string]any{"kty": "EC", "crv": "P-256", "x": one, "y": one, "d": one}, "holds more than a public key: d"},
		"certificates":   {map[string]any{"kty": "EC", "crv": "P-256", "x": one, "y": one, "x5u": "https://evil.example"}, "holds more than a public key: x5u"},
		"a string":       {"AAAA", "is no JSON object"},
		"nothing":        {nil, "is no JSON object"},
		"members' types": {map[string]any{"kty": "EC", "crv": "P-256", "x": 1, "y": 2}, "lacks x"},
	} {
		t.Run(name, func(t *testing.T) {
			refusedBecause(t, o, reheaded(token, with("epk", c.epk)), refusal(said+c.why))
		})
	}
	refusedBecause(t, o, reheaded(token, func(h map[string]any) { delete(h, "epk") }), "its header lacks the sender's ephemeral key: epk")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	o.keys = slices.DeleteFunc(o.keys, func(k key) bool { return k.describe() == "EC P-384" })
	refusedBecause(t, o, reheaded(token, func(h map[string]any) {
		h["epk"] = jose.JSONWebKey{Key: &p384.PublicKey}
		delete(h, "kid")
	}), noKey)
}

func TestAttackDecompressionBomb(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	zipped := func(size int) string {
		text := `{"x":"` + strings.Repeat("A", size) + `"}`
		return sealed(t, o, []byte(text), jose.EncrypterOptions{Compression: jose.DEFLATE}, jose.RSA_OAEP_256)
	}
	small, bomb := zipped(1000), zipped(64<<20)
	require.Less(t, len(bomb), maxToken, "the bomb passes the bound of a token")
	refusedBecause(t, o, small, "it is compressed, with DEF")

	o = newTestOpener(t, f.config(func(c *Config) { c.AllowZip = true }))
	_, _, err := o.open(small)
	require.NoError(t, err)
	require.Less(t, allocated(func() { _, _, err = o.open(bomb) }), uint64(16<<20))
	require.Error(t, err)
	// A ciphertext that go-jose would inflate beyond our bound is not decrypted.
	refusedBecause(t, o, padded(t, o), tooLarge)
	for _, zip := range []any{"GZIP", "def", "", nil, 1} {
		_, _, err := o.open(reheaded(small, with("zip", zip)))
		require.Error(t, err)
		require.NotEqual(t, notDecrypted, err, "no key may be tried: %v", zip)
	}
}

// padded is a compressed token longer than what we inflate.
func padded(t testing.TB, o *opener) string {
	token := sealed(t, o, []byte(strings.Repeat("x", maxDeflated+100)), jose.EncrypterOptions{}, jose.RSA_OAEP_256)
	return reheaded(token, with("zip", "DEF"))
}

func TestAttackNestedTokenNobodyVerifies(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for _, name := range []string{"nested RS256", "nested ES256", "nested HS256"} {
		refusedBecause(t, o, f.tokens[name], nestedNoKey)
	}
	// Nor when the header does not tell that it is nested.
	token := sealed(t, o, []byte("eyJhbGciOiJub25lIn0.e30."), jose.EncrypterOptions{}, jose.RSA_OAEP_256)
	plaintext, _, err := o.open(token)
	require.NoError(t, err)
	names, _ := newAliases(nil)
	_, err = names.card(plaintext)
	require.Equal(t, badPayload, err)
}

func verifying(key json.RawMessage, alg string) func(*Config) {
	return func(c *Config) { c.NestedKey, c.NestedAlg = string(key), alg }
}

func TestNestedTokensAreReadOnceAKeyVerifiesThem(t *testing.T) {
	f := loadFixtures(t)
	requireHolder(t, newTestOpener(t, f.config(verifying(f.keys.Signer, "RS256"))), f.tokens["nested RS256"])
	requireHolder(t, newTestOpener(t, f.config(verifying(f.keys.SignerEC, "ES256"))), f.tokens["nested ES256"])
	shared := fmt.Appendf(nil, `{"kty":"oct","k":%q}`, f.keys.Shared)
	requireHolder(t, newTestOpener(t, f.config(verifying(shared, "HS256"))), f.tokens["nested HS256"])
}

func TestAttackUnsignedTokenWhereASignatureIsDue(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config(verifying(f.keys.Signer, "RS256")))
	refusedBecause(t, o, f.tokens["RSA-OAEP-256 A256GCM kid"], notNested)
	jwt := jose.EncrypterOptions{ExtraHeaders: map[jose.HeaderKey]any{"cty": "JWT"}}
	for _, inner := range []string{"eyJhbGciOiJub25lIn0.e30.", "{}", "..", "a.b.c", `{"payload":"e30","signatures":[]}`} {
		refusedBecause(t, o, sealed(t, o, []byte(inner), jwt, jose.RSA_OAEP_256), badSignature)
	}
	refusedBecause(t, o, sealed(t, o, nil, jwt, jose.RSA_OAEP_256), badEncryption)
}

func TestAttackSignatureByThePublicKeyAsASecret(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config(verifying(f.keys.Signer, "RS256")))
	refusedBecause(t, o, f.tokens["nested HS256 with the public key"], badSignature)
	// The settings that would let it pass are refused as well.
	_, faults := newOpener(f.config(verifying(f.keys.Signer, "HS256")))
	require.Len(t, faults, 1)
	for _, alg := range []string{"none", "HS1", "", "rs256"} {
		_, faults = newOpener(f.config(verifying(f.keys.Signer, alg)))
		require.NotEmpty(t, faults, alg)
	}
}

func TestAttackSignatureByAnotherKey(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config(verifying(f.keys.SignerEC, "ES256")))
	refusedBecause(t, o, f.tokens["nested RS256"], badSignature)
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(f.keys.Set, &set))
	other, err := set.Keys[0].MarshalJSON()
	require.NoError(t, err)
	_, faults := newOpener(f.config(verifying(other, "RS256")))
	require.Len(t, faults, 1, "a private key has no place among those that verify")
	public := set.Keys[0].Public()
	public.KeyID = "sig-1"
	other, err = public.MarshalJSON()
	require.NoError(t, err)
	refusedBecause(t, newTestOpener(t, f.config(verifying(other, "RS256"))), f.tokens["nested RS256"], badSignature)
}

func TestASignedTokenIsHeldToItsOwnTimes(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config(verifying(f.keys.Signer, "RS256")))
	refusedBecauseOfTime := func(name string, at time.Time) {
		o.now = func() time.Time { return at }
		_, _, err := o.open(f.tokens[name])
		require.Equal(t, outOfTime, err)
	}
	refusedBecauseOfTime("nested expired", time.Unix(1700000000, 0).Add(clockSkew))
	refusedBecauseOfTime("nested not yet valid", time.Unix(32503680000, 0).Add(-clockSkew-time.Second))
	o.now = func() time.Time { return time.Unix(1700000000, 0) }
	requireHolder(t, o, f.tokens["nested expired"])
	o.now = func() time.Time { return time.Unix(32503680000, 0) }
	requireHolder(t, o, f.tokens["nested not yet valid"])
}

func TestAttackTwoReadingsOfOneHeader(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	_, rest, _ := strings.Cut(f.tokens["dir A256GCM"], ".")
	for _, h := range []string{
		`{"alg":"dir","alg":"RSA1_5","enc":"A256GCM"}`, `{"alg":"dir","ALG":"RSA1_5","enc":"A256GCM"}`, `{"alg":"dir","enc":"A256GCM"}{}`,
		`[]`, `null`, `""`, ``, `{`, "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\xff\"}",
	} {
		refusedBecause(t, o, base64.RawURLEncoding.EncodeToString([]byte(h))+"."+rest, badHeader)
	}
	// Names are what they are spelled like: these two are not alg and enc.
	_, _, err := o.open(base64.RawURLEncoding.EncodeToString([]byte(`{"Alg":"dir","Enc":"A256GCM"}`)) + "." + rest)
	require.Equal(t, refusal("its alg  is not allowed"), err)
}

func TestAttackBytesMovedBetweenTheParts(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	parts := strings.Split(f.tokens["dir A256GCM"], ".")
	decode := func(s string) []byte { b, _ := base64.RawURLEncoding.DecodeString(s); return b }
	encode := base64.RawURLEncoding.EncodeToString
	ciphertext, tag := decode(parts[3]), decode(parts[4])
	cut := len(ciphertext) - 3
	longer := strings.Join([]string{parts[0], "", parts[2], encode(ciphertext[:cut]), encode(append(ciphertext[cut:], tag...))}, ".")
	refusedBecause(t, o, longer, badEncryption)
	// A tag that is cut is easier to guess.
	refusedBecause(t, o, strings.Join([]string{parts[0], "", parts[2], parts[3], encode(tag[:4])}, "."), badEncryption)
	refusedBecause(t, o, strings.Join([]string{parts[0], "AAAA", parts[2], parts[3], parts[4]}, "."), badEncryption)
	refusedBecause(t, o, strings.Join([]string{parts[0], "", "", parts[3], parts[4]}, "."), badEncryption)
	rsa := strings.Split(f.tokens["RSA-OAEP-256 A256GCM"], ".")
	refusedBecause(t, o, strings.Join([]string{rsa[0], "", rsa[2], rsa[3], rsa[4]}, "."), badEncryption)
}

func TestAttackOtherSerialisations(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	p := strings.Split(f.tokens["dir A256GCM"], ".")
	flat := fmt.Sprintf(`{"protected":%q,"iv":%q,"ciphertext":%q,"tag":%q}`, p[0], p[2], p[3], p[4])
	many := fmt.Sprintf(`{"protected":%q,"recipients":[%s{}],"iv":%q,"ciphertext":%q,"tag":%q}`, p[0], strings.Repeat("{},", 9999), p[2], p[3], p[4])
	for _, token := range []string{
		flat, many, "", ".", "....", strings.Repeat(".", 10_000), f.tokens["dir A256GCM"] + ".", "." + f.tokens["dir A256GCM"],
		f.tokens["dir A256GCM"] + "\n", " " + f.tokens["dir A256GCM"], strings.Replace(f.tokens["dir A256GCM"], "..", ".\r\n.", 1),
		f.tokens["dir A256GCM"] + "=", strings.Join(p, "。"),
	} {
		_, _, err := o.open(token)
		require.Contains(t, []error{notCompact, badHeader}, err, "%.40s", token)
	}
}

func TestAtMostFourKeysAreTried(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for len(o.keys) < 50 {
		o.keys = append(o.keys, o.keys[0])
	}
	_, h, err := o.open(f.tokens["wrong key"])
	require.Equal(t, notDecrypted, err)
	require.Len(t, choose(o.keys, h), maxKeysTried)
	h.kid = ""
	require.Len(t, choose(o.keys, h), maxKeysTried)
	h.kid = "nobody's"
	require.Empty(t, choose(o.keys, h))
}
