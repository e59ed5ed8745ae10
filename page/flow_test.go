package page

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// From the link over consent to the vendor's page, on a phone in WeChat; the
// session is opened by the button and by nothing before it.
func TestAPersonInWeChatAgreesAndGoesStraightOn(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	entry := p.get("/p/" + codeA)
	require.Equal(t, "entry", entry.kind())
	require.Contains(t, entry.body, "Test Shop")
	consent := p.in(codeA)
	require.Equal(t, "consent", consent.kind())
	require.Equal(t, "/p/s/"+b.h.short(idA), consent.path)
	require.NotRegexp(t, `type="(checkbox|radio)"`, consent.body, "nothing is ticked beforehand")
	require.Contains(t, consent.body, b.text)
	require.Empty(t, b.run.done())

	onward := p.press(consent, actGo)
	require.Equal(t, []string{"open"}, b.run.done())
	require.Equal(t, "onward", onward.kind())
	require.Equal(t, "0;url="+vendorLink, onward.header.Get("Refresh"))
	require.Empty(t, b.run.views[idA].Missing)

	back := p.get("/p/" + codeA)
	require.Equal(t, "open", back.kind(), "the link leads to where the person is")
	require.Empty(t, back.header.Get("Refresh"), "who comes back is not sent on again")

	returned := p.get(b.ticket(idA, 1, b.now.Add(time.Hour)))
	require.Equal(t, "open", returned.kind())
	require.Contains(t, returned.body, "<h1 tabindex=\"-1\">Checking</h1>", "who comes from the vendor waits for what it says")

	b.run.set(idA, func(v *starter.PageView) {
		v.State.Open, v.VendorLink, v.State.Status, v.State.Decision = nil, "", verification.Completed, verification.Approved
	})
	end := p.get(back.path)
	require.Equal(t, "result", end.kind())
	require.Contains(t, end.body, `href="`+homeLink+`"`)
	require.NotContains(t, strings.ToLower(homeLink), "approved")
}

// A press in a second tab, a reload of the answer, a form of before: one session.
func TestAgreeingTwiceOpensOneSession(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	first, second := p.press(consent, actGo), p.press(consent, actGo)
	require.Equal(t, "onward", first.kind())
	require.Equal(t, 1, b.run.views[idA].State.Attempt.Session)
	require.Equal(t, "onward", second.kind(), "the same link again")
}

// On a desktop the consent is kept, and the phone is not asked for it again.
func TestADesktopHandsOverToThePhone(t *testing.T) {
	b := newBench(t)
	desk := b.browser(onDesktop)
	consent := desk.in(codeA)
	require.Equal(t, "consent", consent.kind())
	code := desk.press(consent, actGo)
	require.Equal(t, []string{"agree"}, b.run.done(), "nothing is opened without the phone")
	require.Equal(t, "desktop", code.kind())
	require.Contains(t, code.body, "<svg")
	link := linkOn(t, b, code)
	require.Equal(t, code.body, desk.get(code.path).body, "a reload shows the same code")

	phone := b.browser(inWeChat)
	ask := phone.get(link)
	require.Equal(t, "handover", ask.kind())
	require.NotContains(t, ask.body, "<svg")
	for range 5 {
		phone.get(link)
	}
	start := phone.do("POST", link, nil)
	require.Equal(t, "start", start.kind(), "the phone's own page, without a consent")
	require.NotContains(t, start.body, "<svg", "no code on phones")
	require.Equal(t, 410, b.browser(inWeChat).get(link).status, "the code was spent")
	require.Equal(t, 410, b.browser(inWeChat).do("POST", link, nil).status)

	waiting := desk.get(code.path)
	require.Equal(t, "desktop", waiting.kind())
	require.NotContains(t, waiting.body, "<svg", "a spent code is not shown")

	require.Equal(t, "onward", phone.press(start, actGo).kind())
	require.Equal(t, "desktop", desk.get(code.path).kind(), "the desktop waits while the phone is at the vendor")
	b.run.set(idA, func(v *starter.PageView) {
		v.State.Status, v.State.Decision = verification.Completed, verification.Approved
	})
	require.Equal(t, "result", desk.get(code.path).kind())
	require.Equal(t, "result", phone.get(code.path).kind())
	require.Equal(t, []string{"agree", "open"}, b.run.done())
}

// A code dies after ten minutes and with the next one.
func TestAHandoverCodeDies(t *testing.T) {
	b := newBench(t)
	desk := b.browser(onDesktop)
	first := desk.press(desk.in(codeA), actGo)
	b.now = b.now.Add(time.Second)
	second := desk.press(first, actCode)
	require.NotEqual(t, linkOn(t, b, first), linkOn(t, b, second))
	require.Equal(t, 410, b.browser(inWeChat).get(linkOn(t, b, first)).status)
	require.Equal(t, 200, b.browser(inWeChat).get(linkOn(t, b, second)).status)
	b.now = b.now.Add(handoverLife)
	require.Equal(t, 410, b.browser(inWeChat).get(linkOn(t, b, second)).status)
	require.Equal(t, 410, b.browser(inWeChat).do("POST", linkOn(t, b, second), nil).status)
	require.Equal(t, "start", desk.get(second.path).kind(), "the desktop offers another one")
}

