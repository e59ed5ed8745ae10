package telemetry

import (
	"bytes"
	"net/http/httptest"
	"testing"
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
	m.Ended("cn-resident", "approved", "policy")
	m.Ended("cn-resident", "expired", "")
	m.VendorCall("acedata", "check", "unavailable", time.Second)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`yanzhen_http_requests_total{method="GET",route="/v1/verifications/:id",status="200"} 1`,
		`yanzhen_http_request_duration_seconds_count{method="GET",route="/v1/verifications/:id"} 1`,
		`yanzhen_hints_total{provider="tencent_eid",result="sent"} 1`,
		`yanzhen_starts_total{result="created"} 1`,
		`yanzhen_swept_total{result="deleted"} 2`,
		`yanzhen_swept_total{result="ended"} 3`,
		`yanzhen_panics_total{where="http"} 1`,
		`yanzhen_panics_total{where="workflow"} 0`,
		`yanzhen_outcomes_total{decided_by="policy",outcome="approved",policy="cn-resident"} 1`,
		`yanzhen_outcomes_total{decided_by="none",outcome="expired",policy="cn-resident"} 1`,
		`yanzhen_vendor_call_duration_seconds_count{class="unavailable",operation="check",provider="acedata"} 1`,
	} {
		require.Contains(t, w.Body.String(), line)
	}
}

func TestWithoutMetricsNothingIsCounted(t *testing.T) {
	var m *Metrics
	m.Request("GET", "/", 200, 0)
	m.Hint("p", "sent")
	m.Start("created")
	m.Swept(1, 1)
	m.Panicked(Workflow)
	m.Ended("p", "approved", "policy")
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
