package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// oldTab is a verification whose first session is replaced after a minute, for a
// lost tab that is still open somewhere: at three minutes its vendor judges what
// is given there. The second session is open until the test says otherwise.
func oldTab(t *testing.T, old verification.FaceResult) (*script, *env) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: 10 * time.Second, over: 3 * time.Minute, result: old}, 2: {}}
	e := newEnv(t, sc)
	e.at(time.Minute, func() { e.relink(1) })
	return sc, e
}

// relink is a retry over an open session.
func (e *env) relink(session int) *answer {
	s := e.state()
	return e.update(workflows.UpdateRetry, workflows.RelinkUpdateID(session, s.Version), workflows.RetryRequest{Session: session})
}

// soon is a moment after the old tab was judged, and later a minute after.
const (
	soon  = 3*time.Minute + time.Second
	later = 4 * time.Minute
)

func nameDiffers() verification.FaceResult {
	r := judged(verification.NewCheck(verification.Liveness, verification.Passed), verification.NewCheck(verification.FaceMatch, verification.Failed, verification.IdentityMismatch))
	r.Reason = verification.IdentityMismatch
	return r
}

func notLive() verification.FaceResult {
	r := judged(verification.NewCheck(verification.Liveness, verification.Failed, verification.FaceNotLive))
	r.Reason = verification.FaceNotLive
	return r
}

// A hint, or a notice, for a session that was replaced causes its look, and what
// its vendor judged counts: whether a look carries the result, as of a vendor that
// notifies, or it is fetched.
func TestJudgementOfAReplacedSessionCountsWhenItIsHintedAt(t *testing.T) {
	for name, c := range map[string]struct {
		old     verification.FaceResult
		outcome verification.Outcome
		reason  verification.ReasonCode
	}{
		"a pass is a pass":         {passed(), verification.OutcomeApproved, ""},
		"a final failure":          {nameDiffers(), verification.OutcomeDeclined, verification.IdentityMismatch},
		"a suspicion":              {spoof(), verification.OutcomeReview, verification.FaceSpoofSuspected},
		"an inconclusive face":     {judged(verification.NewCheck(verification.FaceMatch, verification.Inconclusive, verification.RecordsNotFound)), verification.OutcomeReview, verification.RecordsNotFound},
		"an end without judgement": {unjudged(verification.SessionCanceled), "", ""},
		"a provider that may not": {func() verification.FaceResult {
			r := unjudged(verification.ProviderMisconfigured)
			r.NextProvider = true
			return r
		}(), "", ""},
		"a face that is not enough": {notAlike(), "", ""},
	} {
		for _, inLook := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				sc, e := oldTab(t, c.old)
				sc.resultInLook = inLook
				if inLook {
					e.in.Face[0].Polled, e.in.Face[0].Notifies, e.in.Face[0].Grace = false, true, verification.Duration(30*time.Second)
				}
				e.at(soon, func() { e.hint(1) })
				var s verification.State
				e.at(later, func() { s = e.state() })
				end := e.run()
				if end.Outcome() == verification.OutcomeApproved || end.Outcome() == verification.OutcomeDeclined {
					s = end
				}
				require.Equal(t, c.outcome, s.Outcome())
				switch c.outcome {
				case verification.OutcomeReview:
					require.Equal(t, c.reason, s.ReviewReasons[0].Code)
				case "":
					require.Equal(t, verification.RequiresInput, s.Status)
					require.Equal(t, verification.ActionRedirect, s.NextAction.Type, "the newest session stays open")
					require.Equal(t, verification.Pending, check(t, s, verification.FaceMatch).Status)
				default:
					require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), later)
				}
				require.Equal(t, 2, s.Attempt.Session)
			})
		}
	}
}

