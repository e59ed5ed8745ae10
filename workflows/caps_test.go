package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// inReview looks at a run that waits for a human.
func inReview(t *testing.T, e *env, at time.Duration, want ...verification.ReasonCode) {
	t.Helper()
	e.at(at, func() {
		s := e.state()
		require.Equal(t, verification.InReview, s.Status)
		var codes []verification.ReasonCode
		for _, r := range s.ReviewReasons {
			codes = append(codes, r.Code)
		}
		require.Equal(t, want, codes)
	})
}

func TestReachedDailyCapOfSessionsIsForAHuman(t *testing.T) {
	sc := newScript()
	sc.capped = map[int]verification.ReasonCode{1: verification.SessionDailyCap}
	e := newEnv(t, sc)
	var launch *answer
	e.at(0, func() { launch = e.update(workflows.UpdateLaunch, workflows.UpdateLaunch, nil) })
	inReview(t, e, time.Minute, verification.SessionDailyCap)
	s := e.run()
	require.True(t, launch.completed)
	require.Equal(t, verification.OutcomeExpired, s.Outcome(), "a reviewer's silence expires, never declines")
	require.Equal(t, 1, sc.count("OpenSession"), "another vendor is no way around it")
	require.Zero(t, sc.count("PollSession"))
	require.Equal(t, verification.Unavailable, check(t, s, verification.FaceMatch).Status)
	require.Equal(t, verification.Passed, check(t, s, verification.IdentityRecords).Status, "the other side runs to its end")
	require.Equal(t, 12, sc.openings[0].SessionsCap)
	require.Equal(t, 3, sc.openings[0].RecordsCap)
}

// The face is not required: what is there decides.
func TestReachedDailyCapOfSessionsMattersOnlyWhereTheFaceIsRequired(t *testing.T) {
	sc := newScript()
	sc.capped = map[int]verification.ReasonCode{1: verification.SessionDailyCap}
	e := newEnv(t, sc)
	e.in.Policy.Checks[verification.Liveness], e.in.Policy.Checks[verification.FaceMatch] = verification.IfAvailable, verification.IfAvailable
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}

func TestRetryIntoTheDailyCapOfSessionsIsForAHuman(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike())
	sc.capped = map[int]verification.ReasonCode{2: verification.SessionDailyCap}
	e := newEnv(t, sc)
	var a *answer
	e.at(4*time.Minute, func() { a = e.retry(1) })
	inReview(t, e, 5*time.Minute, verification.SessionDailyCap)
	e.run()
	require.True(t, a.completed, "whoever retries gets an answer")
	require.NoError(t, a.failed)
	require.Zero(t, sc.openings[1].RecordsCap, "the records have answered")
}

func TestSessionThatTheRecordsCapMakesUselessIsNotOpened(t *testing.T) {
	capped := verification.NewCheck(verification.IdentityRecords, verification.Unavailable, verification.RecordsDailyCap)
	for _, when := range []verification.When{verification.Parallel, verification.AfterFace} {
		sc := newScript()
		sc.records = capped
		sc.capped = map[int]verification.ReasonCode{1: verification.RecordsDailyCap}
		e := newEnv(t, sc)
		e.in.Policy.RecordsWhen = when
		inReview(t, e, time.Minute, verification.RecordsDailyCap)
		s := e.run()
		require.Zero(t, sc.count("PollSession"))
		require.Equal(t, verification.Skipped, check(t, s, verification.FaceMatch).Status)
	}

	// It turned out while a session was open: no other one is.
	sc := newScript()
	sc.records, sc.sessions = capped, fates(notAlike())
	e := newEnv(t, sc)
	e.at(4*time.Minute, func() { e.retry(1) })
	inReview(t, e, 5*time.Minute, verification.RecordsDailyCap)
	e.run()
	require.Equal(t, 1, sc.count("OpenSession"))

	// Where the records are not required they keep nobody.
	sc = newScript()
	sc.records = capped
	e = newEnv(t, sc)
	e.in.Policy.Checks[verification.IdentityRecords] = verification.IfAvailable
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Zero(t, sc.openings[0].RecordsCap)
}
