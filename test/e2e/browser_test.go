package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// TestAPersonPassesOnAPhoneAndComesBackToTheShop plays one verification as the
// person sees it: link, button, redirect over our callback, the shop's page.
func TestAPersonPassesOnAPhoneAndComesBackToTheShop(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	s := newStack(t, options{returnURLs: []string{shop.server.URL + "/order/"}})
	back := shop.server.URL + "/order/17"
	v := s.beginWith(s.person(), back)

	p := newPhone(t)
	p.open(v.NextAction.URL)
	require.Contains(t, p.text("#begin"), "开始")
	require.Contains(t, p.text("#begin"), "Begin")
	require.Equal(t, "1", p.eval(`String(document.getElementById("person-number").getClientRects().length && Math.round(document.getElementById("person-number").offsetHeight / parseFloat(getComputedStyle(document.getElementById("person-number")).lineHeight)))`), "the number stands on one line")
	p.shot("begin")
	p.press("#begin", "#end-0")
	p.shot("choose")
	p.press("#end-0", "#arrived")
	p.shot("shop")
	shop.arrivedCleanly(back, p.where(), v.ID)

	end := s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 1, s.hints(v.ID), "the browser's return told the run to look")
	// It is free; the poll and the hint's look may both see the end.
	require.Contains(t, []int{1, 2}, s.asked("GetEidResult"))
}

// TestAPersonWhoIsNotAlikeRetriesOnAPhoneAndPasses also holds what a used link
// and one that is none show.
func TestAPersonWhoIsNotAlikeRetriesOnAPhoneAndPasses(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	s := newStack(t, options{returnURLs: []string{shop.server.URL + "/order/"}})
	back := shop.server.URL + "/order/18?from=phone"
	first := s.beginWith(s.person(), back)

	p := newPhone(t)
	p.open(first.NextAction.URL)
	p.press("#begin", "#end-2016")
	p.press("#end-2016", "#arrived")
	shop.arrivedCleanly(back, p.where(), first.ID)

	again := s.until(first.ID, 30*time.Second, "a retry offered", func(v view) bool {
		return v.NextAction != nil && v.NextAction.Type == string(verification.ActionRetry)
	})
	require.Equal(t, verification.FaceNoMatch, again.LastError.Code)

	p.open(first.NextAction.URL)
	require.Contains(t, p.text("#message-used"), "链接已使用")
	require.Contains(t, p.text("#message-used"), "This link has been used")
	p.shot("used-link")
	p.open(s.vendorsURL + "/page/tencent/nobody-knows-this-one")
	require.Contains(t, p.text("#message-unknown"), "This link is not valid")
	p.shot("unknown-link")

	a := s.call("shop", "POST", "/v1/verifications/"+first.ID+"/retry", nil, map[string]any{"session": again.Attempt.Session})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	second := s.untilLink(first.ID, 30*time.Second)
	require.NotEqual(t, first.NextAction.URL, second.NextAction.URL)
	p.open(second.NextAction.URL)
	p.press("#begin", "#end-0")
	p.press("#end-0", "#arrived")
	shop.arrivedCleanly(back, p.where(), first.ID)
	end := s.untilEnd(first.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 2, end.Attempt.Number)
}

// TestAPersonWhoLeavesComesBackUnjudged holds both ways to leave: before the
// beginning and from the camera.
func TestAPersonWhoLeavesComesBackUnjudged(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	s := newStack(t, options{returnURLs: []string{shop.server.URL + "/order/"}})
	back := shop.server.URL + "/order/19"
	p := newPhone(t)
	for _, way := range [][]string{{"#leave"}, {"#begin", "#end-cancel"}} {
		v := s.beginWith(s.person(), back)
		p.open(v.NextAction.URL)
		for i, button := range way {
			next := "#arrived"
			if i+1 < len(way) {
				next = way[i+1]
			}
			p.press(button, next)
		}
		shop.arrivedCleanly(back, p.where(), v.ID)
		require.Equal(t, 1, s.hints(v.ID))
		got := s.read(v.ID)
		require.Equal(t, verification.RequiresInput, got.Status, "nobody was judged: the session may go on")
		require.Equal(t, 1, got.Attempt.Number)
		require.Empty(t, got.Decision)
	}
}

// TestAPersonOfAShopWithoutAReturnPageMayCloseOurs also holds that our page
// needs nothing from elsewhere and reads in dark mode.
func TestAPersonOfAShopWithoutAReturnPageMayCloseOurs(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	v := s.beginWith(s.person(), "")

	p := newPhone(t)
	p.open(v.NextAction.URL)
	p.press("#begin", "#end-0")
	p.press("#end-0", "#close")
	text := p.text("#close")
	require.Contains(t, text, "您可以关闭此页面")
	require.Contains(t, text, "You can close this page")
	require.True(t, strings.HasPrefix(p.where(), s.apiURL+"/callbacks/tencent_eid/return/"), "the last page is ours")
	require.Equal(t, "grid", p.eval(`getComputedStyle(document.body).display`), "the policy lets the page's own style through")
	p.shot("close")
	p.dark()
	p.shot("close-dark")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
}

// TestASessionThatRunsOutOnThePageSaysSo holds the stand-in's page that stays.
func TestASessionThatRunsOutOnThePageSaysSo(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	s := newStack(t, options{returnURLs: []string{shop.server.URL + "/order/"}})
	v := s.beginWith(s.person(), shop.server.URL+"/order/20")

	p := newPhone(t)
	p.open(v.NextAction.URL)
	p.press("#begin", "#end-timeout")
	// Only a session that its vendor was seen to call begun may be tried again.
	require.Eventually(t, func() bool {
		return s.vendors.Ledger().Count(sandbox.Query{Operation: "CheckEidTokenStatus", Outcome: sandbox.StatusDoing}) > 0
	}, 30*time.Second, 50*time.Millisecond)
	p.press("#end-timeout", "#message-expired")
	p.shot("expired")
	p.press("#continue", "#arrived")
	got := s.until(v.ID, 30*time.Second, "a retry offered", func(v view) bool {
		return v.NextAction != nil && v.NextAction.Type == string(verification.ActionRetry)
	})
	require.Equal(t, verification.SessionExpired, got.LastError.Code)
}

