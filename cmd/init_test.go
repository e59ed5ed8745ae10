package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

// settingsIn are what docker-compose.yml tells worker and api, with what the
// containers see under /etc/yanzhen pointed at the folder.
func settingsIn(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "config", "yanzhen.env"))
	require.NoError(t, err)
	settings := []string{"YANZHEN_CONFIG=" + filepath.Join(dir, "config", "yanzhen.yaml"), "YANZHEN_KEYS=" + filepath.Join(dir, "config", "keys.json")}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "YANZHEN_") {
			settings = append(settings, strings.Replace(strings.TrimSpace(line), "=/etc/yanzhen/", "="+filepath.Join(dir, "config")+"/", 1))
		}
	}
	return settings
}

var needsOfAll = config.Needs{Keys: true, Clients: true, Providers: true, CheckAccess: checkAccess}

func TestInitWritesWhatAStartTakes(t *testing.T) {
	dir := t.TempDir()
	out, err := run(t.Context(), "init", "--dir", dir)
	require.NoError(t, err, out)

	cfg, err := load(settingsIn(t, dir), needsOfAll)
	require.NoError(t, err)
	require.True(t, cfg.SandboxForward.On())
	require.Equal(t, "shop", cfg.Clients[0].ID)
	_, err = sealing.Load(cfg.Keys)
	require.NoError(t, err)
	for name := range config.BuiltIn() {
		_, offered := cfg.Policies[name]
		require.True(t, offered, "%s: every vendor has a stand-in", name)
	}

	shown := regexp.MustCompile(`yz_\S+`).FindAllString(out, -1)
	require.Len(t, shown, 2)
	require.Equal(t, []config.Key{{Name: "first", Hash: api.HashKey(shown[0]), Scopes: []string{api.ScopeRead, api.ScopeWrite}}}, cfg.Clients[0].Keys,
		"the first key that was shown is the client's")
	require.Equal(t, []config.Reviewer{{Name: "first-reviewer", Hash: api.HashKey(shown[1]), Clients: []string{"shop"}}}, cfg.Reviewers,
		"the second one may review, and start nothing")
	public, err := os.Stat(filepath.Join(dir, "config", chipPublicKeysFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), public.Mode().Perm(), "the stand-ins run as somebody else")
	for _, name := range []string{".env", "config/yanzhen.env", "config/keys.json", "config/chip-keys.json", "config/yanzhen.yaml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for _, key := range shown {
			require.NotContains(t, string(text), key, "the key itself rests nowhere")
		}
	}
}

func TestInitDrawsFreshSecretsAndOverwritesNothing(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	secrets := regexp.MustCompile(`(?m)^[A-Z_]+_PASSWORD=([0-9a-f]{32})$`)
	seen := map[string]bool{}
	for _, dir := range []string{first, second} {
		_, err := run(t.Context(), "init", "--dir", dir)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, ".env"))
		require.NoError(t, err)
		for _, m := range secrets.FindAllStringSubmatch(string(text), -1) {
			seen[m[1]] = true
		}
	}
	require.Len(t, seen, 8, "four passwords each, all different")

	require.NoError(t, os.Remove(filepath.Join(first, ".env")))
	before, err := os.ReadFile(filepath.Join(first, "config", "keys.json"))
	require.NoError(t, err)
	_, err = run(t.Context(), "init", "--dir", first)
	require.ErrorContains(t, err, "keys.json already exists")
	after, err := os.ReadFile(filepath.Join(first, "config", "keys.json"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoFileExists(t, filepath.Join(first, ".env"), "half an installation is none")
}

// Callbacks and links are built on the public address: where nobody stands between,
// the API must be published at its port.
func TestInitPublishesTheAPIWhereItsAddressSays(t *testing.T) {
	for public, port := range map[string]string{
		"http://127.0.0.1:8080": "8080", "http://127.0.0.1:18080": "18080", "http://localhost:9999": "9999", "http://localhost": "80",
		"https://kyc.example.com": "8080", "https://kyc.example.com:8443": "8080", "https://localhost:8443": "8080",
	} {
		dir := t.TempDir()
		_, err := run(t.Context(), "init", "--dir", dir, "--public-url", public)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, ".env"))
		require.NoError(t, err)
		require.Contains(t, string(text), "\nAPI_PORT="+port+"\n", public)
	}
	_, err := run(t.Context(), "init", "--dir", t.TempDir(), "--public-url", "http://[::1]:8080")
	require.ErrorContains(t, err, "--public-url")
}

func TestInitForRealVendorsLeavesNoDefaultSecret(t *testing.T) {
	dir := t.TempDir()
	out, err := run(t.Context(), "init", "--dir", dir, "--vendors", "real", "--public-url", "https://kyc.example.com", "--client", "bank")
	require.NoError(t, err)
	require.Contains(t, out, "YANZHEN_ACEDATA_TOKEN", "it says what to fill in")
	for _, name := range []string{".env", "config/yanzhen.env", "config/yanzhen.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(text)), "sandbox")
	}
	_, err = load(settingsIn(t, dir), needsOfAll)
	require.ErrorContains(t, err, "set YANZHEN_TENCENT_SECRET_ID", "a start refuses until it is filled in")
	require.ErrorContains(t, err, "set YANZHEN_ACEDATA_TOKEN")
	_, err = load(append(settingsIn(t, dir), "YANZHEN_TENCENT_SECRET_ID=i", "YANZHEN_TENCENT_SECRET_KEY=k", "YANZHEN_TENCENT_MERCHANT_ID=m", "YANZHEN_ACEDATA_TOKEN=t"), needsOfAll)
	require.NoError(t, err)
}

func TestInitRefusesWhatAStartWouldRefuse(t *testing.T) {
	for what, args := range map[string][]string{
		"--public-url": {"--public-url", "http://kyc.example.com"},
		"--client":     {"--client", "Big Shop"},
		"--return-url": {"--return-url", "http://shop.example/"},
		"--vendors":    {"--vendors", "some"},
	} {
		dir := t.TempDir()
		_, err := run(t.Context(), append([]string{"init", "--dir", dir}, args...)...)
		require.ErrorContains(t, err, what)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries, "nothing is written")
	}
}

func TestCredentialsOfTheStandInsAreRefusedAtARealVendor(t *testing.T) {
	dir := t.TempDir()
	_, err := run(t.Context(), "init", "--dir", dir)
	require.NoError(t, err)
	settings := append(settingsIn(t, dir), "YANZHEN_PUBLIC_URL=https://kyc.example.com", "YANZHEN_SANDBOX_FORWARD=", "YANZHEN_TENCENT_SCHEME=https",
		"YANZHEN_TENCENT_ENDPOINT=faceid.tencentcloudapi.com", "YANZHEN_ACEDATA_BASE_URL=https://api.acedata.cloud")
	_, err = load(settings, needsOfAll)
	require.ErrorContains(t, err, "YANZHEN_TENCENT_SECRET_KEY is the stand-in's")
	require.ErrorContains(t, err, "YANZHEN_ACEDATA_TOKEN is the stand-in's")

	_, err = load(append(settings, "YANZHEN_SANDBOX_FORWARD=127.0.0.1:8090=sandbox:8090"), needsOfAll)
	require.ErrorContains(t, err, "YANZHEN_SANDBOX_FORWARD brings stand-in vendors, but YANZHEN_ACEDATA_BASE_URL names a real one")
}
