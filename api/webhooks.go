package api

import (
	"context"
	"time"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
)

// ListWebhookEndpoints answers GET /v1/webhook_endpoints.
func (s *server) ListWebhookEndpoints(ctx context.Context, _ contract.ListWebhookEndpointsRequestObject) (contract.ListWebhookEndpointsResponseObject, error) {
	ctx = plain(ctx)
	list, err := s.Outbox.Endpoints(ctx, clientOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	out := contract.ListWebhookEndpoints200JSONResponse{WebhookEndpoints: []contract.WebhookEndpoint{}}
	for _, e := range list {
		out.WebhookEndpoints = append(out.WebhookEndpoints, endpointOf(e))
	}
	return out, nil
}

// TestWebhookEndpoint answers POST /v1/webhook_endpoints/{id}/test.
func (s *server) TestWebhookEndpoint(ctx context.Context, r contract.TestWebhookEndpointRequestObject) (contract.TestWebhookEndpointResponseObject, error) {
	ctx = plain(ctx)
	d, err := s.Outbox.TestEndpoint(ctx, askedBy(ctx), r.Id)
	if err != nil {
		return nil, err
	}
	return contract.TestWebhookEndpoint202JSONResponse(deliveryOf(d)), nil
}

// PauseWebhookEndpoint answers POST /v1/webhook_endpoints/{id}/pause.
func (s *server) PauseWebhookEndpoint(ctx context.Context, r contract.PauseWebhookEndpointRequestObject) (contract.PauseWebhookEndpointResponseObject, error) {
	ctx = plain(ctx)
	e, err := s.Outbox.PauseEndpoint(ctx, askedBy(ctx), r.Id)
	if err != nil {
		return nil, err
	}
	return contract.PauseWebhookEndpoint200JSONResponse(endpointOf(e)), nil
}

// ResumeWebhookEndpoint answers POST /v1/webhook_endpoints/{id}/resume.
func (s *server) ResumeWebhookEndpoint(ctx context.Context, r contract.ResumeWebhookEndpointRequestObject) (contract.ResumeWebhookEndpointResponseObject, error) {
	ctx = plain(ctx)
	e, sent, err := s.Outbox.ResumeEndpoint(ctx, askedBy(ctx), r.Id, time.Time{})
	if err != nil {
		return nil, err
	}
	return contract.ResumeWebhookEndpoint200JSONResponse{WebhookEndpoint: endpointOf(e), Deliveries: sent}, nil
}

// RecoverWebhookEndpoint answers POST /v1/webhook_endpoints/{id}/recover.
func (s *server) RecoverWebhookEndpoint(ctx context.Context, r contract.RecoverWebhookEndpointRequestObject) (contract.RecoverWebhookEndpointResponseObject, error) {
	ctx = plain(ctx)
	since := r.Body.Since
	if since.Before(time.Unix(1, 0)) {
		since = time.Unix(1, 0) // all of them
	}
	e, sent, err := s.Outbox.ResumeEndpoint(ctx, askedBy(ctx), r.Id, since)
	if err != nil {
		return nil, err
	}
	return contract.RecoverWebhookEndpoint200JSONResponse{WebhookEndpoint: endpointOf(e), Deliveries: sent}, nil
}

// RedeliverEvent answers POST /v1/events/{id}/redeliver.
func (s *server) RedeliverEvent(ctx context.Context, r contract.RedeliverEventRequestObject) (contract.RedeliverEventResponseObject, error) {
	ctx = plain(ctx)
	endpoint := ""
	if r.Body != nil {
		endpoint = deref(r.Body.Endpoint)
	}
	list, err := s.Outbox.Redeliver(ctx, askedBy(ctx), r.Id, endpoint)
	if err != nil {
		return nil, err
	}
	return contract.RedeliverEvent202JSONResponse(deliveriesOf(list, "")), nil
}

// ListDeliveries answers GET /v1/deliveries.
func (s *server) ListDeliveries(ctx context.Context, r contract.ListDeliveriesRequestObject) (contract.ListDeliveriesResponseObject, error) {
	ctx = plain(ctx)
	limit := defaultLimit
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	q := starter.DeliveryFilter{Event: deref(r.Params.EventId), Endpoint: deref(r.Params.Endpoint), State: string(deref(r.Params.State))}
	page, err := s.Outbox.Deliveries(ctx, clientOf(ctx).ID, q, limit, deref(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return contract.ListDeliveries200JSONResponse(deliveriesOf(page.Deliveries, page.Next)), nil
}

func deliveriesOf(list []starter.Delivery, next string) contract.DeliveryList {
	out := contract.DeliveryList{Deliveries: []contract.Delivery{}, NextCursor: nonEmpty(next)}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, deliveryOf(d))
	}
	return out
}

func deliveryOf(d starter.Delivery) contract.Delivery {
	return contract.Delivery{
		EventId: d.EventID, EventType: d.EventType, VerificationId: nonEmpty(d.VerificationID), Endpoint: d.Endpoint, State: contract.DeliveryState(d.State),
		Round: d.Round, Attempts: d.Attempts, LastClass: nonEmpty(d.LastClass), CreatedAt: shown(d.CreatedAt),
		LastAttemptAt: nonZero(d.LastAt), NextAttemptAt: nonZero(d.NextAt), EndedAt: nonZero(d.EndedAt),
	}
}

func endpointOf(e starter.Endpoint) contract.WebhookEndpoint {
	out := contract.WebhookEndpoint{
		Id: e.ID, Origin: e.Origin, Events: e.Events, State: contract.WebhookEndpointState(e.State), Reason: nonEmpty(e.Reason),
		ChangedAt: nonZero(e.ChangedAt), FailingSince: nonZero(e.FailingSince),
	}
	if out.Events == nil {
		out.Events = []string{}
	}
	return out
}

// nonZero is nil for the zero time.
func nonZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return utc(&t)
}
