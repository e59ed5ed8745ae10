package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// DecideVerification answers POST /v1/verifications/{id}/decision.
func (s *server) DecideVerification(ctx context.Context, r contract.DecideVerificationRequestObject) (contract.DecideVerificationResponseObject, error) {
	ctx = plain(ctx)
	version, err := precondition(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if r.Params.IfMatch == nil {
		return nil, errPrecondition
	}
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	v, err := s.Verifications.Decide(ctx, client, r.Id, starter.ReviewRequest{
		Decision: verification.Decision(r.Body.Decision), Reason: verification.ReasonCode(r.Body.Reason),
		Note: deref(r.Body.Note), Version: version, By: callerOf(ctx).name,
	})
	if err != nil {
		return nil, err
	}
	v = shownTo(ctx, v)
	tag := etag(v.Revision)
	return contract.DecideVerification200JSONResponse{Body: answerOf(v), Headers: contract.DecideVerification200ResponseHeaders{ETag: &tag}}, nil
}

// ListDecisions answers GET /v1/verifications/{id}/decisions.
func (s *server) ListDecisions(ctx context.Context, r contract.ListDecisionsRequestObject) (contract.ListDecisionsResponseObject, error) {
	ctx = plain(ctx)
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	acts, err := s.Verifications.Decisions(ctx, client, r.Id)
	if err != nil {
		return nil, err
	}
	out := contract.ListDecisions200JSONResponse{Decisions: []contract.Decision{}}
	for _, a := range acts {
		out.Decisions = append(out.Decisions, contract.Decision{
			Version: a.Version, Act: contract.DecisionAct(a.Act), Reason: string(a.Reason), DecidedByName: a.By, DecidedAt: shown(a.At),
			Note: nonEmpty(a.Note), Held: a.Held,
		})
	}
	return out, nil
}

// ReopenVerification answers POST /v1/verifications/{id}/reopen.
func (s *server) ReopenVerification(ctx context.Context, r contract.ReopenVerificationRequestObject) (contract.ReopenVerificationResponseObject, error) {
	ctx = plain(ctx)
	version, err := precondition(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	v, err := s.Verifications.Reopen(ctx, client, r.Id, starter.ReviewRequest{
		Reason: verification.ReasonCode(r.Body.Reason), Note: deref(r.Body.Note), Version: version, By: callerOf(ctx).name,
	})
	if err != nil {
		return nil, err
	}
	v = shownTo(ctx, v)
	tag := etag(v.Revision)
	return contract.ReopenVerification200JSONResponse{Body: answerOf(v), Headers: contract.ReopenVerification200ResponseHeaders{ETag: &tag}}, nil
}

// ownerOf returns the client whose verification the caller may act on: their
// own, or, for a reviewer, that of one of their clients.
func (s *server) ownerOf(ctx context.Context, id string) (string, error) {
	who := callerOf(ctx)
	if who.client != nil {
		return who.client.ID, nil
	}
	return s.Verifications.Owner(ctx, who.reviews, id)
}

// shownTo keeps the person's link, or their mini program's token, from a reviewer:
// it is for the person, through the client.
func shownTo(ctx context.Context, v starter.View) starter.View {
	if clientOf(ctx) == nil {
		v.Link, v.MiniProgram = "", nil
	}
	return v
}

// anyVersion: the caller names none, or says that whatever it is will do.
const anyVersion = 0

// precondition reads If-Match. A tag that is not one of ours, or a weak one,
// matches nothing (RFC 9110 section 13.1.1).
func precondition(header *string) (int, error) {
	if header == nil || *header == "*" {
		return anyVersion, nil
	}
	digits, ok := strings.CutPrefix(*header, `"v`)
	digits, ok2 := strings.CutSuffix(digits, `"`)
	n, err := strconv.Atoi(digits)
	if !ok || !ok2 || err != nil || n < 1 || etag(n) != *header {
		return 0, errTag
	}
	return n, nil
}

// ListProviders answers GET /v1/providers.
func (s *server) ListProviders(ctx context.Context, _ contract.ListProvidersRequestObject) (contract.ListProvidersResponseObject, error) {
	list, err := s.Verifications.Providers(plain(ctx))
	if err != nil {
		return nil, err
	}
	out := contract.ListProviders200JSONResponse{Providers: []contract.Provider{}}
	for _, p := range list {
		item := contract.Provider{Name: p.Name, Kinds: []contract.ProviderKinds{}, State: contract.ProviderState(p.State), Reason: nonEmpty(p.Reason),
			Jurisdiction: nonEmpty(p.Jurisdiction), Abroad: p.Abroad}
		for _, k := range p.Kinds {
			item.Kinds = append(item.Kinds, contract.ProviderKinds(k))
		}
		if !p.Since.IsZero() {
			item.Since = utc(&p.Since)
		}
		out.Providers = append(out.Providers, item)
	}
	return out, nil
}
