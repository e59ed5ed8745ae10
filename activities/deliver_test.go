package activities

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// fakeLog is the log with one delivery in it.
type fakeLog struct {
	delivery store.Delivery
	event    store.Placed
	status   store.EndpointStatus
	err      error
	tries    []store.Try
	off      bool
	settle   error
}

func (f *fakeLog) Delivery(context.Context, string, string) (store.Delivery, store.Placed, store.EndpointStatus, error) {
	return f.delivery, f.event, f.status, f.err
}

func (f *fakeLog) Settle(_ context.Context, t store.Try, _ time.Duration) (bool, error) {
	f.tries = append(f.tries, t)
	return f.off, f.settle
}

// delivering is one try of a delivery.
type delivering struct {
	log    *fakeLog
	d      *Deliverer
	answer webhook.Answer
	sent   int
}

var deliverAt = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

func newDelivering(t *testing.T) *delivering {
	t.Helper()
	secret, err := webhook.ParseSecret(webhook.NewSecret())
	require.NoError(t, err)
	v := &delivering{log: &fakeLog{
		delivery: store.Delivery{EventID: "evt_a", Endpoint: "main", Client: "shop", State: store.DeliverySending},
		event: store.Placed{Event: store.Event{ID: "evt_a", VerificationID: "ver_a", Type: webhook.Completed, Client: "shop",
			Status: verification.Completed, Sequence: 3, Revision: 5, CreatedAt: deliverAt}},
		status: store.EndpointStatus{State: store.EndpointOn},
	}}
	endpoints := &webhook.Endpoints{}
	endpoints.Set(map[string][]webhook.Endpoint{"shop": {{ID: "main", URL: "https://shop.example/", Secrets: []webhook.Secret{secret}}}})
	v.d = &Deliverer{
		Store: v.log, Endpoints: endpoints, Schedule: []time.Duration{0, 5 * time.Second, time.Minute}, DisableAfter: time.Hour,
		Now: func() time.Time { return deliverAt }, Log: slog.New(slog.DiscardHandler),
		Send: func(_ context.Context, _ webhook.Endpoint, id string, body []byte) webhook.Answer {
			require.Equal(t, "evt_a", id)
			require.NotEmpty(t, body)
			v.sent++
			return v.answer
		},
	}
	return v
}

func (v *delivering) do(t *testing.T) (DeliverResult, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(v.d.Deliver)
	got, err := env.ExecuteActivity(v.d.Deliver, DeliverInput{Event: "evt_a", Endpoint: "main"})
	var out DeliverResult
	if err == nil {
		require.NoError(t, got.Get(&out))
	}
	return out, err
}

// A receiver that hangs holds up its own events, which wait without a try being
// counted, and nobody else's.
func TestAReceiverThatHangsLeavesRoomForOthers(t *testing.T) {
	v := newDelivering(t)
	v.answer = webhook.Answer{Class: webhook.OK}
	var leaves []func()
	for range mostAtOnce {
		leave, ok := v.d.enter(sendingTo{"shop", "main"})
		require.True(t, ok)
		leaves = append(leaves, leave)
	}
	_, err := v.do(t)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, TypeUndelivered, app.Type())
	require.GreaterOrEqual(t, app.NextRetryDelay(), busyPause)
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, app.Category())
	require.Zero(t, v.sent)
	require.Empty(t, v.log.tries, "it is no try")

	for _, other := range []sendingTo{{"shop", "second"}, {"other", "main"}} {
		leave, ok := v.d.enter(other)
		require.True(t, ok, other)
		leave()
	}
	leaves[0]()
	out, err := v.do(t)
	require.NoError(t, err)
	require.Equal(t, store.DeliveryDelivered, out.State)
	for _, leave := range leaves[1:] {
		leave()
	}
	require.Empty(t, v.d.sending)
}

