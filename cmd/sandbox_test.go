package cmd

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheStandInsRefuseAWrongFlagByItsName(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	for want, args := range map[string][]string{
		"--state, sealed by SANDBOX_STATE_KEY: the key has 0 characters": {"--state", state},
		"--chip-keys: ":            {"--chip-keys", filepath.Join(t.TempDir(), "none.json")},
		"--public-url: ":           {"--public-url", "nowhere"},
		"--forward must be a pair": {"--listen", "127.0.0.1:0", "--forward", "0.0.0.0:8080=api:8080"},
	} {
		_, err := run(t.Context(), append([]string{"sandbox"}, args...)...)
		require.ErrorContains(t, err, want)
	}
}

// As docker-compose.yml starts them, with what init wrote.
func TestTheStandInsServeWithWhatInitWrote(t *testing.T) {
	dir := t.TempDir()
	_, err := run(t.Context(), "init", "--dir", dir)
	require.NoError(t, err)
	t.Setenv(stateKey, randomHex())
	ctx, cancel := context.WithCancel(t.Context())
	var out safeBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- runSandbox(ctx, sandboxOptions{listen: "127.0.0.1:0", state: filepath.Join(dir, "state"),
			chipKeys: filepath.Join(dir, "config", chipPublicKeysFile)}, &out, &out)
	}()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "/sandbox/ledger") }, 10*time.Second, 10*time.Millisecond)
	address := strings.TrimSuffix(strings.TrimSpace(out.String()[strings.LastIndex(out.String(), "http://"):]), "/sandbox/ledger")
	res, err := http.Get(address + "/sandbox/sino/keys")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNotFound, res.StatusCode, "the private half is the merchant's alone")
	require.NoError(t, askHealth(t.Context(), address+"/sandbox/health"))
	require.FileExists(t, filepath.Join(dir, "state"))
	cancel()
	require.NoError(t, <-ended)
}
