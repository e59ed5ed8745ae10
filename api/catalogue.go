package api

import (
	"context"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/verification"
)

// ListReasons answers GET /v1/reasons.
func (s *server) ListReasons(context.Context, contract.ListReasonsRequestObject) (contract.ListReasonsResponseObject, error) {
	out := contract.ListReasons200JSONResponse{Reasons: []contract.ReasonEntry{}}
	for _, e := range verification.Catalogue {
		guide := verification.Guides[e.Code]
		out.Reasons = append(out.Reasons, contract.ReasonEntry{
			Code: string(e.Code), Class: contract.ReasonEntryClass(e.Class), Retryable: e.Retryable, Final: e.Class == verification.Final,
			Meaning: e.Ops, Action: guide.Do, Text: contract.PersonText{ZhCN: nonEmpty(guide.Chinese), En: nonEmpty(e.User)},
		})
	}
	return out, nil
}
