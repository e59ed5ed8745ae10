package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// run runs a command line and returns what it printed.
func run(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	root := Root()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

// installation sets the environment of a real installation, pointed at a
// Temporal server of the test.
func installation(t *testing.T) (dir string) {
	t.Helper()
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary, Headless: true})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	dir = t.TempDir()
	for name, value := range map[string]string{
		"TEMPORAL_ADDRESS": s.HostPort, "TEMPORAL_NAMESPACE": "kyc", "TEMPORAL_CONFIG_FILE": filepath.Join(dir, "none.toml"),
		"YANZHEN_STORE": "sqlite:" + filepath.Join(dir, "yz.db"), "YANZHEN_KEYS": filepath.Join(dir, "keys.json"),
		"YANZHEN_API_LISTEN": "127.0.0.1:0", "YANZHEN_OPS_LISTEN": "127.0.0.1:0", "YANZHEN_ACEDATA_TOKEN": "t",
		"YANZHEN_TENCENT_SECRET_ID": sandbox.DefaultSecretID, "YANZHEN_TENCENT_SECRET_KEY": sandbox.DefaultSecretKey,
		"YANZHEN_TENCENT_MERCHANT_ID": sandbox.DefaultMerchantID, "YANZHEN_TENCENT_SCHEME": "http", "YANZHEN_TENCENT_ENDPOINT": "127.0.0.1:1",
		"YANZHEN_START_PATIENCE": "0s",
	} {
		t.Setenv(name, value)
	}
	require.NoError(t, os.WriteFile(os.Getenv("TEMPORAL_CONFIG_FILE"), nil, 0o600))
	return dir
}

func TestSetupSaysWhatItDidAndWorkerRefusesWithoutIt(t *testing.T) {
	dir := installation(t)
	keys := filepath.Join(dir, "keys.json")

	_, err := run(t.Context(), "worker")
	require.ErrorContains(t, err, "YANZHEN_KEYS")

	out, err := run(t.Context(), "setup", "--make-keys", keys)
	require.NoError(t, err)
	require.Contains(t, out, "created "+keys)
	before, err := os.ReadFile(keys)
	require.NoError(t, err)
	_, err = run(t.Context(), "setup", "--make-keys", keys)
	require.ErrorContains(t, err, "already exists")
	after, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.Equal(t, before, after)

	_, err = run(t.Context(), "worker")
	require.ErrorContains(t, err, "yanzhen setup", "no schema yet")

	dsn := os.Getenv("YANZHEN_STORE")
	require.NoError(t, migrate(t.Context(), dsn, func(string) {}))
	_, err = run(t.Context(), "worker")
	require.ErrorContains(t, err, "yanzhen setup", "no search attributes yet")

	out, err = run(t.Context(), "setup")
	require.NoError(t, err, out)
	require.Contains(t, out, "store: its schema is at version")
	require.Contains(t, out, `namespace "kyc": created, runs are kept for 30 days after their end`)
	require.Contains(t, out, "search attributes: registered YzClient")
	out, err = run(t.Context(), "setup")
	require.NoError(t, err, out)
	require.Contains(t, out, `namespace "kyc": ready, with its search attributes`)
	require.NotContains(t, out, "registered")

	out, err = run(t.Context(), "setup", "--retention", "240h")
	require.NoError(t, err, out)
	require.Contains(t, out, `namespace "kyc": runs are kept for 10 days after their end, before it was 30 days`)
}

func TestWorkerAndApiRunUntilAskedToStop(t *testing.T) {
	dir := installation(t)
	require.NoError(t, createKeys(os.Getenv("YANZHEN_KEYS"), &bytes.Buffer{}))
	catalogue := filepath.Join(dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(catalogue, []byte("clients:\n  - id: shop\n    keys: [{name: a, hash: '"+strings.Repeat("ab", 32)+
		"', scopes: ['verifications:read']}]\n"), 0o600))
	t.Setenv("YANZHEN_CONFIG", catalogue)
	out, err := run(t.Context(), "setup")
	require.NoError(t, err, out)

	for _, command := range []string{"worker", "api"} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		began := time.Now()
		out, err := run(ctx, command)
		cancel()
		require.NoError(t, err, "%s: %s", command, out)
		require.GreaterOrEqual(t, time.Since(began), 3*time.Second, "%s ended by itself: %s", command, out)
		require.Contains(t, out, `"level":"INFO"`, "logs are JSON by default")
	}
}

func TestApiWithoutClientsSaysSo(t *testing.T) {
	installation(t)
	_, err := run(t.Context(), "api")
	require.ErrorContains(t, err, "no client is configured")
	require.ErrorContains(t, err, "YANZHEN_KEYS", "all faults at once")
}

