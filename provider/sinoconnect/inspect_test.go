package sinoconnect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
	"github.com/stretchr/testify/require"
)

// agreedToken is a token of ECDH-ES and A256GCM made by hand, so that its epk
// may hold what no library writes.
func agreedToken(t *testing.T, to *ecdsa.PublicKey, ephemeral *ecdsa.PrivateKey, epk map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	header, err := json.Marshal(map[string]any{"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk})
	require.NoError(t, err)
	block, err := aes.NewCipher(josecipher.DeriveECDHES("A256GCM", nil, nil, ephemeral, to, 32))
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	sealed := gcm.Seal(nil, make([]byte, 12), chipJSON(t, nil), []byte(encode(header)))
	cut := len(sealed) - gcm.Overhead()
	return strings.Join([]string{encode(header), "", encode(make([]byte, 12)), encode(sealed[:cut]), encode(sealed[cut:])}, ".")
}

func publicMembers(t *testing.T, k *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	point, err := k.PublicKey.Bytes()
	require.NoError(t, err)
	n := (len(point) - 1) / 2
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1 : 1+n]), "y": encode(point[1+n:])}
}

func p256Key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return k
}

// Members of a public key that say nothing about it are passed over (RFC 7517,
// 4): WebCrypto exports ext and key_ops with every key.
func TestOtherMembersOfAnEphemeralKeyArePassedOver(t *testing.T) {
	ours, theirs := p256Key(t), p256Key(t)
	o := &opener{keys: []key{{value: ours}}, algs: []string{"ECDH-ES"}, encs: []string{"A256GCM"}}
	for _, more := range []map[string]any{
		{}, {"ext": true}, {"key_ops": []string{}}, {"ext": false, "key_ops": []string{"deriveKey"}, "iat": 1700000000, "vendor": map[string]any{"x": 1}, "note": "n"},
		{"kid": "k", "use": "enc", "alg": "ECDH-ES"},
	} {
		epk := publicMembers(t, theirs)
		maps.Copy(epk, more)
		token := agreedToken(t, &ours.PublicKey, theirs, epk)
		plaintext, _, err := o.open(token)
		require.NoError(t, err, "%v", more)
		require.JSONEq(t, string(chipJSON(t, nil)), string(plaintext))
	}
}

// A coordinate that lost its leading zero cannot be read; the refusal names it.
func TestACoordinateWithoutItsLeadingZeroIsNamed(t *testing.T) {
	ours := p256Key(t)
	o := &opener{keys: []key{{value: ours}}, algs: []string{"ECDH-ES"}, encs: []string{"A256GCM"}}
	for _, name := range []string{"x", "y"} {
		for {
			theirs := p256Key(t)
			epk := publicMembers(t, theirs)
			value, err := base64.RawURLEncoding.DecodeString(epk[name].(string))
			require.NoError(t, err)
			if value[0] != 0 {
				continue
			}
			epk[name] = base64.RawURLEncoding.EncodeToString(value[1:])
			_, _, err = o.open(agreedToken(t, &ours.PublicKey, theirs, epk))
			require.Equal(t, refusal("the sender's ephemeral key (epk) has "+name+" of 31 bytes where P-256 has 32 (RFC 7518, 6.2.1.2: leading zeros stay)"), err)
			break
		}
	}
}

// An inspection accepts only what could be opened: what no key of ours could
// open is refused with its reason.
func TestAnInspectionAcceptsOnlyWhatCouldBeOpened(t *testing.T) {
	f := loadFixtures(t)
	part := func(of string, n int, value string) string {
		parts := strings.Split(f.tokens[of], ".")
		require.Len(t, parts, 5)
		parts[n] = value
		return strings.Join(parts, ".")
	}
	bytes := func(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }
	const rsa, ecdh, wrapped, gcm, cbc = "RSA-OAEP-256 A256GCM kid", "ECDH-ES A256GCM kid", "ECDH-ES+A256KW A256GCM kid", "A256GCMKW A256GCM kid", "dir A256CBC-HS512"
	off := map[string]any{"kty": "EC", "crv": "P-256", "x": bytes(32), "y": bytes(32)}
	for name, c := range map[string]struct{ token, why string }{
		"a key wrapped for an RSA key of another size": {part(rsa, 1, bytes(384)), string(noKey)},
		"a wrapped key of another length":              {part(wrapped, 1, bytes(32)), string(badEncryption)},
		"a key of another length, wrapped with GCM":    {part(gcm, 1, bytes(40)), string(badEncryption)},
		"half a block":            {part(cbc, 3, bytes(24)), string(badEncryption)},
		"nothing in it":           {part(rsa, 3, ""), string(badEncryption)},
		"a part of no base64":     {part(rsa, 3, "AAAAA"), string(notCompact)},
		"a point off the curve":   {reheaded(f.tokens[ecdh], with("epk", off)), "the sender's ephemeral key (epk) is no public key on its curve"},
		"apu of no base64":        {reheaded(f.tokens[ecdh], with("apu", "a b")), "its header has a property of the wrong type: apu"},
		"apv of no string":        {reheaded(f.tokens[wrapped], with("apv", 7)), "its header has a property of the wrong type: apv"},
		"no iv for the key":       {reheaded(f.tokens[gcm], func(h map[string]any) { delete(h, "iv") }), "its header has a property of the wrong type: iv"},
		"a short tag for the key": {reheaded(f.tokens[gcm], with("tag", "AAAA")), "its header has a property of the wrong type: tag"},
	} {
		in, err := inspect(c.token, f.config())
		require.NoError(t, err)
		require.False(t, in.Accepted, name)
		require.Equal(t, []string{c.why}, in.Refusals, name)
		_, _, err = newTestOpener(t, f.config()).open(c.token)
		require.Equal(t, refusal(c.why), err, "%s: and so says opening", name)
	}
	in, err := inspect(f.tokens[rsa], f.config(verifying(f.keys.Signer, "RS256")))
	require.NoError(t, err)
	require.Equal(t, []string{string(notNested)}, in.Refusals, "unsigned, where a signature is due")
	opened := 0
	for name, token := range f.tokens {
		in, err := inspect(token, f.config())
		require.NoError(t, err)
		if _, _, err := newTestOpener(t, f.config()).open(token); err == nil {
			require.True(t, in.Accepted, name)
			opened++
		}
	}
	require.Greater(t, opened, 10)
}
