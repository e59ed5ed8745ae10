package api

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// fakeOutbox answers what a test says; the endpoint "main" is the client "shop"'s.
type fakeOutbox struct {
	events func(client, after string, limit int) (starter.EventPage, error)
	asked  []any
	page   starter.DeliveryPage
}

func (f *fakeOutbox) known(c starter.Caller, id string, asked ...any) error {
	if c.Client != "shop" || c.By != "shop-key" || c.RequestID == "" || id != "main" && id != "evt_a" {
		return &starter.Error{Code: starter.NotFound}
	}
	f.asked = asked
	return nil
}

func (f *fakeOutbox) Redeliver(_ context.Context, c starter.Caller, event, endpoint string) ([]starter.Delivery, error) {
	return f.page.Deliveries, f.known(c, event, "redeliver", endpoint)
}

func (f *fakeOutbox) Deliveries(_ context.Context, client string, q starter.DeliveryFilter, limit int, cursor string) (starter.DeliveryPage, error) {
	f.asked = []any{client, q, limit, cursor}
	return f.page, nil
}

func (f *fakeOutbox) Endpoints(context.Context, string) ([]starter.Endpoint, error) {
	return []starter.Endpoint{toldEndpoint()}, nil
}

func (f *fakeOutbox) TestEndpoint(_ context.Context, c starter.Caller, id string) (starter.Delivery, error) {
	return toldDelivery(), f.known(c, id, "test")
}

func (f *fakeOutbox) PauseEndpoint(_ context.Context, c starter.Caller, id string) (starter.Endpoint, error) {
	return toldEndpoint(), f.known(c, id, "pause")
}

func (f *fakeOutbox) ResumeEndpoint(_ context.Context, c starter.Caller, id string, since time.Time) (starter.Endpoint, int, error) {
	return toldEndpoint(), 12, f.known(c, id, "resume", since.UTC())
}

func toldEndpoint() starter.Endpoint {
	return starter.Endpoint{ID: "main", Origin: "https://shop.example", State: "off", Reason: "failing", ChangedAt: time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)}
}

func toldDelivery() starter.Delivery {
	at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	return starter.Delivery{EventID: "evt_a", Endpoint: "main", Client: "shop", State: "sending", Attempts: 2, LastClass: "5xx", CreatedAt: at, LastAt: at.Add(time.Second), EventType: "verification.completed", VerificationID: knownID}
}

const toldDeliveryJSON = `{"event_id":"evt_a","event_type":"verification.completed","verification_id":"` + knownID + `","endpoint":"main","state":"sending","round":0,
	"attempts":2,"last_class":"5xx","created_at":"2026-11-28T10:00:00Z","last_attempt_at":"2026-11-28T10:00:01Z","next_attempt_at":null,"ended_at":null}`

const toldEndpointJSON = `{"id":"main","origin":"https://shop.example","events":[],"state":"off","reason":"failing","changed_at":"2026-11-28T10:00:00Z","failing_since":null}`

