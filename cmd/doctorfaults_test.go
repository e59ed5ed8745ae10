package cmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The server's word on a client certificate that is over comes as a broken
// connection; doctor, and a start, look at it themselves.
func TestDoctorSeesAnEndedClientCertificate(t *testing.T) {
	dir := t.TempDir()
	ended := expiredCertificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(ended.PrivateKey)
	require.NoError(t, err)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	environ := []string{"TEMPORAL_ADDRESS=127.0.0.1:1", "TEMPORAL_CONFIG_FILE=" + filepath.Join(dir, "none"),
		"TEMPORAL_TLS_CLIENT_CERT_PATH=" + write("cert.pem", "CERTIFICATE", ended.Certificate[0]), "TEMPORAL_TLS_CLIENT_KEY_PATH=" + write("key.pem", "PRIVATE KEY", key)}
	f := foundOf(t, diagnoseEngine(t.Context(), environ, nil, "", slog.New(slog.DiscardHandler)), "engine")
	require.Equal(t, findingError, f.Status)
	require.Contains(t, f.Detail, "the client certificate for 127.0.0.1:1 ended on ")
	require.Contains(t, f.Remedy, "TEMPORAL_TLS_CLIENT_CERT_PATH")

	o, err := engine.Options(environ, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = engine.Dial(ctx, o)
	require.ErrorContains(t, err, "renew the one that TEMPORAL_TLS_CLIENT_CERT_PATH names")
	require.False(t, engine.NotYet(err), "waiting does not mend it")

	o.ConnectionOptions.TLS = &tls.Config{}
	_, there := engine.CertificateEnds(o)
	require.False(t, there)
}

// pollers is a server that tells who asks its queues, and how many runs a filter
// finds.
type pollers struct {
	workflowservice.WorkflowServiceClient
	all    []*taskqueue.PollerInfo
	counts map[string]int64
}

type polled struct {
	client.Client
	to pollers
}

func (p polled) WorkflowService() workflowservice.WorkflowServiceClient { return p.to }

func (p polled) CountWorkflow(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	for part, n := range p.to.counts {
		if strings.Contains(r.GetQuery(), part) {
			return &workflowservice.CountWorkflowExecutionsResponse{Count: n}, nil
		}
	}
	return nil, fmt.Errorf("an older server does not know %q", r.GetQuery())
}

func (p pollers) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest, ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{Pollers: p.all}, nil
}

// Workers that are gone are remembered by the server for a while, and do not count;
// those of two versions, of which each takes what the other began, are told of.
func TestDoctorSeesWhoReallyWorks(t *testing.T) {
	asked := func(ago time.Duration, build string) *taskqueue.PollerInfo {
		return &taskqueue.PollerInfo{Identity: build + ago.String(), LastAccessTime: timestamppb.New(time.Now().Add(-ago)),
			//lint:ignore SA1019 as the check reads it
			WorkerVersionCapabilities: &commonpb.WorkerVersionCapabilities{BuildId: build}}
	}
	for name, tc := range map[string]struct {
		all        []*taskqueue.PollerInfo
		deployment string
		finds      []string
		says       string
	}{
		"one version":               {[]*taskqueue.PollerInfo{asked(time.Second, "v1"), asked(time.Minute, "v1")}, "", []string{"ok workers"}, ""},
		"gone for four minutes":     {[]*taskqueue.PollerInfo{asked(4*time.Minute, "v1")}, "", []string{"error workers"}, "no worker polls the task queues verification, webhooks"},
		"two versions":              {[]*taskqueue.PollerInfo{asked(time.Second, "v1"), asked(time.Minute, "v2"), asked(time.Second, "v2")}, "", []string{"ok workers", "warning workers"}, "1 of v1, 2 of v2"},
		"the older one is gone":     {[]*taskqueue.PollerInfo{asked(4*time.Minute, "v1"), asked(time.Second, "v2")}, "", []string{"ok workers"}, ""},
		"two that have their turns": {[]*taskqueue.PollerInfo{asked(time.Second, "v1"), asked(time.Second, "v2")}, "yanzhen", []string{"ok workers"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := diagnoseWorkers(t.Context(), polled{to: pollers{all: tc.all}}, "default", nil, tc.deployment)
			require.Equal(t, tc.finds, short(found))
			require.Contains(t, found[len(found)-1].Detail, tc.says)
		})
	}
}

