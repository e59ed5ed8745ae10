package page

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// ticket is what a vendor's page leads back with.
func (b *bench) ticket(id string, session int, expires time.Time) string {
	text, err := b.keys.IssueTicket(sealing.Ticket{Provider: "tencent_eid", Kind: sealing.KindReturn, ID: id, Session: session, Expires: expires})
	require.NoError(b.t, err)
	return "/p/b/" + text
}

// Scanners and previews fetch whatever they find, again and again.
func TestAGETChangesNothing(t *testing.T) {
	b := newBench(t)
	desk := b.browser(onDesktop)
	code := desk.press(desk.in(codeA), actGo)
	link, done := linkOn(t, b, code), b.run.done()
	back := b.ticket(idA, 1, b.now.Add(time.Hour))
	for _, agent := range []string{"Slackbot-LinkExpanding 1.0", "Mozilla/5.0 MicroMessenger/8.0 preview", inWeChat, onDesktop} {
		bot := b.browser(agent)
		for range 10 {
			for _, path := range []string{"/p/" + codeA, "/p/" + codeB, link, back, code.path, code.path + "/wait?rev=1", "/p/" + codeA + "?act=go&session=1"} {
				bot.get(path)
				bot.do("HEAD", path, nil)
			}
		}
		at, err := url.Parse(b.server.URL)
		require.NoError(t, err)
		require.Empty(t, bot.client.Jar.Cookies(at), "no cookie either")
	}
	require.Equal(t, done, b.run.done())
	require.Equal(t, "handover", b.browser(inWeChat).get(link).kind(), "the code is good still")
	require.Equal(t, code.body, desk.get(code.path).body)
	require.Equal(t, "start", b.browser(inWeChat).do("POST", back, nil).kind(), "the way back, too")
}

// What is no code of ours, is not any more, or is another one's, opens nothing and
// says nothing about anybody.
func TestCodesThatOpenNothing(t *testing.T) {
	b := newBench(t)
	owner := b.browser(inWeChat)
	mine := owner.in(codeA)
	expired, foreign := b.ticket(idA, 1, b.now.Add(-time.Second)), newBench(t).ticket(idA, 1, b.now.Add(time.Hour))
	notify, err := b.keys.IssueTicket(sealing.Ticket{Provider: "megvii_faceid", Kind: sealing.KindNotify, ID: idA, Session: 1, Expires: b.now.Add(time.Hour)})
	require.NoError(t, err)
	for path, want := range map[string]int{
		"/p/" + strings.Repeat("c", 26):          404,
		"/p/" + strings.ToUpper(codeA):           404,
		"/p/x":                                   404,
		"/p/" + strings.Repeat("a", 5000):        404,
		"/p/" + codeA[:25] + "%00":               404,
		"/p/%E9%99%88" + codeA:                   404,
		"/p/h/" + strings.Repeat("a", 26):        410,
		"/p/h/" + codeA:                          410,
		"/p/h/..%2fs":                            410,
		"/p/b/x":                                 404,
		expired:                                  410,
		foreign:                                  404,
		"/p/b/" + notify:                         404,
		mine.path:                                403,
		"/p/s/" + b.h.short(idB):                 403,
		"/p/s/aaaaaaaa":                          403,
		"/p/s/" + strings.Repeat("a", 300):       403,
		"/p/s/" + b.h.short(idA) + "/else":       404,
		"/p/s/":                                  404,
		"/p/logo/shop":                           404,
		"/p/static/page.js":                      404,
		"/p/static/..%2f..%2fpage.go":            404,
		"/p/theme/shop":                          404,
		"/p/b/" + strings.Repeat("a.", 3000)[:5]: 404,
	} {
		for _, method := range []string{"GET", "POST"} {
			got := b.browser(inWeChat).do(method, path, url.Values{"act": {actGo}, "session": {"1"}})
			if method == "POST" && (strings.HasPrefix(path, "/p/static") || strings.HasPrefix(path, "/p/logo") || strings.HasPrefix(path, "/p/theme")) {
				want = 404
			}
			require.Equal(t, want, got.status, "%s %.60s", method, path)
			require.NotContains(t, got.body, "Test Shop", "%s %.60s", method, path)
		}
	}
	require.Empty(t, b.run.done())
}

