package page

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/starter"
)

// Purposes of keyed hashes: they keep a cookie from passing for a code.
const (
	purposeShort        = "page-short"
	purposeCookie       = "page-cookie"
	purposeHandover     = "page-handover"
	purposeHandoverCode = "page-handover-code"
)

// shortChars is how much of a verification a page's address and its cookie's name
// tell: enough to keep two of one browser apart, and nothing to find one by.
const shortChars = 8

// cookieChars is the length of a cookie's value: rand.Text.
const cookieChars = 26

func (h *Handler) short(id string) string {
	return text32(h.Keys.Hash(purposeShort, id))[:shortChars]
}

func text32(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// cookieName is that of a verification's cookie. Browsers hold a __Host- cookie to
// this host and to https.
func (h *Handler) cookieName(short string) string {
	if h.secure {
		return "__Host-yz-" + short
	}
	return "yz-" + short
}

func (h *Handler) hashOf(cookie string) []byte { return h.Keys.Hash(purposeCookie, cookie) }

// visitor returns the verification whose page this is and whose cookie the browser
// brings; "": none.
func (h *Handler) visitor(r *http.Request, short string) (id string, err error) {
	if len(short) != shortChars {
		return "", nil
	}
	for _, c := range r.CookiesNamed(h.cookieName(short)) {
		if len(c.Value) != cookieChars {
			continue
		}
		id, err := h.Visits.VisitOf(r.Context(), h.hashOf(c.Value), h.Now())
		if err != nil {
			return "", err
		}
		if id != "" && h.short(id) == short {
			return id, nil
		}
	}
	return "", nil
}

// linkEnds is when the verification's link is over.
func linkEnds(v starter.PageView) time.Time {
	ends, _ := v.State.PageLinkEnds(v.Policy)
	return ends
}

// afterEnd is how long who was let in sees how it went after the link's end, which
// they would hardly learn otherwise.
const afterEnd = time.Hour

// over reports whether nobody gets in any more by the link.
func (h *Handler) over(v starter.PageView) bool {
	return v.State.Status.Ended() || !h.Now().Before(linkEnds(v))
}

// letIn gives the browser a cookie, which add makes good. It reports whether it
// did: a way in may be used up.
func (h *Handler) letIn(w http.ResponseWriter, r *http.Request, v starter.PageView,
	add func(ctx context.Context, cookie []byte, until time.Time) (bool, error)) (bool, error) {
	value, until := rand.Text(), linkEnds(v).Add(afterEnd)
	ok, err := add(r.Context(), h.hashOf(value), until)
	if err != nil || !ok {
		return false, err
	}
	h.keepLanguage(w, r, v, r.PostFormValue("lang"))
	http.SetCookie(w, &http.Cookie{
		Name: h.cookieName(h.short(v.ID)), Value: value, Path: "/", MaxAge: int(until.Sub(h.Now()).Seconds()) + 1,
		Secure: h.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return true, nil
}

// entry answers GET /p/{code}: the link was opened, by a person or by what looks at
// links.
func (h *Handler) entry(w http.ResponseWriter, r *http.Request) {
	v, ok := h.byCode(w, r)
	if !ok {
		return
	}
	if id, err := h.visitor(r, h.short(v.ID)); err == nil && id == v.ID {
		h.onPage(w, r, v)
		return
	}
	if h.over(v) {
		h.message(w, r, http.StatusGone, "link.over")
		return
	}
	s := h.screen(r, v)
	s.Kind, s.Title, s.Action = "entry", "entry.title", h.base+"/p/"+r.PathValue("code")
	h.render(w, http.StatusOK, s)
}

// begin answers POST /p/{code}: the person lets their browser in.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) {
	v, ok := h.byCode(w, r)
	if !ok {
		return
	}
	id, err := h.visitor(r, h.short(v.ID))
	switch {
	case err != nil:
		h.failed(w, r, v, err)
		return
	case id != v.ID && h.over(v):
		h.message(w, r, http.StatusGone, "link.over")
		return
	case id != v.ID:
		in, err := h.letIn(w, r, v, func(ctx context.Context, cookie []byte, until time.Time) (bool, error) {
			return h.Visits.AddVisit(ctx, cookie, v.ID, until)
		})
		switch {
		case err != nil:
			h.failed(w, r, v, err)
			return
		case !in: // more browsers than a person has
			h.message(w, r, http.StatusTooManyRequests, "fault.refused")
			return
		}
	}
	h.onPage(w, r, v)
}

// codeChars is the length of a link's code: 128 bits in base32.
const codeChars = 26

func (h *Handler) byCode(w http.ResponseWriter, r *http.Request) (starter.PageView, bool) {
	code := r.PathValue("code")
	if len(code) != codeChars {
		h.message(w, r, http.StatusNotFound, "link.unknown")
		return starter.PageView{}, false
	}
	v, err := h.Verifications.PageByCode(r.Context(), code)
	if err != nil {
		h.failed(w, r, starter.PageView{}, err)
		return v, false
	}
	about(r, v.ID)
	return v, true
}

// mine finds the verification of the browser's cookie and this page.
func (h *Handler) mine(w http.ResponseWriter, r *http.Request) (starter.PageView, bool) {
	id, err := h.visitor(r, r.PathValue("short"))
	if err != nil {
		h.failed(w, r, starter.PageView{}, err)
		return starter.PageView{}, false
	}
	if id == "" {
		h.message(w, r, http.StatusForbidden, "link.lost")
		return starter.PageView{}, false
	}
	about(r, id)
	v, err := h.Verifications.Page(r.Context(), id)
	if err != nil {
		h.failed(w, r, starter.PageView{}, err)
		return v, false
	}
	return v, true
}

// back answers GET /p/b/{ticket}: the vendor's page led back to us. Whoever has
// their cookie goes on; else a button opens one, once a session.
func (h *Handler) back(w http.ResponseWriter, r *http.Request) {
	v, _, ok := h.returned(w, r)
	if !ok {
		return
	}
	if id, err := h.visitor(r, h.short(v.ID)); err == nil && id == v.ID {
		http.Redirect(w, r, h.at(v.ID)+"?back", http.StatusSeeOther)
		return
	}
	s := h.screen(r, v)
	s.Kind, s.Title, s.Action = "back", "back.title", h.base+"/p/b/"+r.PathValue("ticket")
	h.render(w, http.StatusOK, s)
}

// letBack answers POST /p/b/{ticket}.
func (h *Handler) letBack(w http.ResponseWriter, r *http.Request) {
	v, session, ok := h.returned(w, r)
	if !ok {
		return
	}
	id, err := h.visitor(r, h.short(v.ID))
	if err == nil && id != v.ID {
		ok, err = h.letIn(w, r, v, func(ctx context.Context, cookie []byte, until time.Time) (bool, error) {
			return h.Visits.AddReturn(ctx, cookie, v.ID, session, until)
		})
	}
	switch {
	case err != nil:
		h.failed(w, r, v, err)
	case !ok:
		h.message(w, r, http.StatusForbidden, "link.lost")
	default:
		h.onPage(w, r, v)
	}
}

// returned opens the ticket that the vendor's page led back with. A late one lets
// nobody in.
func (h *Handler) returned(w http.ResponseWriter, r *http.Request) (starter.PageView, int, bool) {
	ticket, err := h.Keys.OpenTicket(r.PathValue("ticket"))
	if err != nil || ticket.Kind != sealing.KindReturn {
		h.message(w, r, http.StatusNotFound, "link.unknown")
		return starter.PageView{}, 0, false
	}
	about(r, ticket.ID)
	v, err := h.Verifications.Page(r.Context(), ticket.ID)
	switch {
	case err != nil:
		h.failed(w, r, starter.PageView{}, err)
		return v, 0, false
	case ticket.Expired(h.Now()) || !h.Now().Before(linkEnds(v)):
		h.message(w, r, http.StatusGone, "link.over")
		return v, 0, false
	}
	return v, ticket.Session, true
}

// formInt reads a number of ours from a form; 0: none.
func formInt(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.PostFormValue(name))
	if err != nil || n < 0 || n > 1000 {
		return 0
	}
	return n
}
