package starter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// Delivery is an event on its way to an endpoint, as the log has it.
type Delivery = store.Delivery

// Endpoint is one of a client's endpoints, and how it stands.
type Endpoint struct {
	ID string
	// Origin is of its URL, whose path may be a secret.
	Origin string
	// Events are the types that it takes; none: all.
	Events []string
	// State is on, paused, off or disabled.
	State  string
	Reason string
	// ChangedAt and FailingSince are zero for none.
	ChangedAt, FailingSince time.Time
}

// stateDisabled: the configuration sends it nothing.
const stateDisabled = "disabled"

// Endpoints lists the client's, as the configuration has them.
func (s *Starter) Endpoints(ctx context.Context, client string) ([]Endpoint, error) {
	states, err := s.store.Endpoints(ctx, client)
	if err != nil {
		return nil, s.storeError(ctx, "read the endpoints", "", err)
	}
	var out []Endpoint
	for _, e := range s.endpoints.Of(client) {
		out = append(out, endpointOf(e, states[e.ID]))
	}
	return out, nil
}

func endpointOf(e webhook.Endpoint, status store.EndpointStatus) Endpoint {
	out := Endpoint{ID: e.ID, Events: e.Types, State: string(store.EndpointOn), Reason: status.Reason, ChangedAt: status.ChangedAt, FailingSince: status.FailingSince}
	if u, err := url.Parse(e.URL); err == nil {
		out.Origin = u.Scheme + "://" + u.Host
	}
	if status.State != "" {
		out.State = string(status.State)
	}
	if e.Disabled {
		out.State = stateDisabled
	}
	return out
}

// endpoint reads one of the client's.
func (s *Starter) endpoint(ctx context.Context, client, id string) (Endpoint, error) {
	e, ok := s.endpoints.Find(client, id)
	if !ok {
		return Endpoint{}, &Error{Code: NotFound}
	}
	states, err := s.store.Endpoints(ctx, client)
	if err != nil {
		return Endpoint{}, s.storeError(ctx, "read an endpoint", "", err)
	}
	return endpointOf(e, states[id]), nil
}

// Caller says on whose word something is done.
type Caller struct {
	Client string
	// By is the name of the key.
	By        string
	RequestID string
}

// line is the caller's line of the audit log.
func (s *Starter) line(c Caller) store.Audit {
	return store.Audit{At: s.now(), Client: c.Client, By: c.By, RequestID: c.RequestID}
}

// TestEndpoint sends a test to one endpoint, and returns its delivery.
func (s *Starter) TestEndpoint(ctx context.Context, c Caller, id string) (Delivery, error) {
	if _, ok := s.endpoints.Find(c.Client, id); !ok {
		return Delivery{}, &Error{Code: NotFound}
	}
	event, err := s.store.AddTest(ctx, s.line(c), id)
	if err != nil {
		return Delivery{}, s.storeError(ctx, "add a test", "", err)
	}
	d, _, _, err := s.store.Delivery(ctx, event, id)
	if err != nil {
		return Delivery{}, s.storeError(ctx, "read a delivery", "", err)
	}
	return d, nil
}

// PauseEndpoint holds an endpoint's events back.
func (s *Starter) PauseEndpoint(ctx context.Context, c Caller, id string) (Endpoint, error) {
	if _, ok := s.endpoints.Find(c.Client, id); !ok {
		return Endpoint{}, &Error{Code: NotFound}
	}
	if err := s.store.Pause(ctx, s.line(c), id); err != nil {
		return Endpoint{}, s.storeError(ctx, "pause an endpoint", "", err)
	}
	return s.endpoint(ctx, c.Client, id)
}

