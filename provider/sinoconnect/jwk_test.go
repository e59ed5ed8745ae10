package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key of a set that cannot be used is told with what it lacks, and nothing of
// the key is in the text.
func TestAKeyThatCannotBeUsedIsToldWithWhatItLacks(t *testing.T) {
	var set struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(loadFixtures(t).keys.Set, &set))
	of := func(kty string) map[string]any {
		for _, k := range set.Keys {
			if k["kty"] == kty {
				return k
			}
		}
		t.Fatal(kty)
		return nil
	}
	changed := func(kty string, changes map[string]any) map[string]any {
		k := map[string]any{}
		for name, value := range of(kty) {
			k[name] = value
		}
		for name, value := range changes {
			if k[name] = value; value == nil {
				delete(k, name)
			}
		}
		return k
	}
	x, err := base64.RawURLEncoding.DecodeString(of("EC")["x"].(string))
	require.NoError(t, err)
	short := base64.RawURLEncoding.EncodeToString(x[1:])
	for _, c := range []struct {
		key map[string]any
		why string
	}{
		{changed("RSA", map[string]any{"p": nil, "q": nil}), "it is of the kty RSA and lacks p, q"},
		{changed("RSA", map[string]any{"n": nil}), "it is of the kty RSA and lacks n"},
		{changed("RSA", map[string]any{"e": 65537}), "it is of the kty RSA and lacks e"},
		{changed("RSA", map[string]any{"q": "a+b/="}), "it has q not in base64url without padding"},
		{changed("RSA", map[string]any{"q": "AQAB"}), "it is an RSA key whose numbers do not belong together"},
		{changed("RSA", map[string]any{"d": nil, "p": nil, "q": nil, "dp": nil, "dq": nil, "qi": nil}), "is a public RSA key: its d, p and q are missing"},
		{changed("EC", map[string]any{"y": nil}), "it is of the kty EC and lacks y"},
		{changed("EC", map[string]any{"crv": nil, "x": nil}), "it is of the kty EC and lacks crv, x"},
		{changed("EC", map[string]any{"crv": "secp256k1"}), "it is an EC key on the curve secp256k1, not P-256, P-384 or P-521"},
		{changed("EC", map[string]any{"x": short}), "it has x of 31 bytes where P-256 has 32"},
		{changed("EC", map[string]any{"d": short}), "it has d of 31 bytes where P-256 has 32"},
		{changed("EC", map[string]any{"x": of("EC")["y"]}), "it is an EC key whose x and y are no point of its curve"},
		{changed("EC", map[string]any{"d": nil}), "is a public EC key: its d is missing"},
		{map[string]any{"kty": "oct"}, "it is of the kty oct and lacks k"},
		{map[string]any{"kty": "SM2"}, "it is of the kty SM2, not RSA, EC or oct"},
		{map[string]any{"k": "AAAA"}, "it has no kty"},
	} {
		text, err := json.Marshal(map[string]any{"keys": []any{of("RSA"), c.key}})
		require.NoError(t, err)
		_, faults := newOpener(Config{JWKS: string(text)})
		require.Len(t, faults, 1, c.why)
		require.ErrorContains(t, faults[0], c.why)
		require.ErrorContains(t, faults[0], "key 1 ")
		for name, value := range c.key {
			if s, ok := value.(string); ok && len(s) > 20 {
				require.NotContains(t, faults[0].Error(), s, name)
			}
		}
	}
	_, faults := newOpener(Config{JWKS: `{"keys":[{"kty":"RSA"},{"kty":"EC"}]}`})
	require.ErrorContains(t, faults[0], "key 0 that cannot be used: it is of the kty RSA and lacks n, e; and has a key 1 that cannot be used: it is of the kty EC and lacks crv, x, y")
}
