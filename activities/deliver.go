package activities

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
)

const (
	// TypeUndelivered: the receiver did not take the event. Benign while it is
	// tried again.
	TypeUndelivered = "undelivered"
	// TypeEventChanged: the event is not what was written.
	TypeEventChanged = "event_changed"
)

// Deliveries is what the deliverer asks of the store.
type Deliveries interface {
	Delivery(ctx context.Context, event, endpoint string) (store.Delivery, store.Placed, store.EndpointStatus, error)
	Settle(ctx context.Context, t store.Try, failing time.Duration) (off bool, err error)
}

// Deliverer sends events to clients' endpoints.
type Deliverer struct {
	Store Deliveries
	// Send sends a message once.
	Send      func(ctx context.Context, to webhook.Endpoint, id string, body []byte) webhook.Answer
	Endpoints *webhook.Endpoints
	// Schedule is how long to wait before each try.
	Schedule []time.Duration
	// DisableAfter is for how long an endpoint must only have failed to be switched
	// off.
	DisableAfter time.Duration
	Now          func() time.Time
	Log          *slog.Logger
	// Tried hears of each attempt, Off of each endpoint that was switched off; nil:
	// nobody does.
	Tried func(webhook.Class)
	Off   func()
	// About says in a context whose delivery it is, for what is logged and traced with
	// it; nil: nobody asks.
	About func(ctx context.Context, verification string) context.Context
	// Over hears of each delivery's end, and how long after its event that was; nil:
	// nobody does.
	Over func(store.DeliveryState, time.Duration)

	// sending is what is being sent, by endpoint.
	mu      sync.Mutex
	sending map[sendingTo]int
}

// sendingTo is a client's endpoint.
type sendingTo struct{ client, endpoint string }

const (
	// mostAtOnce is how much is sent to one endpoint at a time, by one worker. A
	// receiver that hangs takes its 20 s each time; with more of them a worker would
	// have nobody left for the other receivers.
	mostAtOnce = 100
	// busyPause is when what had to wait for that is tried.
	busyPause = 2 * time.Second
	busy      = "busy"
)

// enter counts what is sent to an endpoint; false: it is enough for now.
func (d *Deliverer) enter(to sendingTo) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sending[to] >= mostAtOnce {
		return nil, false
	}
	if d.sending == nil {
		d.sending = map[sendingTo]int{}
	}
	d.sending[to]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.sending[to]--; d.sending[to] == 0 {
			delete(d.sending, to)
		}
	}, true
}

// DeliverInput is the argument of Deliver: the two ids, and nothing else.
type DeliverInput struct {
	Event    string `json:"event"`
	Endpoint string `json:"endpoint"`
}

// DeliverResult is what became of a delivery, in one word.
type DeliverResult struct {
	State store.DeliveryState `json:"state"`
}

// stateGone: the event was swept with its verification.
const stateGone store.DeliveryState = "gone"

// DeliveryID is the id of the workflow that delivers an event to an endpoint.
func DeliveryID(event, endpoint string, round int) string {
	id := event + ":" + endpoint
	if round > 0 {
		id += ":r" + strconv.Itoa(round)
	}
	return id
}

// DeliveryOf reads the id of such a workflow; false: it is of another form.
func DeliveryOf(id string) (event, endpoint string, round int, ok bool) {
	event, endpoint, ok = strings.Cut(id, ":")
	if i := strings.LastIndex(endpoint, ":r"); i >= 0 {
		n, err := strconv.Atoi(endpoint[i+2:])
		if err != nil {
			return "", "", 0, false
		}
		endpoint, round = endpoint[:i], n
	}
	return event, endpoint, round, ok && DeliveryID(event, endpoint, round) == id
}

// roundOf reads the round off a workflow's id.
func roundOf(workflowID string, in DeliverInput) int {
	text, _ := strings.CutPrefix(workflowID, DeliveryID(in.Event, in.Endpoint, 0)+":r")
	round, _ := strconv.Atoi(text)
	return round
}

// Deliver sends an event once. While the receiver does not take it, it fails with
// the pause after which the server tries again.
func (d *Deliverer) Deliver(ctx context.Context, in DeliverInput) (DeliverResult, error) {
	round := roundOf(activity.GetInfo(ctx).WorkflowExecution.ID, in)
	now, event, status, err := d.Store.Delivery(ctx, in.Event, in.Endpoint)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return DeliverResult{stateGone}, nil
	case errors.Is(err, store.ErrChanged):
		return d.changed(ctx, in, round)
	case err != nil:
		return DeliverResult{}, storeError(err)
	case now.Round != round || now.State != store.DeliveryDue && now.State != store.DeliverySending:
		return DeliverResult{now.State}, nil // it was sent again, or settled before
	}
	if d.About != nil {
		ctx = d.About(ctx, event.VerificationID)
	}
	try := store.Try{EventID: in.Event, Endpoint: in.Endpoint, Round: round}
	test := event.Type == webhook.Test
	if status.State != store.EndpointOn && !test {
		try.State, try.At = store.DeliveryHeld, d.Now()
		return d.settle(ctx, try, now.CreatedAt)
	}
	leave, ok := d.enter(sendingTo{now.Client, in.Endpoint})
	if !ok {
		return DeliverResult{}, undelivered(busy, webhook.Jitter(busyPause)) // which is no try
	}
	defer leave()
	answer, err := d.send(ctx, now.Client, in, event)
	if err != nil {
		return DeliverResult{}, err
	}
	pause := d.judge(&try, now.Attempts+1, answer)
	if test {
		try.Health = store.Unknown
	}
	out, err := d.settle(ctx, try, now.CreatedAt)
	if err != nil || out.State != store.DeliverySending {
		return out, err
	}
	return out, undelivered(answer.Class, pause)
}

