package page

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// screen is what one page shows. Nothing of the subject, the reference or the
// metadata is in it.
type screen struct {
	// Kind is the template; Title the key of its heading.
	Kind, Title string
	Lang        string
	// Languages are links to the same page in each language.
	Languages []languageLink
	Base      string
	// Client and Name are who asks; empty where nobody knows about what.
	Client, Name string
	Brand        brand.Brand
	Device       device
	// Action is where the page's forms go.
	Action string
	View   starter.PageView
	Steps  []step

	Consents []verification.ConsentText
	Handover *handover
	// Copy is a link to copy.
	Copy string
	// Onward is another site's page, Home the client's own.
	Onward, OnwardLabel string
	Home                template.URL
	// Waits: the page follows the verification. Reloads: without script, too, by
	// coming again and again, which whoever reads or chooses must be spared.
	Waits, Reloads bool
	// Returned: the person comes from the vendor's page, and waits for what it says.
	Returned bool
	// Ending: no session opens any more before the link ends.
	Ending bool
}

type languageLink struct {
	Lang, Name, Href string
	Current          bool
}

// step is one of those that the page counts at its top.
type step struct {
	Key           string
	Done, Current bool
}

// T is a text in the page's language.
func (s *screen) T(key string, args ...any) string { return texts.T(s.Lang, key, args...) }

// Reason says to the person how the last session ended.
func (s *screen) Reason() string {
	if s.View.State.LastError == nil {
		return ""
	}
	return texts.Reason(s.Lang, s.View.State.LastError.Code)
}