// A retry that comes while a hint's look is under way, or waits for the last one's
// pause, takes nothing from the hint: the session that was left is looked at.
func TestHintOutlivesTheRetryThatLeavesItsSession(t *testing.T) {
	for name, hints := range map[string][]time.Duration{
		"a look under way": {30 * time.Second},
		"a look to come":   {28 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := oldTab(t, nameDiffers())
			e.in.Face[0].Polled, e.in.Face[0].Notifies = false, true
			sc.resultInLook, sc.delay["LookAtSession"] = true, 1200*time.Millisecond
			sc.sessions[1] = session{over: 29500 * time.Millisecond, result: nameDiffers()}
			for _, at := range hints {
				e.at(at, func() { e.hint(1) })
			}
			e.at(30*time.Second+500*time.Millisecond, func() { e.relink(1) })
			s := e.run()
			require.Equal(t, verification.OutcomeDeclined, s.Outcome())
			require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), time.Minute)
		})
	}
}

// What nobody hinted at is found before a later pass counts.
func TestReplacedSessionIsLookedAtOnceBeforeALaterPassCounts(t *testing.T) {
	for name, c := range map[string]struct {
		old     verification.FaceResult
		outcome verification.Outcome
	}{
		"a pass":                    {passed(), verification.OutcomeApproved},
		"a final failure":           {nameDiffers(), verification.OutcomeDeclined},
		"a suspicion":               {spoof(), verification.OutcomeReview},
		"an inconclusive face":      {judged(verification.NewCheck(verification.FaceMatch, verification.Inconclusive, verification.RecordsNotFound)), verification.OutcomeApproved},
		"an end without judgement":  {unjudged(verification.SessionCanceled), verification.OutcomeApproved},
		"a face that is not enough": {notAlike(), verification.OutcomeApproved},
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := oldTab(t, c.old)
			sc.sessions[2] = session{over: 4 * time.Minute, result: passed()}
			var s verification.State
			e.at(6*time.Minute, func() { s = e.state() })
			end := e.run()
			if end.Verdict != nil {
				s = end
			}
			require.Equal(t, c.outcome, s.Outcome())
			require.Equal(t, 1, sc.count("LookAtSession"), "once")
			require.LessOrEqual(t, sc.overlap, 2)
		})
	}
}

// A pass never waits for a session that was replaced: not while that goes on, not
// for a vendor that does not answer.
func TestPassDoesNotWaitForAReplacedSession(t *testing.T) {
	for name, spoil := range map[string]func(*script){
		"it goes on":             func(sc *script) { sc.sessions[1] = session{begun: time.Second} },
		"its vendor is silent":   func(sc *script) { sc.blind = map[int]bool{1: true} },
		"its result is not told": func(sc *script) { sc.fetchBlind = map[int]bool{1: true} },
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := oldTab(t, spoof())
			sc.sessions[2] = session{over: 4 * time.Minute, result: passed()}
			spoil(sc)
			s := e.run()
			require.Equal(t, verification.OutcomeApproved, s.Outcome())
			require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 6*time.Minute)
			require.Equal(t, 1, sc.count("LookAtSession"))
		})
	}
}

