package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// late makes the vendor do its work at once, and charge, and answer later: the
// ledger tells that the call is under way, and a worker that is killed now
// loses an answer that was given. That is also what is left of a crash between
// the vendor's answer and the store's write.
func (s *stack) late(vendor, operation string, by time.Duration) {
	s.t.Helper()
	s.fault(sandbox.Fault{Vendor: vendor, Operation: operation, Kind: sandbox.FaultDelay, DelayMS: int(by.Milliseconds()), Processed: true, Times: 1})
}

// untilAsked waits until a vendor was asked for an operation n times.
func (s *stack) untilAsked(operation string, n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.asked(operation) >= n }, comesBack, 10*time.Millisecond, "%d times %s", n, operation)
}

// TestAWorkerKilledWhileASessionIsOpenedHandsOutOneLink: the vendor has made a
// token that nobody will ever see. At most one more is made, its link is the
// only one that is ever shown, and whatever becomes of the lost token says
// nothing about the person.
func TestAWorkerKilledWhileASessionIsOpenedHandsOutOneLink(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	s.late(sandbox.Tencent, "GetEidToken", 8*time.Second)
	first := make(chan answer, 1)
	go func() { first <- s.begin(p) }()
	s.untilAsked("GetEidToken", 1)
	s.untilRecordsAnswered()
	s.worker.kill()
	s.startWorker()

	links := map[string]bool{}
	note := func(v view) {
		if v.NextAction != nil && v.NextAction.URL != "" {
			links[v.NextAction.URL] = true
		}
	}
	a := <-first
	require.Equal(t, http.StatusAccepted, a.status, "the vendor is slow: %s", a.body)
	note(a.view)
	v := s.until(a.view.ID, comesBack, "a link", func(v view) bool { note(v); return v.NextAction != nil && v.NextAction.URL != "" })
	tokens := s.vendors.Tokens(p.IDNumber)
	require.Len(t, tokens, 2, "one more session, no third")
	require.Equal(t, tokens[1], s.tokenOf(v), "the link belongs to the token that is watched")
	require.Equal(t, 1, v.Attempt.Session, "for the person it is one session")

	// Somebody got hold of the lost token and is taken for an attacker on it.
	require.NoError(t, s.vendors.Begin(tokens[0]))
	require.NoError(t, s.vendors.End(tokens[0], "1002"))
	s.untilLooks(s.asked("CheckEidTokenStatus") + 2)
	now := s.read(v.ID)
	note(now)
	require.Equal(t, verification.RequiresInput, now.Status)
	require.Nil(t, now.LastError)

	s.play(now, "0")
	end := s.until(v.ID, comesBack, "an end", func(v view) bool { note(v); return v.Status.Ended() })
	s.approved(end)
	require.Len(t, links, 1)
	require.Equal(t, 2, s.asked("GetEidToken"))
	require.Equal(t, 1, s.asked("GetEidResult"))
	require.Equal(t, 1, s.chargedFor(p))
}

// TestAWorkerKilledWhileRecordsAreAskedPaysAtMostOnceMore: the answer was paid
// for and is lost. It is bought at most once more, and the books say that the
// first one's charge is not known.
func TestAWorkerKilledWhileRecordsAreAskedPaysAtMostOnceMore(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	v := s.killedWhileRecordsAreAsked(p)
	s.play(v, "0")
	end := s.untilEnd(v.ID, comesBack)
	s.approved(end)
	require.Equal(t, verification.BillableYes, s.checkOf(end, verification.IdentityRecords).Billable)
	require.Equal(t, 2, s.asked("check-2e"))
	require.Equal(t, 2, s.chargedFor(p))
	require.Equal(t, 1, s.asked("GetEidToken"))

	calls, err := s.openStore().Calls(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, calls, 2)
	require.Equal(t, verification.BillableUnknown, calls[0].Billable)
	require.Zero(t, calls[0].AnsweredAt)
	require.Nil(t, calls[0].Check)
	require.Equal(t, verification.BillableYes, calls[1].Billable)
	require.Equal(t, verification.Passed, calls[1].Check.Status)
}

