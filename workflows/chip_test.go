package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// chipEnv is an environment whose policy reads a chip first.
func chipEnv(t *testing.T, sc *script) *env {
	t.Helper()
	e := newEnv(t, sc)
	withChip(&e.in)
	return e
}

func withChip(in *workflows.VerificationInput) {
	in.Policy.Checks[verification.DocumentChip] = verification.Required
	in.Policy.ChipProvider = "chip"
	in.Chip = &workflows.ChipRoute{Provider: "chip", Queue: workflows.QueueVerification, Life: verification.Duration(4 * time.Minute)}
}

func (e *env) rescan(session int) *answer {
	return e.update(workflows.UpdateRetry, workflows.RetryUpdateID(session), workflows.RetryRequest{Session: session, Scanned: true})
}

func TestChipFirstThenApproved(t *testing.T) {
	sc := newScript()
	s := chipEnv(t, sc).run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, verification.Passed, check(t, s, verification.DocumentChip).Status)
	require.Equal(t, verification.Passed, check(t, s, verification.HolderMatch).Status, "the face vendor's skipped does not undo the chip's passed")
	require.Equal(t, 1, sc.count("ReadChip"))
	require.Equal(t, 1, s.Attempt.Session)
}

// A chip whose holder cannot be told from its name keeps a human in the case,
// whatever the face vendor says of the identity that it saw.
func TestAHolderThatTheChipLeavesOpenStaysOpen(t *testing.T) {
	for _, said := range []verification.CheckStatus{verification.Skipped, verification.Passed} {
		sc := newScript()
		open := readable()
		open.Checks = verification.Replace(open.Checks, verification.NewCheck(verification.HolderMatch, verification.Inconclusive, verification.IdentityNameRare))
		sc.scans = map[int]activities.ChipResult{0: open}
		result := passed()
		result.Checks = verification.Replace(result.Checks, verification.NewCheck(verification.HolderMatch, said))
		sc.sessions[1] = session{over: time.Minute, result: result}
		e := chipEnv(t, sc)
		var seen verification.State
		e.at(2*time.Minute, func() { seen = e.state() })
		e.run()
		require.Equal(t, verification.InReview, seen.Status, said)
		holder := check(t, seen, verification.HolderMatch)
		require.Equal(t, verification.Inconclusive, holder.Status)
		require.Equal(t, verification.IdentityNameRare, holder.Reasons[0].Code)
	}
}

func TestUnreadableChipAsksForAnotherScan(t *testing.T) {
	sc := newScript()
	sc.scans = map[int]activities.ChipResult{0: {Unreadable: true}, 1: {Unreadable: true}, 2: readable()}
	sc.sessions[3] = session{over: time.Minute, result: passed()}
	e := chipEnv(t, sc)
	var bare, first *answer
	e.at(time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Equal(t, verification.ActionScanChip, s.NextAction.Type)
		require.Equal(t, verification.DocumentUnreadable, s.LastError.Code)
		require.True(t, s.LastError.Retryable)
		bare = e.update(workflows.UpdateRetry, "bare", workflows.RetryRequest{Session: 0})
		first = e.rescan(0)
	})
	e.at(2*time.Minute, func() { e.rescan(1) })
	s := e.run()
	bare.refused(t, workflows.RefusedScan)
	require.NoError(t, first.rejected)
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 3, s.Attempt.Session, "scans count with the sessions")
	require.Nil(t, s.LastError)
}

func TestUnreadableChipsEndExpiredNeverDeclined(t *testing.T) {
	sc := newScript()
	sc.scans = map[int]activities.ChipResult{}
	for n := range 8 {
		sc.scans[n] = activities.ChipResult{Unreadable: true}
	}
	e := chipEnv(t, sc)
	for n := range 8 {
		e.at(time.Duration(n+1)*time.Minute, func() { e.rescan(n) })
	}
	s := e.run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.DocumentUnreadable, s.LastError.Code)
	require.Equal(t, 6, sc.count("ReadChip"), "the first and five more: one of six sessions is the face's")
	require.Zero(t, sc.count("CheckRecords")+sc.count("OpenSession"))
}

