package telemetry

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheLoggerKeepsLevelAndFormat(t *testing.T) {
	var out bytes.Buffer
	l, err := NewLogger(&out, "warn", "json")
	require.NoError(t, err)
	l.Info("quiet")
	l.Warn("loud", "n", 1)
	require.NotContains(t, out.String(), "quiet")
	require.Contains(t, out.String(), `"msg":"loud","n":1`)

	_, err = NewLogger(&out, "shout", "json")
	require.ErrorContains(t, err, "shout")
	_, err = NewLogger(&out, "info", "xml")
	require.ErrorContains(t, err, "xml")
}

func TestWhatIsCountedIsServed(t *testing.T) {
	m := NewMetrics()
	m.Request("GET", "/v1/verifications/:id", 200, 10*time.Millisecond)
	m.Hint("tencent_eid", "sent")
	m.Start("created")
	m.Swept(2, 3)
	m.Panicked(HTTP)
	m.SetPrices(func(provider, operation string) (float64, string, bool) { return 0.5, "CNY", provider == "acedata" })
	m.Ended(End{Policy: "cn-resident", Outcome: "approved", DecidedBy: "policy", Took: 40 * time.Second, Person: 20 * time.Second})
	m.Ended(End{Policy: "cn-resident", Outcome: "declined", DecidedBy: "reviewer", Later: true, Took: time.Hour})
	m.Ended(End{Policy: "cn-resident", Outcome: "expired"})
	m.Linked("cn-resident", 300*time.Millisecond)
	m.VendorCall("acedata", "check", "unavailable", time.Second)
	m.Charged("acedata", "check", "no")
	m.Charged("acedata", "check", "yes")
	m.Charged("acedata", "check", "yes")
	m.Charged("toy", "check", "yes")
	m.WebhookOver("delivered", 3*time.Second)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/v1/verifications/:id"} 1`,
		`yanzhen_hints_total{provider="tencent_eid",result="sent"} 1`,
		`yanzhen_starts_total{result="created"} 1`,
		`yanzhen_swept_total{result="deleted"} 2`,
		`yanzhen_swept_total{result="ended"} 3`,
		`yanzhen_panics_total{where="http"} 1`,
		`yanzhen_panics_total{where="workflow"} 0`,
		`yanzhen_outcomes_total{decided_by="policy",outcome="approved",policy="cn-resident"} 1`,
		`yanzhen_outcomes_total{decided_by="none",outcome="expired",policy="cn-resident"} 1`,
		`yanzhen_outcomes_total{decided_by="reviewer",outcome="declined",policy="cn-resident"} 1`,
		`yanzhen_link_duration_seconds_bucket{policy="cn-resident",le="0.5"} 1`,
		`yanzhen_verdict_duration_seconds_sum{decided_by="policy",policy="cn-resident"} 40`,
		`yanzhen_verdict_duration_seconds_count{decided_by="policy",policy="cn-resident"} 1`,
		`yanzhen_person_duration_seconds_count{policy="cn-resident"} 2`,
		`yanzhen_vendor_call_duration_seconds_count{class="unavailable",operation="check",provider="acedata"} 1`,
		`yanzhen_vendor_charges_total{charged="no",operation="check",provider="acedata"} 1`,
		`yanzhen_vendor_charges_total{charged="yes",operation="check",provider="toy"} 1`,
		`yanzhen_vendor_cost_total{charged="yes",currency="CNY",operation="check",provider="acedata"} 1`,
		`yanzhen_webhook_delivery_duration_seconds_count{state="delivered"} 1`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line+"\n")
	}
	require.NotContains(t, w.Body.String(), `decided_by="reviewer",policy="cn-resident",le`, "a later version is not the first verdict")
	require.NotContains(t, w.Body.String(), "yanzhen_verifications_open", "nobody has counted yet")
}

// What the store holds is told as it was measured last.
func TestWhatTheStoreHoldsIsServed(t *testing.T) {
	m := NewMetrics()
	m.Stored(Stored{Open: map[[2]string]int{{"cn-resident", "in_review"}: 9}})
	m.Stored(Stored{
		Open: map[[2]string]int{{"cn-resident", "in_review"}: 2, {"cn-resident", "processing"}: 0}, Overdue: 1,
		Review: map[string]time.Duration{"cn-resident": time.Hour}, Deliveries: map[string]int{"held": 4}, Delivery: 7 * time.Second, Backlog: 8 * time.Second,
		Erasures: 3, Erasure: time.Minute, Faces: 1,
	})
	m.Due(Due{Personal: 5, Verdicts: 6})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`yanzhen_verifications_open{policy="cn-resident",status="in_review"} 2`,
		`yanzhen_verifications_open{policy="cn-resident",status="processing"} 0`,
		`yanzhen_review_oldest_seconds{policy="cn-resident"} 3600`,
		`yanzhen_verifications_overdue 1`,
		`yanzhen_webhook_deliveries_open{state="held"} 4`,
		`yanzhen_webhook_deliveries_open{state="due"} 0`,
		`yanzhen_webhook_oldest_seconds 7`,
		`yanzhen_webhook_backlog_seconds 8`,
		`yanzhen_retention_due{part="personal"} 5`,
		`yanzhen_retention_due{part="verdicts"} 6`,
		`yanzhen_retention_due{part="events"} 0`,
		`yanzhen_erasures_open 3`,
		`yanzhen_erasure_oldest_seconds 60`,
		`yanzhen_stored_faces 1`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line+"\n")
	}
}

