package workflows_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func rowMissing() error {
	return temporal.NewNonRetryableApplicationError("no row", activities.TypeRowMissing, nil)
}

// fates gives each session in turn a result one minute after its opening.
func fates(results ...verification.FaceResult) map[int]session {
	m := map[int]session{}
	for i, r := range results {
		m[i+1] = session{begun: time.Second, over: time.Minute, result: r}
	}
	return m
}

func TestLowSimilarityThenApproved(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), passed())
	e := newEnv(t, sc)
	e.at(2*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Equal(t, verification.FaceNoMatch, s.LastError.Code)
		require.True(t, s.LastError.Retryable)
		require.Equal(t, 2, s.Attempt.Number)
	})
	e.retryEvery(150*time.Second, 20*time.Minute)
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 2, s.Attempt.Number, "the second passed; there is no third")
	require.Equal(t, 1, sc.count("CheckRecords"), "records are asked once")
	require.Equal(t, verification.Passed, check(t, s, verification.FaceMatch).Status)
}

func TestLowSimilarityThreeTimesDeclines(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), notAlike(), notAlike())
	e := newEnv(t, sc)
	e.retryEvery(150*time.Second, 20*time.Minute)
	s := e.run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Equal(t, 2, e.retries)
	require.Equal(t, []verification.Reason{{Code: verification.FaceNoMatch}, {Code: verification.SessionAttemptsExhausted}}, s.Verdict.Reasons)
	require.False(t, s.LastError.Retryable)
}

func TestOneLowSimilarityAndTwoCancelsDoNotDecline(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), unjudged(verification.SessionCanceled), unjudged(verification.SessionCanceled))
	e := newEnv(t, sc)
	e.retryEvery(150*time.Second, 6*time.Minute)
	e.at(10*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Equal(t, verification.SessionCanceled, s.LastError.Code)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.SessionCanceled, s.LastError.Code, "the last reason stays")
	require.Nil(t, s.Verdict)
}

func TestSessionsUsedUpEndExpiredWithTheLastReason(t *testing.T) {
	sc := newScript()
	c := unjudged(verification.SessionInterrupted)
	sc.sessions = fates(c, c, c, c, c, c, c)
	e := newEnv(t, sc)
	e.retryEvery(2*time.Minute, time.Hour)
	s := e.run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.SessionInterrupted, s.LastError.Code)
	require.Equal(t, 6, sc.count("OpenSession"))
}

func TestSuspicionGoesToReview(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(spoof())
	e := newEnv(t, sc)
	e.at(5*time.Minute, func() { require.Equal(t, verification.InReview, e.state().Status) })
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}

func TestSuspicionDeclinesWhereThePolicySaysSo(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(spoof())
	e := newEnv(t, sc)
	e.in.Policy.Suspicion = verification.SuspicionDecline
	require.Equal(t, verification.OutcomeDeclined, e.run().Outcome())
}

func TestInconclusiveFaceGoesToReview(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(judged(
		verification.NewCheck(verification.Liveness, verification.Passed),
		verification.NewCheck(verification.FaceMatch, verification.Inconclusive, verification.FaceNoReferencePhoto)))
	e := newEnv(t, sc)
	e.at(5*time.Minute, func() { require.Equal(t, verification.InReview, e.state().Status) })
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}

func TestRetryWindowEndsExpired(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike())
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.FaceNoMatch, s.LastError.Code)
}

// The face vendor's outages.

func TestVendorDownIsWaitedOut(t *testing.T) {
	sc := newScript()
	sc.openError = until(10*time.Minute, provider.Unavailable)
	e := newEnv(t, sc)
	e.at(5*time.Minute, func() { require.Equal(t, verification.Processing, e.state().Status) })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}

func TestVendorDownUntilPatienceEndsIsErrorNeverDeclined(t *testing.T) {
	for _, class := range []provider.Class{provider.Unavailable, provider.RateLimited, provider.Misconfigured, provider.ContractViolation} {
		t.Run(string(class), func(t *testing.T) {
			sc := newScript()
			sc.openError = until(1000*time.Hour, class)
			s := newEnv(t, sc).run()
			require.Equal(t, verification.OutcomeError, s.Outcome())
			require.Nil(t, s.Verdict)
			want := verification.ProviderUnavailable
			if class == provider.Misconfigured {
				want = verification.ProviderMisconfigured
			}
			require.Equal(t, want, s.LastError.Code)
			require.LessOrEqual(t, s.UpdatedAt.Sub(s.CreatedAt), 31*time.Minute)
		})
	}
}