// What is judged in old tabs are attempts, however many links were lost.
func TestJudgementsOfReplacedSessionsCountAsAttempts(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{}
	e := newEnv(t, sc)
	for n := 1; n <= 4; n++ {
		sc.sessions[n] = session{begun: time.Second, over: 30 * time.Second, result: notLive()}
		if n < 4 {
			sc.sessions[n] = session{begun: time.Second, over: 90 * time.Second, result: notLive()}
			e.at(time.Duration(n)*time.Minute, func() { e.relink(n) })
		}
	}
	sc.sessions[4] = session{}
	e.at(3*time.Minute+30*time.Second, func() { e.hint(1) })
	e.at(3*time.Minute+35*time.Second, func() {
		s := e.state()
		require.Equal(t, 2, s.Attempt.Number)
		require.Equal(t, 4, s.Attempt.Session)
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Nil(t, s.LastError, "the newest session has not ended")
		e.hint(2)
	})
	e.at(4*time.Minute+35*time.Second, func() {
		require.Equal(t, 3, e.state().Attempt.Number)
		e.hint(3)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Equal(t, []verification.Reason{{Code: verification.FaceNotLive}, {Code: verification.SessionAttemptsExhausted}}, s.Verdict.Reasons)
	require.False(t, s.LastError.Retryable)
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 5*time.Minute)
}

// Three failed attempts in old tabs are three: a fourth does not pass.
func TestPassAfterTheLastAttemptDoesNotCount(t *testing.T) {
	for failed, outcome := range map[int]verification.Outcome{2: verification.OutcomeApproved, 3: verification.OutcomeDeclined} {
		sc := newScript()
		sc.sessions = map[int]session{failed + 1: {over: time.Minute, result: passed()}}
		e := newEnv(t, sc)
		for n := 1; n <= failed; n++ {
			sc.sessions[n] = session{begun: time.Second, over: 90 * time.Second, result: notLive()}
			e.at(time.Duration(n)*time.Minute, func() { e.relink(n) })
		}
		sc.sessions[failed+1] = session{over: 4 * time.Minute, result: passed()}
		require.Equal(t, outcome, e.run().Outcome())
	}
}

// The run need not have a session open to hear of an old one.
func TestReplacedSessionIsHeardOfWhateverTheRunWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*script, *env)
		state func(*testing.T, verification.State)
	}{
		"for a retry": {func(sc *script, _ *env) {
			sc.sessions[2] = session{over: 30 * time.Second, result: unjudged(verification.SessionCanceled)}
		},
			func(t *testing.T, s verification.State) {
				require.Equal(t, verification.ActionRetry, s.NextAction.Type)
			}},
		"for a vendor that is down": {func(sc *script, _ *env) {
			sc.openError = func(at time.Duration) error {
				if at > 30*time.Second {
					return vendorFault(provider.Unavailable)
				}
				return nil
			}
		}, func(t *testing.T, s verification.State) { require.Equal(t, verification.Processing, s.Status) }},
		"for a last look": {func(sc *script, e *env) {
			sc.blind = map[int]bool{2: true}
			sc.sessions[1] = session{begun: time.Second, over: 20 * time.Minute, result: passed()}
		}, func(t *testing.T, s verification.State) {}},
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := oldTab(t, passed())
			c.spoil(sc, e)
			e.at(soon-2*time.Second, func() { c.state(t, e.state()) })
			at := soon
			if name == "for a last look" {
				at = 21 * time.Minute
				e.at(at-time.Second, func() { require.Equal(t, verification.Processing, e.state().Status) })
			}
			e.at(at, func() { e.hint(1) })
			s := e.run()
			require.Equal(t, verification.OutcomeApproved, s.Outcome())
			require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), at+time.Minute)
			require.Nil(t, s.LastError)
			require.Equal(t, verification.Passed, check(t, s, verification.FaceMatch).Status)
		})
	}
}

// A session that its vendor has judged is not thrown away because the newest one
// ran out, nor because nobody retried it.
func TestReplacedSessionIsLookedAtBeforeTheFaceEndsForWantOfAPass(t *testing.T) {
	for name, newest := range map[string]session{
		"the newest runs out":           {},
		"nobody retries the newest":     {over: 5 * time.Minute, result: unjudged(verification.SessionCanceled)},
		"the newest is no match either": {over: 5 * time.Minute, result: notAlike()},
	} {
		t.Run(name, func(t *testing.T) {
			sc, e := oldTab(t, passed())
			sc.sessions[2] = newest
			if name == "the newest is no match either" {
				e.in.Policy.Attempts = 1
			}
			require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
		})
	}
}

// A vendor that notifies is asked before a pass counts, also where a hint's look,
// which reads its notices only, is under way.
func TestPassWaitsForALookUpNotForAHintsLook(t *testing.T) {
	sc, e := oldTab(t, passed())
	e.in.Face[0].Polled, e.in.Face[0].Notifies = false, true
	sc.sessions[1] = session{}
	sc.sessions[2] = session{over: 2 * time.Minute, result: passed()}
	sc.resultInLook, sc.delay["LookAtSession"] = true, 5*time.Second
	e.at(3*time.Minute+time.Second, func() { e.hint(2) })
	e.at(3*time.Minute+3*time.Second, func() { e.hint(1) })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Equal(t, 1, sc.lookUps)
}

