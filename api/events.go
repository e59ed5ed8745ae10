package api

import (
	"context"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// ListEvents answers GET /v1/events.
func (s *server) ListEvents(ctx context.Context, r contract.ListEventsRequestObject) (contract.ListEventsResponseObject, error) {
	ctx = plain(ctx)
	limit := defaultLimit
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	page, err := s.Outbox.Events(ctx, clientOf(ctx).ID, deref(r.Params.After), limit)
	if err != nil {
		return nil, err
	}
	out := contract.ListEvents200JSONResponse{Events: []contract.Event{}, NextCursor: nonEmpty(page.Next), More: page.More}
	for _, e := range page.Events {
		out.Events = append(out.Events, eventOf(e))
	}
	return out, nil
}

func eventOf(e webhook.Event) contract.Event {
	out := contract.Event{Id: e.ID, Type: e.Type, Timestamp: e.Timestamp}
	if v, ok := e.Data.(webhook.Verification); ok {
		out.Data = contract.EventData{
			VerificationId: v.ID, ClientReferenceId: v.Reference, Status: contract.Status(v.Status), Decision: v.Decision,
			Reasons: v.Reasons, Sequence: v.Sequence, Version: v.Version,
		}
	}
	return out
}