func TestHolderUnknownToEveryVendorGoesToReview(t *testing.T) {
	sc := newScript()
	sc.openError = until(1000*time.Hour, provider.Refused)
	e := newEnv(t, sc)
	e.at(5*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		require.Equal(t, verification.ProviderHolderUnregistered, check(t, s, verification.FaceMatch).Reasons[0].Code)
	})
	e.run()
	require.Equal(t, 1, sc.count("OpenSession"))
}

func TestFaultInsideAResultThatIsOursEndsInError(t *testing.T) {
	sc := newScript()
	r := unjudged(verification.ProviderMisconfigured)
	r.NextProvider = true
	sc.sessions = fates(r)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeError, s.Outcome())
	require.Equal(t, verification.ProviderMisconfigured, s.LastError.Code)
}

// Retry in every state.

func TestRetryIsRefusedWhereThereIsNothingToRetry(t *testing.T) {
	states := []struct {
		name   string
		script func(*script)
		at     time.Duration
		kind   string
		number int
	}{
		{"while the vendor is down", func(s *script) { s.openError = until(time.Hour, provider.Unavailable) }, time.Minute, workflows.RefusedState, 1},
		{"while the result is fetched", func(s *script) { s.fetchError = until(time.Hour, provider.Unavailable) }, 2 * time.Minute, workflows.RefusedState, 1},
		{"while records are waited for", func(s *script) { s.delay["CheckRecords"] = time.Hour }, 2 * time.Minute, workflows.RefusedState, 1},
		{"in review", func(s *script) { s.sessions = fates(spoof()) }, 5 * time.Minute, workflows.RefusedState, 1},
		{"for an older session", func(s *script) { s.sessions = fates(notAlike()) }, 5 * time.Minute, workflows.RefusedSession, 0},
		{"for a session to come", func(s *script) { s.sessions = fates(notAlike()) }, 5 * time.Minute, workflows.RefusedSession, 2},
	}
	for _, st := range states {
		t.Run(st.name, func(t *testing.T) {
			sc := newScript()
			st.script(sc)
			e := newEnv(t, sc)
			var a *answer
			e.at(st.at, func() {
				a = e.update(workflows.UpdateRetry, "try", workflows.RetryRequest{Session: st.number})
			})
			e.run()
			a.refused(t, st.kind)
		})
	}
}

func TestRetryAnswersWithTheNewSession(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), passed())
	e := newEnv(t, sc)
	var first, second *answer
	e.at(3*time.Minute, func() { first = e.retry(1) })
	e.at(3*time.Minute+30*time.Second, func() {
		require.True(t, first.completed)
		require.Equal(t, workflows.Retried{Session: 2}, first.value)
		second = e.update(workflows.UpdateRetry, "another-id", workflows.RetryRequest{Session: 1})
	})
	e.run()
	require.Equal(t, first.value, second.value, "a repeat gets the first one's answer")
	require.Equal(t, 2, sc.count("OpenSession"))
}

// Cancel in every phase, by the caller and from the engine's UI.

func TestCancelInEveryPhase(t *testing.T) {
	phases := []struct {
		name   string
		script func(*script)
		at     time.Duration
	}{
		{"before the row is marked", func(s *script) { s.delay["Begin"] = time.Minute }, time.Second},
		{"while a session is opened", func(s *script) { s.delay["OpenSession"] = time.Minute }, 2 * time.Second},
		{"while the vendor is down", func(s *script) { s.openError = until(time.Hour, provider.Unavailable) }, time.Minute},
		{"while the session is open", func(*script) {}, 10 * time.Second},
		{"while the last look waits", func(s *script) { s.lookError = until(5*time.Hour, provider.Unavailable) }, time.Hour},
		{"while the result is fetched", func(s *script) { s.fetchError = until(time.Hour, provider.Unavailable) }, 2 * time.Minute},
		{"while a retry is waited for", func(s *script) { s.sessions = fates(notAlike()) }, 5 * time.Minute},
		{"while records are waited for", func(s *script) { s.delay["CheckRecords"] = time.Hour }, 2 * time.Minute},
		{"in review", func(s *script) { s.sessions = fates(spoof()) }, 5 * time.Minute},
	}
	for _, p := range phases {
		for _, by := range []verification.ReasonCode{verification.CanceledByCaller, verification.CanceledByOperator} {
			t.Run(fmt.Sprintf("%s/%s", p.name, by), func(t *testing.T) {
				sc := newScript()
				p.script(sc)
				e := newEnv(t, sc)
				var a *answer
				e.at(p.at, func() {
					if by == verification.CanceledByOperator {
						e.CancelWorkflow()
						return
					}
					a = e.cancel()
				})
				s := e.run()
				require.Equal(t, verification.OutcomeCanceled, s.Outcome())
				require.Equal(t, by, s.LastError.Code)
				require.Nil(t, s.Verdict)
				require.LessOrEqual(t, s.UpdatedAt.Sub(s.CreatedAt), p.at+time.Second, "it ends at once")
				if a != nil {
					require.NoError(t, a.rejected)
					require.Equal(t, workflows.Canceled{Status: verification.Canceled}, a.value)
				}
			})
		}
	}
}

