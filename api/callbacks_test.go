package api

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/starter"
)

// landingRig answers callbacks for knownID, whose person goes to returnURL.
func landingRig(t *testing.T, returnURL string) *rig {
	r := newRig(t)
	r.fake.hint = func(string, int) (starter.HintResult, error) { return starter.HintSent, nil }
	r.fake.landing = func(string) (starter.ReturnTarget, error) {
		return starter.ReturnTarget{Client: "shop", ReturnURL: returnURL}, nil
	}
	return r
}

func (r *rig) ticket(change func(*sealing.Ticket)) string {
	ticket := sealing.Ticket{Provider: "tencent_eid", Kind: sealing.KindReturn, ID: knownID, Session: 2, Expires: r.now.Add(time.Minute)}
	if change != nil {
		change(&ticket)
	}
	text, err := r.keys.IssueTicket(ticket)
	require.NoError(r.t, err)
	return text
}

func (r *rig) comeBack(method, path string) *httptest.ResponseRecorder {
	return r.do(call{method: method, path: path})
}

func TestABrowserIsSentOnWithTheIDAndNoVerdict(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		r := landingRig(t, "https://shop.example/back?order=17")
		r.fake.hint = func(id string, session int) (starter.HintResult, error) {
			require.Equal(t, knownID, id)
			require.Equal(t, 2, session)
			return starter.HintSent, nil
		}
		w := r.comeBack(method, "/callbacks/tencent_eid/return/"+r.ticket(nil)+"?vendor=junk&name="+plantedNumber)
		require.Equal(t, 303, w.Code, w.Body.String())
		require.Equal(t, "https://shop.example/back?order=17&verification_id="+knownID, w.Header().Get("Location"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, map[string][]string{"GET": {"hint", "landing"}, "POST": {"notify", "hint", "landing"}}[method], r.fake.calls)
		require.Contains(t, r.metricsText(), `yanzhen_hints_total{provider="tencent_eid",result="sent"} 1`)
	}
}

// Whoever acts on our page goes back there, with the ticket that lets in whose
// cookie was lost.
func TestABrowserIsSentOnToOurPageWithItsTicket(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		r := landingRig(t, "")
		r.fake.landing = func(string) (starter.ReturnTarget, error) {
			return starter.ReturnTarget{Client: "shop", ReturnURL: "https://shop.example/back", Page: "https://id.example/p/b/"}, nil
		}
		ticket := r.ticket(nil)
		w := r.comeBack(method, "/callbacks/tencent_eid/return/"+ticket+"?token=x")
		require.Equal(t, 303, w.Code, w.Body.String())
		require.Equal(t, "https://id.example/p/b/"+ticket, w.Header().Get("Location"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	}
}

func (r *rig) metricsText() string {
	w := httptest.NewRecorder()
	r.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestBadTicketsSayNothingAndSignalNothing(t *testing.T) {
	foreign := newRig(t).ticket(nil)
	for name, path := range map[string]func(r *rig) string{
		"garbage":             func(*rig) string { return "/callbacks/tencent_eid/return/x" },
		"of another key":      func(*rig) string { return "/callbacks/tencent_eid/return/" + foreign },
		"cut":                 func(r *rig) string { return "/callbacks/tencent_eid/return/" + r.ticket(nil)[:80] },
		"padded":              func(r *rig) string { return "/callbacks/tencent_eid/return/" + r.ticket(nil) + "=" },
		"for another vendor":  func(r *rig) string { return "/callbacks/megvii_faceid/return/" + r.ticket(nil) },
		"vendor in capitals":  func(r *rig) string { return "/callbacks/Tencent_Eid/return/" + r.ticket(nil) },
		"return as notify":    func(r *rig) string { return "/callbacks/tencent_eid/notify/" + r.ticket(nil) },
		"notify as return":    func(r *rig) string { return "/callbacks/tencent_eid/return/" + r.ticket(notify) },
		"notify, not offered": func(r *rig) string { return "/callbacks/tencent_eid/notify/" + r.ticket(notify) },
		"another kind":        func(r *rig) string { return "/callbacks/tencent_eid/" + plantedNumber + "/" + r.ticket(nil) },
		"long":                func(*rig) string { return "/callbacks/tencent_eid/return/" + strings.Repeat("a.", 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				r := landingRig(t, "https://shop.example/back")
				to := path(r)
				w := r.comeBack(method, to)
				if strings.Contains(to, "/return/") {
					requireBadLinkPage(t, w)
				} else {
					require.Empty(t, problemIn(t, w, 404, "not_found").Errors)
				}
				require.Empty(t, w.Header().Get("Location"))
				require.Empty(t, r.fake.calls, "nothing may be signalled or read")
			}
		})
	}
}

func notify(t *sealing.Ticket) { t.Kind = sealing.KindNotify }

func TestAnExpiredTicketSignalsNothingAndStillLeadsBack(t *testing.T) {
	r := landingRig(t, "https://shop.example/back")
	w := r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(func(x *sealing.Ticket) { x.Expires = r.now }))
	require.Equal(t, 303, w.Code)
	require.Equal(t, []string{"landing"}, r.fake.calls)
	require.Contains(t, r.metricsText(), `result="expired"`)
}