// A cookie opens the one verification that it was made for.
func TestACookieOfAnotherVerificationOpensNothing(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	p.in(codeA)
	at, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	cookies := p.client.Jar.Cookies(at)
	require.Len(t, cookies, 1)
	for _, name := range []string{b.h.cookieName(b.h.short(idB)), cookies[0].Name + "x", "yz-"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", b.server.URL+b.h.at(idB), strings.NewReader("act=decline"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: name, Value: cookies[0].Value})
		b.h.ServeHTTP(w, r)
		require.Equal(t, 403, w.Code, name)
	}
	for _, value := range []string{"", "x", strings.Repeat("A", 26), cookies[0].Value + "A", strings.ToLower(cookies[0].Value)} {
		r := httptest.NewRequest("GET", b.server.URL+b.h.at(idA), nil)
		r.AddCookie(&http.Cookie{Name: cookies[0].Name, Value: value})
		w := httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
		require.Equal(t, 403, w.Code, value)
	}
	require.Equal(t, "entry", p.get("/p/"+codeB).kind(), "the other link asks anew")
	require.Empty(t, b.run.done())
}

// Another site's form, wherever the browser says it comes from, does nothing.
func TestPostsOfOtherSitesAreRefused(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	form := url.Values{"act": {actDecline}}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		{"Sec-Fetch-Site", "", "Origin", "null"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
	} {
		for _, path := range []string{consent.path, "/p/" + codeB, "/p/h/" + codeA, b.ticket(idB, 1, b.now.Add(time.Hour))} {
			got := p.do("POST", path, form, header...)
			require.Equal(t, 403, got.status, "%v", header)
			require.Equal(t, "message", got.kind())
			require.Empty(t, got.header.Get("Set-Cookie"))
		}
	}
	require.Empty(t, b.run.done())
	require.Equal(t, "result", p.do("POST", consent.path, form, "Sec-Fetch-Site", "", "Origin", b.server.URL).kind(), "an older web view's own form")
	require.Equal(t, []string{"decline"}, b.run.done())
}

