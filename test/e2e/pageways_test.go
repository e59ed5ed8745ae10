package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// wayPolicies are a page's with every vendor, one with a single try, and one
// whose link is soon over.
var wayPolicies = pagePolicy + `  - name: page-megvii
    version: 1
    presentation: page
    consents: [identity_records, face]
    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required}
    face_providers: [megvii_faceid]
    records_providers: [acedata]
  - name: cn-chip-capture
    version: 2
    presentation: page
  - name: one-try
    version: 1
    presentation: page
    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required}
    face_providers: [megvii_faceid]
    records_providers: [acedata]
    attempts: 1
    objection_contact: 400-000-0000
  - name: soon-over
    version: 1
    presentation: page
    checks: {document_validity: required, liveness: required, face_match: required}
    face_providers: [megvii_faceid]
    link_life: 25s
`

// way is how a person goes through the page, in a browser that calls itself
// agent.
type way struct {
	name, agent string
	// policy is the start's, cn-resident without one; goes plays it, and outcome is
	// what it leads to.
	policy  string
	outcome verification.Outcome
	goes    func(w *walk)
}

// walk is a person on their way.
type walk struct {
	*phone
	s      *stack
	shop   *shop
	person sandbox.Person
	view   view
}

// tap presses a button and waits for what is shown then.
func (w *walk) tap(button, next string) {
	w.t.Helper()
	require.NoError(w.t, chromedp.Do(w.tab, chromedp.WaitVisible(button), chromedp.Click(button), chromedp.WaitVisible(next)), "%s, then %s", button, next)
}

func (w *walk) shows(what string) {
	w.t.Helper()
	require.NoError(w.t, chromedp.Do(w.tab, chromedp.WaitVisible(what)), what)
}

// enter opens the link and presses its button.
func (w *walk) enter(next string) {
	w.t.Helper()
	require.NoError(w.t, chromedp.Do(w.tab, chromedp.Navigate(w.view.NextAction.URL)))
	w.tap("#begin", next)
}

// home follows the way home and holds what the shop gets.
func (w *walk) home() {
	w.t.Helper()
	w.shows("#result")
	w.tap("#home", "#arrived")
	w.shop.arrivedCleanly(w.shop.server.URL+"/order/17", w.where(), w.view.ID)
}

// passes plays the vendor's page to its end and goes home.
func (w *walk) passes(end string) {
	w.t.Helper()
	w.tap("#begin", end)
	w.tap(end, "#result")
	w.home()
}