// What the store held before it went away is told no more once nobody could measure
// it again: the review backlog of an hour ago is not the one of now. One round that
// fails takes nothing away, and with the store the figures come back.
func TestWhatNobodyCouldMeasureIsToldNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		told := func() (names []string) {
			families, err := m.Registry().Gather()
			require.NoError(t, err)
			for _, f := range families {
				for _, prefix := range []string{"yanzhen_verifications_", "yanzhen_review_", "yanzhen_webhook_backlog", "yanzhen_webhook_oldest",
					"yanzhen_webhook_deliveries_open", "yanzhen_erasure", "yanzhen_stored_faces", "yanzhen_retention_due"} {
					if strings.HasPrefix(f.GetName(), prefix) {
						names = append(names, f.GetName())
					}
				}
			}
			return names
		}
		held := Stored{Open: map[[2]string]int{{"cn-resident", "in_review"}: 9}, Review: map[string]time.Duration{"cn-resident": time.Hour}}
		require.Empty(t, told(), "nobody has measured yet")
		m.Due(Due{Events: 1})
		m.Stored(held)
		require.Len(t, told(), 10)
		time.Sleep(45 * time.Second)
		require.Len(t, told(), 10)
		time.Sleep(16 * time.Second)
		require.Equal(t, []string{"yanzhen_retention_due"}, told(), "it is measured once a minute")
		time.Sleep(4 * time.Minute)
		require.Empty(t, told())
		m.Stored(held)
		require.Len(t, told(), 9)
	})
}

// Workflows count by the SDK's handler, whose other tags are no labels of ours.
func TestWhatWorkflowsCountHasNoTagsOfTheEngine(t *testing.T) {
	m := NewMetrics()
	h := m.Engine().WithTags(map[string]string{"task_queue": "verification", "workflow_type": "Verification", "operation": "x"})
	h.WithTags(map[string]string{"provider": "megvii_faceid", "by": "callback"}).Counter(SessionEnds).Inc(2)
	h.WithTags(map[string]string{"provider": "megvii_faceid", "operation": "session", "charged": "yes"}).Counter(Charges).Inc(1)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`yanzhen_session_ends_total{by="callback",provider="megvii_faceid"} 2`,
		`yanzhen_vendor_charges_total{charged="yes",operation="session",provider="megvii_faceid"} 1`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line+"\n")
	}
}

func TestWithoutMetricsNothingIsCounted(t *testing.T) {
	var m *Metrics
	m.Request("GET", "/", 200, 0)
	m.Hint("p", "sent")
	m.Start("created")
	m.Swept(1, 1)
	m.Panicked(Workflow)
	m.Ended(End{Policy: "p", Outcome: "approved"})
	m.Linked("p", 0)
	m.Charged("p", "check", "yes")
	m.WebhookOver("delivered", 0)
	m.Stored(Stored{})
	m.Due(Due{})
	m.VendorCall("p", "open", "ok", 0)
	m.Engine().Counter("temporal_request").Inc(1)
	require.False(t, m.WorkflowsFail())
}

func TestWorkflowsFailAfterAPanicOfOne(t *testing.T) {
	m := NewMetrics()
	m.Panicked(Activity)
	m.Panicked(HTTP)
	require.False(t, m.WorkflowsFail())
	m.Panicked(Workflow)
	require.True(t, m.WorkflowsFail())
	m.failedAt.Store(time.Now().Add(-failingFor).UnixNano())
	require.False(t, m.WorkflowsFail())
}

// The SDK gives one name other tags at other places, and some whose values are
// without end.
func TestTheEnginesSDKCountsUnderItsOwnNames(t *testing.T) {
	m := NewMetrics()
	h := m.Engine().WithTags(map[string]string{"namespace": "yanzhen", "client_name": "temporal_go", "worker_id": "4711"})
	h.WithTags(map[string]string{"operation": "StartWorkflowExecution"}).Counter("temporal_request").Inc(2)
	h.WithTags(map[string]string{"operation": "PollActivityTaskQueue", "task_queue": "megvii"}).Counter("temporal_request").Inc(1)
	h.Counter("temporal_local_activity_total").Inc(1)
	h.WithTags(map[string]string{"task_queue": "megvii"}).WithTags(map[string]string{"task_queue": "none"}).Gauge("temporal_num_pollers").Update(2)
	h.Timer("temporal_request_latency").Record(20 * time.Millisecond)
	require.False(t, m.WorkflowsFail())
	failed := h.WithTags(map[string]string{"failure_reason": "NonDeterminismError"}).Counter("temporal_workflow_task_execution_failed")
	require.False(t, m.WorkflowsFail())
	failed.Inc(1)
	require.True(t, m.WorkflowsFail())

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	for _, line := range []string{
		`temporal_request_total{operation="StartWorkflowExecution"} 2`,
		`temporal_request_total{operation="PollActivityTaskQueue",task_queue="megvii"} 1`,
		"temporal_local_activity_total 1",
		"temporal_num_pollers 2",
		`temporal_request_latency_seconds_bucket{le="0.05"} 1`,
		`temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"} 1`,
		`yanzhen_panics_total{where="workflow"} 1`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line+"\n")
	}
	require.NotContains(t, w.Body.String(), "4711")
}
