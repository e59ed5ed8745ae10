package sealing

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// generated returns a fresh key set.
func generated(t testing.TB) *Keys {
	t.Helper()
	text, err := Generate()
	require.NoError(t, err)
	keys, err := Parse(text)
	require.NoError(t, err)
	return keys
}

// jwk is one key of a set under test; its material is its fill, repeated.
type jwk struct {
	kid, use string
	fill     byte
	length   int
}

func set(keys ...jwk) []byte {
	var parts []string
	for _, k := range keys {
		material := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{k.fill}, k.length))
		parts = append(parts, fmt.Sprintf(`{"kty":"oct","kid":%q,"use":%q,"k":%q}`, k.kid, k.use, material))
	}
	return []byte(`{"keys":[` + strings.Join(parts, ",") + `]}`)
}

var (
	seal1   = jwk{"seal-1", "seal", 1, 32}
	seal2   = jwk{"seal-2", "seal", 2, 32}
	hash1   = jwk{"hash-1", "hash", 3, 32}
	ticket1 = jwk{"ticket-1", "ticket", 4, 32}
	ticket2 = jwk{"ticket-2", "ticket", 5, 32}
)

func parsed(t testing.TB, keys ...jwk) *Keys {
	t.Helper()
	k, err := Parse(set(keys...))
	require.NoError(t, err)
	return k
}

func TestGeneratedKeySetsAreCompleteAndNeverTheSame(t *testing.T) {
	a, b := generated(t), generated(t)
	require.NotEqual(t, a.HashCheck(), b.HashCheck())
	sealed, err := a.Seal("row", "column", []byte("x"))
	require.NoError(t, err)
	_, err = b.Open("row", "column", sealed)
	require.ErrorIs(t, err, ErrSealed)
}

func TestParseReportsEveryFaultAtOnceAndNamesTheKey(t *testing.T) {
	_, err := Parse(set(
		jwk{"short", "seal", 1, 16},
		jwk{"twice", "seal", 2, 32}, jwk{"twice", "seal", 3, 32},
		jwk{"h1", "hash", 4, 32}, jwk{"h2", "hash", 5, 32},
		jwk{"enc", "enc", 6, 32},
		jwk{"copy", "seal", 4, 32},
		jwk{"", "seal", 7, 32},
		jwk{strings.Repeat("k", 65), "seal", 8, 32},
	))
	require.Error(t, err)
	for _, fault := range []string{
		`key "short" has 16 bytes instead of 32`,
		`key "twice": its kid is there twice`,
		`keys "h1" and "h2" both have the use "hash"`,
		`key "enc": unknown use, want seal, hash, ticket or sig`,
		`key "copy" is the same key as "h1"`,
		`key 8 of the set has no kid`,
		`its kid is longer than 64 bytes`,
		`no key has the use "ticket"`,
	} {
		require.ErrorContains(t, err, fault)
	}
}

func TestParseMissesNoPurpose(t *testing.T) {
	_, err := Parse([]byte(`{"keys":[]}`))
	for _, use := range []string{"seal", "hash", "ticket"} {
		require.ErrorContains(t, err, fmt.Sprintf("no key has the use %q", use))
	}
}

func TestParseRefusesWhatIsNoKeySet(t *testing.T) {
	rsa := `{"kty":"RSA","kid":"r","use":"seal","n":"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1Wl","e":"AQAB"}`
	for _, text := range []string{"", "null", "[]", `"keys"`, "{", `{"keys":[1]}`, `{"keys":[{"kid":7}]}`,
		`{"keys":[{"kty":"oct","kid":"a","use":"seal","k":"!"}]}`, `{"keys":[` + rsa + `]}`} {
		k, err := Parse([]byte(text))
		require.Error(t, err, text)
		require.Nil(t, k)
	}
}

func TestParseNeverTellsKeyMaterial(t *testing.T) {
	secret := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0x5a}, 31))
	for _, text := range []string{
		`{"keys":[{"kty":"oct","kid":"a","use":"seal","k":"` + secret + `"}]}`,
		`{"keys":[{"kty":"oct","kid":"a","use":"seal","k":"` + secret + `!"}]}`,
		`{"keys":[{"kty":"oct","kid":"a","use":"seal","k":["` + secret + `"]}]}`,
		`{"keys":["` + secret + `"]}`,
		`{"keys":[{"kty":"` + secret + `","kid":"a"}]}`,
	} {
		_, err := Parse([]byte(text))
		require.Error(t, err)
		require.False(t, strings.Contains(err.Error(), secret[:8]))
	}
}

func TestLoadRefusesAFileThatOthersMayRead(t *testing.T) {
	text, err := Generate()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	keys, err := Load(path)
	require.NoError(t, err)
	require.NotEmpty(t, keys.HashCheck())

	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		require.NoError(t, os.Chmod(path, mode))
		_, err = Load(path)
		require.ErrorContains(t, err, "chmod 600")
		require.ErrorContains(t, err, path)
	}
	_, err = Load(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
}

func TestKeysNeverPrintThemselves(t *testing.T) {
	keys := generated(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "keys", keys, "value", *keys)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "keys", keys, "value", *keys)
	told := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%T"} {
		told += fmt.Sprintf(verb, keys) + fmt.Sprintf(verb, *keys)
	}
	text, err := json.Marshal(map[string]any{"pointer": keys, "value": *keys})
	require.NoError(t, err)
	told += string(text)
	for _, k := range []key{keys.set().seal[0], keys.set().hash, keys.set().ticket[0]} {
		require.NotContains(t, told, k.id)
		for _, form := range []string{
			string(k.bytes), fmt.Sprintf("%x", k.bytes), fmt.Sprintf("%X", k.bytes),
			strings.Trim(fmt.Sprint(k.bytes), "[]"), base64.RawURLEncoding.EncodeToString(k.bytes),
		} {
			require.False(t, strings.Contains(told, form), "key material was told")
		}
	}
	require.Contains(t, told, "[keys]")
}
