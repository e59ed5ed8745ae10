package cmd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
)

// Who sets something means it: dev heeds it, or says that it does not.
func TestDevHeedsOrRefusesWhatIsSet(t *testing.T) {
	o := devOptions{ports: usualPorts}
	o.ports.ops = devPort{9999, true} // by a flag
	require.NoError(t, o.takeSettings([]string{"PATH=/bin", "YANZHEN_API_LISTEN=127.0.0.1:18080", "YANZHEN_OPS_LISTEN=localhost:19090",
		"YANZHEN_CONFIG=/etc/yanzhen.yaml", "YANZHEN_LOG_LEVEL=debug", "YANZHEN_STORE=", "YANZHEN_API=https://kyc.example", "YANZHEN_API_KEY=x", "YANZHEN_TEST_POSTGRES=y"}))
	require.Equal(t, devPort{18080, true}, o.ports.api)
	require.Equal(t, devPort{9999, true}, o.ports.ops, "a flag stands above it")
	require.Equal(t, usualPorts.ui, o.ports.ui)
	require.Equal(t, "/etc/yanzhen.yaml", o.catalogue)
	require.Equal(t, []string{"YANZHEN_LOG_LEVEL=debug"}, o.logs)

	err := new(devOptions).takeSettings([]string{"YANZHEN_STORE=postgres://u:secret@h/d", "YANZHEN_TENCENT_SECRET_ID=secret", "YANZHEN_PUBLIC_URL=https://kyc.example",
		"YANZHEN_API_LISTEN=0.0.0.0:8080", "YANZHEN_MISSPELT=1", "TEMPORAL_ADDRESS=temporal:7233"})
	for _, name := range []string{"YANZHEN_STORE", "YANZHEN_TENCENT_SECRET_ID", "YANZHEN_PUBLIC_URL", "YANZHEN_API_LISTEN", "YANZHEN_MISSPELT", "TEMPORAL_ADDRESS"} {
		require.ErrorContains(t, err, name+": ")
	}
	require.NotContains(t, err.Error(), "secret@")

	for _, args := range [][]string{{"--api-port", "70000"}, {"--return-url", "http://shop.example/"}, {"--return-url", "nonsense"}} {
		_, err := run(t.Context(), append([]string{"dev", "--data", t.TempDir()}, args...)...)
		require.ErrorContains(t, err, args[0])
	}
	t.Setenv("YANZHEN_KEYS", "elsewhere")
	_, err = run(t.Context(), "dev", "--data", t.TempDir())
	require.ErrorContains(t, err, "YANZHEN_KEYS: dev sets this itself")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// An integrator's own client, its return URLs and its policies are there under
// dev as they will be in production.
func TestDevTakesPortsClientsAndReturnURLs(t *testing.T) {
	key, hash := api.NewKey()
	catalogue := filepath.Join(t.TempDir(), "yanzhen.yaml")
	require.NoError(t, os.WriteFile(catalogue, fmt.Appendf(nil, `
clients:
  - id: bank
    keys: [{name: first, hash: %q, scopes: ["verifications:read", "verifications:write"]}]
    return_urls: ["https://bank.example/back"]
policies:
  - {name: cn-resident, version: 7, presentation: vendor, records_daily_cap: 5}
`, hash), 0o600))
	o := devOptions{returnURLs: []string{"http://localhost:4321/done"}, catalogue: catalogue}
	o.ports.api, o.ports.sandbox = devPort{freePort(t), true}, devPort{freePort(t), true}
	s, _ := localStackAs(t, o)
	require.Equal(t, fmt.Sprintf("http://127.0.0.1:%d", o.ports.api.number), s.API)
	require.Equal(t, fmt.Sprintf("http://127.0.0.1:%d", o.ports.sandbox.number), s.Sandbox)

	start := func(key, back string) int {
		body := map[string]any{"policy": "cn-resident", "return_url": back,
			"subject": map[string]any{"name": "测试甲", "id_number": "110199199003070017", "id_validity": map[string]any{"from": "20200115", "to": "20400115"}}}
		status, v := curl{t, devState{API: s.API, APIKey: key}}.try("POST", "/v1/verifications", back, body)
		if status == 201 {
			require.Equal(t, 7, v.Policy.Version)
			require.True(t, strings.HasPrefix(*v.NextAction.Url, s.Sandbox))
		}
		return status
	}
	require.Equal(t, 201, start(s.APIKey, "http://localhost:4321/done"))
	require.Equal(t, 201, start(key, "https://bank.example/back/17"))
	require.Equal(t, 422, start(key, "http://localhost:4321/done"), "the other client's")
	require.Equal(t, 422, start(s.APIKey, "http://localhost:5000/"))

	again := devOptions{data: t.TempDir(), quiet: true, headless: true, ports: o.ports}
	require.ErrorContains(t, runDev(t.Context(), again, &safeBuffer{}), fmt.Sprintf("port %d, asked for the API", o.ports.api.number))
}
