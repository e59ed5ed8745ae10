package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// TestAnEngineThatDoesNotKnowTheSearchAttributesStartsNothing: as one does for
// seconds after yanzhen setup, it refuses a start. The caller is told to repeat it
// and that it did not take effect, which is so: no run, and so no vendor's call. The
// same key starts it as soon as the engine knows them. Nothing but the words of an
// engine tells that refusal from a fault of ours, so this runs on each that is pinned.
func TestAnEngineThatDoesNotKnowTheSearchAttributesStartsNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	name := workflows.AttrClient.GetName()
	_, err := s.temporal.OperatorService().RemoveSearchAttributes(t.Context(), &operatorservice.RemoveSearchAttributesRequest{
		Namespace: s.namespace, SearchAttributes: []string{name},
	})
	require.NoError(t, err)
	var request map[string]any
	var key map[string]string
	var a answer
	require.Eventually(t, func() bool { // until it has forgotten, too
		request, key = s.request(s.person()), map[string]string{"Idempotency-Key": freshKey()}
		a = s.call("shop", "POST", "/v1/verifications", key, request)
		return a.status >= 300
	}, time.Minute, 500*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.Equal(t, "engine_unavailable", a.Code)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Contains(t, string(a.body), "did not take effect")
	require.Contains(t, string(s.logs()), "run `yanzhen setup`")
	id := s.unstarted()
	_, err = s.temporal.DescribeWorkflow(t.Context(), id, "")
	require.ErrorAs(t, err, new(*serviceerror.NotFound))

	_, err = s.temporal.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: s.namespace, SearchAttributes: map[string]enums.IndexedValueType{name: workflows.SearchAttributes()[name]},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		a = s.call("shop", "POST", "/v1/verifications", key, request)
		return a.status < 300
	}, time.Minute, 500*time.Millisecond)
	require.Equal(t, id, a.view.ID)
	require.Equal(t, verification.RequiresInput, s.untilLink(id, 30*time.Second).Status)
}

// unstarted is the id of the one row whose run was never marked started.
func (s *stack) unstarted() (id string) {
	s.t.Helper()
	require.NoError(s.t, s.rawStore().QueryRowContext(s.t.Context(), "SELECT min(id) FROM verifications WHERE started_at IS NULL HAVING count(*) = 1").Scan(&id))
	return id
}
