package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// relinked replaces a session over which nothing was decided yet, as for a lost
// tab, and returns the verification with the new link.
func (s *stack) relinked(v view) view {
	s.t.Helper()
	a := s.retry(v.ID, v.Attempt.Session, "")
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(s.t, v.Attempt.Session+1, a.view.Attempt.Session)
	return s.untilLink(v.ID, comesBack)
}

// A page in an old tab ends without a word to us, and the person passes in the
// new one: what the vendor judged in the old one counts before that pass.
func TestWhatTencentJudgedInAnOldTabCountsBeforeALaterPass(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	for code, want := range map[string]verification.Outcome{
		codeSpoof:        verification.OutcomeReview,
		codeNameMismatch: verification.OutcomeDeclined,
		"2016":           verification.OutcomeApproved,
	} {
		old := s.opened(s.person())
		s.began(old)
		v := s.relinked(old)
		require.NoError(t, s.vendors.End(s.tokenOf(old), code))
		s.play(v, "0")
		end := s.until(v.ID, comesBack, "an outcome", func(v view) bool { return v.Outcome != "" && len(v.Checks) > 0 })
		require.Equal(t, want, end.Outcome, code)
		if code == "2016" {
			require.Equal(t, 2, end.Attempt.Number, "the old tab's was one")
		}
	}
}

// callbackAfter ends a page that was begun; it returns the address of ours to
// which the page sends the browser.
func (s *stack) callbackAfter(v view, outcome string) string {
	s.t.Helper()
	res, err := direct.PostForm(s.vendorsURL+"/page/tencent/"+s.tokenOf(v)+"/end", url.Values{"outcome": {outcome}})
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
	return res.Header.Get("Location")
}

// The person goes on in the old tab, whose page sends the browser back to us.
func TestAPassAtTencentInAnOldTabIsAPass(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	old := s.opened(p)
	s.began(old)
	s.relinked(old)
	began := time.Now()
	s.visit(s.callbackAfter(old, "0"))
	end := s.untilEnd(old.ID, comesBack)
	s.approved(end)
	require.Equal(t, 2, end.Attempt.Session)
	require.Less(t, time.Since(began), 15*time.Second)
	require.Equal(t, 1, s.chargedFor(p))
}

// Megvii tells of a session's end by itself, also of one that was replaced.
func TestWhatMegviiTellsOfAnOldTabCounts(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true, policies: crashPolicy})
	for outcome, want := range map[string]verification.Outcome{
		sandbox.MegviiPass:        verification.OutcomeApproved,
		sandbox.MegviiNameDiffers: verification.OutcomeDeclined,
		sandbox.MegviiSpoof:       verification.OutcomeReview,
	} {
		a := s.beginUnder(onlyMegvii, s.person())
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		require.NoError(t, s.vendors.MegviiBegin(s.megviiToken(a.view)))
		v := s.relinked(a.view)
		_, err := s.vendors.MegviiEnd(s.megviiToken(a.view), outcome)
		require.NoError(t, err)
		end := s.until(v.ID, comesBack, "an outcome", func(v view) bool { return v.Outcome != "" && len(v.Checks) > 0 })
		require.Equal(t, want, end.Outcome, outcome)

		if want == verification.OutcomeReview {
			continue
		}
		// What the new tab brings then changes nothing, and is recorded as late.
		require.NoError(t, s.vendors.MegviiBegin(s.megviiToken(v)))
		_, err = s.vendors.MegviiEnd(s.megviiToken(v), sandbox.MegviiSpoof)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(s.told(s.megviiToken(v))) == 1 }, 10*time.Second, 50*time.Millisecond)
		require.Equal(t, []string{"200"}, s.told(s.megviiToken(v)), "a vendor that hears no tries again")
		require.Equal(t, want, s.read(v.ID).Outcome)
		require.Contains(t, string(s.logs()), "notice arrived after the end")
	}
}

// Failed attempts in old tabs are attempts, however many tabs were lost.
func TestFailedAttemptsInOldTabsOfMegviiCount(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true, policies: crashPolicy})
	a := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	v := a.view
	for attempt := 1; attempt <= 3; attempt++ {
		require.Equal(t, attempt, v.Attempt.Number)
		token := s.megviiToken(v)
		require.NoError(t, s.vendors.MegviiBegin(token))
		s.relinked(v)
		_, err := s.vendors.MegviiEnd(token, sandbox.MegviiLivenessFail)
		require.NoError(t, err)
		v = s.until(v.ID, comesBack, "the attempt counted", func(v view) bool { return v.Attempt.Number > attempt || v.Outcome != "" })
	}
	require.Equal(t, verification.OutcomeDeclined, v.Outcome)
	require.True(t, strings.Contains(reasonsOf(v.Verdict.Reasons), string(verification.SessionAttemptsExhausted)))
}

// The api is away when the person ends and comes back: their retry finds that the
// vendor has judged the session, which is not thrown away and bought again.
func TestARetryAtMegviiFindsWhatNobodyTold(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true, policies: crashPolicy})
	p := s.person()
	a := s.beginUnder(onlyMegvii, p)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	token := s.megviiToken(a.view)
	s.endMegvii(a.view, sandbox.MegviiPass, sandbox.NotifyOptions{Never: true, NoReturn: true})
	again := s.retry(a.view.ID, 1, "")
	require.Equal(t, http.StatusOK, again.status, "%s", again.body)
	require.Equal(t, 1, again.view.Attempt.Session)
	s.approved(s.untilEnd(a.view.ID, comesBack))
	require.Equal(t, 1, s.asked("get_token"))
	require.Equal(t, 1, s.lookedUp(token))

	// Of a link that nobody has opened yet the same one is told.
	b := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, b.status, "%s", b.body)
	again = s.retry(b.view.ID, 1, "")
	require.Equal(t, http.StatusOK, again.status, "%s", again.body)
	require.Equal(t, 1, again.view.Attempt.Session)
	require.Equal(t, b.view.NextAction.URL, again.view.NextAction.URL)
	require.Equal(t, 2, s.asked("get_token"))
}

// The vendor said that the flow was over, and lost what came of it.
func TestAFinishedSessionWhoseResultIsGoneIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidResult", Kind: sandbox.FaultErrorCode, Code: "InvalidParameterValue.BizTokenExpired", Times: 1})
	v := s.opened(s.person())
	s.comeBack(v, "0")
	again := s.untilRetry(v.ID)
	require.Equal(t, verification.RequiresInput, again.Status)
	require.Equal(t, verification.SessionExpired, again.LastError.Code)
	s.approved(s.retried(v.ID))
}
