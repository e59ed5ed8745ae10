package api

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"strings"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

// closePage is for a person whose verification has nowhere to send them.
//
//go:embed closepage.html
var closePage string

// closePagePolicy lets the page show its one style sheet and do nothing else.
var closePagePolicy = func() string {
	_, rest, _ := strings.Cut(closePage, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

const (
	noReferrer = "no-referrer"
	noStore    = "no-store"
)

// Callback answers GET /callbacks/{provider}/{kind}/{ticket}.
func (s *server) Callback(ctx context.Context, r contract.CallbackRequestObject) (contract.CallbackResponseObject, error) {
	to, err := s.land(plain(ctx), r.Provider, r.Kind, r.Ticket)
	switch {
	case err != nil:
		return nil, err
	case to == "":
		return contract.Callback200TexthtmlResponse{ClosePageTexthtmlResponse: closing()}, nil
	}
	return contract.Callback303Response{Headers: onward(to)}, nil
}

// CallbackPost answers POST on the same path: some vendors send the browser
// back by a form.
func (s *server) CallbackPost(ctx context.Context, r contract.CallbackPostRequestObject) (contract.CallbackPostResponseObject, error) {
	to, err := s.land(plain(ctx), r.Provider, r.Kind, r.Ticket)
	switch {
	case err != nil:
		return nil, err
	case to == "":
		return contract.CallbackPost200TexthtmlResponse{ClosePageTexthtmlResponse: closing()}, nil
	}
	return contract.CallbackPost303Response{Headers: onward(to)}, nil
}

// land takes a person's browser back from a vendor: it tells the run to look,
// and returns where the person goes on, or nothing if the verification does
// not say. Only a ticket that is not genuine, or not for this path, is
// refused; nothing that fails on our side may strand the person.
func (s *server) land(ctx context.Context, provider, kind, text string) (string, error) {
	ticket, err := s.Tickets.OpenTicket(text)
	// A vendor's own notification comes with a provider that verifies it; none
	// of those served now sends one.
	if err != nil || kind != sealing.KindReturn || ticket.Kind != kind || ticket.Provider != provider {
		s.Metrics.Hint("unknown", "refused")
		return "", errNotFound
	}
	result := "expired"
	if !ticket.Expired(s.Now()) {
		sent, err := s.Verifications.Hint(ctx, ticket.ID, ticket.Session)
		if err != nil {
			s.Logger.WarnContext(ctx, "hint not passed on", "request_id", requestID(ctx), "error", composed(err))
		}
		result = string(sent)
	}
	s.Metrics.Hint(ticket.Provider, result)

	landing, err := s.Verifications.Landing(ctx, ticket.ID)
	if err != nil {
		s.Logger.WarnContext(ctx, "no way back for a person", "request_id", requestID(ctx), "error", composed(err))
		return "", nil
	}
	if landing.ReturnURL == "" || checkReturnURL(landing.ReturnURL, s.returnURLs(landing.Client)) != "" {
		return "", nil
	}
	return withVerificationID(landing.ReturnURL, ticket.ID), nil
}

// returnURLs is the client's list as it is now: it may have changed since the
// verification started.
func (s *server) returnURLs(client string) []string {
	for _, c := range s.Clients {
		if c.ID == client {
			return c.ReturnURLs
		}
	}
	return nil
}

func onward(to string) contract.ReturnResponseHeaders {
	referrer, cache := noReferrer, noStore
	return contract.ReturnResponseHeaders{Location: &to, ReferrerPolicy: &referrer, CacheControl: &cache}
}

func closing() contract.ClosePageTexthtmlResponse {
	referrer, cache, policy := noReferrer, noStore, closePagePolicy
	return contract.ClosePageTexthtmlResponse{
		Body: strings.NewReader(closePage), ContentLength: int64(len(closePage)),
		Headers: contract.ClosePageResponseHeaders{ReferrerPolicy: &referrer, CacheControl: &cache, ContentSecurityPolicy: &policy},
	}
}
