package api

import (
	"context"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// AddConsents answers POST /v1/verifications/{id}/consents.
func (s *server) AddConsents(ctx context.Context, r contract.AddConsentsRequestObject) (contract.AddConsentsResponseObject, error) {
	ctx = plain(ctx)
	change := starter.ConsentChange{Given: consentsOf(deref(r.Body.Consents)), By: callerOf(ctx).name, RequestID: requestID(ctx)}
	for _, p := range deref(r.Body.Withdrawn) {
		change.Withdrawn = append(change.Withdrawn, verification.Purpose(p))
	}
	all, err := s.Verifications.Consent(ctx, clientOf(ctx).ID, r.Id, change)
	if err != nil {
		return nil, err
	}
	out := contract.AddConsents200JSONResponse{Status: contract.Status(all.Status), Consents: []contract.RecordedConsent{}}
	if !all.RedactedAt.IsZero() {
		out.RedactedAt = utc(&all.RedactedAt)
	}
	for _, c := range all.All {
		out.Consents = append(out.Consents, contract.RecordedConsent{
			Purpose: contract.Purpose(c.Purpose), TextVersion: nonEmpty(c.TextVersion), TextHash: nonEmpty(c.TextHash), Language: nonEmpty(c.Language),
			Channel: contract.RecordedConsentChannel(c.Channel), GivenAt: c.GivenAt.UTC(), WithdrawnAt: utc(c.WithdrawnAt),
		})
	}
	return out, nil
}

// consentsOf are consents that the person gave on the caller's own screens.
func consentsOf(list []contract.Consent) []verification.Consent {
	var out []verification.Consent
	for _, c := range list {
		out = append(out, verification.Consent{
			Purpose: verification.Purpose(c.Purpose), TextVersion: deref(c.TextVersion), TextHash: deref(c.TextHash), Language: deref(c.Language),
			GivenAt: c.GivenAt.UTC(), Channel: verification.ChannelCaller,
		})
	}
	return out
}