// Each operation on endpoints and deliveries asks for its scope, acts on the
// client's own only, and answers as the contract says.
func TestWebhookOperations(t *testing.T) {
	since := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		method, path, body string
		status             int
		asked              []any
		want               string
	}{
		{"GET", "/v1/webhook_endpoints", "", 200, nil, `{"webhook_endpoints":[` + toldEndpointJSON + `]}`},
		{"POST", "/v1/webhook_endpoints/main/test", "", 202, []any{"test"}, toldDeliveryJSON},
		{"POST", "/v1/webhook_endpoints/main/pause", "", 200, []any{"pause"}, toldEndpointJSON},
		{"POST", "/v1/webhook_endpoints/main/resume", "", 200, []any{"resume", time.Time{}}, `{"webhook_endpoint":` + toldEndpointJSON + `,"deliveries":12}`},
		{"POST", "/v1/webhook_endpoints/main/recover", `{"since":"2026-11-23T08:00:00+08:00"}`, 200, []any{"resume", since}, `{"webhook_endpoint":` + toldEndpointJSON + `,"deliveries":12}`},
		{"POST", "/v1/events/evt_a/redeliver", "", 202, []any{"redeliver", ""}, `{"deliveries":[` + toldDeliveryJSON + `],"next_cursor":null}`},
		{"POST", "/v1/events/evt_a/redeliver", `{"endpoint":"main"}`, 202, []any{"redeliver", "main"}, `{"deliveries":[` + toldDeliveryJSON + `],"next_cursor":null}`},
		{"GET", "/v1/deliveries?event_id=evt_a&endpoint=main&state=held&limit=3&cursor=c", "", 200,
			[]any{"shop", starter.DeliveryFilter{Event: "evt_a", Endpoint: "main", State: "held"}, 3, "c"}, `{"deliveries":[` + toldDeliveryJSON + `],"next_cursor":"next"}`},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			r := newRig(t)
			r.outbox.page = starter.DeliveryPage{Deliveries: []starter.Delivery{toldDelivery()}, Next: "next"}
			w := r.do(call{method: tc.method, path: tc.path, key: r.shop, body: tc.body})
			require.Equal(t, tc.status, w.Code, "%s", w.Body)
			require.JSONEq(t, tc.want, w.Body.String())
			require.Equal(t, tc.asked, r.outbox.asked)
			problemIn(t, r.do(call{method: tc.method, path: tc.path, key: r.reader, body: tc.body}), 403, "insufficient_scope")
		})
	}
	r := newRig(t)
	for _, path := range []string{"webhook_endpoints/other/test", "webhook_endpoints/other/pause", "webhook_endpoints/other/resume", "events/evt_b/redeliver"} {
		problemIn(t, r.do(call{method: "POST", path: "/v1/" + path, key: r.shop}), 404, "not_found")
	}
	problemIn(t, r.do(call{method: "POST", path: "/v1/webhook_endpoints/main/recover", key: r.shop, body: `{}`}), 422, "invalid_request")
	problemIn(t, r.do(call{method: "GET", path: "/v1/deliveries?state=lost", key: r.shop}), 422, "invalid_request")
}

func (f *fakeOutbox) Events(_ context.Context, client, after string, limit int) (starter.EventPage, error) {
	return f.events(client, after, limit)
}

func toldEvent() webhook.Event {
	reference, decision := "order-17", "declined"
	return webhook.Event{ID: "evt_a", Type: webhook.Completed, Timestamp: time.Date(2026, 11, 28, 10, 15, 2, 123456000, time.UTC),
		Data: webhook.Verification{ID: knownID, Reference: &reference, Status: "completed", Decision: &decision, Reasons: []string{"face.no_match"}, Sequence: 3, Version: 5}}
}

// The feed tells each event as the webhooks do, and takes only keys that may
// read it.
func TestListEvents(t *testing.T) {
	r := newRig(t)
	events := []webhook.Event{toldEvent(), {ID: "evt_b", Type: webhook.Created, Timestamp: r.now,
		Data: webhook.Verification{ID: knownID, Status: "processing", Reasons: []string{}, Sequence: 1, Version: 1}}}
	r.outbox.events = func(client, after string, limit int) (starter.EventPage, error) {
		require.Equal(t, []any{"shop", "where-i-was", 7}, []any{client, after, limit})
		return starter.EventPage{Events: events, Next: "here", More: true}, nil
	}
	w := r.do(call{method: "GET", path: "/v1/events?after=where-i-was&limit=7", key: r.shop})
	require.Equal(t, 200, w.Code)
	var got struct {
		Events []json.RawMessage `json:"events"`
		Next   string            `json:"next_cursor"`
		More   bool              `json:"more"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "here", got.Next)
	require.True(t, got.More)
	for i, e := range events {
		body, err := e.Body()
		require.NoError(t, err)
		require.JSONEq(t, string(body), string(got.Events[i]))
	}
	problemIn(t, r.do(call{method: "GET", path: "/v1/events", key: r.reader}), 403, "insufficient_scope")
	problemIn(t, r.do(call{method: "GET", path: "/v1/events", key: r.reviewer}), 403, "insufficient_scope")
	problemIn(t, r.do(call{method: "GET", path: "/v1/events?limit=101", key: r.shop}), 422, "invalid_request")

	r.outbox.events = func(string, string, int) (starter.EventPage, error) {
		return starter.EventPage{}, &starter.Error{Code: starter.CursorExpired}
	}
	problemIn(t, r.do(call{method: "GET", path: "/v1/events?after=old", key: r.shop}), 410, "cursor_expired")
}