// Whoever cancels what they read does not cancel what it has become since.
func TestCancelOfAnotherVersionIsRefused(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(spoof())
	e := newEnv(t, sc)
	var stale, good *answer
	e.at(time.Hour, func() {
		v := e.state().Version
		cancel := func(version int) *answer {
			return e.update(workflows.UpdateCancel, fmt.Sprint(workflows.UpdateCancel, version),
				workflows.CancelRequest{Reason: verification.CanceledByCaller, Version: version})
		}
		stale = cancel(v - 1)
		good = cancel(v)
	})
	s := e.run()
	stale.refused(t, workflows.RefusedVersion)
	require.Equal(t, workflows.Canceled{Status: verification.Canceled}, good.value)
	require.Equal(t, verification.Canceled, s.Status)
}

// What somebody writes by hand in the Temporal UI for a reason, a sentence about a
// person say, would stand in the row, in events and in metrics.
func TestCancelWantsAReasonOfTheCatalogue(t *testing.T) {
	for _, code := range []verification.ReasonCode{"张三 rang, 110199199003070017", "made.up", verification.IdentityMismatch, verification.ReviewApproved, verification.CanceledMinor, verification.SessionCanceled} {
		e := newEnv(t, newScript())
		var a *answer
		e.at(time.Second, func() {
			a = e.update(workflows.UpdateCancel, "by-hand", workflows.CancelRequest{Reason: code})
		})
		require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
		a.refused(t, workflows.RefusedReason)
	}
	for _, code := range []verification.ReasonCode{"", verification.CanceledByOperator, verification.CanceledByPerson, verification.ConsentWithdrawn} {
		e := newEnv(t, newScript())
		e.at(time.Second, func() { e.update(workflows.UpdateCancel, "by-hand", workflows.CancelRequest{Reason: code}) })
		require.Equal(t, cmp.Or(code, verification.CanceledByCaller), e.run().LastError.Code)
	}
}

func TestCancelAfterTheVerdictIsRefused(t *testing.T) {
	sc := newScript()
	sc.delay["Finish"] = time.Minute
	e := newEnv(t, sc)
	var a *answer
	e.at(time.Minute, func() { a = e.cancel() })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	a.refused(t, workflows.RefusedState)
}

func TestCancelFromTheUIAfterTheVerdictKeepsTheVerdict(t *testing.T) {
	sc := newScript()
	sc.delay["Finish"] = time.Minute
	e := newEnv(t, sc)
	e.at(time.Minute, e.CancelWorkflow)
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}

// A worker was lost after it had shown that a session ended, and the task is
// tried again: a retry that comes before the end is there once more is no lost
// link. Taken for one, it would be answered with the session that ended, and its
// id would be used up.
func TestARetryOfAnEndedSessionIsNoLostLink(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {over: time.Minute, result: notAlike()}, 2: {over: time.Minute, result: passed()}}
	e := newEnv(t, sc)
	var early, taken *answer
	e.at(30*time.Second, func() {
		early = e.update(workflows.UpdateRetry, "early", workflows.RetryRequest{Session: 1, Ended: true})
	})
	e.at(2*time.Minute, func() {
		taken = e.update(workflows.UpdateRetry, workflows.RetryUpdateID(1), workflows.RetryRequest{Session: 1, Ended: true})
	})
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	early.refused(t, workflows.RefusedState)
	require.NoError(t, taken.rejected)
	require.NoError(t, taken.failed)
	require.True(t, taken.completed)
}
