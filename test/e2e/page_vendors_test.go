package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// begunAt opens the link and lets the browser in.
func (p *visitor) begunAt(v view) {
	p.s.t.Helper()
	p.open(v.NextAction.URL)
	require.Equal(p.s.t, "entry", p.kind(), p.page)
	p.press("begin")
}

// leftIn holds that the browser came back to the verification's page.
func (p *visitor) leftIn() {
	p.s.t.Helper()
	require.Equal(p.s.t, http.StatusOK, p.status, p.page)
	require.Contains(p.s.t, p.at.String(), p.s.apiURL+"/p/s/")
}

// Megvii's page opens in any browser, and brings its result by a form of another
// site: the person is led back all the same, on a phone and on a desktop.
func TestAPersonPassesAtMegviiThroughThePage(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	for agent, here := range map[string]bool{inSafari: false, inWeChat: false, onDesktop: true} {
		person := s.person()
		v := s.startPage(person, map[string]any{"policy": onlyMegvii})
		p := s.visitor(agent)
		p.begunAt(v)
		require.Equal(t, "start", p.kind(), "no consent is asked for")
		p.press("go")
		if here {
			require.Equal(t, "desktop", p.kind())
			p.press("here")
		}
		p.onward()
		p.endAtVendor(sandbox.MegviiPass)
		p.leftIn()
		p.untilKind("result")
		require.Contains(t, p.page, "Verified")
		require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	}
	require.Equal(t, 3, s.asked("get_token"))
}

// Sino Connect's page after a chip that the app read before the person came.
func TestAPersonPassesAtSinoConnectThroughThePage(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	person := s.person()
	reqid := s.scan(person, "")
	v := s.startPageOfChip("cn-chip-capture", reqid)
	p := s.visitor(inSafari)
	p.begunAt(v)
	p.untilKind("start")
	require.Zero(t, s.asked("face-rec/request"))
	p.press("go")
	p.onward()
	p.endAtVendor(sandbox.CaptureSame)
	p.leftIn()
	p.untilKind("result")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.reads(reqid))
}

// startPageOfChip starts from nothing but a scan, which is read at once.
func (s *stack) startPageOfChip(policy, reqid string) view {
	s.t.Helper()
	a := s.beginAgain(map[string]any{"policy": policy, "presentation": "page", "nfc_reqid": reqid, "return_url": s.vendorsURL + "/shop/back"})
	require.Less(s.t, a.status, 300, "%s", a.body)
	return s.untilLink(a.view.ID, 20*time.Second)
}

// A card that could not be read is scanned again in the app: the page says so, and
// goes on by itself.
func TestThePageSaysToScanAgain(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	person := s.person()
	a := s.beginAgain(map[string]any{"policy": "cn-chip", "presentation": "page", "return_url": s.vendorsURL + "/shop/back",
		"nfc_reqid": s.scan(person, "sim-badjwe-")})
	require.Less(t, a.status, 300, "%s", a.body)
	v := s.untilAction(a.view.ID, "scan_chip", 30*time.Second)
	p := s.visitor(inWeChat)
	row, err := s.openStore().Load(t.Context(), v.ID)
	require.NoError(t, err)
	p.open(s.apiURL + "/p/" + row.PageCode)
	p.press("begin")
	require.Equal(t, "scan", p.kind())
	again := s.retry(v.ID, v.Attempt.Session, s.scan(person, ""))
	require.Equal(t, http.StatusOK, again.status, "%s", again.body)
	p.untilKind("start")
	p.press("go")
	p.onward()
	p.endAtVendor("0")
	p.untilKind("result")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
}

// Who is not alike is told so, tries again by the same link, and passes.
func TestAPersonWhoIsNotAlikeTriesAgainOnThePage(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	p.press("agree")
	p.onward()
	p.endAtVendor("2016")
	p.untilKind("retry")
	require.Contains(t, p.page, "You have 2 tries left.")
	require.Equal(t, verification.FaceNoMatch, s.read(v.ID).LastError.Code)
	require.Equal(t, v.NextAction.URL, s.read(v.ID).NextAction.URL, "the link stays")
	p.press("go")
	p.onward()
	p.endAtVendor("0")
	p.untilKind("result")
	end := s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 2, end.Attempt.Number)
	require.Equal(t, 2, s.asked("GetEidToken"))
}