// Scans count with the sessions, of which the policy has so many and no more.
func TestScansLeaveASessionForTheFace(t *testing.T) {
	for sessions, opened := range map[int]int{3: 1, 2: 0} {
		sc := newScript()
		sc.scans = map[int]activities.ChipResult{0: {Unreadable: true}, 1: {Unreadable: true}}
		sc.sessions = map[int]session{3: {over: time.Minute, result: passed()}}
		e := chipEnv(t, sc)
		e.in.Policy.Attempts, e.in.Policy.Sessions = 1, sessions
		e.at(time.Minute, func() { e.rescan(0) })
		e.at(2*time.Minute, func() { e.rescan(1) })
		s := e.run()
		require.Equal(t, opened, sc.count("OpenSession"))
		require.LessOrEqual(t, s.Attempt.Session, sessions)
	}
}

func TestChipVendorDownForTheScansLifeAsksForAnotherScan(t *testing.T) {
	sc := newScript()
	sc.chipError = until(time.Hour, provider.Unavailable)
	e := chipEnv(t, sc)
	e.at(3*time.Minute, func() { require.Equal(t, verification.Processing, e.state().Status) })
	e.at(5*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.ActionScanChip, s.NextAction.Type)
		require.Equal(t, verification.ProviderUnavailable, s.LastError.Code)
	})
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}

func TestChipThatSettlesItMakesNoChargedCall(t *testing.T) {
	cases := map[string]struct {
		checks      []verification.Check
		implausible bool
		outcome     verification.Outcome
	}{
		"expired card": {[]verification.Check{verification.NewCheck(verification.DocumentChip, verification.Passed),
			verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired)}, false, verification.OutcomeDeclined},
		"another holder": {[]verification.Check{verification.NewCheck(verification.DocumentChip, verification.Passed),
			verification.NewCheck(verification.DocumentValidity, verification.Passed),
			verification.NewCheck(verification.HolderMatch, verification.Failed, verification.HolderMismatch)}, false, verification.OutcomeDeclined},
		"implausible data": {[]verification.Check{verification.NewCheck(verification.DocumentChip, verification.Passed),
			verification.NewCheck(verification.DocumentValidity, verification.Inconclusive, verification.DocumentImplausible)}, true, verification.OutcomeReview},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.scans = map[int]activities.ChipResult{0: {Checks: c.checks, Implausible: c.implausible}}
			e := chipEnv(t, sc)
			e.at(time.Hour, func() { require.Equal(t, c.outcome, e.state().Outcome()) })
			s := e.run()
			if c.outcome == verification.OutcomeDeclined {
				require.Equal(t, c.outcome, s.Outcome())
			}
			require.Zero(t, sc.count("CheckRecords")+sc.count("OpenSession"))
		})
	}
}

func TestAlwaysReviewApprovesNobodyByPolicy(t *testing.T) {
	sc := newScript()
	e := chipEnv(t, sc)
	delete(e.in.Policy.Checks, verification.Liveness)
	delete(e.in.Policy.Checks, verification.FaceMatch)
	e.in.Policy.FaceProviders, e.in.Face, e.in.Policy.AlwaysReview = nil, nil, true
	e.at(time.Hour, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		require.Equal(t, verification.ReviewAlways, s.ReviewReasons[0].Code)
	})
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
	require.Equal(t, 1, sc.count("CheckRecords"))
	require.Zero(t, sc.count("OpenSession"))
}

// Providers that hand out pictures, and only once.

func TestLooksNeverOverlapWherePicturesComeOnce(t *testing.T) {
	sc := newScript()
	sc.delay["PollSession"] = 20 * time.Second // a try that fetches and compares
	sc.sessions[1] = session{over: 10 * time.Second, result: passed()}
	sc.resultInLook = true
	e := newEnv(t, sc)
	e.in.Face[0].Captures = true
	e.at(12*time.Second, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Zero(t, sc.count("FetchSession"), "the look carried the result")
	require.LessOrEqual(t, sc.overlap, 1, "never two looks at a time")
}

func TestBrowserThatCameBackBeganWhereTheVendorCannotTell(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{}
	e := newEnv(t, sc)
	e.in.Face[0].Captures = true
	e.at(time.Minute, func() { e.hint(1) })
	e.at(15*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.ActionRetry, s.NextAction.Type)
		require.Equal(t, verification.SessionExpired, s.LastError.Code)
	})
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}