// ResumeEndpoint switches an endpoint on, and sends what was held back; since not
// zero: also what was not delivered of the events since then. It returns how many
// deliveries that is.
func (s *Starter) ResumeEndpoint(ctx context.Context, c Caller, id string, since time.Time) (e Endpoint, sent int, err error) {
	if _, ok := s.endpoints.Find(c.Client, id); !ok {
		return Endpoint{}, 0, &Error{Code: NotFound}
	}
	if since.IsZero() {
		sent, err = s.store.Resume(ctx, s.line(c), id)
	} else {
		sent, err = s.store.Recover(ctx, s.line(c), id, since)
	}
	if err != nil {
		return Endpoint{}, 0, s.storeError(ctx, "switch an endpoint on", "", err)
	}
	e, err = s.endpoint(ctx, c.Client, id)
	return e, sent, err
}

// Redeliver sends an event again, to the one endpoint, or to every one that takes
// events of its type.
func (s *Starter) Redeliver(ctx context.Context, c Caller, event, endpoint string) ([]Delivery, error) {
	client := c.Client
	kind, err := s.store.EventType(ctx, client, event)
	if err != nil {
		return nil, s.storeError(ctx, "read an event", "", err)
	}
	to := s.endpoints.Taking(client, kind)
	if endpoint != "" {
		if _, ok := s.endpoints.Find(client, endpoint); !ok {
			return nil, &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "endpoint", Code: "endpoint.unknown", Message: "Unknown endpoint."}}}
		}
		to = []string{endpoint}
	}
	if err := s.store.Redeliver(ctx, s.line(c), event, to); err != nil {
		return nil, s.storeError(ctx, "send an event again", "", err)
	}
	list, err := s.store.Deliveries(ctx, store.DeliveryQuery{Client: client, EventID: event, Limit: len(s.endpoints.Of(client)) + 1})
	if err != nil {
		return nil, s.storeError(ctx, "read deliveries", "", err)
	}
	return list, nil
}

// DeliveryFilter narrows the log; empty: all.
type DeliveryFilter struct{ Event, Endpoint, State string }

// DeliveryPage is a part of the log.
type DeliveryPage struct {
	Deliveries []Delivery
	// Next is the cursor of the next page; empty at the end.
	Next string
}

// Deliveries reads the client's log, the newest first.
func (s *Starter) Deliveries(ctx context.Context, client string, q DeliveryFilter, limit int, cursor string) (DeliveryPage, error) {
	after, ok := s.openLogCursor(client, q, cursor)
	if !ok {
		return DeliveryPage{}, cursorError()
	}
	list, err := s.store.Deliveries(ctx, store.DeliveryQuery{Client: client, EventID: q.Event, Endpoint: q.Endpoint, State: store.DeliveryState(q.State), After: after, Limit: limit + 1})
	if err != nil {
		return DeliveryPage{}, s.storeError(ctx, "read deliveries", "", err)
	}
	page := DeliveryPage{Deliveries: list}
	if len(list) > limit {
		page.Deliveries = list[:limit]
		last := list[limit-1]
		page.Next = s.logCursor(client, q, store.DeliveryPlace{CreatedAt: last.CreatedAt, EventID: last.EventID, Endpoint: last.Endpoint})
	}
	return page, nil
}

const purposeLog = "deliveries-cursor"

func (s *Starter) logCursor(client string, q DeliveryFilter, p store.DeliveryPlace) string {
	place, err := json.Marshal(p)
	if err != nil {
		return "" // a time and strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(append(s.logMAC(client, q, place), place...))
}

func (s *Starter) openLogCursor(client string, q DeliveryFilter, cursor string) (p store.DeliveryPlace, ok bool) {
	if cursor == "" {
		return p, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorMAC || !equal(raw[:cursorMAC], s.logMAC(client, q, raw[cursorMAC:])) {
		return p, false
	}
	return p, json.Unmarshal(raw[cursorMAC:], &p) == nil
}

func (s *Starter) logMAC(client string, q DeliveryFilter, place []byte) []byte {
	return s.keys.Hash(purposeLog, client, q.Event, q.Endpoint, q.State, string(place))[:cursorMAC]
}
