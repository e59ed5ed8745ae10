package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

var inMiniProgram = verification.MiniProgram{Provider: "face", SDK: "mp_ecard_sdk", MinSDKVersion: "1.0.5"}

// newMiniEnv is a verification whose person begins in the caller's mini program,
// at a vendor that tells nothing before the end.
func newMiniEnv(t *testing.T, sc *script) *env {
	t.Helper()
	sc.resultInLook, sc.tellsNothing = true, true
	e := newEnv(t, sc)
	e.in.Policy.Presentation = verification.PresentationMiniProgram
	e.in.Face[0].MiniProgram, e.in.Face[0].Grace = &inMiniProgram, verification.Duration(time.Minute)
	return e
}

// What is said of the way on is how the program begins, and until when; the token
// is not among it.
func TestAMiniProgramIsToldHowItBegins(t *testing.T) {
	sc := newScript()
	e := newMiniEnv(t, sc)
	e.at(15*time.Second, func() {
		s := e.state()
		require.Equal(t, verification.RequiresInput, s.Status)
		require.True(t, s.MiniProgram)
		expires := sc.opened[1].Add(sessionLife)
		require.Equal(t, verification.ActionMiniProgram, s.NextAction.Type)
		require.Equal(t, &inMiniProgram, s.NextAction.MiniProgram)
		require.WithinDuration(t, expires, *s.NextAction.ExpiresAt, 0)
		require.Empty(t, s.NextAction.OpenIn)
		require.Nil(t, s.Open)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.True(t, sc.openings[0].MiniProgram)
	require.Zero(t, sc.count("FetchSession"), "the look carries the result")
}

// The program's word is a hint: the look that it causes finds the end long before
// a poll would.
func TestAMiniProgramsHintFindsTheEnd(t *testing.T) {
	sc := newScript()
	sc.lookError = nil
	e := newMiniEnv(t, sc)
	e.in.Face[0].Polled = false
	e.at(31*time.Second, func() { e.hint(1) })
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("LookAtSession"))
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 35*time.Second)
}

// A hint may come before the result is there: some seconds long it is looked for
// again. The hint itself proves nothing, and does not go on for ever.
func TestAHintBeforeTheResultIsFollowedByAFewLooks(t *testing.T) {
	for name, one := range map[string]struct {
		over  time.Duration
		looks int
	}{
		"two seconds late": {32 * time.Second, 2},
		"never there":      {0, 4 + 2}, // and the last one, and one before the verification expires
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = map[int]session{1: {over: one.over, result: passed()}}
			e := newMiniEnv(t, sc)
			e.in.Face[0].Polled = false
			e.at(31*time.Second, func() { e.hint(1) })
			e.at(2*time.Minute, func() {
				if one.over == 0 {
					require.Equal(t, 4, sc.count("LookAtSession"))
				}
			})
			s := e.run()
			require.Equal(t, one.looks, sc.count("LookAtSession"))
			if one.over != 0 {
				require.Equal(t, verification.OutcomeApproved, s.Outcome())
				require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 36*time.Second)
			}
		})
	}
}

// Whoever finishes in the last second is found by the look that the clock causes,
// a minute after the token's end, whether or not anybody came back.
func TestTheClockFindsAnEndThatNobodyTold(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {over: 605 * time.Second, result: passed()}}
	e := newMiniEnv(t, sc)
	e.in.Face[0].Polled = false
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, 1, sc.count("LookAtSession"))
}

// A session that runs out is over as one whose vendor cannot tell: without a
// return expired, and with one the person may try again.
func TestAMiniProgramsSessionThatRunsOutIsJudgedByTheReturn(t *testing.T) {
	for name, returned := range map[string]bool{"nobody came back": false, "the person came back": true} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = map[int]session{}
			e := newMiniEnv(t, sc)
			if returned {
				e.at(100*time.Second, func() { e.hint(1) })
			}
			e.at(12*time.Minute, func() {
				if returned {
					require.Equal(t, verification.ActionRetry, e.state().NextAction.Type)
				}
			})
			s := e.run()
			require.Equal(t, verification.Expired, s.Status)
			require.Equal(t, verification.SessionExpired, s.LastError.Code)
		})
	}
}

// Nobody tells whether a token was used, not even a vendor that says it was not:
// a retry opens another session, and what comes of the first one counts still.
func TestARetryInAMiniProgramAlwaysOpensANewSession(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {over: 3 * time.Minute, result: spoof()}, 2: {over: 4 * time.Minute, result: passed()}}
	e := newMiniEnv(t, sc)
	sc.tellsNothing = false // it says init, which proves nothing
	var a *answer
	e.at(time.Minute, func() { a = e.retry(1) })
	e.at(90*time.Second, func() {
		require.True(t, a.completed)
		require.Equal(t, 2, e.state().Attempt.Session)
		require.Equal(t, verification.ActionMiniProgram, e.state().NextAction.Type)
		require.Zero(t, sc.count("LookAtSession"), "nobody is asked whether the first one was begun")
	})
	e.at(20*time.Minute, func() { e.cancel() })
	s := e.run()
	require.Equal(t, 2, sc.count("OpenSession"))
	require.Equal(t, verification.Canceled, s.Status, "the suspicion of the first session stands against the pass, and a human was to decide")
	require.Equal(t, verification.FaceSpoofSuspected, check(t, s, verification.Liveness).Reasons[0].Code)
}

// A retry is refused where it is elsewhere: when sessions are used up, or for
// another session than the newest.
func TestARetryInAMiniProgramIsBounded(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {over: 5 * time.Minute, result: passed()}}
	e := newMiniEnv(t, sc)
	e.in.Policy.Attempts, e.in.Policy.Sessions = 1, 1
	var used, other *answer
	e.at(time.Minute, func() { used, other = e.retry(1), e.retry(2) })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	used.refused(t, workflows.RefusedState)
	other.refused(t, workflows.RefusedSession)
}

// A result without a judgement, such as WeChat's own failure, leaves the person
// another session.
func TestABrokenSessionOfAMiniProgramMayBeRetried(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{
		1: {over: time.Minute, result: unjudged(verification.SessionInterrupted)},
		2: {over: time.Minute, result: passed()},
	}
	e := newMiniEnv(t, sc)
	e.retryEvery(150*time.Second, 20*time.Minute)
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, []string{"face", "face"}, sc.openedAt)
	require.Equal(t, 1, e.retries)
}

// An outage at the end is waited out: the result rests at the vendor.
func TestAnOutageAtAMiniProgramsEndIsWaitedOut(t *testing.T) {
	sc := newScript()
	sc.lookError = until(2*time.Hour, provider.Unavailable)
	e := newMiniEnv(t, sc)
	e.in.Policy.RecordsPatience = verification.Duration(24 * time.Hour)
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}
