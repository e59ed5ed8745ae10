package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func TestApprovedByPollAlone(t *testing.T) {
	e := newEnv(t, newScript())
	launch := &answer{}
	e.at(0, func() { launch = e.update(workflows.UpdateLaunch, workflows.UpdateLaunch, nil) })
	e.at(10*time.Second, func() {
		s := e.state()
		require.True(t, launch.completed, "launch answers while the session is open")
		require.Equal(t, verification.RequiresInput, s.Status)
		require.Equal(t, verification.ActionRedirect, s.NextAction.Type)
		require.Equal(t, "face", s.Provider)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, verification.ByPolicy, s.Verdict.DecidedBy)
	require.Equal(t, 1, s.Verdict.Version)
	require.Equal(t, 1, e.script.count("FetchSession"))
	require.Equal(t, 0, e.script.count("LookAtSession"), "nobody hinted")
	require.Equal(t, verification.Skipped, check(t, s, verification.HolderMatch).Status)
}

func TestExpiredCardDeclinesWithoutAnyCall(t *testing.T) {
	sc := newScript()
	sc.document = verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Equal(t, verification.DocumentExpired, s.Verdict.Reasons[0].Code)
	require.Zero(t, sc.count("OpenSession")+sc.count("CheckRecords"))
}

func TestSoftFindingRunsEverythingAndEndsInReview(t *testing.T) {
	sc := newScript()
	sc.document = verification.NewCheck(verification.DocumentValidity, verification.Inconclusive, verification.DocumentValidityAge)
	e := newEnv(t, sc)
	e.at(time.Hour, func() {
		s := e.state()
		require.Equal(t, verification.OutcomeReview, s.Outcome())
		require.Equal(t, verification.DocumentValidityAge, s.ReviewReasons[0].Code)
	})
	s := e.run()
	require.Equal(t, 1, sc.count("CheckRecords"))
	require.Equal(t, 1, sc.count("FetchSession"))
	require.Equal(t, verification.OutcomeExpired, s.Outcome(), "a reviewer's silence expires, never declines")
	require.Equal(t, verification.ReviewDeadline, s.LastError.Code)
}

func TestRunWithoutItsRowEndsInError(t *testing.T) {
	sc := newScript()
	sc.beginError = rowMissing()
	e := newEnv(t, sc)
	e.ExecuteWorkflow(workflows.VerificationWorkflow, e.in)
	require.NoError(t, e.GetWorkflowError())
	var out workflows.VerificationResult
	require.NoError(t, e.GetWorkflowResult(&out))
	require.Equal(t, verification.OutcomeError, out.Outcome)
	require.Zero(t, sc.count("OpenSession")+sc.count("CheckRecords")+sc.count("Finish"))
}

// Callbacks, polls and the timer.

func TestHintBeforeTheSessionsAnswerIsKept(t *testing.T) {
	sc := newScript()
	sc.delay["OpenSession"] = 5 * time.Second
	sc.sessions[1] = session{over: -1, result: passed()} // over before it was asked for
	sc.delay["PollSession"] = 11 * time.Second           // the poll's first answer is late
	e := newEnv(t, sc)
	e.at(time.Second, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("LookAtSession"))
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 10*time.Second, "the hint was looked at, not the poll waited for")
}

func TestHintIsLookedAtBetweenPolls(t *testing.T) {
	sc := newScript()
	pause := pollPause
	pollPause = 5 * time.Minute
	defer func() { pollPause = pause }()
	e := newEnv(t, sc)
	e.at(40*time.Second, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), time.Minute)
}

func TestHintAndPollInTheSameTaskFetchOnce(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	e.at(30*time.Second, func() { e.hint(1); e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("FetchSession"))
}

func TestSecondHintChangesNothing(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	e.at(31*time.Second, func() { e.hint(1) })
	e.at(31*time.Second+time.Millisecond, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("FetchSession"))
}

func TestTenThousandHintsCauseAtMostTwentyLooks(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: time.Second, over: 5 * time.Minute, result: passed()}
	e := newEnv(t, sc)
	for i := range 100 {
		e.at(time.Duration(i+1)*time.Second, func() {
			for range 100 {
				e.hint(1)
			}
		})
	}
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 20, sc.count("LookAtSession"))
}

func TestHintsPauseTwoSecondsAfterALook(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	for i := range 40 {
		e.at(time.Second+time.Duration(i)*100*time.Millisecond, func() { e.hint(1) })
	}
	e.run()
	require.LessOrEqual(t, sc.count("LookAtSession"), 3, "4 s of hints")
	require.GreaterOrEqual(t, sc.count("LookAtSession"), 2)
}

func TestHintForAnotherSessionIsNotLookedAt(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	e.at(3*time.Second, func() { e.hint(0); e.hint(2); e.hint(-1) })
	e.run()
	require.Zero(t, sc.count("LookAtSession"))
}

func TestHintAfterTheFaceIsDoneChangesNothing(t *testing.T) {
	sc := newScript()
	sc.delay["CheckRecords"] = 5 * time.Minute
	e := newEnv(t, sc)
	e.at(2*time.Minute, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Zero(t, sc.count("LookAtSession"))
}

func TestNothingAtAllUntilExpiry(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{}
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.SessionExpired, s.LastError.Code)
	require.Equal(t, 1, sc.count("LookAtSession"), "one last look")
	require.InDelta(t, sessionLife.Seconds(), s.UpdatedAt.Sub(s.CreatedAt).Seconds(), 15)
}

