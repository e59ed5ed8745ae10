package starter

import (
	"context"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Examined is what an operator sees of a verification: nothing personal.
type Examined struct {
	Client string
	State  verification.State
	// Began: its run has begun. Ended: it has ended, or is reopened.
	Began, Ended bool
	Timeline     []Moment
	// Deliveries of its events, by event, the newest first.
	Deliveries []Delivery
}

// deliveriesEach bounds the deliveries of an event: a client has few endpoints.
const deliveriesEach = 20

// Examine reads whoever's verification from the store alone. Errors are *Error:
// NotFound, Redacted, EngineUnavailable, Internal.
func (s *Starter) Examine(ctx context.Context, id string) (Examined, error) {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		return Examined{}, s.storeError(ctx, "read the row", id, err)
	}
	out := Examined{Client: row.Client, State: row.State, Began: !row.StartedAt.IsZero(), Ended: row.Ended}
	if out.Timeline, err = s.Timeline(ctx, row.Client, id); err != nil {
		return Examined{}, err
	}
	events, err := s.store.Events(ctx, id)
	if err != nil {
		return Examined{}, s.storeError(ctx, "read events", id, err)
	}
	for _, e := range events {
		list, err := s.store.Deliveries(ctx, store.DeliveryQuery{Client: row.Client, EventID: e.ID, Limit: deliveriesEach})
		if err != nil {
			return Examined{}, s.storeError(ctx, "read deliveries", id, err)
		}
		out.Deliveries = append(out.Deliveries, list...)
	}
	return out, nil
}
