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
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`yanzhen_http_requests_total{method="GET",route="/v1/verifications/:id",status="200"} 1`,
		`yanzhen_http_request_duration_seconds_count{method="GET",route="/v1/verifications/:id"} 1`,
		`yanzhen_hints_total{provider="tencent_eid",result="sent"} 1`,
		`yanzhen_starts_total{result="created"} 1`,
		`yanzhen_swept_total{result="deleted"} 2`,
		`yanzhen_swept_total{result="ended"} 3`,
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
}
