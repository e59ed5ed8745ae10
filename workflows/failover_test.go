package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// second adds another face provider to the policy's list.
func second(e *env) {
	e.in.Policy.FaceProviders = append(e.in.Policy.FaceProviders, "second")
	route := e.in.Face[0]
	route.Provider = "second"
	e.in.Face = append(e.in.Face, route)
}

func TestNextProviderTakesOver(t *testing.T) {
	for _, class := range []provider.Class{provider.Unavailable, provider.RateLimited, provider.Misconfigured, provider.Refused, provider.SwitchedOff} {
		t.Run(string(class), func(t *testing.T) {
			sc := newScript()
			sc.openFails = map[string]provider.Class{"face": class}
			e := newEnv(t, sc)
			second(e)
			e.at(10*time.Second, func() {
				s := e.state()
				require.Equal(t, "second", s.Provider)
				require.Equal(t, []verification.Tried{{Provider: "face", Class: string(class)}}, check(t, s, verification.FaceMatch).Tried)
			})
			s := e.run()
			require.Equal(t, verification.OutcomeApproved, s.Outcome())
			require.Equal(t, []verification.Tried{{Provider: "face", Class: string(class)}}, check(t, s, verification.Liveness).Tried)
		})
	}
}

func TestPersonsAnswerNeverFailsOver(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), passed())
	e := newEnv(t, sc)
	second(e)
	e.retryEvery(150*time.Second, 20*time.Minute)
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, "face", s.Provider, "the next session is the first provider's again")
}

func TestRotatingPolicyGivesTheNextSessionToTheNextProvider(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), notAlike(), passed())
	e := newEnv(t, sc)
	second(e)
	e.in.Policy.RotateProviders = true
	e.retryEvery(150*time.Second, 20*time.Minute)
	e.run()
	require.Equal(t, []string{"face", "second", "face"}, sc.openedAt)
}

func TestBothProvidersDownAreWaitedOut(t *testing.T) {
	sc := newScript()
	sc.openError = until(10*time.Minute, provider.Unavailable)
	e := newEnv(t, sc)
	second(e)
	e.at(5*time.Minute, func() { require.Equal(t, verification.Processing, e.state().Status) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Len(t, check(t, s, verification.FaceMatch).Tried, 2, "each once")
}

func TestFaultInsideAResultGoesToTheNextProvider(t *testing.T) {
	sc := newScript()
	r := unjudged(verification.ProviderMisconfigured)
	r.NextProvider = true
	sc.sessions = fates(r, passed())
	e := newEnv(t, sc)
	second(e)
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, []string{"face", "second"}, sc.openedAt)
}

// A lost link.

func TestLostLinkNobodyOpenedIsGivenAgain(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: 2 * time.Minute, over: 3 * time.Minute, result: passed()}
	e := newEnv(t, sc)
	e.in.Face[0].TellsBegun = true
	var a *answer
	e.at(time.Minute, func() { a = e.update(workflows.UpdateRetry, "relink", workflows.RetryRequest{Session: 1}) })
	s := e.run()
	require.Equal(t, workflows.Retried{Session: 1}, a.value)
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("OpenSession"))
}

func TestLostLinkThatWasOpenedIsReplaced(t *testing.T) {
	for _, tells := range []bool{true, false} {
		sc := newScript()
		sc.sessions = map[int]session{1: {begun: time.Second}, 2: {over: time.Minute, result: passed()}}
		e := newEnv(t, sc)
		e.in.Face[0].TellsBegun = tells
		var a *answer
		e.at(time.Minute, func() { a = e.update(workflows.UpdateRetry, "relink", workflows.RetryRequest{Session: 1}) })
		s := e.run()
		require.Equal(t, workflows.Retried{Session: 2}, a.value)
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Equal(t, 1, s.Attempt.Number, "nobody was judged before")
		require.Nil(t, s.LastError)
	}
}

func TestLostLinksCountAgainstTheSessions(t *testing.T) {
	sc := newScript()
	sc.sessions = nil
	e := newEnv(t, sc)
	var answers []*answer
	for n := range 7 {
		e.at(time.Duration(n+1)*time.Minute, func() {
			answers = append(answers, e.update(workflows.UpdateRetry, workflows.RelinkUpdateID(n+1, n), workflows.RetryRequest{Session: n + 1}))
		})
	}
	e.run()
	require.Equal(t, 6, sc.count("OpenSession"))
	answers[5].refused(t, workflows.RefusedState)
}

// Vendors that notify us.

func notifying(t *testing.T, sc *script) *env {
	e := newEnv(t, sc)
	e.in.Face[0].Polled, e.in.Face[0].Notifies, e.in.Face[0].Grace = false, true, verification.Duration(30*time.Second)
	e.in.Face[0].TellsBegun = true
	sc.resultInLook = true
	return e
}

func TestNoticeEndsTheSessionWithoutALookUp(t *testing.T) {
	sc := newScript()
	e := notifying(t, sc)
	e.at(31*time.Second, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Zero(t, sc.lookUps)
	require.Zero(t, sc.count("PollSession")+sc.count("FetchSession"))
}

func TestSilenceIsLookedUpAfterExpiryAndGrace(t *testing.T) {
	sc := newScript()
	e := notifying(t, sc)
	var before, within, hinted verification.State
	e.at(sessionLife-5*time.Second, func() { before = e.state() })
	e.at(sessionLife+10*time.Second, func() {
		within = e.state()
		sc.resultInLook, sc.sessions[1] = false, session{over: time.Minute, phase: provider.Begun} // it is not said yet
		e.hint(1)
	})
	e.at(sessionLife+20*time.Second, func() {
		hinted = e.state()
		sc.resultInLook, sc.sessions[1] = true, session{over: time.Minute, result: passed()}
	})
	s := e.run()
	require.Equal(t, verification.RequiresInput, before.Status)
	// Nobody is sent to a link that is dead, nor told to wait for a time that is over.
	for _, shown := range []verification.State{within, hinted} {
		require.Equal(t, verification.Processing, shown.Status)
		require.Nil(t, shown.NextAction)
		require.WithinDuration(t, before.ExpiresAt.Add(30*time.Second), *shown.ExpiresAt, 2*time.Second)
	}
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.lookUps)
	require.InDelta(t, (sessionLife + 30*time.Second).Seconds(), s.UpdatedAt.Sub(s.CreatedAt).Seconds(), 5)
}

