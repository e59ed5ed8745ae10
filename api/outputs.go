package api

import (
	"context"
	"slices"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
)

// GetOutputs answers GET /v1/verifications/{id}/outputs.
func (s *server) GetOutputs(ctx context.Context, r contract.GetOutputsRequestObject) (contract.GetOutputsResponseObject, error) {
	ctx = plain(ctx)
	who := callerOf(ctx)
	// Only a client's key can have the scope.
	if !slices.Contains(who.client.Purposes, r.Params.YanzhenPurpose) {
		return nil, errPurpose
	}
	subject, err := s.Verifications.Outputs(ctx, starter.Reading{
		Client: who.client.ID, ID: r.Id, By: who.name, Purpose: r.Params.YanzhenPurpose, RequestID: requestID(ctx),
	})
	if err != nil {
		return nil, err
	}
	body := contract.Outputs{Name: subject.Name, IdNumber: subject.IDNumber}
	body.IdValidity.From, body.IdValidity.To = nonEmpty(subject.IDValidity.From), nonEmpty(subject.IDValidity.To)
	store := noStore
	return contract.GetOutputs200JSONResponse{
		Headers: contract.GetOutputs200ResponseHeaders{CacheControl: &store},
		Body:    body,
	}, nil
}