func TestDevSaysThatItsServerDiedAndStops(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := startStack(t.Context(), t.TempDir(), binary, devOptions{headless: true}, &safeBuffer{})
	require.NoError(t, err)
	err = s.run(t.Context(), func(ctx context.Context) error {
		if err := syscall.Kill(s.server.PID(), syscall.SIGKILL); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorContains(t, err, "the Temporal server ended")
}

func TestATakenPortIsNamedAndReplaced(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	var out safeBuffer
	l, err := listenLocal(devPort{number: port}, "the API", &out)
	require.NoError(t, err)
	defer l.Close()
	require.Contains(t, out.String(), fmt.Sprintf("Port %d is taken: the API on %d instead.", port, l.Addr().(*net.TCPAddr).Port))
}

func TestDevShowsAVerificationOfEachPolicyAndEndsWithOnce(t *testing.T) {
	dir := t.TempDir()
	var out safeBuffer
	var metrics string
	require.NoError(t, runDev(t.Context(), devOptions{data: dir, once: true, headless: true, ready: func(_ context.Context, s devState) error {
		var err error
		metrics, err = fetchText(s.Ops + "/metrics")
		return err
	}}, &out))
	for _, want := range []string{"invented ", "identity_records  passed", "face_match        passed", "holder_match      passed",
		"APPROVED  by policy", "cn-resident: ", "cn-resident-megvii: ", "cn-chip: ", "cn-chip-capture: ", "cn-no-face: ", "their card is scanned: ", "REVIEW  a human", "curl -H 'Authorization: Bearer yz_", "/openapi.yaml", "Stopped.", "  webhook          verification.completed  ver_"} {
		require.Contains(t, out.String(), want)
	}
	requireMetrics(t, metrics)
	info, err := os.Stat(statePath(dir))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds a key")

	wanted := map[string]int{}
	for _, d := range devPolicies {
		wanted[d.want]++
	}
	require.Equal(t, wanted["approved"], strings.Count(out.String(), "APPROVED  by policy"))
	require.Equal(t, len(devPolicies), strings.Count(out.String(), "  invented "), "one verification each")
	chip, err := os.ReadFile(filepath.Join(dir, chipKeysFile))
	require.NoError(t, err)

	t.Setenv("YANZHEN_STORE", "sqlite:/nowhere/else.db")
	thrown, err := run(t.Context(), "provider", "drain", "sino_connect", "--reason", "a test", "--data", dir)
	require.NoError(t, err, "--data names the local stack's store whatever the environment says")
	require.Contains(t, thrown, "sino_connect: drain, was on")
	_, err = run(t.Context(), "provider", "on", "sino_connect", "--reason", "it is over", "--data", dir)
	require.NoError(t, err)

	first, _ := readState(dir)
	require.NoError(t, runDev(t.Context(), devOptions{data: dir, once: true, headless: true}, &out), "again over the same data")
	second, _ := readState(dir)
	require.Equal(t, first.APIKey, second.APIKey)
	again, err := os.ReadFile(filepath.Join(dir, chipKeysFile))
	require.NoError(t, err)
	require.Equal(t, chip, again)
}

// What a worker did is seen from outside: its ends, its vendors' calls by class, and
// the engine's own figures.
func requireMetrics(t *testing.T, metrics string) {
	t.Helper()
	for _, series := range []string{
		`yanzhen_outcomes_total{decided_by="policy",outcome="approved",policy="cn-resident"} 1`,
		`yanzhen_panics_total{where="workflow"} 0`,
		`yanzhen_link_duration_seconds_count{policy="cn-resident"} `,
		`yanzhen_verdict_duration_seconds_count{decided_by="policy",policy="cn-resident"} 1`,
		`yanzhen_person_duration_seconds_count{policy="cn-resident"} 1`,
		`yanzhen_verifications_open{policy="cn-resident",status="in_review"} 0`,
		`yanzhen_review_oldest_seconds{policy="cn-resident"} 0`,
		`yanzhen_verifications_overdue 0`, `yanzhen_stored_faces 0`, `yanzhen_erasures_open 0`,
		`yanzhen_webhook_deliveries_open{state="due"} `,
		`yanzhen_session_ends_total{by="`,
		`yanzhen_vendor_charges_total{charged="yes",operation="check",provider="acedata"} `,
		`yanzhen_vendor_charges_total{charged="yes",operation="session",provider="tencent_eid"} `,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="201",http_route="/v1/verifications"} `,
		`yanzhen_vendor_call_duration_seconds_count{class="ok",operation="open",provider="tencent_eid"} `,
		`yanzhen_vendor_call_duration_seconds_count{class="ok",operation="check",provider="acedata"} `,
		`yanzhen_vendor_call_duration_seconds_count{class="ok",operation="read",provider="sino_connect"} `,
		`yanzhen_vendor_call_duration_seconds_count{class="ok",operation="compare",provider="`,
		`temporal_request_total{`, `temporal_worker_task_slots_available{`, `temporal_activity_schedule_to_start_latency_seconds_count{`,
		`temporal_workflow_endtoend_latency_seconds_count{`,
	} {
		require.True(t, strings.Contains(metrics, "\n"+series), series)
	}
	require.Less(t, strings.Count(metrics, "\n"), 5000, "few enough to be kept")
	require.NotRegexp(t, `\bver_`, metrics, "no series for each verification")
}

func fetchText(address string) (string, error) {
	res, err := http.Get(address)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestConfigPrintsNoSecret(t *testing.T) {
	for _, n := range []string{"SECRET_ID", "SECRET_KEY"} {
		t.Setenv("YANZHEN_TENCENT_"+n, "very-secret")
	}
	t.Setenv("YANZHEN_TENCENT_MERCHANT_ID", "m1")
	t.Setenv("YANZHEN_PUBLIC_URL", "https://kyc.example.com")
	t.Setenv("YANZHEN_ACEDATA_TOKEN", "very-secret")
	out, err := run(t.Context(), "config")
	require.NoError(t, err)
	require.Contains(t, out, "YANZHEN_TENCENT_MERCHANT_ID=m1")
	require.NotContains(t, out, "very-secret")
}

func TestExpiredDatesFitTheHoldersAge(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for birth, want := range map[string]string{"19700101": "20061122", "19801122": "20061122", "20000101": "20161122", "19900101": "", "20050101": ""} {
		from, to, ok := expiredDates(birth, now)
		require.Equal(t, want != "", ok, birth)
		require.Equal(t, want, from, birth)
		if ok {
			require.Equal(t, "20261122", to)
		}
	}
}