// Runs whose code fails, and those that somebody paused, stand still while workers
// run; a server that cannot tell of them is no fault.
func TestDoctorSeesRunsThatStandStill(t *testing.T) {
	require.Empty(t, diagnoseRuns(t.Context(), polled{}))
	found := diagnoseRuns(t.Context(), polled{to: pollers{counts: map[string]int64{"TemporalReportedProblems": 3, "TemporalPauseInfo": 1}}})
	require.Equal(t, []string{"error runs", "warning runs"}, short(found))
	require.Contains(t, found[0].Remedy, "do not terminate")
	require.Contains(t, found[1].Remedy, "Unpause")
}

// The process on this machine says itself what it lacks; where there is none, that is
// no fault, for doctor may run elsewhere.
func TestDoctorAsksTheProcessOnThisMachine(t *testing.T) {
	answering := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	for name, tc := range map[string]struct {
		listen, detail string
		status         findingStatus
	}{
		"ready":           {answering(200, `{"engine":"ok","store":"ok"}`), "ready, at", findingOK},
		"an older file":   {answering(200, `{"catalogue":"old_one_kept","engine":"ok","store":"ok"}`), "but for catalogue old_one_kept", findingWarning},
		"not ready":       {answering(503, `{"engine":"unavailable","store":"disk_full"}`), "engine unavailable, store disk_full", findingError},
		"another server":  {answering(404, "not found"), "it is not yanzhen", findingError},
		"nobody is there": {"127.0.0.1:1", "YANZHEN_OPS_LISTEN", findingUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			found := diagnoseProcess(t.Context(), tc.listen)
			require.Len(t, found, 1)
			require.Equal(t, tc.status, found[0].Status, found[0].Detail)
			require.Contains(t, found[0].Detail, tc.detail)
		})
	}
}