// The last attempt that is not passed ends it, in words.
func TestAPersonWhoseTriesAreUsedUpIsToldSo(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy + "    attempts: 2\n    objection_contact: help@shop.example\n"})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	p.press("agree")
	p.onward()
	p.endAtVendor("2016")
	p.untilKind("retry")
	require.Contains(t, p.page, "You have 1 try left.")
	p.press("go")
	p.onward()
	p.endAtVendor("2016")
	p.untilKind("result")
	require.Contains(t, p.page, "Not verified")
	require.Contains(t, p.page, "help@shop.example")
	require.Equal(t, verification.OutcomeDeclined, s.untilEnd(v.ID, 30*time.Second).Outcome)
}

// Not agreeing, and going without a face, cost nothing at any face vendor.
func TestThePagesOtherWaysCallNoFaceVendor(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	for _, c := range []struct {
		button string
		want   verification.Outcome
		reason verification.ReasonCode
	}{
		{"decline", verification.OutcomeCanceled, verification.CanceledByPerson},
		{"human", verification.OutcomeReview, verification.PersonAskedForHuman},
	} {
		v := s.startPage(s.person(), nil)
		p := s.visitor(inWeChat)
		p.begunAt(v)
		p.press(c.button)
		p.untilKind("result")
		s.until(v.ID, 30*time.Second, c.button, func(v view) bool { return v.Outcome == c.want })
		told := s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil)
		require.Contains(t, string(told.body), `"`+string(c.reason)+`"`)
	}
	require.Zero(t, s.asked("GetEidToken")+s.asked("check-2e"))
}

// Phone and desktop are both open, and there is one session.
func TestADesktopHandsOverToAPhone(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	desk := s.visitor(onDesktop)
	desk.begunAt(v)
	desk.press("agree")
	require.Equal(t, "desktop", desk.kind())
	require.Zero(t, s.asked("GetEidToken"))

	phone := s.visitor(inWeChat)
	phone.open(desk.copied())
	require.Equal(t, "handover", phone.kind())
	phone.press("continue")
	require.Equal(t, "start", phone.kind(), "the consent was given on the desktop")
	phone.press("go")
	phone.onward()
	desk.untilKind("desktop")
	phone.endAtVendor("0")
	phone.untilKind("result")
	desk.untilKind("result")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	require.Equal(t, 1, s.asked("GetEidToken"))
}

// A vendor that is down is told in words, waited for, and then the person goes on.
func TestThePageWaitsForAVendorThatIsDown(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: strings.Replace(pagePolicy, "start_patience: 10s", "start_patience: 60s", 1)})
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidToken", Kind: sandbox.FaultHTML502, Times: 4})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	at := p.at.String()
	p.press("agree")
	require.Contains(t, []string{"down", "progress"}, p.kind(), p.page)
	require.NotEqual(t, http.StatusInternalServerError, p.status)
	require.Eventually(t, func() bool { p.open(at); return p.kind() == "open" }, 60*time.Second, 200*time.Millisecond, "%s", p.page)
	p.open(p.linkOf("resume"))
	p.endAtVendor("0")
	p.untilKind("result")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
}

// Who looks at a link a thousand times opens nothing, asks nobody and moves nothing.
func TestAThousandFetchesOfThePageOpenNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	before := s.read(v.ID)
	events := len(s.history(v.ID).Events)
	for _, agent := range []string{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", inWeChat, "curl/8", ""} {
		bot := s.visitor(agent)
		for range 250 {
			bot.open(v.NextAction.URL)
			require.Equal(t, http.StatusOK, bot.status)
		}
	}
	require.Zero(t, s.asked("GetEidToken")+s.asked("check-2e")+s.asked("CheckEidTokenStatus"))
	require.Equal(t, events, len(s.history(v.ID).Events), "the run heard nothing")
	require.Equal(t, before, s.read(v.ID))
}

// The link's own end is told, and costs nothing.
func TestALinkThatRanOutSaysSo(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy + "    link_life: 8s\n"})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	at := p.at.String()
	end := s.untilEnd(v.ID, 40*time.Second)
	require.Equal(t, verification.OutcomeExpired, end.Outcome)
	require.Equal(t, verification.SessionLinkExpired, end.LastError.Code)
	p.open(at)
	require.Equal(t, "result", p.kind(), "who is there is told")
	require.Contains(t, p.page, "expired")
	stranger := s.visitor(inWeChat)
	stranger.open(v.NextAction.URL)
	require.Equal(t, http.StatusGone, stranger.status)
	require.Zero(t, s.asked("GetEidToken")+s.asked("check-2e"))
}

