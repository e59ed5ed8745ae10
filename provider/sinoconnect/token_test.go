package sinoconnect

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/verification"
)

// fixtures are what testdata/make.mjs made with another implementation.
type fixtures struct {
	keys struct {
		Set      json.RawMessage `json:"set"`
		Shared   string          `json:"shared"`
		Signer   json.RawMessage `json:"signer"`
		SignerEC json.RawMessage `json:"signerEC"`
	}
	tokens map[string]string
}

func loadFixtures(t testing.TB) fixtures {
	t.Helper()
	var f fixtures
	for name, into := range map[string]any{"keys": &f.keys, "tokens": &f.tokens} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return f
}

// config has every key of the fixtures.
func (f fixtures) config(with ...func(*Config)) Config {
	c := Config{JWKS: string(f.keys.Set), SharedKey: f.keys.Shared, SharedKeyMode: ModeBase64URL}
	for _, w := range with {
		w(&c)
	}
	return c
}

// checked reads a part of the settings; errs are what is wrong with it.
func checked[T any](c Config, read func(*Config, *settings.Check) T) (got T, errs []error) {
	c = settings.WithDefaults(c)
	check := settings.NewCheck(&c)
	got = read(&c, check)
	if joined, ok := check.Err().(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	return got, errs
}

func newOpener(c Config) (*opener, []error) { return checked(c, (*Config).newOpener) }

func newAliases(names Aliases) (aliases, []error) {
	return checked(Config{Aliases: names}, (*Config).newAliases)
}

func newTestOpener(t testing.TB, c Config) *opener {
	t.Helper()
	o, faults := newOpener(c)
	require.Empty(t, faults)
	return o
}

// holder is the person of every fixture.
var holder = verification.Card{
	Name: "测试甲", IDNumber: "110199199003070017", Sex: "m", BirthDate: "19900307",
	Validity: verification.Validity{From: "20200115", To: "20400115"},
}

func requireHolder(t *testing.T, o *opener, token string) {
	t.Helper()
	plaintext, _, err := o.open(token)
	require.NoError(t, err)
	names, faults := newAliases(nil)
	require.Empty(t, faults)
	got, err := names.card(plaintext)
	require.NoError(t, err)
	require.Empty(t, got.unclear)
	card := got.card
	require.True(t, strings.HasPrefix(string(card.Portrait), "\xff\xd8\xff"))
	card.Portrait = nil
	require.Equal(t, holder, card)
}

func refusedBecause(t *testing.T, o *opener, token string, why refusal) {
	t.Helper()
	plaintext, _, err := o.open(token)
	require.Equal(t, why, err)
	require.Empty(t, plaintext)
}

func TestTokensOfAnotherImplementationAreRead(t *testing.T) {
	f := loadFixtures(t)
	for _, name := range []string{
		"RSA-OAEP-256 A256GCM kid", "RSA-OAEP-256 A256GCM", "RSA-OAEP-256 A256GCM second key", "RSA-OAEP-256 A256CBC-HS512 kid",
		"ECDH-ES+A256KW A256GCM kid", "ECDH-ES+A256KW A256GCM", "ECDH-ES+A256KW A256GCM P-384", "ECDH-ES+A256KW A256GCM P-521",
		"ECDH-ES A256GCM kid", "ECDH-ES A256CBC-HS512",
		"dir A256GCM kid", "dir A256GCM", "dir A256CBC-HS512", "A256KW A256GCM", "A256GCMKW A256GCM kid",
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, f.tokens[name])
			requireHolder(t, newTestOpener(t, f.config()), f.tokens[name])
		})
	}
}

func TestWeakerAlgorithmsAreTakenOnlyWhenTheyAreConfigured(t *testing.T) {
	f := loadFixtures(t)
	for name, alg := range map[string]string{"RSA-OAEP A256GCM": "RSA-OAEP", "ECDH-ES+A128KW A128GCM": "ECDH-ES+A128KW"} {
		_, h, err := newTestOpener(t, f.config()).open(f.tokens[name])
		require.Equal(t, refusal("its alg "+alg+" is not allowed"), err)
		require.Equal(t, alg, h.alg)
		requireHolder(t, newTestOpener(t, f.config(func(c *Config) {
			c.AllowedAlg, c.AllowedEnc = []string{alg}, []string{"A256GCM", "A128GCM"}
		})), f.tokens[name])
	}
}

func TestATokenFromAnotherKeyIsRefused(t *testing.T) {
	f := loadFixtures(t)
	refusedBecause(t, newTestOpener(t, f.config()), f.tokens["wrong key"], notDecrypted)
	refusedBecause(t, newTestOpener(t, Config{SharedKey: strings.Repeat("k", 32)}), f.tokens["RSA-OAEP-256 A256GCM"], noKey)
	refusedBecause(t, newTestOpener(t, Config{SharedKey: strings.Repeat("k", 32)}), f.tokens["dir A256GCM"], notDecrypted)
}

func TestACutTokenIsRefusedWhereverItIsCut(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	token := f.tokens["ECDH-ES A256GCM kid"]
	for n := range len(token) {
		_, _, err := o.open(token[:n])
		require.Error(t, err, n)
	}
}

func TestNoByteOfATokenCanBeChanged(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	token := f.tokens["dir A256GCM"]
	for i := range len(token) {
		// The last character of a part may hold bits that no byte uses.
		if i+1 == len(token) || token[i] == '.' || token[i+1] == '.' {
			continue
		}
		changed := []byte(token)
		changed[i] ^= 1
		_, _, err := o.open(string(changed))
		require.Error(t, err, i)
	}
}
