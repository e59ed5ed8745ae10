package cmd

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// composed runs what docker-compose.yml runs, with what init wrote for the
// stand-ins: its settings, its policies with their clocks, PostgreSQL. Only
// addresses and paths are those of this machine.
func composed(t *testing.T) (s devState, catalogue string) {
	t.Helper()
	dir := installation(t)
	shown, err := run(t.Context(), "init", "--dir", dir)
	require.NoError(t, err)
	s.APIKey = regexp.MustCompile(`yz_\S+`).FindString(shown)

	var vendors safeBuffer
	t.Setenv(stateKey, randomHex())
	background(t, func(ctx context.Context) error {
		return runSandbox(ctx, sandboxOptions{listen: "127.0.0.1:0", state: filepath.Join(dir, "state"),
			chipKeys: filepath.Join(dir, "config", chipPublicKeysFile)}, &vendors, &vendors)
	})
	served := regexp.MustCompile(`http://(\S+)/sandbox/ledger`)
	require.Eventually(t, func() bool { return served.MatchString(vendors.String()) }, 10*time.Second, 10*time.Millisecond)
	at := served.FindStringSubmatch(vendors.String())[1]
	s.Sandbox = "http://" + at

	settings := append(settingsIn(t, dir), "YANZHEN_STORE="+storetest.Postgres(t), "YANZHEN_SANDBOX_FORWARD=", "YANZHEN_START_PATIENCE=1m")
	for _, line := range settings {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, strings.ReplaceAll(value, "127.0.0.1:8090", at))
	}
	s.API, s.Ops = "http://"+freeAddress(t), "http://"+freeAddress(t)
	t.Setenv("YANZHEN_PUBLIC_URL", s.API)
	t.Setenv("YANZHEN_API_LISTEN", trimScheme(s.API))
	out, err := run(t.Context(), "setup")
	require.NoError(t, err, out)
	for command, ops := range map[string]string{"api": trimScheme(s.Ops), "worker": freeAddress(t)} {
		t.Setenv("YANZHEN_OPS_LISTEN", ops)
		background(t, func(ctx context.Context) error {
			_, err := run(ctx, command)
			return err
		})
		// It has read the environment once it answers.
		require.Eventually(t, func() bool {
			res, err := http.Get("http://" + ops + "/readyz")
			if err == nil {
				res.Body.Close()
			}
			return err == nil && res.StatusCode == http.StatusOK
		}, time.Minute, 50*time.Millisecond, command)
	}
	return s, os.Getenv("YANZHEN_CONFIG")
}

// background runs something until the test ends.
func background(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// In the composed stack the documented people end as under dev; those whom a clock
// of production holds up do once the clocks are in force that its catalogue has in
// comments, which takes no restart.
func TestTestPeopleEndAsDocumentedInTheComposedStack(t *testing.T) {
	s, catalogue := composed(t)
	people := testPeople(t)
	late := slices.DeleteFunc(slices.Clone(people), func(p person) bool { return !p.waits() })
	require.Len(t, late, 3)
	playPeople(t, "as init wrote it", s, slices.DeleteFunc(people, person.waits))

	text, err := os.ReadFile(catalogue)
	require.NoError(t, err)
	head, clocks, found := strings.Cut(string(text), "# policies:\n")
	require.True(t, found)
	changed := head + "policies:\n" + regexp.MustCompile(`(?m)^# `).ReplaceAllString(clocks, "")
	require.NoError(t, os.WriteFile(catalogue, []byte(changed), 0o600))
	require.Eventually(t, func() bool {
		req, err := http.NewRequest(http.MethodGet, s.API+"/v1/policies", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+s.APIKey)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		list, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return strings.Count(string(list), `"version":2`) == 2
	}, 20*time.Second, 100*time.Millisecond)
	playPeople(t, "with the clocks in its comments", s, late)
}