// Another browser of the phone is told the way to WeChat, and spends nothing.
func TestAnotherBrowserIsToldTheWayToWeChat(t *testing.T) {
	b := newBench(t)
	p := b.browser(onPhone)
	how := p.press(p.in(codeA), actGo)
	require.Equal(t, "inwechat", how.kind())
	require.NotContains(t, how.body, "<svg")
	link := linkOn(t, b, how)
	require.Equal(t, "inwechat", b.browser(onPhone).get(link).kind(), "nor does the link in a third browser")
	require.Equal(t, "handover", b.browser(inWeChat).get(link).kind())
	require.Equal(t, []string{"agree"}, b.run.done())
}

// A vendor whose page opens in any browser is used where the person is, on a
// desktop after they chose it.
func TestAnyBrowserServesAVendorThatDoesNotMind(t *testing.T) {
	for agent, kind := range map[string]string{onPhone: "onward", inWeChat: "onward", onDesktop: "desktop"} {
		b := newBench(t)
		b.run.set(idA, func(v *starter.PageView) { v.OpenIn = "" })
		p := b.browser(agent)
		next := p.press(p.in(codeA), actGo)
		require.Equal(t, kind, next.kind(), agent)
		if kind == "desktop" {
			require.Equal(t, "onward", p.press(next, actHere).kind())
			require.Equal(t, []string{"agree", "open"}, b.run.done())
		}
	}
}

// Without a face, not agreeing, and a human later: one press each, and no session.
func TestTheOtherWaysAreAsEasy(t *testing.T) {
	for act, want := range map[string]verification.Status{actHuman: verification.InReview, actDecline: verification.Canceled} {
		b := newBench(t)
		p := b.browser(inWeChat)
		end := p.press(p.in(codeA), act)
		require.Equal(t, "result", end.kind())
		require.Equal(t, want, b.run.views[idA].State.Status)
		require.Equal(t, []string{act}, b.run.done())
		require.Len(t, b.run.views[idA].Missing, 2, "nothing was agreed to")
	}
	b := newBench(t)
	b.run.set(idA, func(v *starter.PageView) { v.Policy.HumanRoute = "https://shop.example/human" })
	p := b.browser(inWeChat)
	require.Equal(t, "0;url=https://shop.example/human", p.press(p.in(codeA), actHuman).header.Get("Refresh"))
	require.Empty(t, b.run.done())
}

// What is retryable is explained and offered again, a human beside it.
func TestARetryIsExplainedAndOffered(t *testing.T) {
	b := newBench(t)
	b.run.set(idA, func(v *starter.PageView) {
		v.Missing, v.State.Attempt = nil, verification.Attempt{Number: 2, Max: 3, Session: 1, Judged: 1}
		v.State.LastError = &verification.LastError{Code: verification.FaceNoMatch, Retryable: true}
	})
	p := b.browser(inWeChat)
	page := p.in(codeA)
	require.Equal(t, "retry", page.kind())
	require.Contains(t, page.body, "You have 2 tries left.")
	human := p.get(page.path + "?view=human")
	require.Equal(t, "human", human.kind())
	require.Empty(t, b.run.done())
	require.Equal(t, "onward", p.press(page, actGo).kind())
	require.Equal(t, 2, b.run.views[idA].State.Attempt.Session)
}

// A vendor that cannot open is told in words, with a way to try again.
func TestAVendorThatIsDownIsToldInWords(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	b.run.fault = &starter.Error{Code: starter.EngineUnavailable}
	down := p.press(consent, actGo)
	require.Equal(t, 503, down.status)
	require.Equal(t, "down", down.kind())
	require.Contains(t, down.body, `href="`+consent.path+`"`)
	b.run.fault = nil
	require.Equal(t, "onward", p.press(p.get(consent.path), actGo).kind())

	b.run.link = "" // it is waited for
	unavailable := &verification.LastError{Code: verification.ProviderUnavailable}
	b.run.set(idA, func(v *starter.PageView) {
		v.State.Open, v.VendorLink, v.State.Status, v.State.LastError = nil, "", verification.Processing, unavailable
	})
	waited := p.get(consent.path)
	require.Equal(t, "progress", waited.kind())
	require.Contains(t, waited.body, "The service is not available.")
	b.run.set(idA, func(v *starter.PageView) { v.State.Status = verification.RequiresInput })
	again := p.get(consent.path)
	require.Equal(t, "retry", again.kind())
	require.Contains(t, again.body, "does not count as a try")
}

