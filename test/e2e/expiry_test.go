package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/yanzhen-id/yanzhen/verification"
)

// maxVendorCalls is what a whole session of 600 s may cost in calls of every
// kind, when nobody touches it.
const maxVendorCalls = 75

// TestAUserWhoDoesNothingEndsExpiredAndPollsLeaveNoEvent lets a session run
// out. YANZHEN_TEST_REAL_EXPIRY=1 gives it the vendor's real 600 s (then also
// -timeout 15m) instead of 20 s.
func TestAUserWhoDoesNothingEndsExpiredAndPollsLeaveNoEvent(t *testing.T) {
	t.Parallel()
	life := 20 * time.Second
	if os.Getenv("YANZHEN_TEST_REAL_EXPIRY") == "1" {
		life = 600 * time.Second
	}
	s := newStack(t, options{tokenTTL: life})
	p := s.person()
	called := time.Now()
	a := s.begin(p)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)

	// The poll's one event is its scheduling; from here to the timer nothing
	// else is due. The row tells of the records before the task is recorded that
	// wrote it.
	var opened int
	require.Eventually(t, func() bool {
		answered := s.checkOf(s.read(a.view.ID), verification.IdentityRecords).Status == verification.Passed
		h := s.history(a.view.ID)
		opened = len(h.Events)
		return answered && scheduled(h, "PollSession") && idle(h)
	}, 10*time.Second, 100*time.Millisecond, "the poll is under way and the records have answered")
	s.untilLooks(2)
	looks := s.asked("CheckEidTokenStatus")

	time.Sleep(time.Until(called.Add(life - 2*time.Second))) // the clock itself is under test
	before := len(s.history(a.view.ID).Events)
	require.Greater(t, s.asked("CheckEidTokenStatus"), looks, "polls went on")
	require.Equal(t, opened, before, "a poll leaves no event")

	v := s.untilEnd(a.view.ID, 30*time.Second)
	took := time.Since(called)
	require.Equal(t, verification.OutcomeExpired, v.Outcome)
	require.Equal(t, verification.SessionExpired, v.LastError.Code)
	require.Nil(t, v.Verdict, "silence judges nobody")
	require.GreaterOrEqual(t, took, life-time.Second)
	require.LessOrEqual(t, took, life+10*time.Second, "seconds of a busy machine")

	fewest, most := pollsWithin(life, 1.2), pollsWithin(life, 0.8)
	polls := s.asked("CheckEidTokenStatus") - 1 // the last look
	require.GreaterOrEqual(t, polls, fewest-1, "the cadence's slowest, with a poll lost to a busy machine")
	require.LessOrEqual(t, polls, most, "the cadence's fastest")
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 0, s.asked("GetEidResult"), "there is no result to fetch")
	require.Equal(t, 1, s.chargedFor(p))
	calls := len(s.vendors.Ledger().Calls)
	require.LessOrEqual(t, calls, maxVendorCalls)
	t.Logf("expired after %.1f s, %d vendor calls (%d polls, %d to %d predicted), %d events before the expiry, %d in all",
		took.Seconds(), calls, polls, fewest, most, before, len(s.history(v.ID).Events))
}

// pollsWithin counts the polls of a session's life at the vendor's cadence:
// at once, then after 1 s, growing by half to 10 s, all times stretch, which
// is the jitter's bound.
func pollsWithin(life time.Duration, stretch float64) int {
	n := 0
	pause := 1.0
	for at := 0.0; at < life.Seconds(); n++ {
		at += pause * stretch
		pause = min(pause*1.5, 10)
	}
	return n
}

// scheduled reports whether an activity of the type was scheduled.
func scheduled(h *historypb.History, activity string) bool {
	for _, e := range h.Events {
		if e.EventType == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED &&
			e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
			return true
		}
	}
	return false
}

// idle reports whether no workflow task is under way.
func idle(h *historypb.History) bool {
	open := 0
	for _, e := range h.Events {
		switch e.EventType {
		case enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			open++
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, enums.EVENT_TYPE_WORKFLOW_TASK_FAILED, enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			open--
		}
	}
	return open == 0
}

// untilLooks waits until the vendor was asked for a session's status n times.
func (s *stack) untilLooks(n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.asked("CheckEidTokenStatus") >= n },
		30*time.Second, 50*time.Millisecond, "%d looks at the session", n)
}

// checkOf is the view's check of a type.
func (s *stack) checkOf(v view, t verification.CheckType) verification.Check {
	s.t.Helper()
	for _, c := range v.Checks {
		if c.Type == t {
			return c
		}
	}
	s.t.Fatalf("there is no check %s in %v", t, v.Checks)
	return verification.Check{}
}