// send sends the event, and counts it. What the worker's end broke off says
// nothing of the receiver.
func (d *Deliverer) send(ctx context.Context, client string, in DeliverInput, event store.Placed) (webhook.Answer, error) {
	answer := webhook.Answer{Class: webhook.NotConfigured}
	if to, ok := d.Endpoints.Find(client, in.Endpoint); ok && !to.Disabled {
		body, err := event.Told().Body()
		if err != nil {
			return answer, err
		}
		answer = d.Send(ctx, to, in.Event, body)
	}
	if answer.Class != webhook.OK && ctx.Err() != nil {
		return answer, ctx.Err()
	}
	if d.Tried != nil {
		d.Tried(answer.Class)
	}
	if answer.Class != webhook.OK {
		d.Log.InfoContext(ctx, "webhook not accepted", "event", in.Event, "client", client, "endpoint", in.Endpoint, "class", answer.Class)
	}
	return answer, nil
}

// judge says what an answer makes of the delivery, and after which pause it is
// tried again.
func (d *Deliverer) judge(try *store.Try, attempts int, a webhook.Answer) (pause time.Duration) {
	try.At, try.Class, try.Health = d.Now(), string(a.Class), store.Fails
	switch {
	case a.Class == webhook.OK:
		try.State, try.Health = store.DeliveryDelivered, store.Works
	case a.Abort:
		try.State = store.DeliveryAborted
	case a.Class == webhook.NotConfigured:
		try.Health = store.Unknown
	case a.Gone:
		try.Health = store.Gone
	}
	if try.State != "" {
		return 0
	}
	if attempts >= len(d.Schedule) {
		try.State = store.DeliveryFailed
		return 0
	}
	pause = max(webhook.Jitter(d.Schedule[attempts]), a.RetryAfter, time.Millisecond)
	try.State, try.NextAt = store.DeliverySending, try.At.Add(pause)
	return pause
}

// settle notes what became of the delivery. An endpoint that was switched off
// holds it; one that is on again meanwhile is tried at once. since is when the
// delivery was written.
func (d *Deliverer) settle(ctx context.Context, try store.Try, since time.Time) (DeliverResult, error) {
	off, err := d.Store.Settle(ctx, try, d.DisableAfter)
	switch {
	case errors.Is(err, store.ErrEndpointOn):
		return DeliverResult{}, undelivered("", time.Millisecond)
	case errors.Is(err, store.ErrNotFound):
		return DeliverResult{stateGone}, nil
	case err != nil:
		return DeliverResult{}, storeError(err)
	case off:
		d.Log.ErrorContext(ctx, "webhook endpoint disabled: fix it, then run yanzhen webhook recover", "event", try.EventID, "endpoint", try.Endpoint, "class", try.Class)
		if d.Off != nil {
			d.Off()
		}
		return DeliverResult{store.DeliveryHeld}, nil
	}
	if d.Over != nil && (try.State == store.DeliveryDelivered || try.State == store.DeliveryAborted || try.State == store.DeliveryFailed) {
		d.Over(try.State, try.At.Sub(since))
	}
	if try.State == store.DeliveryFailed {
		return DeliverResult{}, temporal.NewNonRetryableApplicationError("not delivered after the last try: "+try.Class, TypeUndelivered, nil)
	}
	return DeliverResult{try.State}, nil
}

func undelivered(class webhook.Class, pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("not delivered: "+string(class), TypeUndelivered, temporal.ApplicationErrorOptions{
		NextRetryDelay: pause, Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// changed: an event that somebody changed past us is an alarm, and never sent.
func (d *Deliverer) changed(ctx context.Context, in DeliverInput, round int) (DeliverResult, error) {
	d.Log.ErrorContext(ctx, "event not sent: the store was changed outside of yanzhen", "event", in.Event)
	_, err := d.Store.Settle(ctx, store.Try{EventID: in.Event, Endpoint: in.Endpoint, Round: round, At: d.Now(), Class: TypeEventChanged, State: store.DeliveryFailed}, d.DisableAfter)
	if err != nil {
		return DeliverResult{}, storeError(err)
	}
	return DeliverResult{}, temporal.NewNonRetryableApplicationError("the event is not what was written", TypeEventChanged, nil)
}