// A vendor's notice of an end says nothing of a browser: whoever never came ends
// expired, and only whose browser came back may try again.
func TestANoticeOfATimeOutIsNoReturnOfABrowser(t *testing.T) {
	for notice, want := range map[bool]time.Duration{true: sessionLife + 10*time.Second, false: sessionLife + 10*time.Second + 30*time.Minute} {
		sc := newScript()
		e := notifying(t, sc)
		sc.resultInLook, sc.sessions[1] = false, session{over: sessionLife, phase: provider.RanOut}
		e.at(sessionLife+10*time.Second, func() {
			e.engine.task()
			e.SignalWorkflow(workflows.SignalHint, workflows.Hint{Session: 1, Notice: notice})
		})
		s := e.run()
		require.Equal(t, verification.OutcomeExpired, s.Outcome())
		require.InDelta(t, want.Seconds(), s.UpdatedAt.Sub(s.CreatedAt).Seconds(), 10, "with a notice: %t", notice)
	}
}

// The last look's clock follows the grace's, so that nobody reads of a time that
// is over.
func TestALastLookThatIsWaitedOutShowsItsOwnClock(t *testing.T) {
	sc := newScript()
	sc.lookError = func(at time.Duration) error {
		if at > sessionLife && at < sessionLife+10*time.Minute {
			return vendorFault(provider.Unavailable)
		}
		return nil
	}
	e := notifying(t, sc)
	var s verification.State
	var now time.Time
	e.at(sessionLife+5*time.Minute, func() { s, now = e.state(), e.Now() })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Equal(t, verification.Processing, s.Status)
	require.True(t, s.ExpiresAt.After(now))
}

func TestNoticeIsReadWhileTheLookUpWaitsOutAnOutage(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{over: 20 * time.Minute, result: passed()}
	sc.lookUpError = until(10*time.Hour, provider.Unavailable)
	e := notifying(t, sc)
	e.at(21*time.Minute, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 25*time.Minute)
}

// silent is a vendor that notifies us and whose notices are lost: only look-ups
// find anything. Its sessions live for an hour.
func silent(t *testing.T, sessions map[int]session) (*script, *env) {
	life := sessionLife
	sessionLife = time.Hour
	t.Cleanup(func() { sessionLife = life })
	sc := newScript()
	sc.sessions, sc.silent = sessions, true
	return sc, notifying(t, sc)
}

// The api was away when the vendor told, or the vendor told nobody: the person is
// back, and does not wait for the session's expiry.
func TestBrowserThatCameBackWithoutANoticeIsLookedUpFiveMinutesLater(t *testing.T) {
	sc, e := silent(t, map[int]session{1: {over: 2 * time.Minute, result: passed()}})
	for _, at := range []time.Duration{121 * time.Second, 3 * time.Minute, 4 * time.Minute} {
		e.at(at, func() { e.hint(1) })
	}
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.lookUps)
	require.InDelta(t, (7 * time.Minute).Seconds(), s.UpdatedAt.Sub(s.CreatedAt).Seconds(), 10)
}

// One look-up is spent before the expiry, however often the browser comes back
// and the link is asked for again; one is taken at the expiry.
func TestOneLookUpIsSpentBeforeTheExpiryAndOneAtIt(t *testing.T) {
	for name, meddle := range map[string]func(*env){
		"the browser came back":         func(*env) {},
		"and the link is lost later":    func(e *env) { e.at(20*time.Minute, func() { e.relink(1) }) },
		"and the link was lost before":  func(e *env) { e.at(2*time.Minute, func() { e.relink(1) }) },
		"and the link is lost meantime": func(e *env) { e.at(5*time.Minute+30*time.Second, func() { e.relink(1) }) },
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := silent(t, map[int]session{1: {}}) // nobody opened it, as the vendor tells
			for i := range 10 {
				e.at(time.Duration(i+1)*time.Minute, func() { e.hint(1) })
			}
			meddle(e)
			before := 0
			e.at(59*time.Minute, func() { before = sc.lookUps })
			e.run()
			want := 1
			if name == "and the link is lost later" {
				want = 2 // the run asks, and the step knows that none is left
			}
			require.Equal(t, want, before)
			require.Equal(t, before+1, sc.lookUps)
			require.Equal(t, 1, sc.count("OpenSession"))
		})
	}
}

// What the vendor has judged is not bought again by a retry.
func TestRetryLooksUpTheSessionThatItWouldReplace(t *testing.T) {
	sc, e := silent(t, map[int]session{1: {over: 2 * time.Minute, result: passed()}, 2: {}})
	e.at(3*time.Minute, func() { e.relink(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("OpenSession"))
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 4*time.Minute)

	// Somebody is at it: a new session, and the old one is looked up once more,
	// within what is left, before a pass counts.
	sc, e = silent(t, map[int]session{1: {begun: time.Second}, 2: {over: 2 * time.Minute, result: passed()}})
	e.at(3*time.Minute, func() { e.relink(1) })
	e.at(6*time.Minute, func() { e.relink(2) })
	s = e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 2, sc.count("OpenSession"))
	require.Equal(t, 3, sc.lookUps)
}