// capturing is a vendor whose captured face is compared for a minute, once the
// person is done after ten seconds.
func capturing(t *testing.T) (*script, *env) {
	sc := newScript()
	sc.sessions[1] = session{over: 10 * time.Second, result: passed()}
	sc.resultInLook = true
	e := newEnv(t, sc)
	e.in.Face[0].Captures = true
	e.engine.comparing = time.Minute
	return sc, e
}

// The pictures are handed out once, and the portrait is gone with the
// comparison: a retry that threw it away could never end approved.
func TestRetryWhileACapturedFaceIsComparedThrowsNothingAway(t *testing.T) {
	for _, hinted := range []bool{false, true} { // the poll has the pictures, or the look
		sc, e := capturing(t)
		if hinted {
			sc.sessions[1] = session{over: 12 * time.Second, result: passed()} // the next poll is at 20 s
			e.at(13*time.Second, func() { e.hint(1) })
		}
		var a, again *answer
		e.at(30*time.Second, func() { a = e.update(workflows.UpdateRetry, "lost", workflows.RetryRequest{Session: 1}) })
		e.at(40*time.Second, func() { again = e.update(workflows.UpdateRetry, "once-more", workflows.RetryRequest{Session: 1}) })
		s := e.run()
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Equal(t, 1, sc.count("OpenSession"))
		require.Equal(t, workflows.Retried{Session: 1}, a.value)
		require.Equal(t, a.value, again.value)
		require.LessOrEqual(t, sc.overlap, 1)
	}
}

// The link is used up while its picture is compared, by a poll or by a look.
func TestComparisonShowsThatThereIsNothingToDo(t *testing.T) {
	for _, hinted := range []bool{false, true} {
		sc, e := capturing(t)
		if hinted {
			e.at(11*time.Second, func() { e.hint(1) })
		}
		var a *answer
		e.at(24*time.Second, func() { e.SignalWorkflow(workflows.SignalComparing, workflows.Hint{Session: 1}) })
		e.at(25*time.Second, func() {
			s := e.state()
			require.Equal(t, verification.Processing, s.Status)
			require.Nil(t, s.NextAction)
			a = e.update(workflows.UpdateRetry, "lost", workflows.RetryRequest{Session: 1})
		})
		s := e.run()
		a.refused(t, workflows.RefusedState)
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Equal(t, 1, sc.count("OpenSession"))
		require.LessOrEqual(t, sc.overlap, 1)
	}
}

// The session's time may be over while its picture is compared.
func TestComparisonThatOutlastsTheSessionCounts(t *testing.T) {
	for _, hinted := range []bool{false, true} {
		sc, e := capturing(t)
		sc.sessions[1] = session{over: sessionLife - 20*time.Second, result: passed()}
		if hinted { // before the next poll, so that the look gets the pictures
			sc.sessions[1] = session{over: sessionLife - 8*time.Second, result: passed()}
			e.at(sessionLife-7*time.Second, func() { e.hint(1) })
		}
		s := e.run()
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.LessOrEqual(t, sc.overlap, 1)
		require.Equal(t, verification.Passed, check(t, s, verification.FaceMatch).Status)
	}
}

// The browser may come back when no look follows any more but the last one, which
// waits: the person had begun all the same.
func TestBrowserThatComesBackAfterTheSessionsTimeBegan(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{}
	sc.lookError = func(at time.Duration) error {
		if at > sessionLife-time.Minute && at < sessionLife+time.Minute {
			return vendorFault(provider.Unavailable)
		}
		return nil
	}
	e := newEnv(t, sc)
	e.in.Face[0].Captures = true
	e.at(sessionLife+10*time.Second, func() { e.hint(1) })
	e.at(sessionLife+10*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Equal(t, verification.ActionRetry, s.NextAction.Type)
	})
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}
