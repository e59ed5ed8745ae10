package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
)

var printedKey = regexp.MustCompile(`yz_(live|test)_[A-Za-z0-9_-]{43}`)

// addedYAML is what a command printed to be added.
func addedYAML(t *testing.T, out string) string {
	t.Helper()
	_, yaml, ok := strings.Cut(out[strings.Index(out, "\n\n  yz_"):][2:], ":\n\n")
	require.True(t, ok, out)
	return yaml
}

// What add and rotate print is what the configuration takes: the key that was
// shown opens the door, the old one until the overlap is over, and no file changed.
func TestClientKeysAreMadeAndRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yanzhen.yaml")
	t.Setenv("YANZHEN_CONFIG", path)
	out, err := run(t.Context(), "client", "add", "shop", "--return-url", "https://shop.example/back", "--policy", "cn-resident",
		"--scope", api.ScopeOutputs, "--scope", api.ScopeRead, "--purpose", "account_opening", "--rate-limit", "50", "--test")
	require.NoError(t, err, out)
	first := printedKey.FindString(out)
	require.True(t, strings.HasPrefix(first, "yz_test_"), out)
	require.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, []byte("clients:\n"+addedYAML(t, out)), 0o400))
	cfg, err := load([]string{"YANZHEN_CONFIG=" + path}, config.Needs{CheckAccess: checkAccess})
	require.NoError(t, err)
	require.Equal(t, []config.Client{{ID: "shop", ReturnURLs: []string{"https://shop.example/back"}, Policies: []string{"cn-resident"}, Purposes: []string{"account_opening"},
		Keys: []config.Key{{Name: "first", Hash: api.HashKey(first), Scopes: []string{api.ScopeOutputs, api.ScopeRead}, RateLimit: 50}}}}, cfg.Clients)

	out, err = run(t.Context(), "client", "rotate", "shop", "--overlap", "48h", "--expires-in", "8760h")
	require.NoError(t, err, out)
	second := printedKey.FindString(out)
	rotated := filepath.Join(t.TempDir(), "rotated.yaml")
	text := "clients:\n- id: shop\n  return_urls: [\"https://shop.example/back\"]\n  purposes: [account_opening]\n" + addedYAML(t, out)
	require.NoError(t, os.WriteFile(rotated, []byte(text), 0o600))
	cfg, err = load([]string{"YANZHEN_CONFIG=" + rotated}, config.Needs{CheckAccess: checkAccess})
	require.NoError(t, err, text)
	keys := cfg.Clients[0].Keys
	require.Equal(t, []string{"first", "first-2"}, []string{keys[0].Name, keys[1].Name})
	require.Equal(t, []string{api.HashKey(first), api.HashKey(second)}, []string{keys[0].Hash, keys[1].Hash})
	require.Equal(t, keys[0].Scopes, keys[1].Scopes)
	require.WithinDuration(t, time.Now().Add(48*time.Hour), keys[0].Expires.Time, time.Minute)
	require.WithinDuration(t, time.Now().Add(8760*time.Hour), keys[1].Expires.Time, time.Minute)

	t.Setenv("YANZHEN_CONFIG", rotated)
	out, err = run(t.Context(), "client", "list")
	require.NoError(t, err)
	require.Contains(t, out, "first  outputs:read verifications:read  expires soon: ")
	require.Contains(t, out, "50 requests a second")
	require.NotContains(t, out, api.HashKey(first))
	require.NotRegexp(t, printedKey, out)
}

func TestClientRefusesWhatTheAPIWouldNotTake(t *testing.T) {
	t.Setenv("YANZHEN_CONFIG", "")
	for want, args := range map[string][]string{
		"give the client's id":        {"add"},
		"unknown scope":               {"add", "shop", "--scope", "everything"},
		"must be lower case":          {"add", "Shop"},
		"needs purposes":              {"add", "shop", "--scope", api.ScopeOutputs},
		"is not in the configuration": {"rotate", "shop"},
		"return_urls[0]":              {"add", "shop", "--return-url", "http://shop.example/"},
	} {
		out, err := run(t.Context(), append([]string{"client"}, args...)...)
		require.ErrorContains(t, err, want)
		require.NotRegexp(t, printedKey, out)
	}
}
