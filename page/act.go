package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What a form's button may ask for.
const (
	actGo      = "go"      // on to the vendor's page, or to the right device
	actHere    = "here"    // the same, on this device whatever it seems to be
	actCode    = "code"    // another code for the phone
	actHuman   = "human"   // a human instead of the face
	actDecline = "decline" // the person does not agree
	// the person does not agree any more
	actWithdraw = "withdraw"
)

// act answers POST /p/s/{short}.
func (h *Handler) act(w http.ResponseWriter, r *http.Request) {
	v, ok := h.mine(w, r)
	if !ok {
		return
	}
	if r.ParseForm() != nil {
		h.message(w, r, http.StatusBadRequest, "fault.refused")
		return
	}
	if v.State.Status.Ended() {
		h.onPage(w, r, v) // which says so
		return
	}
	var err error
	switch r.PostFormValue("act") {
	case actGo, actHere:
		h.goOn(w, r, v)
		return
	case actCode:
		err = h.handOver(r.Context(), v.ID)
	case actHuman:
		if to := v.Policy.HumanRoute; to != verification.HumanReview {
			h.onward(w, r, v, to, "human.elsewhere")
			return
		}
		_, err = h.Verifications.AskForHuman(r.Context(), v.ID)
	case actDecline:
		_, err = h.Verifications.Decline(r.Context(), v.ID)
	case actWithdraw:
		h.withdraw(w, r, v)
		return
	default:
		h.message(w, r, http.StatusBadRequest, "fault.refused")
		return
	}
	if err != nil {
		h.failed(w, r, v, err)
		return
	}
	h.onPage(w, r, v)
}

// withdraw ends the verification of a person who does not agree any more. They are
// erased, their browser's visit too, so this answer is the last that they see.
func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request, v starter.PageView) {
	if err := h.Verifications.Withdraw(r.Context(), v.ID, requestID(r)); err != nil {
		h.failed(w, r, v, err)
		return
	}
	v.State.Withdraw()
	s := h.screen(r, v)
	h.result(s)
	h.render(w, http.StatusOK, s)
}

// goOn notes what the person agreed to, and opens a session for whoever holds the
// right device; the others get a code for it.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, v starter.PageView) {
	consents, ok := h.agreed(r, v)
	if !ok {
		h.onPage(w, r, v) // the text is another one since: it is shown again
		return
	}
	d := deviceOf(r.UserAgent())
	if v.Policy.WantsFace() && (!d.serves(v.OpenIn) || d == desktop && r.PostFormValue("act") != actHere) {
		var err error
		if len(consents) > 0 {
			_, err = h.Verifications.Agree(r.Context(), v.ID, consents)
		}
		if err == nil {
			err = h.handOver(r.Context(), v.ID)
		}
		if err != nil {
			h.failed(w, r, v, err)
			return
		}
		h.onPage(w, r, v)
		return
	}
	now, err := h.Verifications.Open(r.Context(), v.ID, formInt(r, "session"), consents)
	switch {
	case err != nil:
		h.failed(w, r, v, err)
	case now.VendorLink != "" && d.serves(now.OpenIn):
		h.onward(w, r, now, now.VendorLink, "face.resume")
	default:
		h.onPage(w, r, v)
	}
}

// agreed returns the consents that the form gives to what is still missing. It
// reports false where the person read another text than the one of now.
func (h *Handler) agreed(r *http.Request, v starter.PageView) ([]verification.Consent, bool) {
	var out []verification.Consent
	for _, purpose := range v.Missing {
		text := h.Consent(v.Policy, v.Client, purpose, spoken(r.PostFormValue("lang")))
		if r.PostFormValue("consent."+string(purpose)) != text.Hash() {
			return nil, false
		}
		out = append(out, verification.Consent{Purpose: purpose, TextVersion: text.Version, TextHash: text.Hash(), Language: text.Language,
			GivenAt: h.Now().UTC(), Channel: verification.ChannelPage})
	}
	return out, true
}

// onward leads to another site. The answer to a form may not redirect there (the
// policy's form-action), and a browser that goes back must not be sent on again: so
// a page of its own that takes no place in the browser's history.
func (h *Handler) onward(w http.ResponseWriter, r *http.Request, v starter.PageView, to, label string) {
	link := webLink(to)
	if link == "" {
		h.onPage(w, r, v)
		return
	}
	s := h.screen(r, v)
	s.Kind, s.Title, s.Onward, s.OnwardLabel = "onward", "face.opening.title", link, label
	w.Header().Set("Refresh", "0;url="+link)
	h.render(w, http.StatusOK, s)
}

// webLink returns a link that a browser opens as a page, as it is written; ""
// otherwise.
func webLink(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(to, "\r\n\"'<> ") {
		return ""
	}
	return to
}

// wait answers GET /p/s/{short}/wait: once something is new, with its revision.
func (h *Handler) wait(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	known, err := strconv.Atoi(r.URL.Query().Get("rev"))
	id, lost := h.visitor(r, r.PathValue("short"))
	if err != nil || lost == nil && id == "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	about(r, id)
	var v starter.PageView
	if lost == nil {
		v, lost = h.Verifications.AwaitPage(r.Context(), id, known, waitTime)
	}
	if starter.CodeOf(lost) == starter.RateLimited {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if lost != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]int{"rev": v.Revision})
}