// The public URL is ours, also where a proxy changes the host.
func TestThePublicURLIsOurs(t *testing.T) {
	b := newBench(t)
	b.serve("https://id.example/check/")
	r := httptest.NewRequest("POST", "http://inner:8080/p/"+codeA, nil)
	r.Header.Set("Origin", "https://id.example")
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	require.Equal(t, 303, w.Code)
	require.Equal(t, "/check/p/s/"+b.h.short(idA), w.Header().Get("Location"))
	cookie := w.Result().Cookies()[0]
	require.Equal(t, "__Host-yz-"+b.h.short(idA), cookie.Name)
	require.True(t, cookie.Secure && cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	require.InDelta(t, (25 * time.Hour).Seconds(), cookie.MaxAge, 2, "it ends after the link, once that was told")
	require.Empty(t, cookie.Domain)

	r = httptest.NewRequest("POST", "http://inner:8080/p/"+codeA, nil)
	r.Header.Set("Origin", "http://inner:8081")
	w = httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	require.Equal(t, 403, w.Code)
}

// A cookie that was lost is opened by the way back from the vendor, once a session,
// by a button.
func TestALostCookieIsOpenedOnceByTheWayBack(t *testing.T) {
	b := newBench(t)
	owner := b.browser(inWeChat)
	mine := owner.in(codeA)
	back := b.ticket(idA, 1, b.now.Add(time.Hour))
	require.Equal(t, mine.path, owner.get(back).path, "who has the cookie goes on")

	lost := b.browser(onPhone)
	ask := lost.get(back)
	require.Equal(t, "back", ask.kind())
	require.Equal(t, mine.path, lost.do("POST", ask.path, nil).path)
	thief := b.browser(onPhone)
	require.Equal(t, "back", thief.get(back).kind())
	require.Equal(t, 403, thief.do("POST", back, nil).status, "it opened one before")
	require.Equal(t, 403, thief.get(mine.path).status)
	require.Equal(t, mine.path, lost.do("POST", back, nil).path, "a second press of the one that it let in")
	require.Equal(t, mine.path, b.browser(onPhone).do("POST", b.ticket(idA, 2, b.now.Add(time.Hour)), nil).path, "the next session's")
	require.Equal(t, "consent", b.browser(onPhone).in(codeA).kind(), "the link opens it, too")
	b.now = b.now.Add(24*time.Hour + time.Minute)
	require.Equal(t, 200, owner.get(mine.path).status, "the link's end is told")
	require.Equal(t, 410, b.browser(onPhone).in(codeA).status)
	require.Equal(t, 410, b.browser(onPhone).do("POST", b.ticket(idA, 3, b.now.Add(time.Hour)), nil).status)
	b.now = b.now.Add(time.Hour)
	require.Equal(t, 403, owner.get(mine.path).status, "then the cookie ends, too")
}

// After the end nothing is done any more, and the link is dead; who was let in
// sees how it went.
func TestAfterTheEnd(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	b.run.set(idA, func(v *starter.PageView) {
		v.State.Status, v.State.Decision = verification.Completed, verification.Declined
	})
	for _, act := range []string{actGo, actHere, actCode, actHuman, actDecline, "approve"} {
		require.Equal(t, "result", p.do("POST", consent.path, url.Values{"act": {act}}).kind(), act)
	}
	require.Empty(t, b.run.done())
	for _, method := range []string{"GET", "POST"} {
		require.Equal(t, 410, b.browser(inWeChat).do(method, "/p/"+codeA, nil).status)
	}
	require.NotContains(t, b.browser(inWeChat).get("/p/"+codeA).body, "Not verified")
	b.run.set(idA, func(v *starter.PageView) { v.ReturnURL = "not on the list any more" })
	require.NotContains(t, p.get(consent.path).body, `id="home"`)
}

// Forms that are none of ours do nothing.
func TestOddForms(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	for name, form := range map[string]url.Values{
		"empty":     {},
		"unknown":   {"act": {"approve"}},
		"large":     {"act": {actDecline}, "x": {strings.Repeat("y", 1<<20)}},
		"no hashes": {"act": {actGo}, "session": {"1"}},
		"forged":    {"act": {actGo}, "session": {"1"}, "consent.face": {"00"}, "consent.identity_records": {"00"}},
	} {
		got := p.do("POST", consent.path, form)
		require.Contains(t, []int{200, 400}, got.status, name)
		require.Empty(t, b.run.done(), name)
	}
	require.Equal(t, 400, p.do("POST", consent.path+"?act=decline", url.Values{}).status, "a button is in the body")
	require.Equal(t, 404, p.do("PUT", consent.path, nil).status)
}

// Whatever a client calls itself and a configured text says stays text.
func TestHostileTextsStayTexts(t *testing.T) {
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; alert(1)//`, `{{.View}}`, `</title><script>`, "javascript:alert(1)", "\u202Etxt", "a\r\nRefresh: 0"} {
		b := newBench(t)
		b.brand.Names = map[string]string{texts.Chinese: hostile, texts.English: hostile}
		b.text = hostile
		for _, id := range []string{idA, idB} {
			b.run.set(id, func(v *starter.PageView) {
				v.Policy.ObjectionContact, v.Client = hostile, hostile
				v.State.LastError = &verification.LastError{Code: verification.ReasonCode(hostile)}
			})
		}
		p := b.browser(onDesktop)
		pages := []shown{p.get("/p/" + codeA), p.in(codeA)}
		pages = append(pages, p.press(pages[1], actGo))
		at := pages[1].path
		b.run.set(idA, func(v *starter.PageView) {
			v.State.Open, v.VendorLink, v.OpenIn = &verification.OpenSession{}, hostile, ""
		})
		pages = append(pages, p.get(at), p.get(at+"?lang="+url.QueryEscape(hostile)+"&view="+url.QueryEscape(hostile)))
		b.run.set(idA, func(v *starter.PageView) {
			v.State.Status, v.State.Decision = verification.Completed, verification.Declined
		})
		pages = append(pages, p.get(at), b.browser(hostileAgent(hostile)).get("/p/"+codeB))
		for _, page := range pages {
			require.Equal(t, 200, page.status)
			require.NotContains(t, page.body, "<script>")
			require.NotContains(t, page.body, "<img src=x")
			require.NotRegexp(t, `(href|action|src)="javascript`, page.body)
			require.Empty(t, page.header.Get("Refresh"))
		}
	}
}