// Each answer makes of the delivery what it must, and the pause before the next
// try is the schedule's, or the longer one that the receiver asks for.
func TestDeliver(t *testing.T) {
	for name, tc := range map[string]struct {
		attempts int
		answer   webhook.Answer
		state    store.DeliveryState
		health   store.Health
		// pause before the next try; 0: there is none.
		pause time.Duration
	}{
		"taken":                      {0, webhook.Answer{Class: webhook.OK}, store.DeliveryDelivered, store.Works, 0},
		"the first failure":          {0, webhook.Answer{Class: webhook.ServerError}, store.DeliverySending, store.Fails, 5 * time.Second},
		"the second":                 {1, webhook.Answer{Class: webhook.Timeout}, store.DeliverySending, store.Fails, time.Minute},
		"the last":                   {2, webhook.Answer{Class: webhook.Redirect}, store.DeliveryFailed, store.Fails, 0},
		"a longer pause":             {0, webhook.Answer{Class: webhook.ServerError, RetryAfter: 6 * time.Hour}, store.DeliverySending, store.Fails, 6 * time.Hour},
		"a shorter pause":            {1, webhook.Answer{Class: webhook.ClientError, RetryAfter: time.Second}, store.DeliverySending, store.Fails, time.Minute},
		"a pause after the last try": {2, webhook.Answer{Class: webhook.ServerError, RetryAfter: time.Hour}, store.DeliveryFailed, store.Fails, 0},
		"not wanted":                 {0, webhook.Answer{Class: webhook.ClientError, Abort: true}, store.DeliveryAborted, store.Fails, 0},
		"gone":                       {0, webhook.Answer{Class: webhook.ClientError, Gone: true}, store.DeliverySending, store.Gone, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			v := newDelivering(t)
			v.log.delivery.Attempts, v.log.delivery.CreatedAt, v.answer = tc.attempts, deliverAt.Add(-time.Minute), tc.answer
			var over []any
			v.d.Over = func(s store.DeliveryState, took time.Duration) { over = append(over, s, took) }
			out, err := v.do(t)
			if tc.state == store.DeliverySending {
				require.Empty(t, over, "it is not over")
			} else {
				require.Equal(t, []any{tc.state, time.Minute}, over)
			}
			require.Len(t, v.log.tries, 1)
			try := v.log.tries[0]
			require.Equal(t, []any{tc.state, tc.health, string(tc.answer.Class), deliverAt}, []any{try.State, try.Health, try.Class, try.At})
			switch tc.state {
			case store.DeliverySending:
				pause := try.NextAt.Sub(deliverAt)
				require.GreaterOrEqual(t, pause, tc.pause)
				require.LessOrEqual(t, pause, tc.pause*11/10)
				failed, ok := errors.AsType[*temporal.ApplicationError](err)
				require.True(t, ok)
				require.Equal(t, []any{pause, false, TypeUndelivered}, []any{failed.NextRetryDelay(), failed.NonRetryable(), failed.Type()})
				require.Equal(t, temporal.ApplicationErrorCategoryBenign, failed.Category())
			case store.DeliveryFailed:
				failed, ok := errors.AsType[*temporal.ApplicationError](err)
				require.True(t, ok)
				require.True(t, failed.NonRetryable())
			default:
				require.NoError(t, err)
				require.Equal(t, tc.state, out.State)
			}
		})
	}
}

// A delivery that is over, was sent again, or whose event is gone, sends nothing
// any more; one whose endpoint is not on is held, but for a test.
func TestDeliverNot(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*delivering)
		want   store.DeliveryState
		sent   int
	}{
		"delivered":     {func(v *delivering) { v.log.delivery.State = store.DeliveryDelivered }, store.DeliveryDelivered, 0},
		"sent again":    {func(v *delivering) { v.log.delivery.Round = 1 }, store.DeliverySending, 0},
		"swept":         {func(v *delivering) { v.log.err = store.ErrNotFound }, "gone", 0},
		"paused":        {func(v *delivering) { v.log.status.State = store.EndpointPaused }, store.DeliveryHeld, 0},
		"off":           {func(v *delivering) { v.log.status.State = store.EndpointOff }, store.DeliveryHeld, 0},
		"off, a test":   {func(v *delivering) { v.log.status.State, v.log.event.Type = store.EndpointOff, webhook.Test }, store.DeliveryDelivered, 1},
		"switched off":  {func(v *delivering) { v.answer.Class, v.log.off = webhook.ServerError, true }, store.DeliveryHeld, 1},
		"swept in time": {func(v *delivering) { v.log.settle = store.ErrNotFound }, "gone", 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := newDelivering(t)
			v.answer = webhook.Answer{Class: webhook.OK}
			tc.change(v)
			out, err := v.do(t)
			require.NoError(t, err)
			require.Equal(t, []any{tc.want, tc.sent}, []any{out.State, v.sent})
		})
	}
}

// An event that somebody changed in the database is never sent; one whose
// endpoint is not in the configuration says nothing of the endpoint.
func TestDeliverFaults(t *testing.T) {
	v := newDelivering(t)
	v.log.err = store.ErrChanged
	_, err := v.do(t)
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok)
	require.Equal(t, []any{TypeEventChanged, true, 0}, []any{failed.Type(), failed.NonRetryable(), v.sent})
	require.Equal(t, store.DeliveryFailed, v.log.tries[0].State)

	v = newDelivering(t)
	v.d.Endpoints.Set(nil)
	_, err = v.do(t)
	require.Error(t, err)
	require.Equal(t, []any{string(webhook.NotConfigured), store.Unknown, 0}, []any{v.log.tries[0].Class, v.log.tries[0].Health, v.sent})

	v = newDelivering(t)
	v.log.status.State, v.log.settle = store.EndpointPaused, store.ErrEndpointOn
	_, err = v.do(t)
	failed, ok = errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "it is tried again at once")
	require.Equal(t, time.Millisecond, failed.NextRetryDelay())
}

// What the end of the worker broke off is no attempt: another worker makes it.
func TestDeliverHandedBack(t *testing.T) {
	v := newDelivering(t)
	ctx, cancel := context.WithCancel(t.Context())
	v.d.Send = func(context.Context, webhook.Endpoint, string, []byte) webhook.Answer {
		cancel()
		return webhook.Answer{Class: webhook.Unreachable}
	}
	_, err := v.d.send(ctx, "shop", DeliverInput{Event: "evt_a", Endpoint: "main"}, v.log.event)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, v.log.tries)
}

func TestRoundOf(t *testing.T) {
	in := DeliverInput{Event: "evt_a", Endpoint: "main"}
	for _, round := range []int{0, 1, 12} {
		require.Equal(t, round, roundOf(DeliveryID("evt_a", "main", round), in))
	}
	require.Equal(t, "evt_a:main", DeliveryID("evt_a", "main", 0))
	require.Equal(t, "evt_a:main:r2", DeliveryID("evt_a", "main", 2))
}