// typed moves the focus to an element with the keyboard alone and presses it.
func (w *walk) typed(id, next string) {
	w.t.Helper()
	w.shows("#" + id)
	seen := false
	for range 30 {
		require.NoError(w.t, chromedp.Do(w.tab, chromedp.KeyEvent(kb.Tab)))
		if seen = w.eval(`document.activeElement?.id ?? ""`) == id; seen {
			break
		}
		require.NotEqual(w.t, "none", w.eval(`document.activeElement == document.body ? "" : getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
	}
	require.True(w.t, seen, "the keyboard gets to %s", id)
	require.NoError(w.t, chromedp.Do(w.tab, chromedp.KeyEvent(kb.Enter)))
	w.shows(next)
}

var ways = []way{
	{name: "tencent", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		require.Zero(w.t, w.s.sessionsOf(w.person), "nothing was opened before the button")
		w.tap("#agree", "#leave")
		w.passes("#end-0")
	}},
	{name: "megvii", policy: "page-megvii", outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.tap("#agree", "#leave")
		w.passes("#end-pass")
	}},
	{name: "sino", policy: "cn-chip-capture", outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#go")
		w.tap("#go", "#leave")
		w.passes("#end-same")
	}},
	{name: "megvii on a computer", agent: onDesktop, policy: "page-megvii", outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.tap("#agree", "#here")
		w.tap("#here", "#leave")
		w.passes("#end-pass")
	}},
	{name: "sino on a computer", agent: onDesktop, policy: "cn-chip-capture", outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#go")
		w.tap("#go", "#here")
		w.tap("#here", "#leave")
		w.passes("#end-same")
	}},
	{name: "not agreed", agent: inWeChat, outcome: verification.OutcomeCanceled, goes: func(w *walk) {
		w.enter("#decline")
		w.tap("#decline", "#result")
		require.Zero(w.t, w.s.sessionsOf(w.person))
		require.Zero(w.t, w.s.chargedFor(w.person))
	}},
	{name: "without a face", agent: inWeChat, outcome: verification.OutcomeReview, goes: func(w *walk) {
		w.enter("#human")
		w.tap("#human", "#result")
		require.Zero(w.t, w.s.sessionsOf(w.person))
	}},
	{name: "another try", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.tap("#agree", "#leave")
		w.tap("#begin", "#end-2016")
		w.tap("#end-2016", "#reason")
		require.Contains(w.t, w.text("#reason"), "人脸比对未通过")
		require.Contains(w.t, w.text("#left"), "2 次")
		w.tap("#go", "#leave")
		w.passes("#end-0")
	}},
	{name: "used up", policy: "one-try", outcome: verification.OutcomeDeclined, goes: func(w *walk) {
		w.enter("#go")
		w.tap("#go", "#leave")
		w.tap("#begin", "#end-low-score")
		w.tap("#end-low-score", "#object")
		require.Contains(w.t, w.text("main"), "已没有剩余次数")
		require.Contains(w.t, w.text("#object"), "400-000-0000")
		w.home()
	}},
	{name: "over", policy: "soon-over", outcome: verification.OutcomeExpired, goes: func(w *walk) {
		w.enter("#human")
		w.shows("#result") // by itself
		require.Contains(w.t, w.text("main"), "没有作出任何结论")
		require.NoError(w.t, chromedp.Do(w.tab, chromedp.Navigate(w.view.NextAction.URL)))
		require.Zero(w.t, w.s.sessionsOf(w.person))
	}},
	{name: "vendor down and back", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidToken", Kind: sandbox.FaultHTML502})
		w.tap("#agree", "#progress, #down")
		w.s.vendors.ClearFaults()
		// The session opens once the vendor is back, and the page says so by itself; or
		// the person presses again.
		require.Eventually(w.t, func() bool {
			return w.eval(`document.querySelector(".actions #go")?.click(), document.querySelector("#resume, #leave")?.id ?? ""`) != ""
		}, 60*time.Second, 500*time.Millisecond)
		if w.eval(`document.querySelector("#resume")?.id ?? ""`) != "" {
			w.tap("#resume", "#leave")
		}
		w.passes("#end-0")
	}},
	{name: "two devices", agent: onDesktop, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.tap("#agree", "#qr")
		link := w.text("#link")
		require.True(w.t, strings.HasPrefix(link, w.s.apiURL+"/p/h/"), link)
		other := &walk{phone: newPhone(w.t), s: w.s, shop: w.shop, person: w.person, view: w.view}
		other.as(inWeChat)
		require.NoError(w.t, chromedp.Do(other.tab, chromedp.Navigate(link)))
		other.tap("#continue", "#go") // what was agreed to on the other device stands
		other.tap("#go", "#leave")
		other.tap("#begin", "#end-0")
		other.tap("#end-0", "#result")
		w.home() // the computer went on by itself
		require.NoError(w.t, chromedp.Do(other.tab, chromedp.Navigate(link)))
		other.shows("#message") // the code was spent
	}},
	{name: "without script", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.scripts(false)
		defer w.scripts(true)
		w.enter("#agree")
		w.tap("#agree", "#leave")
		w.passes("#end-0")
	}},
	{name: "cookie lost", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		w.enter("#agree")
		w.tap("#agree", "#leave")
		w.tap("#begin", "#end-0")
		w.forget()
		w.tap("#end-0", "#back")
		w.tap("#back", "#result")
		w.home()
	}},
	{name: "keyboard alone", agent: inWeChat, outcome: verification.OutcomeApproved, goes: func(w *walk) {
		require.NoError(w.t, chromedp.Do(w.tab, chromedp.Navigate(w.view.NextAction.URL)))
		w.typed("begin", "#agree")
		w.typed("agree", "#leave")
		w.typed("begin", "#end-0")
		w.typed("end-0", "#result")
		w.typed("home", "#arrived")
	}},
}

// The person's page in a browser, from the link to the end, the way home
// included: with each vendor, and with what goes wrong on the way.
func TestEveryWayThroughThePage(t *testing.T) {
	t.Parallel()
	playWays(t, newPhoneFor(t, 10*time.Minute))
}

// The same on a wide screen; a computer's own ways are among them.
func TestEveryWayThroughThePageOnAWideScreen(t *testing.T) {
	t.Parallel()
	p := newPhoneFor(t, 10*time.Minute)
	require.NoError(t, chromedp.Do(p.tab, chromedp.EmulateViewport(1440, 900)))
	playWays(t, p)
}

func playWays(t *testing.T, p *phone) {
	shop := openShop(t)
	s := newChipStack(t, options{policies: wayPolicies, megvii: true, returnURLs: []string{shop.server.URL + "/order/"}})
	whole := t
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			p.t, s.t = t, t
			defer func() { s.t = whole }()
			p.forget()
			p.as(way.agent)
			person := s.person()
			change := map[string]any{"return_url": shop.server.URL + "/order/17", "lang": "zh-CN"}
			if way.policy != "" {
				change["policy"] = way.policy
			}
			if way.policy == "cn-chip-capture" {
				change["nfc_reqid"] = s.scan(person, "")
			}
			shop.t = t
			w := &walk{phone: p, s: s, shop: shop, person: person, view: s.startPage(person, change)}
			way.goes(w)
			got := s.until(w.view.ID, 30*time.Second, "the outcome", func(v view) bool { return v.Outcome == way.outcome })
			require.Equal(t, way.outcome, got.Outcome)
		})
	}
}

// sessionsOf counts the sessions that were opened for a person.
func (s *stack) sessionsOf(p sandbox.Person) int {
	return len(s.vendors.Tokens(p.IDNumber))
}

// forget loses every cookie.
func (p *phone) forget() {
	p.t.Helper()
	_, err := chromedp.Run(p.tab, chromedp.Action[cdp.Empty](func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, network.ClearBrowserCookies, cdp.Empty{})
	}))
	require.NoError(p.t, err)
}

// scripts lets pages run scripts, or not.
func (p *phone) scripts(run bool) {
	p.t.Helper()
	_, err := chromedp.Run(p.tab, chromedp.Action[cdp.Empty](func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
	}))
	require.NoError(p.t, err)
}
