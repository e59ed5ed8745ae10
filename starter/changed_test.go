package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// spoiled changes an event of the feed, as the store finds it.
type spoiled struct {
	store.Store
	nth int
}

func (s spoiled) Feed(ctx context.Context, client string, after int64, since time.Time, limit int) ([]store.Placed, error) {
	list, err := s.Store.Feed(ctx, client, after, since, limit)
	if after == 0 && s.nth < len(list) {
		list[s.nth] = store.Placed{Event: store.Event{ID: list[s.nth].ID}, Position: list[s.nth].Position, Changed: true}
	}
	return list, err
}

// An event that was changed outside of yanzhen is told to nobody: it is left out of
// its client's feed, with an alarm, and the feed goes on behind it.
func TestAChangedEventIsLeftOutOfTheFeedWithAnAlarm(t *testing.T) {
	r := newRig(t)
	id := r.keys.VerificationID("shop", "a")
	r.engine.launch = func(context.Context) error { r.run(id, 1); return nil }
	_, _, err := r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	alarms := 0
	r.s.store, r.s.changed = spoiled{r.store, 0}, func() { alarms++ }
	first, err := r.s.Events(t.Context(), "shop", "", 1)
	require.NoError(t, err)
	require.Empty(t, first.Events)
	require.True(t, first.More)
	require.NotEmpty(t, first.Next, "the cursor goes past it")
	require.Equal(t, 1, alarms)
	rest, err := r.s.Events(t.Context(), "shop", first.Next, 10)
	require.NoError(t, err)
	require.Len(t, rest.Events, 1)
	require.Equal(t, webhook.RequiresInput, rest.Events[0].Type)
	require.Equal(t, 1, alarms)
}

// A delivery whose workflow was terminated has failed, and is not "sending" for
// ever; one that was settled, or sent again meanwhile, stays as it is.
func TestADeliveryWhoseWorkflowEndedHasFailed(t *testing.T) {
	r := newRig(t)
	event, err := r.store.AddTest(t.Context(), store.Audit{At: r.now, Client: "shop"}, "main")
	require.NoError(t, err)
	ended := func(id string) int {
		t.Helper()
		r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
			return &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{{
				Execution: &commonpb.WorkflowExecution{WorkflowId: id}, Type: &commonpb.WorkflowType{Name: workflows.DeliveryWorkflow}, Status: enums.WORKFLOW_EXECUTION_STATUS_TERMINATED,
			}}}, nil
		}
		n, err := r.s.SweepLost(t.Context())
		require.NoError(t, err)
		return n
	}
	state := func() store.DeliveryState {
		d, _, _, err := r.store.Delivery(t.Context(), event, "main")
		require.NoError(t, err)
		return d.State
	}
	for _, id := range []string{"", "x", "evt_x:main", workflows.DeliveryID(event, "other", 0), workflows.DeliveryID(event, "main", 1), event + ":main:rx"} {
		require.Zero(t, ended(id), id)
	}
	require.Equal(t, store.DeliveryDue, state())
	require.Equal(t, 1, ended(workflows.DeliveryID(event, "main", 0)))
	require.Equal(t, store.DeliveryFailed, state())
	require.Zero(t, ended(workflows.DeliveryID(event, "main", 0)), "once")

	require.NoError(t, r.store.Redeliver(t.Context(), store.Audit{At: r.now, Client: "shop"}, event, []string{"main"}))
	require.Zero(t, ended(workflows.DeliveryID(event, "main", 0)), "an old round's")
	require.Equal(t, 1, ended(workflows.DeliveryID(event, "main", 1)))
	require.Equal(t, store.DeliveryFailed, state())
}