// Reasons are what the person is told of the verdict. One that asks to try again
// is left out where another one says that there is no more of that.
func (s *screen) Reasons() []string {
	var out []string
	reasons := s.View.State.Reasons()
	over := slices.ContainsFunc(reasons, func(r verification.Reason) bool { return !r.Retryable })
	for _, reason := range reasons {
		if reason.Retryable && over {
			continue
		}
		if text := texts.Reason(s.Lang, reason.Code); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// Restarts: it makes sense to begin anew.
func (s *screen) Restarts() bool {
	last := s.View.State.LastError
	return last == nil || last.Code != verification.CanceledMinor
}

// Outage: a vendor is away, or was until nobody waited any more.
func (s *screen) Outage() bool {
	last := s.View.State.LastError
	return last != nil && last.Code == verification.ProviderUnavailable
}

// Judged: the last session counts as a try.
func (s *screen) Judged() bool {
	last := s.View.State.LastError
	if last == nil {
		return false
	}
	domain, _, _ := strings.Cut(string(last.Code), ".")
	return domain != "session" && domain != "device" && domain != "provider"
}

// Left says how many tries are left.
func (s *screen) Left() string {
	a := s.View.State.Attempt
	return texts.Left(s.Lang, max(a.Max-a.Judged, 0))
}

// Next is the number of the session that the person asks for.
func (s *screen) Next() int { return s.View.State.Attempt.Session + 1 }

// Serves: the vendor's page opens on this device.
func (s *screen) Serves() bool { return s.Device.serves(s.View.OpenIn) }

// Camera is what the page's script looks for before the form is sent, where the
// vendor's page opens on this device next; "": nothing.
func (s *screen) Camera() string {
	switch {
	case !s.View.Policy.WantsFace(), !s.Serves(), s.Device == desktop && s.Kind != "desktop":
		return ""
	case s.InWeChat():
		return "camera" // WeChat has its own way to it
	}
	return "webrtc"
}

// InWeChat: the vendor's page opens in WeChat only.
func (s *screen) InWeChat() bool { return s.View.OpenIn == openInWeChat }

// HumanElsewhere: who asks for a human goes to the client's own way.
func (s *screen) HumanElsewhere() bool { return s.View.Policy.HumanRoute != verification.HumanReview }

// Withdraws: the person has agreed, and may think better of it as easily.
func (s *screen) Withdraws() bool {
	return len(s.View.Policy.Consents) > 0 && len(s.View.Missing) == 0 && !s.View.State.Status.Ended()
}

// FaceDone: what runs does not wait for the face any more.
func (s *screen) FaceDone() bool {
	return slices.ContainsFunc(s.View.State.Checks, func(c verification.Check) bool {
		return c.Type == verification.Liveness && c.Status != verification.Pending
	})
}

// Time writes a moment as people in China read it.
func (s *screen) Time(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(residentid.Shanghai).Format("2006-01-02 15:04")
}

func spoken(lang string) string { return texts.Match(lang, "") }

const languageCookie = "yz-lang"

// language is what the person chose, else what the request named, else what their
// browser asks for.
func language(r *http.Request, requested string) string {
	chosen := r.URL.Query().Get("lang")
	if c, err := r.Cookie(languageCookie); err == nil && chosen == "" {
		chosen = c.Value
	}
	if slices.Contains(texts.Languages, chosen) {
		return chosen
	}
	return texts.Match(requested, r.Header.Get("Accept-Language"))
}

// keepLanguage keeps the language that the person chose, if it is another one than
// they would be shown anyway.
func (h *Handler) keepLanguage(w http.ResponseWriter, r *http.Request, v starter.PageView, chosen string) {
	if !slices.Contains(texts.Languages, chosen) || chosen == language(r, v.Language) && r.URL.Query().Get("lang") == "" {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: chosen, Path: "/", MaxAge: 30 * 24 * 3600, Secure: h.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// screen begins a page about a verification.
func (h *Handler) screen(r *http.Request, v starter.PageView) *screen {
	s := &screen{Lang: language(r, v.Language), Base: h.base, Client: v.Client, Device: deviceOf(r.UserAgent()), View: v}
	if v.ID != "" {
		s.Action = h.at(v.ID)
	}
	if v.Client != "" {
		s.Brand = h.Brand(v.Client)
		s.Name = s.Brand.Name(s.Lang)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		for _, lang := range texts.Languages {
			q := url.Values{"lang": {lang}}
			if view := r.URL.Query().Get("view"); view == "human" || view == "withdraw" {
				q.Set("view", view)
			}
			s.Languages = append(s.Languages, languageLink{Lang: lang, Name: texts.T(lang, "page."+lang), Href: "?" + q.Encode(), Current: lang == s.Lang})
		}
	}
	return s
}

// show answers GET /p/s/{short}.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	v, ok := h.mine(w, r)
	if !ok {
		return
	}
	s, err := h.state(r, v)
	if err != nil {
		h.failed(w, r, v, err)
		return
	}
	h.keepLanguage(w, r, v, r.URL.Query().Get("lang"))
	h.render(w, http.StatusOK, s)
}

// state is the page of a verification as it stands.
func (h *Handler) state(r *http.Request, v starter.PageView) (*screen, error) {
	s := h.screen(r, v)
	s.Returned = r.URL.Query().Has("back")
	s.Ending = !v.OpensUntil.IsZero() && !h.Now().Before(v.OpensUntil)
	var err error
	switch st := v.State; {
	case st.Status == verification.RequiresInput:
		err = h.input(r.Context(), s)
	case st.Status == verification.Processing:
		s.Kind, s.Title, s.Waits = "progress", "progress.title", true
	default:
		h.result(s)
	}
	switch view := r.URL.Query().Get("view"); {
	case view == "human" && slices.Contains(offersHuman, s.Kind):
		s.Kind, s.Title, s.Waits = "human", "human.title", false
	case view == "withdraw" && s.Withdraws():
		s.Kind, s.Title, s.Waits = "withdraw", "withdraw.title", false
	}
	s.Reloads = s.Waits && slices.Contains([]string{"progress", "desktop", "inwechat", "open"}, s.Kind)
	s.Steps = steps(s)
	return s, err
}

// offersHuman are the pages from which a person may ask for a human.
var offersHuman = []string{"start", "retry", "open", "desktop", "inwechat", "scan"}

// input is the page of a person who is waited for.
func (h *Handler) input(ctx context.Context, s *screen) error {
	v := s.View
	s.Waits = true // the other device may go on, and the clock runs
	next := v.State.NextAction
	switch {
	case next != nil && next.Type == verification.ActionScanChip:
		s.Kind, s.Title = "scan", "scan.title"
		return nil
	case v.State.Open != nil && v.VendorLink == "":
		s.Kind, s.Title = "progress", "progress.title" // the session is over, and looked at
		return nil
	case v.State.Open == nil && len(v.Missing) > 0:
		s.Kind, s.Title = "consent", "consent.title"
		for _, purpose := range v.Missing {
			s.Consents = append(s.Consents, h.Consent(v.Policy, v.Client, purpose, s.Lang))
		}
		return nil
	}
	s.Onward = webLink(v.VendorLink)
	var err error
	if s.Handover, err = h.handoverOf(ctx, v.ID); err != nil {
		return err
	}
	switch elsewhere := !s.Serves() || s.Device == desktop; {
	case elsewhere && (s.Handover != nil || v.State.Open != nil && !s.Serves()):
		s.Kind, s.Title = "desktop", "desktop.title"
		if s.Device == mobile {
			s.Kind, s.Title = "inwechat", "wechat.title"
		}
		if s.Handover != nil {
			s.Copy = s.Handover.Link
		}
	case v.State.Open != nil:
		s.Kind, s.Title = "open", "face.open.title"
		if s.Returned {
			s.Title = "progress.title"
		}
	case v.State.LastError != nil:
		s.Kind, s.Title = "retry", "retry.title"
		switch {
		case s.Outage():
			s.Title = "face.down.title"
		case !s.Judged():
			s.Title = "retry.unfinished.title"
		}
	default:
		s.Kind, s.Title = "start", "face.title"
	}
	return nil
}

// result is the page of what is over, or out of the person's hands.
func (h *Handler) result(s *screen) {
	v := s.View
	s.Kind = "result"
	switch v.State.Status {
	case verification.InReview:
		s.Title, s.Waits = "review.title", true
	case verification.Completed:
		s.Title = string(v.State.Decision) + ".title"
	default:
		s.Title = string(v.State.Status) + ".title"
	}
	if home := h.WayHome(v.Client, v.ReturnURL, v.ID); home != "" {
		s.Home = template.URL(home) // held against the client's list
	}
}

// steps are those of the verification, as far as the person sees them.
func steps(s *screen) []step {
	var keys []string
	if len(s.View.Policy.Consents) > 0 {
		keys = append(keys, "step.consent")
	}
	if s.View.Policy.ChipProvider != "" {
		keys = append(keys, "step.chip")
	}
	if s.View.Policy.WantsFace() {
		keys = append(keys, "step.face")
	}
	keys = append(keys, "step.check", "step.result")
	current := map[string]string{"consent": "step.consent", "scan": "step.chip", "progress": "step.check", "result": "step.result"}[s.Kind]
	if current == "" {
		current = "step.face"
	}
	at := slices.Index(keys, current)
	var out []step
	for i, key := range keys {
		out = append(out, step{Key: key, Current: i == at, Done: i < at || current == "step.result" && s.View.State.Status == verification.Completed})
	}
	return out
}