func TestBegunSessionThatRunsOutAsksForARetry(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: time.Minute}
	sc.sessions[2] = session{over: time.Minute, result: passed()}
	e := newEnv(t, sc)
	e.at(15*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.ActionRetry, s.NextAction.Type)
		require.Equal(t, verification.SessionExpired, s.LastError.Code)
		require.Equal(t, 1, s.Attempt.Number, "nobody was judged")
		e.retry(1)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 2, s.Attempt.Session)
	require.Nil(t, s.LastError)
}

func TestVendorEndsTheSessionByItsOwnClock(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{over: time.Minute, phase: provider.RanOut}
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 2*time.Minute)
}

func TestLastLookFindsTheResult(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: time.Second, over: sessionLife - time.Second, result: passed()}
	sc.lookError = until(sessionLife-500*time.Millisecond, provider.Unavailable)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
}

func TestLastLookUnreachableForAnHourStillApproves(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{begun: time.Second, over: time.Minute, result: passed()}
	sc.lookError = until(time.Hour+sessionLife, provider.Unavailable)
	e := newEnv(t, sc)
	e.at(30*time.Minute, func() { require.Equal(t, verification.Processing, e.state().Status) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
}

func TestLastLookUnreachableForGoodIsNoJudgement(t *testing.T) {
	sc := newScript()
	sc.lookError = until(1000*time.Hour, provider.Unavailable)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Nil(t, s.Verdict)
}

func TestResultUnreachableForAnHourStillApproves(t *testing.T) {
	sc := newScript()
	sc.fetchError = until(time.Hour, provider.Unavailable)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
}

// The records vendor beside the face.

func TestRecordsSlowerThanTheFace(t *testing.T) {
	sc := newScript()
	sc.delay["CheckRecords"] = 10 * time.Minute
	e := newEnv(t, sc)
	e.at(5*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.Processing, s.Status)
		require.Equal(t, verification.Passed, check(t, s, verification.FaceMatch).Status)
	})
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}

func TestFinalRecordsEndTheOpenFaceAtOnce(t *testing.T) {
	sc := newScript()
	sc.delay["CheckRecords"] = 3 * time.Second
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Equal(t, verification.IdentityMismatch, s.Verdict.Reasons[0].Code)
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 10*time.Second)
	require.Equal(t, verification.Skipped, check(t, s, verification.FaceMatch).Status)
}

func TestFinalFaceDoesNotWaitForRecords(t *testing.T) {
	sc := newScript()
	sc.recordsError = until(1000*time.Hour, provider.Unavailable)
	sc.sessions[1] = session{over: time.Minute, result: judged(verification.NewCheck(verification.FaceMatch, verification.Failed, verification.IdentityMismatch))}
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 5*time.Minute)
}

func TestRecordsDownForAnHourAndBack(t *testing.T) {
	sc := newScript()
	sc.recordsError = until(time.Hour, provider.Unavailable)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.InDelta(t, time.Hour.Seconds(), s.UpdatedAt.Sub(s.CreatedAt).Seconds(), 120)
}

func TestRecordsDownForGoodLeadToReviewNeverDeclined(t *testing.T) {
	sc := newScript()
	sc.recordsError = until(1000*time.Hour, provider.Unavailable)
	e := newEnv(t, sc)
	e.at(25*time.Hour, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		c := check(t, s, verification.IdentityRecords)
		require.Equal(t, verification.Unavailable, c.Status)
		require.Equal(t, verification.ProviderUnavailable, c.Reasons[0].Code)
	})
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
}

func TestRecordsAfterTheFaceAreNotAskedForAbandonedSessions(t *testing.T) {
	sc := newScript()
	sc.sessions[1] = session{}
	e := newEnv(t, sc)
	e.in.Policy.RecordsWhen = verification.AfterFace
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
	require.Zero(t, sc.count("CheckRecords"))
}

func TestRecordsAfterTheFace(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	e.in.Policy.RecordsWhen = verification.AfterFace
	e.at(20*time.Second, func() { require.Zero(t, sc.count("CheckRecords")) })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Equal(t, 1, sc.count("CheckRecords"))
}

func TestSessionOpenedInTheTaskThatDeclinesChangesNothing(t *testing.T) {
	sc := newScript()
	sc.delay["OpenSession"], sc.delay["CheckRecords"] = 3*time.Second, 3*time.Second
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
	s := newEnv(t, sc).run()
	require.Equal(t, verification.OutcomeDeclined, s.Outcome())
	require.Empty(t, sc.count("PollSession"))
}

// Who waits for an answer when somebody cancels the run in the engine's UI is
// told how it ended, and not that their wait was canceled.
func TestUpdatesAreAnsweredWhenTheRunIsCanceledInTheUI(t *testing.T) {
	sc := newScript()
	sc.openError = until(time.Hour, provider.Unavailable)
	sc.delay["Finish"] = time.Minute
	e := newEnv(t, sc)
	var launch, cancel *answer
	e.at(0, func() { launch = e.update(workflows.UpdateLaunch, workflows.UpdateLaunch, nil) })
	e.at(10*time.Second, func() { cancel = e.cancel(); e.CancelWorkflow() })
	require.Equal(t, verification.OutcomeCanceled, e.run().Outcome())
	require.NoError(t, launch.failed)
	require.Equal(t, workflows.Launched{Status: verification.Canceled}, launch.value)
	require.NoError(t, cancel.failed)
	require.Equal(t, workflows.Canceled{Status: verification.Canceled}, cancel.value)

	sc = newScript()
	sc.sessions = fates(notAlike())
	e = newEnv(t, sc)
	var retry *answer
	e.at(2*time.Minute, func() {
		sc.openError = until(time.Hour, provider.Unavailable)
		retry = e.retry(1)
	})
	e.at(3*time.Minute, e.CancelWorkflow)
	require.Equal(t, verification.OutcomeCanceled, e.run().Outcome())
	require.NoError(t, retry.failed)
}