func TestAFailingSignalNeverStrandsThePerson(t *testing.T) {
	r := landingRig(t, "https://shop.example/back")
	r.fake.hint = func(string, int) (starter.HintResult, error) { return starter.HintFailed, errPlanted{} }
	require.Equal(t, 303, r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil)).Code)

	r.fake.landing = func(string) (starter.ReturnTarget, error) { return starter.ReturnTarget{}, errPlanted{} }
	requireClosePage(t, r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil)))
}

func requireClosePage(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "text/html")
	require.Contains(t, w.Body.String(), "您可以关闭此页面")
	require.Contains(t, w.Body.String(), "You can close this page")
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	require.NotContains(t, w.Body.String(), "http", "the page loads nothing from anywhere")
}

func requireBadLinkPage(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, 404, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), `<html lang="zh-CN">`)
	require.Contains(t, w.Body.String(), "此链接无法打开")
	require.Contains(t, w.Body.String(), `lang="en">This link could not be opened.`)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.NotContains(t, w.Body.String(), "http", "the page loads nothing from anywhere")
}

// A person's browser on a bad return link is shown a page in both languages,
// also where the link was cut, or something breaks; a vendor gets a problem.
func TestABadReturnLinkShowsAPage(t *testing.T) {
	for _, path := range []string{"/callbacks/tencent_eid/return/x", "/callbacks/tencent_eid/return/", "/callbacks/tencent_eid/return", "/callbacks/x/return/y/z"} {
		r := newRig(t)
		requireBadLinkPage(t, r.comeBack("GET", path))
		require.Empty(t, r.fake.calls)
	}
	for _, path := range []string{"/callbacks/tencent_eid/notify/x", "/callbacks/tencent_eid", "/v1/return/x/return/x"} {
		problemIn(t, newRig(t).comeBack("GET", path), 404, "not_found")
	}
	r := landingRig(t, "https://shop.example/back")
	r.fake.landing = func(string) (starter.ReturnTarget, error) { panic(plantedName) }
	w := r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil))
	require.Equal(t, 500, w.Code)
	require.Contains(t, w.Body.String(), "此链接无法打开")
}

func TestWithoutAReturnURLThePageCanBeClosed(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		r := landingRig(t, "")
		requireClosePage(t, r.comeBack(method, "/callbacks/tencent_eid/return/"+r.ticket(nil)))
	}
}

func TestAReturnURLIsCheckedAgainBeforeTheBrowserGoes(t *testing.T) {
	r := landingRig(t, "https://no-longer.example/back")
	requireClosePage(t, r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil)))
	r.fake.landing = func(string) (starter.ReturnTarget, error) {
		return starter.ReturnTarget{Client: "gone", ReturnURL: "https://shop.example/back"}, nil
	}
	requireClosePage(t, r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil)))
}

