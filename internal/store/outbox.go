package store

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// ErrCursorExpired: events after the position are no longer served.
var ErrCursorExpired = errors.New("store: events after the cursor are no longer served")

// Outbox is what goes out to clients: their feed of events.
type Outbox interface {
	// Feed returns the client's events about verifications after a position, in the order in which
	// positions were given, which no event that commits late ever goes before.
	// What is older than since is not served; ErrCursorExpired if the position
	// leaves out such an event.
	Feed(ctx context.Context, client string, after int64, since time.Time, limit int) ([]Placed, error)
}

// Placed is an event in the feed.
type Placed struct {
	Event
	Position int64
	// Reference is the caller's own word for the verification, from its row;
	// nil: there is none, or it was erased.
	Reference *string
}

// Told is the event as feed and webhooks tell it.
func (p Placed) Told() webhook.Event {
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
