package sinoconnect

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
)

func validate(c Config) error {
	c = settings.WithDefaults(c)
	return c.Validate()
}

func validConfig(t testing.TB) Config {
	return loadFixtures(t).config(func(c *Config) {
		c.BaseURL, c.ClientID, c.ClientSecret = "https://sino.example", clientID, clientSecret
	})
}

func TestEveryFaultOfTheSettingsIsNamedAtOnceAndNoSecretWithIt(t *testing.T) {
	require.NoError(t, validate(validConfig(t)))
	err := validate(Config{
		BaseURL: "http://sino.example", ClientID: "a b", JWKS: "/nowhere/planted-path", SharedKey: "planted-short", SharedKeyMode: "hex",
		AllowedAlg: []string{"RSA1_5", "none"}, AllowedEnc: []string{"A512GCM"}, NestedKey: "planted-nested", NestedAlg: "RS256",
		Aliases: map[string][]string{"address": {"x"}}, Patterns: Patterns{Pending: "(", Failed: ".*"}, ReqIDPattern: "[",
		ReqIDLife: -1, FaceDeadline: -1, PollMin: time.Minute, PollMax: time.Second, Timeout: -1,
	})
	for _, want := range []string{
		"BASE_URL must be https", "CLIENT_ID must", "CLIENT_SECRET is not set", "JWKS is neither", "SHARED_KEY is not hexadecimal", `ALLOWED_ALG holds "RSA1_5"`,
		`ALLOWED_ALG holds "none"`, `ALLOWED_ENC holds "A512GCM"`, "NESTED_KEY is neither", `ALIASES holds "address"`, "PATTERN_PENDING is not a", "PATTERN_FAILED matches everything",
		"REQID_PATTERN is not a", "REQID_LIFE must be more than 0", "FACE_DEADLINE must be more than 0", "POLL_MAX must not be less than YANZHEN_SINO_POLL_MIN",
		"TIMEOUT must be more than 0 and at most 18s",
	} {
		require.ErrorContains(t, err, "YANZHEN_SINO_"+want)
	}
	require.NotContains(t, err.Error(), "planted")
}

func TestThereIsNoDefaultAddressAndPlainHTTPIsForThisMachineOnly(t *testing.T) {
	for base, ok := range map[string]bool{
		"": false, "sino.example": false, "https://": false, "ftp://sino.example": false, "http://sino.example": false, "http://10.0.0.1": false,
		"https://user:planted@sino.example": false, "https://sino.example?x=1": false, "https://sino.example#x": false, "http://localhost.evil.example": false,
		"https://sino.example": true, "https://sino.example/base/": true, "http://127.0.0.1:1": true, "http://localhost:1": true, "http://[::1]:1": true,
	} {
		cfg := validConfig(t)
		cfg.BaseURL = base
		err := validate(cfg)
		require.Equal(t, ok, err == nil, "%s: %v", base, err)
		if err != nil {
			require.NotContains(t, err.Error(), "planted")
		}
	}
}

func TestWithoutAnyKeyThereIsNoClient(t *testing.T) {
	cfg := validConfig(t)
	cfg.JWKS, cfg.SharedKey = "", ""
	_, err := New(cfg)
	require.ErrorContains(t, err, "YANZHEN_SINO_JWKS and YANZHEN_SINO_SHARED_KEY are not set")
}