// An address that was taken off a client's list, since it is somebody else's now,
// gets nobody any more: from the moment when the list is taken over on, and also of
// verifications that began before.
func TestAReturnURLTakenOffTheListIsNotGoneToAnyMore(t *testing.T) {
	r := landingRig(t, "https://shop.example/back")
	goes := func() *httptest.ResponseRecorder {
		return r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil))
	}
	require.Equal(t, 303, goes().Code)
	_, hash := NewKey()
	shop := Client{ID: "shop", ReturnURLs: []string{"https://shop.example/elsewhere"}, Keys: []Key{{Name: "k", Hash: hash, Scopes: []string{ScopeRead}}}}
	require.NoError(t, r.handler.(*Handler).Replace([]Client{shop}, nil))
	requireClosePage(t, goes())
	shop.ReturnURLs = append(shop.ReturnURLs, "https://shop.example/back")
	require.NoError(t, r.handler.(*Handler).Replace([]Client{shop}, nil))
	require.Equal(t, 303, goes().Code, "and one that was put on it is")
}

func TestTheLogKeepsTicketsToItself(t *testing.T) {
	r := landingRig(t, "https://shop.example/back")
	ticket := r.ticket(nil)
	r.comeBack("GET", "/callbacks/tencent_eid/return/"+ticket+"?q=secret-query")
	require.NotContains(t, r.logs.String(), ticket[len(ticket)-40:])
	require.NotContains(t, r.logs.String(), "secret-query")
	require.NotContains(t, r.logs.String(), "tencent_eid/return")
	require.Contains(t, r.logs.String(), `"route":"/callbacks/:provider/:kind/:ticket"`)
}

// Whatever stands in a callback's path, it is refused, or it was ours.
func FuzzCallbackPath(f *testing.F) {
	set, err := sealing.Generate()
	require.NoError(f, err)
	keys, err := sealing.Parse(set)
	require.NoError(f, err)
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	genuine, err := keys.IssueTicket(sealing.Ticket{Provider: "tencent_eid", Kind: sealing.KindReturn, ID: knownID, Session: 2, Expires: now.Add(time.Hour)})
	require.NoError(f, err)
	fake := &fakeVerifications{
		hint:    func(string, int) (starter.HintResult, error) { return starter.HintSent, nil },
		landing: func(string) (starter.ReturnTarget, error) { return starter.ReturnTarget{Client: "shop"}, nil },
	}
	handler, err := New(Deps{Verifications: fake, Tickets: keys, Signatures: keys, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	// {ticket} stands for the genuine one: each worker of the fuzzer has keys of
	// its own.
	for _, ticket := range []string{"{ticket}", "{ticket}A", "A{ticket}", "{ticket} ", "{ticket}.", "{ticket}/{ticket}", "a.b.c.d.e", "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA"} {
		f.Add("tencent_eid", "return", ticket)
	}
	f.Add("megvii_faceid", "return", "{ticket}")
	f.Add("tencent_eid", "notify", "{ticket}")
	f.Add("..", "%2e", "%00")
	f.Fuzz(func(t *testing.T, provider, kind, ticket string) {
		fake.calls = nil
		ticket = strings.ReplaceAll(ticket, "{ticket}", genuine)
		req := httptest.NewRequest("GET", "/", nil)
		req.URL.Path = "/callbacks/" + provider + "/" + kind + "/" + ticket
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if provider == "tencent_eid" && kind == "return" && ticket == genuine { // a ticket has one spelling
			require.Equal(t, []string{"hint", "landing"}, fake.calls)
			return
		}
		require.GreaterOrEqual(t, w.Code, 400)
		require.Less(t, w.Code, 500)
		require.Empty(t, fake.calls)
	})
}
