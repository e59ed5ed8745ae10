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

// fakeOutbox answers what a test says.
type fakeOutbox struct {
	events func(client, after string, limit int) (starter.EventPage, error)
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