func TestASharedKeyIsDerivedAsConfigured(t *testing.T) {
	f := loadFixtures(t)
	raw, err := base64.RawURLEncoding.DecodeString(f.keys.Shared)
	require.NoError(t, err)
	for mode, secret := range map[string]string{
		ModeRaw: string(raw), ModeHex: hex.EncodeToString(raw), ModeBase64URL: f.keys.Shared,
	} {
		requireHolder(t, newTestOpener(t, Config{SharedKey: secret, SharedKeyMode: mode}), f.tokens["dir A256GCM"])
	}
	requireHolder(t, newTestOpener(t, Config{SharedKey: f.keys.Shared + "=", SharedKeyMode: ModeBase64URL}), f.tokens["dir A256GCM kid"])
	o := newTestOpener(t, Config{SharedKey: "a secret of the vendor", SharedKeyMode: ModeSHA256})
	// printf 'a secret of the vendor' | sha256sum
	require.Equal(t, sha256Hex, hex.EncodeToString(o.keys[0].value.([]byte)))
	for _, bad := range []Config{
		{SharedKey: "short"}, {SharedKey: strings.Repeat("a", 33)}, {SharedKey: "zz", SharedKeyMode: ModeHex}, {SharedKey: "++++", SharedKeyMode: ModeBase64URL},
		{SharedKey: "guessable", SharedKeyMode: ModeSHA256}, {SharedKey: strings.Repeat("a", 32), SharedKeyMode: "md5"}, {SharedKey: strings.Repeat("a", 32), SharedKeyMode: ModeHex},
	} {
		_, faults := newOpener(bad)
		require.NotEmpty(t, faults, "%v", bad)
	}
}