// beginWith starts a verification and returns it with its link; returnURL
// empty: none.
func (s *stack) beginWith(p sandbox.Person, returnURL string) view {
	s.t.Helper()
	body := s.request(p)
	delete(body, "return_url")
	if returnURL != "" {
		body["return_url"] = returnURL
	}
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": "browser-" + rand.Text()}, body)
	require.Equal(s.t, http.StatusCreated, a.status, "%s", a.body)
	require.NotNil(s.t, a.view.NextAction)
	return a.view
}

// hints counts the hint signals of a run, which are sent before a browser is
// sent on.
func (s *stack) hints(id string) int {
	s.t.Helper()
	n := 0
	for _, e := range s.history(id).Events {
		if e.EventType == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			require.Equal(s.t, workflows.SignalHint, e.GetWorkflowExecutionSignaledEventAttributes().SignalName)
			n++
		}
	}
	return n
}

// shop is an onboarding service's return page; it keeps what browsers bring.
type shop struct {
	t      *testing.T
	server *httptest.Server
	mu     sync.Mutex
	visits []*http.Request
}

func openShop(t *testing.T) *shop {
	s := &shop{t: t}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/order/") {
			s.mu.Lock()
			s.visits = append(s.visits, r)
			s.mu.Unlock()
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><meta name="viewport" content="width=device-width"><title>shop</title><link rel="icon" href="data:,"><h1 id="arrived">The shop</h1>`)
	}))
	t.Cleanup(s.server.Close)
	return s
}

// arrivedCleanly holds what the newest visitor brought: the way back with the
// id and nothing else, and no word of where they came from.
func (s *shop) arrivedCleanly(returnURL, where, id string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(s.t, s.visits)
	last := s.visits[len(s.visits)-1]
	require.Empty(s.t, last.Referer(), "a referrer would carry the ticket")
	require.Equal(s.t, http.MethodGet, last.Method)
	want, err := url.Parse(returnURL)
	require.NoError(s.t, err)
	q := want.Query()
	q.Set("verification_id", id)
	got, err := url.Parse(where)
	require.NoError(s.t, err)
	require.Equal(s.t, q, got.Query(), "the id, and no verdict")
	want.RawQuery, got.RawQuery = "", ""
	require.Equal(s.t, want, got)
}

// phone is a Chromium that takes itself for one of 390 by 844 points.
type phone struct {
	t   *testing.T
	tab context.Context
}

// noChromium is what a machine without it lacks.
const noChromium = "this test needs Chromium on PATH: on Debian `apt-get install chromium`, elsewhere any Chromium or Google Chrome (Ubuntu's apt package is an empty one)"

func newPhone(t *testing.T) *phone {
	t.Helper()
	return newPhoneFor(t, 2*time.Minute)
}

// newPhoneFor is newPhone for a test that takes longer.
func newPhoneFor(t *testing.T, most time.Duration) *phone {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.WindowSize(390, 844),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("use-fake-device-for-media-stream", true)) // a camera
	ctx, cancel := context.WithTimeout(t.Context(), most)
	browser, stop := chromedp.NewExecAllocator(ctx, flags...)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(func() { closeTab(); stop(); cancel() })
	p := &phone{t: t, tab: tab}
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)), noChromium)
	return p
}

func (p *phone) open(link string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.tab, chromedp.Navigate(link)))
	p.fits()
}

// press taps a button and waits for what the next page shows.
func (p *phone) press(button, next string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.tab, chromedp.WaitVisible(button), chromedp.Click(button), chromedp.WaitVisible(next)), "%s, then %s", button, next)
	p.fits()
}

// fits: nothing is wider than the screen, and no text is cut off.
func (p *phone) fits() {
	p.t.Helper()
	require.Equal(p.t, "[]", p.eval(`JSON.stringify([...document.querySelectorAll("body *")].
		filter(e => e.getBoundingClientRect().right > innerWidth + 1 || (e.matches("button,a,h1,h2,p,dd,li") && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != "inline")).
		map(e => e.tagName + "#" + e.id))`), "what does not fit the screen of %s", p.where())
}

// dark asks pages for their dark colours.
func (p *phone) dark() {
	p.t.Helper()
	_, err := chromedp.Run(p.tab, chromedp.Action[cdp.Empty](func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
	}))
	require.NoError(p.t, err)
}

func (p *phone) eval(script string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.tab, chromedp.Evaluate[string](script))
	require.NoError(p.t, err)
	return text
}

func (p *phone) text(selector string) string {
	p.t.Helper()
	name, err := json.Marshal(selector)
	require.NoError(p.t, err)
	return p.eval(`document.querySelector(` + string(name) + `)?.innerText ?? ""`)
}

func (p *phone) where() string {
	p.t.Helper()
	at, err := chromedp.Run(p.tab, chromedp.Location())
	require.NoError(p.t, err)
	return at
}

// shot keeps a picture of the whole page in the folder that
// YANZHEN_TEST_SCREENSHOTS names, for people to look at.
func (p *phone) shot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	require.NotEmpty(p.t, picture)
	dir := os.Getenv("YANZHEN_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	require.NoError(p.t, os.MkdirAll(dir, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}