// Faults that nothing refuses, and that somebody made or forgot: each is told, with
// since when and what to do.
func TestDoctorSeesWhatWasForgotten(t *testing.T) {
	dir := t.TempDir()
	keys, catalogue := filepath.Join(dir, "keys.json"), filepath.Join(dir, "yanzhen.yaml")
	require.NoError(t, createKeys(keys, &bytes.Buffer{}))
	hook := func(id string) string {
		return "{id: " + id + ", url: 'https://127.0.0.1:1/" + id + "', secrets: [whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + "]}"
	}
	require.NoError(t, os.WriteFile(catalogue, []byte("clients:\n  - id: shop\n    keys: [{name: a, hash: '"+strings.Repeat("ab", 32)+
		"', scopes: ['verifications:read'], expires: "+time.Now().Add(3*24*time.Hour).Format(time.RFC3339)+"}]\n    webhooks: ["+hook("main")+", "+hook("moved")+", "+hook("well")+"]\n"), 0o600))
	dsn := "sqlite:" + filepath.Join(dir, "yz.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	cfg, err := load([]string{"YANZHEN_STORE=" + dsn, "YANZHEN_KEYS=" + keys, "YANZHEN_CONFIG=" + catalogue, "YANZHEN_ACEDATA_TOKEN=t", "YANZHEN_ACEDATA_SWITCH=off"}, config.Needs{})
	require.NoError(t, err)
	old := keysOf(t, keys)
	st, err := store.Open(t.Context(), dsn, old)
	require.NoError(t, err)
	defer st.Close()
	now := time.Now()
	plain := func(found []finding) (out []string) {
		for _, s := range short(found) {
			if strings.HasPrefix(s, "warning") {
				out = append(out, s)
			}
		}
		return out
	}
	require.NoError(t, st.HoldKeys(t.Context(), "worker one/1"))
	require.NoError(t, st.AuditConfiguration(t.Context(), store.Audit{By: "worker", Purpose: configuredAs(sumOf(cfg.Files()))}))
	require.Equal(t, []string{"warning acedata switch"}, plain(diagnoseStore(t.Context(), cfg, nil)), "nothing else is wrong")

	require.NoError(t, st.SetSwitch(t.Context(), store.Switch{Provider: "acedata", State: store.SwitchDrain, Reason: "outage", By: "mei", At: now.Add(-50 * time.Hour)}))
	row := store.Row{ID: "ver_one", Client: "shop", Fingerprint: []byte{1}, CreatedAt: now, OverdueAt: now.Add(time.Hour),
		State: verification.NewState(verification.Policy{Name: "p", Version: 1}, now)}
	_, _, err = st.Insert(t.Context(), row)
	require.NoError(t, err)
	_, err = st.Relay(t.Context(), now, func(string, string) []string { return []string{"main", "moved", "well"} }, 10)
	require.NoError(t, err)
	due, err := st.TakeDue(t.Context(), now, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, due, 3)
	for _, d := range due {
		try := store.Try{EventID: d.EventID, Endpoint: d.Endpoint, At: now.Add(-2 * time.Hour), Class: "3xx", State: store.DeliverySending, Health: store.Fails}
		if d.Endpoint == "well" {
			try.Class, try.State, try.Health = "2xx", store.DeliveryDelivered, store.Works
		}
		if d.Endpoint != "main" {
			_, err = st.Settle(t.Context(), try, 5*24*time.Hour)
			require.NoError(t, err)
		}
	}
	require.NoError(t, st.Pause(t.Context(), store.Audit{Client: "shop", By: "mei", At: now.Add(-30 * time.Hour)}, "main"))
	require.NoError(t, st.AuditConfiguration(t.Context(), store.Audit{By: "worker", Purpose: "sha256:another"}))
	require.NoError(t, addKeys(cfg, []string{"seal"}, &keyFlags{}, &bytes.Buffer{}))

	_, err = st.SealAudit(t.Context())
	require.NoError(t, err)
	found := append(diagnoseStore(t.Context(), cfg, nil), diagnoseAPIKeys(cfg, now)...)
	require.Equal(t, []string{"warning acedata switch", "warning acedata switch", "warning webhook shop/main", "warning webhook shop/moved",
		"warning keys in use", "warning catalogue in use", "warning API keys"}, plain(found))
	text := fmt.Sprint(found)
	for _, says := range []string{"drain since 50h0m0s, by mei: outage", "yanzhen provider on acedata", "off by the settings", "paused since 30h0m0s", "yanzhen webhook resume",
		"it only fails since 2h0m0s: 3xx", "let the catalogue's URL be that one", "worker one/1 goes by the keys", "go by another file of clients and policies", "client shop: key a", "yanzhen client rotate"} {
		require.Contains(t, text, says)
	}
}

// What is due is erased by a schedule: one that is missing, or that somebody paused,
// erases nothing.
func scheduleFaults(t *testing.T, c client.Client) {
	t.Helper()
	found := diagnoseSchedule(t.Context(), c)
	require.Equal(t, []string{"warning schedule yanzhen-retention"}, short(found))
	require.Contains(t, found[0].Detail, "not there")
	_, err := c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: "yanzhen-retention", Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}}, Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		Action: &client.ScheduleWorkflowAction{ID: "x", Workflow: "x", TaskQueue: "x"},
	})
	require.NoError(t, err)
	require.Empty(t, diagnoseSchedule(t.Context(), c))
	require.NoError(t, c.ScheduleClient().GetHandle(t.Context(), "yanzhen-retention").Pause(t.Context(), client.SchedulePauseOptions{}))
	found = diagnoseSchedule(t.Context(), c)
	require.Equal(t, []string{"warning schedule yanzhen-retention"}, short(found))
	require.Contains(t, found[0].Detail, "paused")
}