// A pass of an old tab that waits for another one's look is not lost because the
// newest session runs out in that very moment.
func TestPassThatIsAboutToCountOutlivesTheNewestSession(t *testing.T) {
	sc, e := oldTab(t, passed())
	sc.resultInLook, sc.delay["LookAtSession"] = true, 20*time.Second
	sc.sessions[3] = session{over: 85 * time.Second, phase: provider.RanOut, result: verification.FaceResult{Reason: verification.SessionExpired}}
	e.at(2*time.Minute, func() { e.relink(2) })
	e.at(soon, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 3, s.Attempt.Session)
}

// Until the end an attack in an old tab counts, though the newest session has
// passed.
func TestSuspicionInAnOldTabCountsUntilTheEnd(t *testing.T) {
	sc, e := oldTab(t, spoof())
	sc.sessions[2] = session{over: time.Minute, result: passed()}
	sc.delay["CheckRecords"] = 10 * time.Minute
	e.at(150*time.Second, func() {
		s := e.state()
		require.Equal(t, verification.Processing, s.Status)
		require.Equal(t, verification.Passed, check(t, s, verification.Liveness).Status)
	})
	e.at(soon, func() { e.hint(1) })
	e.at(11*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		require.Equal(t, verification.FaceSpoofSuspected, s.ReviewReasons[0].Code)
	})
	e.run()

	// A human looks already, and is told what there is to see.
	sc, e = oldTab(t, spoof())
	sc.sessions[2] = session{over: time.Minute, result: passed()}
	e.in.Policy.AlwaysReview = true
	var read verification.State
	var decided *answer
	e.at(soon-2*time.Second, func() {
		read = e.state()
		require.Equal(t, verification.ReviewAlways, read.ReviewReasons[0].Code)
	})
	e.at(soon, func() { e.hint(1) })
	e.at(later, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		require.Equal(t, verification.FaceSpoofSuspected, s.ReviewReasons[0].Code)
		decided = e.update(workflows.UpdateDecide, "old", workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, Version: read.Version})
	})
	e.run()
	decided.refused(t, workflows.RefusedVersion)
}

// A session whose vendor could not tell at its end is one that was left, too.
func TestNoticeAfterAnEndThatNobodyCouldTellCounts(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: time.Second, over: 20 * time.Minute, result: passed()}
	sc.lookUpError = until(1000*time.Hour, provider.Unavailable)
	e := notifying(t, sc)
	e.in.Policy.LastLookPatience = verification.Duration(5 * time.Minute)
	e.at(time.Minute, func() { e.hint(1) })
	e.at(19*time.Minute, func() { require.Equal(t, verification.ActionRetry, e.state().NextAction.Type) })
	e.at(21*time.Minute, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 22*time.Minute)
}

func TestManyHintsForAReplacedSessionCauseFewLooks(t *testing.T) {
	sc, e := oldTab(t, passed())
	sc.sessions[1] = session{begun: time.Second}
	for i := range 100 {
		e.at(2*time.Minute+time.Duration(i)*time.Second, func() {
			for range 20 {
				e.hint(1)
			}
		})
	}
	e.run()
	require.LessOrEqual(t, sc.count("LookAtSession"), 22, "20, and one before each end")
}

// A vendor that hands out pictures once hands them out of an old tab, too.
func TestOldTabOfACapturingVendorIsCompared(t *testing.T) {
	for _, comparing := range []time.Duration{0, time.Minute} {
		sc, e := oldTab(t, passed())
		sc.resultInLook = true
		e.in.Face[0].Captures = true
		e.engine.comparing = comparing
		e.at(soon, func() { e.hint(1) })
		s := e.run()
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), soon+comparing+10*time.Second)
	}
}

// A run that left no session has no step more.
func TestNoSessionLeftNoLook(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), unjudged(verification.SessionCanceled), passed())
	e := newEnv(t, sc)
	e.retryEvery(100*time.Second, time.Hour)
	e.at(30*time.Second, func() { e.hint(7) })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Zero(t, sc.count("LookAtSession"))
}