// Two tabs and two devices press at the same time: one session, and the same link.
func TestPressingOnTwoDevicesAtOnceOpensOneSession(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	phone, other := s.visitor(inWeChat), s.visitor(inWeChat)
	phone.begunAt(v)
	other.begunAt(v)
	tab := *phone
	var all sync.WaitGroup
	for _, p := range []*visitor{phone, &tab, other} {
		all.Go(func() { p.press("agree") })
	}
	all.Wait()
	require.Equal(t, 1, s.asked("GetEidToken"))
	for _, p := range []*visitor{phone, &tab, other} {
		require.Equal(t, "onward", p.kind())
		require.Equal(t, phone.header.Get("Refresh"), p.header.Get("Refresh"))
	}
	phone.onward()
	phone.endAtVendor("0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	other.open(s.apiURL + phone.at.Path)
	require.Equal(t, "result", other.kind())
}

// Who starts over gets the same link while nobody opened it, and else another
// session, which counts as none of the tries.
func TestStartingOverIsNoAttempt(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	at := p.at.String()
	p.press("agree")
	first := p.header.Get("Refresh")
	p.open(at)
	require.Equal(t, "open", p.kind())
	p.press("again")
	require.Equal(t, first, p.header.Get("Refresh"), "the same link, unopened")
	require.Equal(t, 1, s.asked("GetEidToken"))

	p.onward()
	p.press("begin") // and then the tab is lost
	require.Eventually(t, func() bool {
		return s.vendors.Ledger().Count(sandbox.Query{Operation: "CheckEidTokenStatus", Outcome: sandbox.StatusDoing}) > 0
	}, 30*time.Second, 50*time.Millisecond)
	p.at = nil
	p.open(at)
	require.Equal(t, "open", p.kind())
	p.press("again")
	require.NotEqual(t, first, p.header.Get("Refresh"))
	require.Equal(t, 2, s.asked("GetEidToken"))
	p.onward()
	p.endAtVendor("0")
	end := s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 1, end.Attempt.Number)
}

// A scan cannot wait, so the caller brings the consent for it; the page asks for
// the others only, and not at all where the caller has them all.
func TestThePageAsksForWhatTheCallerDoesNotBring(t *testing.T) {
	t.Parallel()
	policies := strings.Replace(pagePolicy, "cn-resident", "cn-chip", 1)
	s := newChipStack(t, options{policies: strings.Replace(policies, "consents: [", "consents: [document_chip, ", 1)})
	brought := func(purposes ...string) (out []map[string]any) {
		for _, purpose := range purposes {
			out = append(out, map[string]any{"purpose": purpose, "text_version": "ours-1", "given_at": time.Now().UTC().Format(time.RFC3339)})
		}
		return out
	}
	person := s.person()
	start := func(consents []map[string]any) answer {
		body := map[string]any{"policy": "cn-chip", "nfc_reqid": s.scan(person, ""), "return_url": s.vendorsURL + "/shop/back"}
		if consents != nil {
			body["consents"] = consents
		}
		return s.beginAgain(body)
	}
	a := start(nil)
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	require.Equal(t, "consent_required", a.problem.Code)

	for kind, consents := range map[string][]map[string]any{
		"consent": brought("document_chip"),
		"start":   brought("document_chip", "identity_records", "face"),
	} {
		person = s.person()
		a := start(consents)
		require.Less(t, a.status, 300, "%s", a.body)
		v := s.untilLink(a.view.ID, 20*time.Second)
		p := s.visitor(inWeChat)
		p.begunAt(v)
		p.untilKind(kind)
		require.NotContains(t, p.page, `name="consent.document_chip"`)
		require.Zero(t, s.chargedFor(person)+s.vendors.Ledger().Count(sandbox.Query{Operation: "GetEidToken", Subject: person.IDNumber}))
		if kind == "consent" {
			p.press("agree")
		} else {
			p.press("go")
		}
		p.onward()
		p.endAtVendor("0")
		p.untilKind("result")
		require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	}
}
