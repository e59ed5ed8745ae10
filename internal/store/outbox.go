package store

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// ErrCursorExpired: events after the position are no longer served.
var ErrCursorExpired = errors.New("store: events after the cursor are no longer served")

// DeliveryState is where a delivery stands.
type DeliveryState string

const (
	// DeliveryDue waits for its workflow.
	DeliveryDue DeliveryState = "due"
	// DeliverySending has a workflow, which tries by a schedule.
	DeliverySending DeliveryState = "sending"
	// DeliveryHeld waits until its endpoint is on again.
	DeliveryHeld DeliveryState = "held"
	// DeliveryDelivered: the receiver took it.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed: the schedule is over.
	DeliveryFailed DeliveryState = "failed"
	// DeliveryAborted: the receiver does not want it again.
	DeliveryAborted DeliveryState = "aborted"
)

// Delivery is an event on its way to an endpoint, as the log has it.
type Delivery struct {
	EventID, Endpoint, Client string
	// Round is 0, and one more each time that it is sent again.
	Round int
	State DeliveryState
	// Attempts of the round, and the outcome of the last one of all.
	Attempts  int
	LastClass string
	// LastAt and NextAt are zero for none.
	CreatedAt, LastAt, NextAt, EndedAt time.Time
	// EventType and VerificationID are the event's.
	EventType, VerificationID string
}

// Try is what came of an attempt.
type Try struct {
	EventID, Endpoint string
	Round             int
	At                time.Time
	// Class is the outcome; empty: there was no attempt.
	Class string
	// State is what the delivery is now.
	State  DeliveryState
	NextAt time.Time
	// Health says what the attempt tells of the endpoint.
	Health Health
}

// Health is what an attempt shows about an endpoint.
type Health int

const (
	Unknown Health = iota // nothing
	Works
	Fails
	// Gone: the endpoint said that it wants nothing more.
	Gone
)

// EndpointState says whether an endpoint is sent to.
type EndpointState string

const (
	EndpointOn EndpointState = "on"
	// EndpointPaused: an operator holds its events back.
	EndpointPaused EndpointState = "paused"
	// EndpointOff: it only failed, or said that it is gone.
	EndpointOff EndpointState = "off"
)

// Why an endpoint was switched off.
const (
	OffFailing = "failing"
	OffGone    = "gone"
)

// EndpointStatus is what became of an endpoint.
type EndpointStatus struct {
	State EndpointState
	// Reason why it is off.
	Reason    string
	ChangedAt time.Time
	// FailingSince is the first failure since the last success; zero: it works.
	FailingSince time.Time
}

// Route names the client's endpoints that take events of a type.
type Route func(client, kind string) []string

// DeliveryQuery asks for a page of a client's log, the newest first.
type DeliveryQuery struct {
	Client string
	// EventID, Endpoint and State narrow it; empty: all.
	EventID, Endpoint string
	State             DeliveryState
	// After is the delivery behind which the page begins; zero: the first page.
	After DeliveryPlace
	Limit int
}

// DeliveryPlace is a delivery's place in the log.
type DeliveryPlace struct {
	CreatedAt         time.Time
	EventID, Endpoint string
}

// ErrEndpointOn: the endpoint is on, so that nothing is held back from it.
var ErrEndpointOn = errors.New("store: the endpoint is on")

// Outbox is what goes out to clients: their feed of events, and the deliveries
// of events to their endpoints.
type Outbox interface {
	// Feed returns the client's events about verifications after a position, in the order in which
	// positions were given, which no event that commits late ever goes before.
	// One that was changed outside of yanzhen keeps its place, and says no more.
	// What is older than since is not served; ErrCursorExpired if the position
	// leaves out such an event.
	Feed(ctx context.Context, client string, after int64, since time.Time, limit int) ([]Placed, error)

	// Relay writes the deliveries of events that have none yet, at most limit
	// events, and returns how many it was.
	Relay(ctx context.Context, now time.Time, route Route, limit int) (int, error)
	// TakeDue leases deliveries that wait for their workflow: nobody else takes
	// them meanwhile, and somebody does when the lease is over.
	TakeDue(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Delivery, error)
	// MarkSending notes that the workflow of a delivery's round is there.
	MarkSending(ctx context.Context, d Delivery) error
	// Backlog is since when the oldest event or delivery waits for the relay;
	// zero: none does.
	Backlog(ctx context.Context) (time.Time, error)

	// Delivery returns a delivery with its event; ErrNotFound, once the event is
	// gone.
	Delivery(ctx context.Context, event, endpoint string) (Delivery, Placed, EndpointStatus, error)
	// Settle notes an attempt, and what it tells of the endpoint, which is switched
	// off if it is gone, or has only failed for that long: then the delivery is
	// held, and an event tells it to the client's other endpoints. A round that is
	// over, or was replaced, is left as it is. ErrEndpointOn, if it was to be held
	// and the endpoint is on meanwhile.
	Settle(ctx context.Context, t Try, failing time.Duration) (off bool, err error)
	// Deliveries returns a page of a client's log.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)

	// EventType returns the type of an event of the client's.
	EventType(ctx context.Context, client, event string) (string, error)
	// Redeliver sends an event of Audit's client to endpoints, again or for the first
	// time. Like what follows it writes who asked, and when, in its transaction.
	Redeliver(ctx context.Context, a Audit, event string, endpoints []string) error
	// AddTest writes an event for one endpoint alone, and its delivery.
	AddTest(ctx context.Context, a Audit, endpoint string) (event string, err error)
	// Pause holds an endpoint's events back. Resume switches it on and sends what
	// was held; Recover also what was not delivered of events since a time. They
	// return how many deliveries that is.
	Pause(ctx context.Context, a Audit, endpoint string) error
	Resume(ctx context.Context, a Audit, endpoint string) (int, error)
	Recover(ctx context.Context, a Audit, endpoint string, since time.Time) (int, error)
	// Endpoints returns what became of the client's endpoints, by id; those that
	// are on and never failed may be missing.
	Endpoints(ctx context.Context, client string) (map[string]EndpointStatus, error)
}

// Placed is an event in the feed.
type Placed struct {
	Event
	Position int64
	// Reference is the caller's own word for the verification, from its row;
	// nil: there is none, or it was erased.
	Reference *string
	// Changed: somebody changed the event, or its verification's row, outside of
	// yanzhen. Nothing of it is to be told to anybody.
	Changed bool
}

// Told is the event as feed and webhooks tell it.
func (p Placed) Told() webhook.Event {
	if p.Endpoint != "" {
		return webhook.Event{ID: p.ID, Type: p.Type, Timestamp: p.CreatedAt, Data: webhook.AboutEndpoint{ID: p.Endpoint}}
	}
	about := webhook.Verification{
		ID: p.VerificationID, Reference: p.Reference, Status: string(p.Status), Reasons: []string{}, Sequence: p.Sequence, Version: p.Revision,
	}
	if p.Decision != "" {
		decision := string(p.Decision)
		about.Decision = &decision
	}
	for _, code := range p.Reasons {
		about.Reasons = append(about.Reasons, string(code))
	}
	return webhook.Event{ID: p.ID, Type: p.Type, Timestamp: p.CreatedAt, Data: about}
}
