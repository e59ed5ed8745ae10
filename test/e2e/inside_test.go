package e2e

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// keySet is the stack's key set, as its processes load it.
func (s *stack) keySet() *sealing.Keys {
	s.t.Helper()
	keys, err := sealing.Load(filepath.Join(s.dir, "keys.json"))
	require.NoError(s.t, err)
	return keys
}

// openStore opens the stack's store beside its processes.
func (s *stack) openStore() store.Store {
	s.t.Helper()
	st, err := store.Open(s.t.Context(), s.dsn, s.keySet())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, st.Close()) })
	return st
}

// starterAt is a starter on the stack's own parts whose clock is ahead.
func (s *stack) starterAt(ahead time.Duration) *starter.Starter {
	s.t.Helper()
	return starter.New(starter.Deps{
		Engine: s.temporal, Store: s.openStore(), Keys: s.keySet(), Policies: config.BuiltIn(), Registry: &provider.Registry{},
		Now: func() time.Time { return time.Now().Add(ahead) }, Logger: discard,
	})
}

// rows counts the verifications in the store.
func (s *stack) rows() int {
	s.t.Helper()
	db := s.rawStore()
	var n int
	require.NoError(s.t, db.QueryRowContext(s.t.Context(), "SELECT count(*) FROM verifications").Scan(&n))
	return n
}

// runs lists the verifications' runs in the stack's namespace, once as many as
// wanted are visible: the list follows the runs by a moment.
func (s *stack) runs(wanted int) []string {
	s.t.Helper()
	var ids []string
	require.Eventually(s.t, func() bool {
		list, err := s.temporal.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = '" + workflows.VerificationWorkflow + "'",
		})
		if err != nil {
			return false
		}
		ids = nil
		for _, e := range list.GetExecutions() {
			ids = append(ids, e.GetExecution().GetWorkflowId())
		}
		return len(ids) >= wanted
	}, 20*time.Second, 100*time.Millisecond, "not %d runs", wanted)
	return ids
}

// signals counts the signals in the verification's history.
func (s *stack) signals(id string) int {
	n := 0
	for _, e := range s.history(id).Events {
		if e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			n++
		}
	}
	return n
}

// direct follows no redirect.
var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// callbackOf is the address of ours to which the vendor's page sends the
// person's browser. The session stays as it is.
func (s *stack) callbackOf(v view) string {
	s.t.Helper()
	res, err := direct.PostForm(s.vendorsURL+"/page/tencent/"+s.tokenOf(v)+"/end", url.Values{"outcome": {sandbox.OutcomeCancel}})
	require.NoError(s.t, err)
	defer res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
	back := res.Header.Get("Location")
	require.True(s.t, strings.HasPrefix(back, s.apiURL+"/callbacks/tencent_eid/return/"), back)
	return back
}

// ticketIn is the ticket in a callback's address.
func ticketIn(t *testing.T, callback string) string {
	t.Helper()
	u, err := url.Parse(callback)
	require.NoError(t, err)
	ticket, ok := strings.CutPrefix(u.Path, "/callbacks/tencent_eid/return/")
	require.True(t, ok)
	return ticket
}

// with returns the request with a member set.
func with(request map[string]any, member string, value any) map[string]any {
	request[member] = value
	return request
}