func hostileAgent(text string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(text) }

// No link of a vendor leads anywhere but to a page of the web.
func TestAnOddVendorLinkLeadsNowhere(t *testing.T) {
	for _, link := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a.example/\r\nSet-Cookie: x", `https://a.example/"onload=x`, "weixin://dl", "https://"} {
		require.Empty(t, webLink(link), link)
	}
	require.Equal(t, vendorLink, webLink(vendorLink))
}

// A panic, and a store that is away, are told on a page with the same policy, and
// quote nothing.
func TestFaultsAreToldOnAPage(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	b.h.Consent = func(verification.Policy, string, verification.Purpose, string) verification.ConsentText {
		panic("110101199003070011")
	}
	got := p.get(consent.path)
	require.Equal(t, 500, got.status)
	require.Equal(t, "message", got.kind())
	require.NotContains(t, got.body, "110101")
	require.NoError(t, b.store.Close())
	require.Equal(t, 503, p.get(consent.path).status)
	require.Equal(t, 503, p.do("POST", consent.path, url.Values{"act": {actGo}}).status)
	require.Equal(t, 503, p.get(consent.path+"/wait?rev=1").status)
	require.Equal(t, 503, p.in(codeA).status)
}

// A phone that is put away in the middle of a wait is no fault of ours.
func TestABrowserThatHangsUpIsNoFault(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	at := p.in(codeA).path
	u, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	ctx, hangUp := context.WithCancel(t.Context())
	r := httptest.NewRequest("GET", at+"/wait?rev=1", nil).WithContext(ctx)
	for _, c := range p.client.Jar.Cookies(u) {
		r.AddCookie(c)
	}
	var logs bytes.Buffer
	b.h.Logger, b.h.Metrics = slog.New(slog.NewJSONHandler(&logs, nil)), telemetry.NewMetrics()
	hangUp()
	b.h.ServeHTTP(httptest.NewRecorder(), r)
	require.Contains(t, logs.String(), `"status":499`)
	require.Contains(t, logs.String(), `"level":"INFO"`)
	require.NotContains(t, logs.String(), `"level":"ERROR"`)
	r = httptest.NewRequest("GET", at, nil).WithContext(ctx)
	logs.Reset()
	b.h.ServeHTTP(httptest.NewRecorder(), r)
	require.NotContains(t, logs.String(), `"level":"WARN"`)
}

// Whoever presses a link's button over and over is let in a hundred times, and then
// no more; those who are in stay.
func TestALinkIsNotPressedWithoutEnd(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	at := p.in(codeA).path
	statuses := map[int]int{}
	for range 101 {
		r := httptest.NewRequest("POST", "/p/"+codeA, nil)
		w := httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
		statuses[w.Code]++
	}
	require.Equal(t, map[int]int{303: 99, 429: 2}, statuses)
	require.Equal(t, 200, p.get(at).status)
}

// What waits learns of the newest revision, and without the cookie nothing.
func TestWaitingTellsARevisionAndNothingElse(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	at := p.in(codeA).path
	got := p.get(at + "/wait?rev=0")
	require.Equal(t, `{"rev":1}`, strings.TrimSpace(got.body))
	require.Equal(t, 403, b.browser(inWeChat).get(at+"/wait?rev=0").status)
	require.Equal(t, 403, p.get(at+"/wait").status)
	require.Equal(t, 403, p.get(at+"/wait?rev=x").status)
}

// Every state has a page, in both languages and on each device: of the size, and
// with the policy, that get and strict hold them to.
func TestEveryStateHasAPage(t *testing.T) {
	now := time.Now()
	states := map[string]func(*starter.PageView){
		"consent": func(*starter.PageView) {},
		"start":   func(v *starter.PageView) { v.Missing = nil },
		"ending":  func(v *starter.PageView) { v.Missing, v.OpensUntil = nil, now.Add(-time.Second) },
		"open": func(v *starter.PageView) {
			v.Missing, v.State.Open, v.VendorLink = nil, &verification.OpenSession{}, vendorLink
		},
		"looking": func(v *starter.PageView) { v.Missing, v.State.Open = nil, &verification.OpenSession{} },
		"scan": func(v *starter.PageView) {
			v.State.NextAction = &verification.NextAction{Type: verification.ActionScanChip}
		},
		"elsewhere": func(v *starter.PageView) { v.Missing, v.Policy.HumanRoute = nil, "https://shop.example/human" },
		"no face":   func(v *starter.PageView) { v.Missing, v.Policy.Checks = nil, nil },
	}
	for _, code := range []verification.ReasonCode{verification.FaceNoMatch, verification.SessionCanceled, verification.DeviceCameraDenied, verification.SessionVendorLimit} {
		states["retry "+string(code)] = func(v *starter.PageView) {
			v.Missing, v.State.Attempt.Session, v.State.LastError = nil, 1, &verification.LastError{Code: code, Retryable: true}
		}
	}
	for _, status := range []verification.Status{verification.Processing, verification.InReview, verification.Expired, verification.Canceled, verification.Error} {
		states[string(status)] = func(v *starter.PageView) { v.State.Status = status }
	}
	for _, decision := range []verification.Decision{verification.Approved, verification.Declined} {
		states[string(decision)] = func(v *starter.PageView) {
			v.State.Status, v.State.Decision, v.Policy.ObjectionContact = verification.Completed, decision, "help@shop.example"
		}
	}
	b := newBench(t)
	first, err := b.run.Page(context.Background(), idA)
	require.NoError(t, err)
	browsers := map[string]*browser{}
	var at string
	for _, agent := range []string{onDesktop, onPhone, inWeChat} {
		browsers[agent] = b.browser(agent)
		at = browsers[agent].in(codeA).path
	}
	for name, change := range states {
		for _, openIn := range []string{"", "wechat"} {
			for agent, p := range browsers {
				b.run.set(idA, func(v *starter.PageView) { *v = first; v.OpenIn = openIn })
				b.run.set(idA, change)
				for _, lang := range texts.Languages {
					for _, view := range []string{"", "&view=human"} {
						got := p.get(fmt.Sprintf("%s?lang=%s%s", at, lang, view))
						require.Equal(t, 200, got.status, "%s %q", name, agent)
						require.Contains(t, got.body, `<html lang="`+lang+`">`)
						require.NotContains(t, got.body, "%!", "%s: a text lacks what it names", name)
						require.NotContains(t, got.body, "%[", "%s: a text lacks what it names", name)
						require.Equal(t, 1, strings.Count(got.body, "<h1"), name)
						if agent != onDesktop {
							require.NotContains(t, got.body, "<svg")
						}
					}
				}
			}
		}
	}
}

// A process that is starting answers a person in words, with the same headers.
func TestAPageThatIsStartingSaysSo(t *testing.T) {
	w := httptest.NewRecorder()
	Starting(w, httptest.NewRequest("GET", "/p/"+codeA, nil))
	got := shown{t: t, status: w.Code, header: w.Header(), body: w.Body.String()}
	got.strict()
	require.Equal(t, 503, got.status)
	require.Equal(t, "message", got.kind())
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

// Once the person was erased, every way to the page says so and nothing else.
func TestAnErasedPersonsPageIsGone(t *testing.T) {
	b := newBench(t)
	p, desk := b.browser(inWeChat), b.browser(onDesktop)
	at := p.in(codeA).path
	link := linkOn(t, b, desk.press(desk.in(codeA), actGo))
	b.run.erased = true
	for _, path := range []string{"/p/" + codeA, at, link, b.ticket(idA, 1, b.now.Add(time.Hour))} {
		for _, method := range []string{"GET", "POST"} {
			got := p.do(method, path, url.Values{"act": {actGo}})
			require.Equal(t, 410, got.status, "%s %s", method, path)
			require.Equal(t, "message", got.kind())
			require.NotContains(t, got.body, "Test Shop")
		}
	}
	require.Equal(t, []string{"agree"}, b.run.done())
}
