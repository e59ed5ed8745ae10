package cmd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// examined is a whole installation, with worker and api, for doctor to look at.
func examined(t *testing.T) (dir string) {
	dir = installation(t)
	vendors, err := sandbox.Start(sandbox.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(func() { _ = vendors.Close() })
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	catalogue := filepath.Join(dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(catalogue, []byte("clients:\n  - id: shop\n    keys: [{name: a, hash: '"+strings.Repeat("ab", 32)+
		"', scopes: ['verifications:read']}]\n"), 0o600))
	for name, value := range map[string]string{
		"YANZHEN_TENCENT_ENDPOINT": strings.TrimPrefix(vendors.URL, "http://") + "/tencent", "YANZHEN_ACEDATA_BASE_URL": vendors.URL + "/acedata", "YANZHEN_ACEDATA_TOKEN": sandbox.DefaultAceDataToken,
		"YANZHEN_WEBHOOK_ALLOW": "127.0.0.0/8",
		"YANZHEN_API_LISTEN":    listen, "YANZHEN_PUBLIC_URL": "http://" + listen, "YANZHEN_CONFIG": catalogue,
	} {
		t.Setenv(name, value)
	}
	require.NoError(t, createKeys(os.Getenv("YANZHEN_KEYS"), &safeBuffer{}))
	out, err := run(t.Context(), "setup")
	require.NoError(t, err, out)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, command := range []string{"worker", "api"} {
		go func() {
			_, err := run(ctx, command)
			ended <- err
		}()
	}
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
	})
	return dir
}

