package starter

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// relayEngine starts deliveries, as far as a test lets it.
type relayEngine struct {
	Engine
	mu      sync.Mutex // starts come side by side
	started []client.StartWorkflowOptions
	inputs  []workflows.DeliveryInput
	err     error
}

func (e *relayEngine) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started, e.inputs = append(e.started, o), append(e.inputs, args[0].(workflows.DeliveryInput))
	return nil, e.err
}

// relaying is a rig with a started verification of the client "shop", whose
// endpoints are "main" and "ends".
func relaying(t *testing.T) (*rig, *relayEngine) {
	t.Helper()
	r := newRig(t)
	r.engine.launch = func(context.Context) error { r.run(r.keys.VerificationID("shop", "a"), 1); return nil }
	_, _, err := r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	r.s.endpoints.Set(map[string][]webhook.Endpoint{"shop": {
		{ID: "main", URL: "https://shop.example/hooks/secret"}, {ID: "ends", URL: "https://shop.example/ends", Types: []string{webhook.Completed}},
	}})
	engine := &relayEngine{}
	r.s.engine = engine
	return r, engine
}

// Each due delivery gets one workflow under its own id. While the engine is away
// nothing is lost; a workflow that is there already is as good.
func TestRelay(t *testing.T) {
	r, engine := relaying(t)
	engine.err = serviceerror.NewUnavailable("away")
	_, err := r.s.Relay(t.Context())
	require.Equal(t, EngineUnavailable, CodeOf(err))
	age, err := r.s.RelayAge(t.Context())
	require.NoError(t, err)
	require.Zero(t, age, "the deliveries are as old as the clock's present")
	r.now = r.now.Add(10 * time.Second)
	age, err = r.s.RelayAge(t.Context())
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, age)

	engine.started, engine.inputs, engine.err = nil, nil, serviceerror.NewWorkflowExecutionAlreadyStarted("there", "", "")
	started, err := r.s.Relay(t.Context())
	require.NoError(t, err)
	require.Zero(t, started, "leased")
	r.now = r.now.Add(relayLease)
	started, err = r.s.Relay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, started, "created and requires_input, to main")
	for i, o := range engine.started {
		require.Equal(t, workflows.DeliveryID(engine.inputs[i].Event, "main", 0), o.ID)
		require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, o.WorkflowIDReusePolicy)
		require.Equal(t, workflows.QueueWebhooks, o.TaskQueue)
	}
	age, err = r.s.RelayAge(t.Context())
	require.NoError(t, err)
	require.Zero(t, age)
}

// shopKey is a key of the client's.
var shopKey = Caller{Client: "shop", By: "first", RequestID: "req_1"}

// A client sees and sends again what is its own, to endpoints of its own.
func TestEndpointsAndDeliveries(t *testing.T) {
	r, engine := relaying(t)
	_, err := r.s.Relay(t.Context())
	require.NoError(t, err)
	list, err := r.s.Endpoints(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, []Endpoint{
		{ID: "main", Origin: "https://shop.example", State: "on"}, {ID: "ends", Origin: "https://shop.example", State: "on", Events: []string{webhook.Completed}},
	}, list)

	q := DeliveryFilter{Endpoint: "main"}
	first, err := r.s.Deliveries(t.Context(), "shop", q, 1, "")
	require.NoError(t, err)
	rest, err := r.s.Deliveries(t.Context(), "shop", q, 1, first.Next)
	require.NoError(t, err)
	require.Len(t, rest.Deliveries, 1)
	require.Empty(t, rest.Next)
	require.NotEqual(t, first.Deliveries, rest.Deliveries)
	for client, q := range map[string]DeliveryFilter{"other": q, "shop": {}} {
		_, err = r.s.Deliveries(t.Context(), client, q, 1, first.Next)
		require.Equal(t, InvalidRequest, CodeOf(err), "another question's cursor")
	}

	event := first.Deliveries[0].EventID
	engine.started = nil
	again, err := r.s.Redeliver(t.Context(), shopKey, event, "")
	require.NoError(t, err)
	require.Equal(t, []any{1, 1, store.DeliveryDue}, []any{len(again), again[0].Round, again[0].State})
	_, err = r.s.Relay(t.Context())
	require.NoError(t, err)
	require.Equal(t, event+":main:r1", engine.started[0].ID)
	again, err = r.s.Redeliver(t.Context(), shopKey, event, "ends")
	require.NoError(t, err)
	require.Len(t, again, 2)
	_, err = r.s.Redeliver(t.Context(), shopKey, event, "nowhere")
	require.Equal(t, InvalidRequest, CodeOf(err))
	_, err = r.s.Redeliver(t.Context(), Caller{Client: "other"}, event, "")
	require.Equal(t, NotFound, CodeOf(err))
}

// Pausing, resuming, recovering and testing act on the client's own endpoints.
func TestEndpointActs(t *testing.T) {
	r, _ := relaying(t)
	e, err := r.s.PauseEndpoint(t.Context(), shopKey, "main")
	require.NoError(t, err)
	require.Equal(t, "paused", e.State)
	_, err = r.s.Relay(t.Context())
	require.NoError(t, err)
	e, sent, err := r.s.ResumeEndpoint(t.Context(), shopKey, "main", time.Time{})
	require.NoError(t, err)
	require.Equal(t, []any{"on", 2}, []any{e.State, sent})
	_, err = r.s.Relay(t.Context())
	require.NoError(t, err)
	_, sent, err = r.s.ResumeEndpoint(t.Context(), shopKey, "main", time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, sent, "they are on their way, and begin anew")
	d, err := r.s.TestEndpoint(t.Context(), shopKey, "ends")
	require.NoError(t, err)
	require.Equal(t, []any{"webhook_endpoint.test", store.DeliveryDue}, []any{d.EventType, d.State})
	lines, err := r.store.Audited(t.Context(), "")
	require.NoError(t, err)
	var acts []string
	for _, l := range lines {
		require.Equal(t, shopKey, Caller{l.Client, l.By, l.RequestID})
		require.WithinDuration(t, r.now, l.At, time.Millisecond)
		acts = append(acts, l.Act+" "+l.Purpose)
	}
	require.Equal(t, []string{"webhook.paused main", "webhook.resumed main", "webhook.recovered main", "webhook.tested ends"}, acts)

	_, err = r.s.PauseEndpoint(t.Context(), Caller{Client: "other"}, "main")
	require.Equal(t, NotFound, CodeOf(err))
	_, _, err = r.s.ResumeEndpoint(t.Context(), Caller{Client: "other"}, "main", time.Time{})
	require.Equal(t, NotFound, CodeOf(err))
	_, err = r.s.TestEndpoint(t.Context(), shopKey, "nowhere")
	require.Equal(t, NotFound, CodeOf(err))
}