func TestKeysAreReadFromAFileAndEachOneMustServe(t *testing.T) {
	f := loadFixtures(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, f.keys.Set, 0o600))
	requireHolder(t, newTestOpener(t, Config{JWKS: path}), f.tokens["RSA-OAEP-256 A256GCM kid"])
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(f.keys.Set, &set))
	single, err := json.Marshal(set.Keys[0])
	require.NoError(t, err)
	requireHolder(t, newTestOpener(t, Config{JWKS: string(single)}), f.tokens["RSA-OAEP-256 A256GCM kid"])

	change := func(name string, value any) string {
		k := map[string]any{}
		for n, v := range set.Keys[0] {
			k[n] = v
		}
		k[name] = value
		text, err := json.Marshal(map[string]any{"keys": []any{k}})
		require.NoError(t, err)
		return string(text)
	}
	for name, jwks := range map[string]string{
		"a public key": fmt.Sprintf(`{"keys":[%s]}`, f.keys.Signer), "a key for signatures": change("use", "sig"), "an algorithm never taken": change("alg", "RSA1_5"),
		"an empty set": `{"keys":[]}`, "no JSON": `{`, "an unknown kind": `{"keys":[{"kty":"XYZ"}]}`, "a short secret": `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		"a small RSA key": smallRSA, "a broken key": change("d", "AAAA"),
	} {
		_, faults := newOpener(Config{JWKS: jwks})
		require.NotEmpty(t, faults, name)
		for _, fault := range faults {
			require.True(t, strings.HasPrefix(fault.Error(), "YANZHEN_SINO_JWKS "), fault)
			require.NotContains(t, fault.Error(), set.Keys[0]["d"])
		}
	}
	// A key that says what it is for serves for that alone.
	o := newTestOpener(t, Config{JWKS: change("alg", "RSA-OAEP"), AllowedAlg: []string{"RSA-OAEP", "RSA-OAEP-256"}})
	requireHolder(t, o, f.tokens["RSA-OAEP A256GCM"])
	refusedBecause(t, o, f.tokens["RSA-OAEP-256 A256GCM kid"], noKey)
	direct := fmt.Sprintf(`{"kty":"oct","k":%q,"alg":"A256GCM","use":"enc"}`, f.keys.Shared)
	o = newTestOpener(t, Config{JWKS: direct})
	requireHolder(t, o, f.tokens["dir A256GCM"])
	refusedBecause(t, o, f.tokens["A256KW A256GCM"], noKey)
}

func TestSettingsMaskTheirSecrets(t *testing.T) {
	cfg := validConfig(t)
	cfg.NestedKey, cfg.NestedAlg = "planted-nested-secret-of-32-bytes", "HS256"
	for _, text := range []string{cfg.String(), fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg), cfg.LogValue().String()} {
		for _, secret := range []string{clientID, clientSecret, cfg.SharedKey, cfg.NestedKey, "kty"} {
			require.NotContains(t, text, secret)
		}
		require.Contains(t, text, "sino.example")
	}
}

func inspect(token string, c Config) (Inspection, error) {
	c = settings.WithDefaults(c)
	return c.inspect(token)
}

func TestAnInspectionTellsTheHeaderAndTheKeysAndDecryptsNothing(t *testing.T) {
	f := loadFixtures(t)
	cfg := f.config()
	in, err := inspect(" "+f.tokens["RSA-OAEP-256 A256GCM kid"]+"\n", cfg)
	require.NoError(t, err)
	text, accepted, err := provider.TokenInspector(&cfg).InspectToken(f.tokens["RSA-OAEP-256 A256GCM kid"])
	require.NoError(t, err)
	require.True(t, accepted)
	require.Equal(t, in.String(), text)
	require.Equal(t, Inspection{
		Bytes:  len(f.tokens["RSA-OAEP-256 A256GCM kid"]),
		Header: []HeaderField{{"alg", "RSA-OAEP-256"}, {"enc", "A256GCM"}, {"kid", "rsa-1"}}, Accepted: true,
		Keys: []InspectedKey{{Kid: "rsa-1", Type: "RSA 2048"}},
	}, in)
	// The wrong key is found out by decrypting only.
	in, err = inspect(f.tokens["wrong key"], cfg)
	require.NoError(t, err)
	require.True(t, in.Accepted)
	for name, keys := range map[string][]InspectedKey{
		"RSA-OAEP-256 A256GCM":         {{"rsa-1", "RSA 2048"}, {"rsa-2", "RSA 2048"}},
		"ECDH-ES+A256KW A256GCM P-384": {{"ec-2", "EC P-384"}},
		"dir A256GCM kid":              {{"", "oct 256"}},
		"dir A256CBC-HS512":            {{"oct-1", "oct 512"}},
	} {
		in, err := inspect(f.tokens[name], cfg)
		require.NoError(t, err)
		require.Equal(t, keys, in.Keys, name)
		require.True(t, in.Accepted, name)
	}
}

func TestAnInspectionTellsEveryReasonForRefusing(t *testing.T) {
	f := loadFixtures(t)
	token := reheaded(f.tokens["RSA-OAEP-256 A256GCM kid"], func(h map[string]any) {
		h["alg"], h["enc"], h["zip"], h["crit"], h["jku"], h["sub"], h["kid"] = "RSA1_5", "A128GCM", "DEF", []string{"exp"}, "https://x.example/测试甲", "110199199003070017", "\x1b[2J"
	})
	in, err := inspect(token, f.config())
	require.NoError(t, err)
	require.False(t, in.Accepted)
	require.Equal(t, []string{
		"its header brings its own key or work: jku", "its header names extensions that must be understood: crit",
		"its alg RSA1_5 is not allowed", "its enc A128GCM is not allowed", "it is compressed, with DEF", string(noKey),
	}, in.Refusals)
	require.Equal(t, []HeaderField{
		{"alg", "RSA1_5"}, {"crit", `["exp"]`}, {"enc", "A128GCM"}, {"jku", ""}, {"kid", "?[2J"}, {"sub", ""}, {"zip", "DEF"},
	}, in.Header)
	require.NotContains(t, in.String(), "110199")
	require.NotContains(t, in.String(), "\x1b")
	require.Contains(t, in.String(), "refused: its alg RSA1_5 is not allowed\n")

	for token, why := range map[string]refusal{"": notCompact, "a.b.c": notCompact, "{}": notCompact, "....": badHeader, strings.Repeat("a", 2<<20): tooLong} {
		in, err := inspect(token, f.config())
		require.NoError(t, err)
		require.Equal(t, []string{string(why)}, in.Refusals)
	}
}

func TestATokenCanBeInspectedBeforeThereIsAnyKey(t *testing.T) {
	f := loadFixtures(t)
	in, err := inspect(f.tokens["ECDH-ES A256GCM kid"], Config{})
	require.NoError(t, err)
	require.Equal(t, []string{string(noKey)}, in.Refusals)
	require.Contains(t, in.Header, HeaderField{"epk", "P-256"})
	_, err = inspect(f.tokens["ECDH-ES A256GCM kid"], Config{JWKS: "/nowhere"})
	require.ErrorContains(t, err, "YANZHEN_SINO_JWKS")
	_, err = inspect(f.tokens["ECDH-ES A256GCM kid"], Config{AllowedAlg: []string{"RSA1_5"}})
	require.ErrorContains(t, err, "YANZHEN_SINO_ALLOWED_ALG")
}

const (
	sha256Hex = "08ca185fa156ba64ad594210c26d5a316cf92fd8a624110ed3820f7731e9fec3"
	// smallRSA is a key of 1024 bits.
	smallRSA = `{"keys":[{"kty":"RSA","n":"r7CCYnzjJZpioNM2V7JXC-TKLmxFzEJqxxG2kT3gIFftn-OSW0SmiFZ7J6qK4ldFPlUOXIawB-63Tjie3aSulL2F5oH3ifeEP8S-fcvQ50sQVwCwXK7V75NosQ6mf30u8zAexYuALy780VJul7epDw4pBec0NXDBo9ZVP8MInRM","e":"AQAB","d":"TfDORwcEdiAhdRt-VjVl7H7ZOvMJm-4zFJFFHvYGQhL_9hitSxQPlRhYlmZQKs1wiJCPSHjwCvTaGTeBMu7mC5Y-98LXus_-fio8FxucceNzeEmE40eXBntXMMtrJKCdn-188FxgyqNu-O_jtyEs6XKaC5-z5EDCSOEnKdwt6EE","p":"15C6luxZ6H5PEmwY9m4zDGOlskaTnTFKa_JAYAHRZuet4EiJnTZ3IsO2AMoV4EcEBaAv9YxxBPP_SdhWBvNrYw","q":"0KT5d2tcOkMv7bOJqL9foOj-CwItaGf1qji3EKCPD1Z2rmDqgdD959N-DUqiGG9Q07VRM0H7AdH14LeiXb8ukQ","dp":"wbEq54eRtcUguZXlzC_ysJQtA4ZFBv6ON3Zh_6JCjOtpodirxlZ1MAiY1ha_F1nYNFHeJg2-U8wGPE0l53L7rw","dq":"OG0leoJygt9AywxPIm__MMlSSy_fj-jtq4eDGuARUJiVqDtVsJ4QzO2JnZadl_Yi6d6Tg0VI2Qkrcga3xpq5wQ","qi":"kXnkPK-7kkPERFXhLdBaa9Gm8Rkv1jrnl2M3p8Vo9J3KRINXO7i9260aV5HcjALpapJVEZvmYhGp74rqA2Wj4A"}]}`
)

// Names of a chip's properties are written in one line, and come back as they
// were written.
func TestAliasesAreWrittenInOneLine(t *testing.T) {
	var c Config
	require.Empty(t, settings.Read(&c, map[string]string{"YANZHEN_SINO_ALIASES": "name=fullName|xm,photo=pic", "YANZHEN_SINO_ALLOWED_ALG": "dir,ECDH-ES"}))
	require.Equal(t, Aliases{"name": {"fullName", "xm"}, "photo": {"pic"}}, c.Aliases)
	require.Equal(t, []string{"dir", "ECDH-ES"}, c.AllowedAlg)
	require.Contains(t, settings.Lines(c), "YANZHEN_SINO_ALIASES=name=fullName|xm,photo=pic\n")
	require.Contains(t, settings.Lines(c), "YANZHEN_SINO_ALLOWED_ALG=dir,ECDH-ES\n")
	errs := settings.Read(&c, map[string]string{"YANZHEN_SINO_ALIASES": "planted"})
	require.Len(t, errs, 1)
	require.EqualError(t, errs[0], "YANZHEN_SINO_ALIASES is not a list such as name=fullName|xm,photo=pic")
}
