package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/starter"
)

const (
	noReferrer = "no-referrer"
	noStore    = "no-store"
)

// onReturnPath reports whether a path is that of a link for a person's browser,
// however broken.
func onReturnPath(path string) bool {
	segments := strings.Split(path, "/")
	return len(segments) > 3 && segments[1] == "callbacks" && segments[3] == sealing.KindReturn
}

// Callback answers GET /callbacks/{provider}/{kind}/{ticket}: a person's browser
// comes back. What its query says is not looked at.
func (s *server) Callback(ctx context.Context, r contract.CallbackRequestObject) (contract.CallbackResponseObject, error) {
	c, _ := ctx.(*gin.Context)
	ctx = plain(ctx)
	ticket, err := s.openTicket(r.Provider, r.Kind, r.Ticket)
	if err != nil || ticket.Kind != sealing.KindReturn {
		return nil, s.badTicket()
	}
	noteVerification(ctx, ticket.ID)
	if methodOf(c.Request) != http.MethodHead { // with which nobody comes back
		s.hint(ctx, ticket)
	}
	if to, _ := s.returnTarget(ctx, ticket, r.Ticket); to != "" {
		return contract.Callback303Response{Headers: onward(to)}, nil
	}
	return contract.Callback200TexthtmlResponse{ClosePageTexthtmlResponse: closing()}, nil
}

// CallbackPost answers POST on the same path: a vendor reports an ending, or
// sends the browser back by a form.
func (s *server) CallbackPost(ctx context.Context, r contract.CallbackPostRequestObject) (contract.CallbackPostResponseObject, error) {
	c, _ := ctx.(*gin.Context)
	ctx = plain(ctx)
	ticket, err := s.openTicket(r.Provider, r.Kind, r.Ticket)
	if err != nil {
		return nil, s.badTicket()
	}
	noteVerification(ctx, ticket.ID)
	form, formErr := readForm(c.Writer, c.Request)
	if ticket.Kind == sealing.KindNotify {
		if formErr != nil || len(form) == 0 {
			s.Metrics.Notice(ticket.Provider, "unreadable")
			return nil, errNotFound
		}
		if err := s.notify(ctx, ticket, form); err != nil {
			return nil, err
		}
		return noticeAccepted{}, nil
	}
	s.broughtBack(ctx, ticket, form)
	switch to, miniProgram := s.returnTarget(ctx, ticket, r.Ticket); {
	case miniProgram:
		return contract.CallbackPost204Response{}, nil
	case to != "":
		return contract.CallbackPost303Response{Headers: onward(to)}, nil
	}
	return contract.CallbackPost200TexthtmlResponse{ClosePageTexthtmlResponse: closing()}, nil
}

// noticeAccepted is the empty 200 that a vendor's notification gets.
type noticeAccepted struct{}

// VisitCallbackPostResponse writes the answer.
func (noticeAccepted) VisitCallbackPostResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	return nil
}

// openTicket opens a ticket and holds it against the path that it came by.
func (s *server) openTicket(provider, kind, text string) (sealing.Ticket, error) {
	ticket, err := s.Tickets.OpenTicket(text)
	if err != nil {
		return sealing.Ticket{}, err
	}
	if ticket.Kind != kind || ticket.Provider != provider {
		return sealing.Ticket{}, sealing.ErrBadTicket
	}
	return ticket, nil
}

func (s *server) badTicket() error {
	s.Metrics.Hint("unknown", "refused")
	return errNotFound
}

// notify takes what a vendor reports. A refusal says no more than a bad ticket
// does; of a fault of ours the vendor learns that it may try again.
func (s *server) notify(ctx context.Context, ticket sealing.Ticket, form url.Values) error {
	result, err := s.Verifications.Notify(ctx, starter.Notice{
		Provider: ticket.Provider, ID: ticket.ID, Session: ticket.Session, Form: form, Late: ticket.Expired(s.Now()),
	})
	s.Metrics.Notice(ticket.Provider, string(result))
	return err
}

// broughtBack takes what a browser brought by a form. Only what the vendor
// signed carries weight; without it the return is a hint, and with a forgery it
// is nothing. No fault may strand the person.
func (s *server) broughtBack(ctx context.Context, ticket sealing.Ticket, form url.Values) {
	if ticket.Expired(s.Now()) {
		s.Metrics.Hint(ticket.Provider, "expired")
		return
	}
	result, err := s.Verifications.Notify(ctx, starter.Notice{
		Provider: ticket.Provider, ID: ticket.ID, Session: ticket.Session, Form: form,
	})
	switch result {
	case starter.NoticeUnsupported:
		s.hint(ctx, ticket)
		return
	case starter.NoticeEmpty:
		s.hint(ctx, ticket)
	case starter.NoticeFailed:
		s.Logger.WarnContext(ctx, "browser browser return not passed on", "request_id", requestID(ctx), "error", composed(err))
	}
	s.Metrics.Notice(ticket.Provider, string(result))
}

// hint tells the run to look. Nothing that fails on our side may strand the
// person.
func (s *server) hint(ctx context.Context, ticket sealing.Ticket) {
	result := "expired"
	if !ticket.Expired(s.Now()) {
		sent, err := s.Verifications.Hint(ctx, ticket.ID, ticket.Session)
		if err != nil {
			s.Logger.WarnContext(ctx, "hint not passed on", "request_id", requestID(ctx), "error", composed(err))
		}
		result = string(sent)
	}
	s.Metrics.Hint(ticket.Provider, result)
}

// returnTarget returns where a person goes on, or nothing if the verification does
// not say. To our page the ticket comes along: it lets back in whose cookie was
// lost. miniProgram: they are where they go on, and a program asks.
func (s *server) returnTarget(ctx context.Context, ticket sealing.Ticket, text string) (to string, miniProgram bool) {
	landing, err := s.Verifications.ReturnTarget(ctx, ticket.ID)
	if err != nil {
		s.Logger.WarnContext(ctx, "no return URL for a browser", "request_id", requestID(ctx), "error", composed(err))
		return "", false
	}
	if landing.Page != "" {
		return landing.Page + text, false
	}
	return WayHome(s.returnURLs(landing.Client), landing.ReturnURL, ticket.ID), landing.MiniProgram
}

// returnURLs is the client's list as it is now: it may have changed since the
// verification started, and since this process did.
func (s *server) returnURLs(client string) []string {
	if c := s.keys.Load().client(client); c != nil {
		return c.ReturnURLs
	}
	return nil
}

func onward(to string) contract.ReturnResponseHeaders {
	referrer, cache := noReferrer, noStore
	return contract.ReturnResponseHeaders{Location: &to, ReferrerPolicy: &referrer, CacheControl: &cache}
}

func closing() contract.ClosePageTexthtmlResponse {
	referrer, cache := noReferrer, noStore
	return contract.ClosePageTexthtmlResponse{
		Body: strings.NewReader(closePage.html), ContentLength: int64(len(closePage.html)),
		Headers: contract.ClosePageResponseHeaders{ReferrerPolicy: &referrer, CacheControl: &cache, ContentSecurityPolicy: &closePage.policy},
	}
}