// A text that changed while the person read is shown again, and nothing noted.
func TestAConsentIsToTheTextThatWasRead(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	b.text = "Another text."
	again := p.press(consent, actGo)
	require.Equal(t, "consent", again.kind())
	require.Contains(t, again.body, "Another text.")
	require.Empty(t, b.run.done())
	require.Equal(t, "consent", p.do("POST", consent.path, map[string][]string{"act": {actGo}}).kind(), "no hashes, no consent")
	require.Empty(t, b.run.done())
}

// The language is the person's choice, and stays.
func TestTheLanguageIsChosen(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	p.lang = "zh-CN"
	page := p.in(codeA)
	require.Contains(t, page.body, `<html lang="zh-CN">`)
	require.Contains(t, page.body, "测试商店")
	require.Contains(t, p.get(page.path+"?lang=en").body, `<html lang="en">`)
	require.Contains(t, p.get(page.path).body, `<html lang="en">`)
	entry := b.browser(inWeChat).get("/p/" + codeB + "?lang=en")
	require.Contains(t, entry.body, `<html lang="en">`)
	other := b.browser(inWeChat)
	other.lang = "zh-CN"
	require.Contains(t, other.do("POST", entry.path, map[string][]string{"lang": {"en"}}).body, `<html lang="en">`, "chosen before there was a cookie")
	b.run.set(idB, func(v *starter.PageView) { v.Language = "en" })
	q := b.browser(inWeChat)
	q.lang = "zh-CN"
	require.Contains(t, q.get("/p/"+codeB).body, `<html lang="en">`, "the request names it")
	require.Contains(t, q.get("/p/"+codeB+"?lang=zh-CN").body, `<html lang="zh-CN">`)
}

// linkOn is the link to copy on a page, without its host.
func linkOn(t *testing.T, b *bench, s shown) string {
	t.Helper()
	_, rest, ok := strings.Cut(s.body, `<code id="link">`)
	require.True(t, ok, s.body)
	link, _, _ := strings.Cut(rest, "</code>")
	require.True(t, strings.HasPrefix(link, b.server.URL+"/p/h/"), link)
	return strings.TrimPrefix(link, b.server.URL)
}

// The script looks for a camera where the vendor's page opens next, and nowhere
// else.
func TestACameraIsLookedForWhereItIsNeeded(t *testing.T) {
	for _, c := range []struct{ agent, openIn, want string }{
		{inWeChat, "wechat", `data-camera="camera"`},
		{inWeChat, "", `data-camera="webrtc"`},
		{onPhone, "", `data-camera="webrtc"`},
		{onPhone, "wechat", ""},
		{onDesktop, "", ""},
		{onDesktop, "wechat", ""},
	} {
		b := newBench(t)
		b.run.set(idA, func(v *starter.PageView) { v.OpenIn = c.openIn })
		for _, missing := range []bool{true, false} {
			if !missing {
				b.run.set(idA, func(v *starter.PageView) { v.Missing = nil })
			}
			page := b.browser(c.agent).in(codeA)
			if c.want == "" {
				require.NotContains(t, page.body, "data-camera", "%q %q", c.agent, c.openIn)
			} else {
				require.Contains(t, page.body, c.want, "%q %q", c.agent, c.openIn)
			}
		}
	}
	b := newBench(t)
	b.run.set(idA, func(v *starter.PageView) { v.OpenIn, v.Policy.Checks = "", nil })
	page := b.browser(onPhone).in(codeA)
	require.NotContains(t, page.body, "data-camera", "no face is asked for")
	require.NotContains(t, page.body, "Without a face check")
}

// Who has agreed may withdraw it wherever they stand, by two presses; who has not
// says "I do not agree". What they see then is the last page.
func TestWhoAgreedMayWithdrawIt(t *testing.T) {
	b := newBench(t)
	p := b.browser(inWeChat)
	consent := p.in(codeA)
	require.NotContains(t, consent.body, `id="withdraw"`)
	require.Equal(t, "consent", p.get(consent.path+"?view=withdraw").kind())
	p.press(consent, actGo)
	for _, status := range []verification.Status{verification.RequiresInput, verification.Processing, verification.InReview} {
		b.run.set(idA, func(v *starter.PageView) { v.State.Status = status })
		require.Contains(t, p.get(consent.path).body, `href="?view=withdraw"`, status)
	}
	sure := p.get(consent.path + "?view=withdraw")
	require.Equal(t, "withdraw", sure.kind())
	require.NotContains(t, b.run.done(), "withdraw", "a look withdraws nothing")
	gone := p.press(sure, actWithdraw)
	require.Equal(t, []string{"open", "withdraw"}, b.run.done())
	require.Equal(t, "result", gone.kind())
	require.Contains(t, gone.body, "You withdrew your consent.")
	require.Contains(t, gone.body, `href="`+homeLink+`"`)
	require.NotContains(t, gone.body, `id="withdraw"`)
}
