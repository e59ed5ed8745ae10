package api

import (
	"context"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// defaultLimit is how many verifications a page of a list holds.
const defaultLimit = 20

// ListVerifications answers GET /v1/verifications.
func (s *server) ListVerifications(ctx context.Context, r contract.ListVerificationsRequestObject) (contract.ListVerificationsResponseObject, error) {
	ctx = plain(ctx)
	limit := defaultLimit
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	q := starter.ListQuery{
		Clients: callerOf(ctx).clients(), Status: verification.Status(deref(r.Params.Status)), Outcome: verification.Outcome(deref(r.Params.Outcome)),
		Policy: deref(r.Params.Policy), Reference: deref(r.Params.ClientReferenceId),
		From: deref(r.Params.CreatedFrom), Before: deref(r.Params.CreatedTo), Oldest: deref(r.Params.Order) == contract.ListVerificationsParamsOrderAsc,
	}
	page, err := s.Verifications.List(ctx, q, limit, deref(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := contract.ListVerifications200JSONResponse{NextCursor: nonEmpty(page.Next), Verifications: []contract.VerificationItem{}}
	for _, i := range page.Items {
		out.Verifications = append(out.Verifications, contract.VerificationItem{
			Id: i.ID, Client: i.Client, Status: contract.Status(i.Status), Decision: nonEmpty(string(i.Decision)),
			Outcome: nonEmpty(string(verification.OutcomeOf(i.Status, i.Decision))), Policy: policyOf(i.Policy),
			ClientReferenceId: nonEmpty(i.ClientReferenceID), CreatedAt: shown(i.CreatedAt), UpdatedAt: shown(i.UpdatedAt),
		})
	}
	return out, nil
}