func examine(t *testing.T) (found []finding, err error) {
	t.Helper()
	out, err := run(t.Context(), "doctor", "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &found), out)
	return found, err
}

// A planted fault is found, alone, with what to do about it.
func TestDoctor(t *testing.T) {
	dir := examined(t)
	require.Eventually(t, func() bool { _, err := examine(t); return err == nil }, 30*time.Second, 300*time.Millisecond, "a whole installation has no faults")
	table, err := run(t.Context(), "doctor")
	require.NoError(t, err)
	require.Regexp(t, `ok +tencent_eid credentials +the vendor takes them`, table)
	require.Regexp(t, `ok +workers +each of \d+ task queues was asked`, table)
	require.NotContains(t, table, sandbox.DefaultSecretKey)

	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	otherKeys := filepath.Join(dir, "other.json")
	require.NoError(t, createKeys(otherKeys, &safeBuffer{}))
	readable := filepath.Join(dir, "readable.json")
	text, err := os.ReadFile(otherKeys)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(readable, text, 0o644))
	newer := filepath.Join(dir, "newer.db")
	require.NoError(t, store.Migrate(t.Context(), "sqlite:"+newer))
	db, err := sql.Open("sqlite", newer)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (99999, true)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	another := httptest.NewServer(http.NotFoundHandler())
	defer another.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it is to be refused
	untrusted.StartTLS()
	defer untrusted.Close()
	expired := httptest.NewUnstartedServer(http.NotFoundHandler())
	expired.Config.ErrorLog = untrusted.Config.ErrorLog
	expired.TLS = &tls.Config{Certificates: []tls.Certificate{expiredCertificate(t)}}
	expired.StartTLS()
	defer expired.Close()
	unsigned := filepath.Join(dir, "unsigned.json")
	dropSigKeys(t, os.Getenv("YANZHEN_KEYS"), unsigned)
	registered(t, "lacking", nil)
	foreign(t, "another")
	hooked := "webhooks: [{id: main, url: 'https://%s/', secrets: [whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + "]}]\n"
	clients := "clients:\n  - id: shop\n    keys: [{name: a, hash: '" + strings.Repeat("ab", 32) + "', scopes: ['verifications:read']}]\n    "

	for _, fault := range []struct {
		name, setting, value  string
		check, detail, remedy string
		warns                 bool
	}{
		{"misspelt", "YANZHEN_STROE", "x", "configuration", "YANZHEN_STROE", "Correct the setting", false},
		{"unreadable setting", "YANZHEN_START_PATIENCE", "soon", "configuration", "YANZHEN_START_PATIENCE", "Correct the setting", false},
		{"http for all to see", "YANZHEN_PUBLIC_URL", "http://kyc.example", "configuration", "YANZHEN_PUBLIC_URL", "Correct the setting", false},
		{"no key file", "YANZHEN_KEYS", dir + "/none", "configuration", "YANZHEN_KEYS", "Correct the setting", false},
		{"others read the keys", "YANZHEN_KEYS", readable, "configuration", "chmod 600", "Correct the setting", false},
		{"other keys", "YANZHEN_KEYS", otherKeys, "store", "", "restore that one", false},
		{"no client", "YANZHEN_CONFIG", file("empty.yaml", "policies: []\n"), "configuration", "no client", "Correct the setting", false},
		{"no YAML", "YANZHEN_CONFIG", file("broken.yaml", "clients: [\n"), "configuration", "YANZHEN_CONFIG", "Correct the setting", false},
		{"a vendor without its secret", "YANZHEN_TENCENT_SECRET_KEY", "", "configuration", "YANZHEN_TENCENT_SECRET_KEY", "Correct the setting", false},
		{"a collector without a scheme", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "telemetry", "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL", "Correct the setting", false},
		{"no schema", "YANZHEN_STORE", "sqlite:" + dir + "/none.db", "store", "", "yanzhen setup", false},
		{"a newer schema", "YANZHEN_STORE", "sqlite:" + newer, "store", "newer", "newer yanzhen", false},
		{"no database", "YANZHEN_STORE", "postgres://u:planted@127.0.0.1:1/y", "store", "", "", false},
		{"no engine", "TEMPORAL_ADDRESS", "127.0.0.1:1", "engine", "127.0.0.1:1", "TEMPORAL_ADDRESS", false},
		{"no namespace", "TEMPORAL_NAMESPACE", "other", "engine", "other", "yanzhen setup", false},
		{"an old engine", "TEMPORAL_ADDRESS", engineOf(t, "1.20.4"), "engine", "1.20.4", "Upgrade the Temporal server", false},
		{"no search attributes", "TEMPORAL_NAMESPACE", "lacking", "engine", "lacks search attributes", "yanzhen setup", false},
		{"another's search attributes", "TEMPORAL_NAMESPACE", "another", "engine", "YzClient is Text instead of Keyword", "Set TEMPORAL_NAMESPACE", false},
		{"no key that signs", "YANZHEN_KEYS", unsigned, "keys", "sig", "yanzhen keys new sig", false},
		{"a vendor's certificate that is over", "YANZHEN_ACEDATA_BASE_URL", expired.URL, "acedata address", "expired", "this machine's clock", false},
		{"our certificate that is over", "YANZHEN_PUBLIC_URL", expired.URL, "public address", "expired", "Renew the certificate", false},
		{"a vendor's wrong address", "YANZHEN_ACEDATA_BASE_URL", "http://127.0.0.1:1", "acedata address", "refused", "YANZHEN_ACEDATA_BASE_URL", false},
		{"a vendor's wrong key", "YANZHEN_TENCENT_SECRET_KEY", "planted", "tencent_eid credentials", "does not take them", "Tencent Cloud's console", false},
		{"another server", "YANZHEN_PUBLIC_URL", another.URL, "public address", "not yanzhen's api", "YANZHEN_API_LISTEN", false},
		{"nobody there", "YANZHEN_PUBLIC_URL", "http://127.0.0.1:1", "public address", "refused", "YANZHEN_API_LISTEN", false},
		{"a certificate nobody trusts", "YANZHEN_PUBLIC_URL", untrusted.URL, "public address", "certificate", "YANZHEN_PUBLIC_URL", false},
		{"a receiver that is down", "YANZHEN_CONFIG", file("down.yaml", clients+fmt.Sprintf(hooked, "127.0.0.1:1")), "webhook shop/main", "refused", "webhook test", true},
		{"a receiver's bad certificate", "YANZHEN_CONFIG", file("tls.yaml", clients+fmt.Sprintf(hooked, untrusted.Listener.Addr())), "webhook shop/main", "certificate", "renews the certificate", true},
		{"a receiver's certificate that is over", "YANZHEN_CONFIG", file("over.yaml", clients+fmt.Sprintf(hooked, expired.Listener.Addr())), "webhook shop/main", "expired", "renews the certificate", true},
		{"a receiver at a private address", "YANZHEN_CONFIG", file("private.yaml", clients+fmt.Sprintf(hooked, "10.1.2.3:443")), "webhook shop/main", "private", "YANZHEN_WEBHOOK_ALLOW", true},
		{"a policy that nobody could fail", "YANZHEN_CONFIG", file("policy.yaml", clients+"\npolicies: [{name: x, version: 1}]\n"), "configuration", "policy \"x\"", "Correct the setting", false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Setenv(fault.setting, fault.value)
			found, err := examine(t)
			want := findingError
			if fault.warns {
				want = findingWarning
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
			n := 0
			for _, f := range found {
				if f.Check == fault.check && f.Status == want {
					n++
					require.Contains(t, f.Detail, fault.detail)
					require.Contains(t, f.Remedy, fault.remedy)
					require.NotEmpty(t, f.Remedy)
				}
				require.NotContains(t, f.Detail+f.Remedy, "planted", "no secret is shown")
			}
			require.Positive(t, n, "%+v", found)
		})
	}
}

// In the composed stack with stand-ins the api's address is that of the machine, not
// of the container in which the doctor looks. Without them nobody being there is an
// error.
func TestDoctorKnowsThatLoopbackLeadsNowhereFromAContainer(t *testing.T) {
	for forwards, want := range map[bool]findingStatus{true: findingUnknown, false: findingError} {
		found := diagnosePublicURL(t.Context(), "http://127.0.0.1:1", forwards)
		require.Len(t, found, 1)
		require.Equal(t, want, found[0].Status, found[0].Detail)
	}
	require.Equal(t, findingError, diagnosePublicURL(t.Context(), "http://nobody.invalid", true)[0].Status)
}

