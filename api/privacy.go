package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
)

// RedactVerification answers POST /v1/verifications/{id}/redact.
func (s *server) RedactVerification(ctx context.Context, r contract.RedactVerificationRequestObject) (contract.RedactVerificationResponseObject, error) {
	ctx = plain(ctx)
	who := callerOf(ctx)
	q := starter.RedactRequest{Cause: starter.CauseRequest, By: who.name, RequestID: requestID(ctx)}
	if r.Body != nil {
		q.End = deref(r.Body.End)
	}
	// Only a client's key can have the scope.
	e, err := s.Verifications.Redact(ctx, who.client.ID, r.Id, q)
	if err != nil {
		return nil, err
	}
	if e.Receipt == "" {
		return contract.RedactVerification202JSONResponse(erasureOf(e)), nil
	}
	return contract.RedactVerification200JSONResponse(erasureOf(e)), nil
}

// GetReceipt answers GET /v1/verifications/{id}/receipt.
func (s *server) GetReceipt(ctx context.Context, r contract.GetReceiptRequestObject) (contract.GetReceiptResponseObject, error) {
	ctx = plain(ctx)
	client := clientOf(ctx)
	if client == nil {
		return nil, errNotFound // a reviewer has nothing to do with it
	}
	e, err := s.Verifications.Receipt(ctx, client.ID, r.Id)
	if err != nil {
		return nil, err
	}
	if e.Receipt == "" {
		return contract.GetReceipt202JSONResponse(erasureOf(e)), nil
	}
	return contract.GetReceipt200JSONResponse(erasureOf(e)), nil
}

func erasureOf(e starter.Erasure) contract.Erasure {
	return contract.Erasure{VerificationId: e.ID, RedactedAt: e.ErasedAt.UTC(), Receipt: nonEmpty(e.Receipt)}
}

// GetEvidence answers GET /v1/verifications/{id}/evidence.
func (s *server) GetEvidence(ctx context.Context, r contract.GetEvidenceRequestObject) (contract.GetEvidenceResponseObject, error) {
	ctx = plain(ctx)
	// Only a client's key can have the scope.
	signed, err := s.Verifications.Evidence(ctx, askedBy(ctx), r.Id)
	if err != nil {
		return nil, err
	}
	return contract.GetEvidence200JSONResponse{VerificationId: r.Id, Evidence: signed}, nil
}

// SearchVerifications answers POST /v1/verifications/search.
func (s *server) SearchVerifications(ctx context.Context, r contract.SearchVerificationsRequestObject) (contract.SearchVerificationsResponseObject, error) {
	ctx = plain(ctx)
	who := callerOf(ctx)
	// Only a client's key can have the scope.
	if !slices.Contains(who.client.Purposes, r.Params.YanzhenPurpose) {
		return nil, errPurpose
	}
	ids, err := s.Verifications.Search(ctx, starter.Reading{
		Client: who.client.ID, By: who.name, Purpose: r.Params.YanzhenPurpose, RequestID: requestID(ctx),
	}, r.Body.IdNumber)
	if err != nil {
		return nil, err
	}
	return contract.SearchVerifications200JSONResponse{VerificationIds: append([]string{}, ids...)}, nil
}

// GetPublicKeys answers GET /.well-known/jwks.json.
func (s *server) GetPublicKeys(context.Context, contract.GetPublicKeysRequestObject) (contract.GetPublicKeysResponseObject, error) {
	keys, err := s.Signatures.PublicKeys()
	return publicKeys(keys), err
}

// publicKeys are written as the key set has them.
type publicKeys []byte

// VisitGetPublicKeysResponse writes the answer.
func (k publicKeys) VisitGetPublicKeysResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(k)
	return err
}
