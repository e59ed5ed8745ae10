// Package page serves the person's page: consent, handover to a phone, the way to
// the vendor's page, progress, retry and the return to the caller. It reads from the
// store, and calls the engine only to advance a run. A GET changes nothing.
package page

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Verifications is what the page asks of the starter. Its errors are
// *starter.Error.
type Verifications interface {
	Page(ctx context.Context, id string) (starter.PageView, error)
	PageByCode(ctx context.Context, code string) (starter.PageView, error)
	AwaitPage(ctx context.Context, id string, revision int, wait time.Duration) (starter.PageView, error)
	Agree(ctx context.Context, id string, consents []verification.Consent) (starter.PageView, error)
	Open(ctx context.Context, id string, session int, consents []verification.Consent) (starter.PageView, error)
	AskForHuman(ctx context.Context, id string) (starter.PageView, error)
	Decline(ctx context.Context, id string) (starter.PageView, error)
	Withdraw(ctx context.Context, id, requestID string) error
}

// Visits knows which browsers may go on with which verification; see
// internal/store.
type Visits interface {
	AddVisit(ctx context.Context, cookie []byte, id string, until time.Time) (bool, error)
	AddReturn(ctx context.Context, cookie []byte, id string, session int, until time.Time) (bool, error)
	VisitOf(ctx context.Context, cookie []byte, now time.Time) (id string, err error)
	SetHandover(ctx context.Context, id string, code []byte, until time.Time) error
	Handover(ctx context.Context, id string) (until time.Time, spent bool, err error)
	HandoverOf(ctx context.Context, code []byte, now time.Time) (id string, err error)
	SpendHandover(ctx context.Context, code, cookie []byte, now, until time.Time) (bool, error)
}

// Keys derives what is not told and opens what a vendor's page leads back with.
type Keys interface {
	Hash(purpose string, parts ...string) []byte
	OpenTicket(text string) (sealing.Ticket, error)
}

// Deps is what the page works with.
type Deps struct {
	Verifications Verifications
	Visits        Visits
	Keys          Keys
	// PublicURL is where browsers reach us; without https, cookies have no prefix.
	PublicURL string
	// Brand is how a client shows itself.
	Brand func(client string) brand.Brand
	// Consent is the text that the person agrees to, for a purpose.
	Consent func(p verification.Policy, client string, purpose verification.Purpose, lang string) verification.ConsentText
	// WayHome is where the person goes at the end: the return URL with the id, or
	// "" where the client's list does not allow it any more.
	WayHome func(client, returnURL, id string) string
	// Logger defaults to slog.Default(), Now to time.Now. Metrics may be nil.
	Logger  *slog.Logger
	Metrics *telemetry.Metrics
	Traces  *telemetry.Traces
	Now     func() time.Time
}

// Handler answers everything below /p/.
type Handler struct {
	Deps
	// base is the path in front of ours, secure that browsers come by https.
	base   string
	secure bool
	outer  http.Handler
}

// New returns the page's handler.
func New(d Deps) *Handler {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	d.PublicURL = strings.TrimRight(d.PublicURL, "/")
	h := &Handler{Deps: d, secure: strings.HasPrefix(d.PublicURL, "https://")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /p/{code}", h.entry)
	mux.HandleFunc("POST /p/{code}", h.begin)
	mux.HandleFunc("GET /p/s/{short}", h.show)
	mux.HandleFunc("POST /p/s/{short}", h.act)
	mux.HandleFunc("GET /p/s/{short}/wait", h.wait)
	mux.HandleFunc("GET /p/h/{code}", h.phone)
	mux.HandleFunc("POST /p/h/{code}", h.takeOver)
	mux.HandleFunc("GET /p/b/{ticket}", h.back)
	mux.HandleFunc("POST /p/b/{ticket}", h.letBack)
	mux.HandleFunc("GET /p/static/{file}", h.static)
	mux.HandleFunc("GET /p/theme/{file}", h.theme)
	mux.HandleFunc("GET /p/logo/{client}", h.logo)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.message(w, r, http.StatusNotFound, "link.unknown") })

	sameSite := http.NewCrossOriginProtection()
	if u, err := url.Parse(d.PublicURL); err == nil && u.Host != "" {
		h.base = u.EscapedPath()
		_ = sameSite.AddTrustedOrigin(u.Scheme + "://" + u.Host) // a checked setting
	}
	sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.message(w, r, http.StatusForbidden, "fault.refused")
	}))
	h.outer = h.observed(sameSite.Handler(mux))
	return h
}

// Starting answers for a page that is not there yet: its process is starting.
func Starting(w http.ResponseWriter, r *http.Request) {
	safe(w.Header(), telemetry.NewRequestID())
	w.Header().Set("Retry-After", "5")
	(&Handler{}).message(w, r, http.StatusServiceUnavailable, "fault.busy")
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.outer.ServeHTTP(w, r) }

// failed answers what the starter could not do. What does not fit the state any
// more is no fault: the page shows the state as it is.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, v starter.PageView, err error) {
	switch starter.CodeOf(err) {
	case starter.NotFound:
		h.message(w, r, http.StatusNotFound, "link.unknown")
	case starter.Redacted:
		h.message(w, r, http.StatusGone, "link.gone")
	case starter.EngineUnavailable, starter.Internal:
		if !telemetry.Left(r.Context()) {
			h.Logger.WarnContext(r.Context(), "page not answered", "request_id", requestID(r), "verification_id", v.ID, "error", err)
		}
		w.Header().Set("Retry-After", "5")
		if v.ID == "" || r.Method != http.MethodPost {
			h.message(w, r, http.StatusServiceUnavailable, "fault.busy")
			return
		}
		s := h.screen(r, v)
		s.Kind, s.Title = "down", "face.down.title"
		h.render(w, http.StatusServiceUnavailable, s)
	default:
		h.onPage(w, r, v)
	}
}

// onPage leads on to the verification's page.
func (h *Handler) onPage(w http.ResponseWriter, r *http.Request, v starter.PageView) {
	http.Redirect(w, r, h.at(v.ID), http.StatusSeeOther)
}

// at is the address of a verification's page, good with its cookie only.
func (h *Handler) at(id string) string { return h.base + "/p/s/" + h.short(id) }