// A namespace with runs that are soon gone, and queues that nobody asks.
func TestDoctorSeesAnIdleEngine(t *testing.T) {
	installation(t)
	t.Setenv("TEMPORAL_NAMESPACE", "default")
	quiet := slog.New(slog.DiscardHandler)
	o, err := engine.Options(os.Environ(), quiet)
	require.NoError(t, err)
	c, err := client.Dial(o)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, engine.Setup(t.Context(), c, "default", workflows.SearchAttributes(), 24*time.Hour, func(string) {}))
	for _, q := range usualQuestions(time.Now()) { // what doctor prints, the server understands
		_, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: "default", Query: q.filter})
		if err != nil && strings.Contains(q.asks, "1.30 or later") {
			require.ErrorContains(t, err, "TemporalReportedProblems", "an older server does not know it")
			continue
		}
		require.NoError(t, err, q.filter)
	}
	found := diagnoseEngine(t.Context(), os.Environ(), nil, "", quiet)
	require.Equal(t, []string{"ok engine", "warning retention", "error workers", "warning schedule yanzhen-retention"}, short(found))
	scheduleFaults(t, c)
}

// expiredCertificate is this machine's, and was over yesterday.
func expiredCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// dropSigKeys writes a key file without the keys that sign.
func dropSigKeys(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(text, &set))
	set.Keys = slices.DeleteFunc(set.Keys, func(k map[string]any) bool { return k["use"] == "sig" })
	text, err = json.Marshal(set)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, 0o600))
}

// registered is a namespace with search attributes and a retention of a day.
func registered(t *testing.T, namespace string, attributes engine.Attributes) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: namespace})
	require.NoError(t, err)
	defer c.Close()
	require.Eventually(t, func() bool {
		return engine.Setup(t.Context(), c, namespace, attributes, 24*time.Hour, func(string) {}) == nil
	}, 30*time.Second, 200*time.Millisecond)
}

// engineOf is a Temporal server that says of itself that it is of a version.
func engineOf(t *testing.T, version string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, &oldEngine{version: version})
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

type oldEngine struct {
	workflowservice.UnimplementedWorkflowServiceServer
	version string
}

func (e *oldEngine) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: e.version, Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func keysOf(t *testing.T, path string) *sealing.Keys {
	k, err := sealing.Load(path)
	require.NoError(t, err)
	return k
}

func short(found []finding) (out []string) {
	for _, f := range found {
		out = append(out, string(f.Status)+" "+f.Check)
	}
	return out
}

// Signatures with a wrong clock fail: it is seen before the first one is.
func TestDoctorSeesAWrongClock(t *testing.T) {
	vendors, err := sandbox.Start(sandbox.DefaultConfig())
	require.NoError(t, err)
	defer vendors.Close()
	for off, want := range map[time.Duration]findingStatus{0: findingOK, time.Minute: findingWarning, -10 * time.Minute: findingError} {
		f := diagnoseAddress(t.Context(), "tencent_eid", "YANZHEN_TENCENT_ENDPOINT", strings.TrimPrefix(vendors.URL, "http://"),
			func() time.Time { return time.Now().Add(off) })
		require.Equal(t, want, f.Status, "%v: %s", off, f.Detail)
	}
}

// What may need somebody is told with the time since when.
func TestDoctorTellsWhatIsOpen(t *testing.T) {
	installation(t)
	require.NoError(t, createKeys(os.Getenv("YANZHEN_KEYS"), &safeBuffer{}))
	require.NoError(t, store.Migrate(t.Context(), os.Getenv("YANZHEN_STORE")))
	cfg, err := load(os.Environ(), config.Needs{})
	require.NoError(t, err)
	require.Equal(t, []string{"ok keys", "ok store", "ok verifications", "ok audit log", "ok retention of data"}, short(diagnoseStore(t.Context(), cfg, nil)))
	st, err := store.Open(t.Context(), cfg.Store, keysOf(t, cfg.Keys))
	require.NoError(t, err)
	defer st.Close()
	now := time.Now()
	row := store.Row{ID: "ver_waits", Client: "shop", Fingerprint: []byte{1}, CreatedAt: now, OverdueAt: now.Add(time.Hour),
		State: verification.NewState(verification.Policy{Name: "p", Version: 1}, now)}
	_, _, err = st.Insert(t.Context(), row)
	require.NoError(t, err)
	require.Equal(t, []string{"ok verifications"}, short(diagnoseOpen(t.Context(), st, now)))
	found := diagnoseOpen(t.Context(), st, now.Add(3*time.Hour))
	require.Equal(t, []string{"ok verifications", "warning waiting on a vendor for over an hour", "warning past all their clocks", "warning webhooks"}, short(found))
	require.Contains(t, found[1].Detail, "ver_waits (3h0m0s)")
}
