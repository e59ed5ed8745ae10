package e2e

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// operations are the calls that the api's client of the engine made, by their
// names, as often as that.
func (s *stack) operations() map[string]bool {
	s.t.Helper()
	res, err := http.Get(s.opsURL + "/metrics")
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "temporal_request_total{") || strings.HasPrefix(line, "temporal_long_request_total{") {
			_, rest, _ := strings.Cut(line, `operation="`)
			name, _, _ := strings.Cut(rest, `"`)
			out[name] = true
		}
	}
	return out
}

// A call that begins a verification learns of its link by the store: a query
// would cost the run a task for each caller.
func TestNoStartReadOrWaitQueriesARun(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.NotNil(t, a.view.NextAction)
	s.read(a.view.ID)
	s.call("shop", "GET", "/v1/verifications/"+a.view.ID+"?wait=1s", map[string]string{"If-None-Match": a.header.Get("ETag")}, nil)
	s.call("shop", "GET", "/v1/verifications", nil, nil)
	s.play(a.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(a.view.ID, 30*time.Second).Outcome)
	asked := s.operations()
	require.True(t, asked["ExecuteMultiOperation"], "the start is counted: %v", asked)
	require.False(t, asked["QueryWorkflow"], "%v", asked)
}

// Reading works with workers and engine away, and as fast: a running and an ended
// verification are read, listed and waited for, and a change reaches its waiter.
func TestWithWorkerAndEngineAwayVerificationsAreReadListedAndWaitedFor(t *testing.T) {
	t.Parallel()
	line := newLine(t, shared.temporal.HostPort)
	s := newStack(t, options{env: []string{"TEMPORAL_ADDRESS=" + line.address}})
	ended, running := s.beginAgain(s.request(s.person())), s.beginAgain(s.request(s.person()))
	ended.view, running.view = s.untilLink(ended.view.ID, 30*time.Second), s.untilLink(running.view.ID, 30*time.Second)
	s.play(ended.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(ended.view.ID, 30*time.Second).Outcome)
	s.worker.stop(t)
	line.cut()

	quick := func(what string, ask func() answer, status int) {
		t.Helper()
		var took []time.Duration
		for range 20 {
			began := time.Now()
			a := ask()
			took = append(took, time.Since(began))
			require.Equal(t, status, a.status, "%s: %s", what, a.body)
		}
		slices.Sort(took)
		t.Logf("%s: %s (median)", what, took[10])
		require.Less(t, took[10], 500*time.Millisecond, what) // a call to the engine takes 8 s to fail
	}
	for _, id := range []string{ended.view.ID, running.view.ID} {
		quick("read", func() answer { return s.call("shop", "GET", "/v1/verifications/"+id, nil, nil) }, http.StatusOK)
		quick("wait", func() answer {
			return s.call("shop", "GET", "/v1/verifications/"+id+"?wait=30s", map[string]string{"If-None-Match": `"v0"`}, nil)
		}, http.StatusOK)
	}
	quick("list", func() answer {
		a := s.call("shop", "GET", "/v1/verifications?limit=10", nil, nil)
		require.Contains(t, string(a.body), ended.view.ID)
		require.Contains(t, string(a.body), running.view.ID)
		return a
	}, http.StatusOK)

	now := s.call("shop", "GET", "/v1/verifications/"+running.view.ID, nil, nil)
	st := s.openStore()
	row, err := st.Load(t.Context(), running.view.ID)
	require.NoError(t, err)
	next := row.State
	next.Version++
	next.Status, next.NextAction = verification.Processing, nil
	time.AfterFunc(500*time.Millisecond, func() { _ = st.Publish(t.Context(), running.view.ID, next) })
	began := time.Now()
	a := s.call("shop", "GET", "/v1/verifications/"+running.view.ID+"?wait=30s", map[string]string{"If-None-Match": now.header.Get("ETag")}, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, verification.Processing, a.view.Status)
	require.Less(t, time.Since(began), 15*time.Second, "it did not wait for its own time to be up")
}