// TestAWorkerKilledWhileRecordsAreAskedNeverPaysTwiceWhereThePolicySaysSo: a
// human looks instead, and their silence declines nobody.
func TestAWorkerKilledWhileRecordsAreAskedNeverPaysTwiceWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy + "    unknown_charge: review\n"})
	p := s.person()
	v := s.killedWhileRecordsAreAsked(p)
	s.play(v, "0")
	review := s.until(v.ID, comesBack, "a review", func(v view) bool { return v.Status == verification.InReview })
	require.Empty(t, review.Decision)
	check := s.checkOf(review, verification.IdentityRecords)
	require.Equal(t, verification.Unavailable, check.Status)
	require.Equal(t, verification.BillableUnknown, check.Billable)
	require.Equal(t, verification.RecordsChargeUnknown, check.Reasons[0].Code)
	require.Equal(t, verification.Passed, s.checkOf(review, verification.FaceMatch).Status)

	end := s.untilEnd(v.ID, comesBack)
	require.Equal(t, verification.OutcomeExpired, end.Outcome)
	require.Nil(t, end.Verdict)
	require.Equal(t, 1, s.asked("check-2e"), "no second call")
	require.Equal(t, 1, s.chargedFor(p))
	calls, err := s.openStore().Calls(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.Equal(t, verification.BillableUnknown, calls[0].Billable)
}

func (s *stack) killedWhileRecordsAreAsked(p sandbox.Person) view {
	s.t.Helper()
	s.late(sandbox.AceData, "check-2e", 12*time.Second)
	a := s.begin(p)
	require.Equal(s.t, http.StatusCreated, a.status, "%s", a.body)
	s.untilAsked("check-2e", 1)
	require.Equal(s.t, 1, s.chargedFor(p), "charged, and the answer is still to come")
	s.untilBetweenLooks(a.view.ID)
	s.worker.kill()
	s.startWorker()
	return a.view
}

// TestAWorkerKilledWhileTheResultIsFetchedFetchesItAgain: reading a result is
// free and harmless, and the session is not opened anew for it.
func TestAWorkerKilledWhileTheResultIsFetchedFetchesItAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	v := s.opened(p)
	s.late(sandbox.Tencent, "GetEidResult", 8*time.Second)
	s.play(v, "0")
	s.untilAsked("GetEidResult", 1)
	s.worker.kill()
	s.startWorker()
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 2, s.asked("GetEidResult"))
	require.Equal(t, 1, s.chargedFor(p))
}

// TestAStoppedWorkerFinishesWhatItHasBegun: a deploy loses no answer, so that
// nothing is asked or paid twice, and another worker goes on.
func TestAStoppedWorkerFinishesWhatItHasBegun(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	s.late(sandbox.Tencent, "GetEidToken", 4*time.Second)
	s.late(sandbox.AceData, "check-2e", 4*time.Second)
	first := make(chan answer, 1)
	go func() { first <- s.begin(p) }()
	s.untilAsked("GetEidToken", 1)
	s.untilAsked("check-2e", 1)
	stopped := time.Now()
	s.worker.stop(t)
	require.Less(t, time.Since(stopped), 25*time.Second, "within a container's usual grace")
	require.True(t, s.worker.cmd.ProcessState.Success(), "%s", s.worker.cmd.ProcessState)
	st := s.openStore()
	s.startWorker()

	a := <-first
	require.Contains(t, []int{http.StatusCreated, http.StatusAccepted}, a.status, "%s", a.body)
	v := s.untilLink(a.view.ID, comesBack)
	s.play(v, "0")
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.asked("check-2e"))
	require.Equal(t, 1, s.chargedFor(p))
	calls, err := st.Calls(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.Equal(t, verification.BillableYes, calls[0].Billable, "the answer was written before the worker went")
}
