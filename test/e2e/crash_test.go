package e2e

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// crashPolicy is cn-resident whose clocks outlast a lost worker, of which the
// engine learns within some 10 s, and a busy machine.
const crashPolicy = `policies:
  - name: cn-resident
    version: 2
    start_patience: 60s
    records_patience: 120s
    last_look_patience: 120s
    retry_window: 60s
    review_deadline: 20s
`

// comesBack bounds what a verification may take after its worker came back.
const comesBack = 2 * time.Minute

// TestAWorkerKilledBetweenStepsChangesNothing: at each point SIGKILL, another
// worker, and the end is what it would have been: the same verdict, as many
// sessions and one charge.
func TestAWorkerKilledBetweenStepsChangesNothing(t *testing.T) {
	for _, point := range []struct {
		name     string
		sessions int // that would have been opened without the kill
		play     func(*stack, sandbox.Person) view
	}{
		{"before the run's first step", 1, killedBeforeTheFirstStep},
		{"with the session open", 1, killedWithTheSessionOpen},
		{"after the person began", 1, killedAfterThePersonBegan},
		{"while a begun session runs out", 2, killedWhileABegunSessionRunsOut},
		{"before the result is fetched", 1, killedBeforeTheResult},
		{"while the result is waited for", 1, killedWhileTheResultIsWaitedFor},
		{"while records are waited for", 1, killedWhileRecordsAreWaitedFor},
		{"while a retry is waited for", 2, killedWhileARetryIsWaitedFor},
		{"while the page waits for its person", 1, killedWhileThePageWaits},
		{"as the page's button is pressed", 1, killedAsTheButtonIsPressed},
		{"while the person from the page is at the vendor", 1, killedInThePersonsSession},
		{"before the end is written", 1, killedBeforeTheEndIsWritten},
		{"after the end is written", 1, killedAfterTheEndIsWritten},
	} {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, options{policies: crashPolicy})
			p := s.person()
			v := point.play(s, p)
			s.approved(v)
			require.Equal(t, point.sessions, s.asked("GetEidToken"))
			require.Equal(t, 1, s.chargedFor(p))
			require.Equal(t, 1, s.rows())
			require.Equal(t, []string{v.ID}, s.runs(1))
		})
	}
}

// Nobody was there yet: whoever comes goes on.
func killedWhileThePageWaits(s *stack, p sandbox.Person) view {
	v := s.startPage(p, nil)
	s.worker.kill()
	require.Empty(s.t, s.vendors.Ledger().Calls)
	s.startWorker()
	s.play(s.openedFromThePage(v), "0")
	return s.untilEnd(v.ID, comesBack)
}

// The press that nobody answered counts once, however often it is made.
func killedAsTheButtonIsPressed(s *stack, p sandbox.Person) view {
	v := s.startPage(p, nil)
	s.worker.kill()
	_, err := s.starterAt(0).Open(s.t.Context(), v.ID, 1, nil)
	require.Equal(s.t, starter.EngineUnavailable, starter.CodeOf(err))
	s.startWorker()
	s.play(s.openedFromThePage(v), "0")
	return s.untilEnd(v.ID, comesBack)
}

func killedInThePersonsSession(s *stack, p sandbox.Person) view {
	v := s.openedFromThePage(s.startPage(p, nil))
	s.worker.kill()
	s.play(v, "0")
	s.startWorker()
	return s.untilEnd(v.ID, comesBack)
}

// The row is there and its run too, but no step was taken: guards against a
// start that only the api's process knows of.
func killedBeforeTheFirstStep(s *stack, p sandbox.Person) view {
	s.worker.kill()
	a := s.begin(p)
	require.Equal(s.t, http.StatusAccepted, a.status, "%s", a.body)
	require.Equal(s.t, verification.Processing, a.view.Status)
	row, err := s.openStore().Load(s.t.Context(), a.view.ID)
	require.NoError(s.t, err)
	require.Zero(s.t, row.StartedAt, "the first step marks the row")
	require.Empty(s.t, s.vendors.Ledger().Calls)
	s.startWorker()
	s.play(s.untilLink(a.view.ID, comesBack), "0")
	return s.untilEnd(a.view.ID, comesBack)
}

// Guards against a session that is opened again by whoever comes after.
func killedWithTheSessionOpen(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.worker.kill()
	s.startWorker()
	again := s.untilLink(v.ID, comesBack)
	require.Equal(s.t, v.NextAction.URL, again.NextAction.URL, "the link stays")
	s.play(again, "0")
	return s.untilEnd(v.ID, comesBack)
}

// Guards against a person on the vendor's page whom nobody watches any more.
func killedAfterThePersonBegan(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.began(v)
	s.worker.kill()
	s.startWorker()
	require.NoError(s.t, s.vendors.End(s.tokenOf(v), "0"))
	return s.untilEnd(v.ID, comesBack)
}

// The vendor tells only once that the person has begun: guards against a
// worker that alone knew it, and an end in expired that should be a retry.
func killedWhileABegunSessionRunsOut(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.began(v)
	s.worker.kill()
	require.NoError(s.t, s.vendors.Expire(s.tokenOf(v)))
	s.startWorker()
	s.untilRetry(v.ID)
	return s.retried(v.ID)
}

// The person is done while no worker lives: guards against a result that
// nobody fetches.
func killedBeforeTheResult(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.worker.kill()
	s.play(v, "0")
	s.startWorker()
	return s.untilEnd(v.ID, comesBack)
}

// The session is known to be finished and its result cannot be had yet:
// guards against a patience that lives in a process.
func killedWhileTheResultIsWaitedFor(s *stack, p sandbox.Person) view {
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidResult", Kind: sandbox.FaultErrorCode, Code: "InternalError"})
	v := s.opened(p)
	s.play(v, "0")
	s.untilRetrying(v.ID, "FetchSession")
	s.worker.kill()
	s.vendors.ClearFaults()
	s.startWorker()
	return s.untilEnd(v.ID, comesBack)
}

// The face has passed and the records refuse, uncharged: guards against an
// answer of the face side that only a worker's memory held.
func killedWhileRecordsAreWaitedFor(s *stack, p sandbox.Person) view {
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultErrorCode, Code: "too_many_requests"})
	v := s.opened(p)
	s.play(v, "0")
	s.until(v.ID, comesBack, "the face passed and the records are waited for", func(v view) bool {
		return v.Status == verification.Processing && s.checkOf(v, verification.FaceMatch).Status == verification.Passed
	})
	s.untilRetrying(v.ID, "CheckRecords")
	s.worker.kill()
	s.vendors.ClearFaults()
	s.startWorker()
	end := s.untilEnd(v.ID, comesBack)
	require.Equal(s.t, 1, s.asked("GetEidResult"), "the face's answer is not fetched again")
	return end
}

// Guards against a lost attempt count, and a retry that nobody hears.
func killedWhileARetryIsWaitedFor(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.play(v, "2016")
	s.untilRetry(v.ID)
	s.worker.kill()
	s.startWorker()
	v = s.untilRetry(v.ID)
	require.Equal(s.t, verification.FaceNoMatch, v.LastError.Code)
	require.Equal(s.t, 2, v.Attempt.Number, "the judged attempt still counts")
	return s.retried(v.ID)
}

// The verdict stands in the engine and the store takes no write: guards
// against a verdict that is lost with the worker that was writing it.
func killedBeforeTheEndIsWritten(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	s.began(v)
	unlock := s.lockStore()
	require.NoError(s.t, s.vendors.End(s.tokenOf(v), "0"))
	s.untilPending(v.ID, "Finish", func(a *workflowpb.PendingActivityInfo) bool { return a.State == enums.PENDING_ACTIVITY_STATE_STARTED })
	s.worker.kill()
	unlock()
	row, err := s.openStore().Load(s.t.Context(), v.ID)
	require.NoError(s.t, err)
	require.False(s.t, row.Ended)
	s.startWorker()
	return s.untilEnd(v.ID, comesBack)
}

// The end stands in the store; whether the engine has heard of it is a matter
// of a millisecond: guards against a second write that changes the first.
func killedAfterTheEndIsWritten(s *stack, p sandbox.Person) view {
	v := s.opened(p)
	db := s.rawStore()
	s.play(v, "0")
	ended := false
	for deadline := time.Now().Add(comesBack); !ended; {
		require.True(s.t, time.Now().Before(deadline), "no end in the store")
		require.NoError(s.t, db.QueryRow(`SELECT ended_at IS NOT NULL FROM verifications`).Scan(&ended))
	}
	s.worker.kill()
	first := s.untilEnd(v.ID, time.Second)
	s.startWorker()
	require.Eventually(s.t, func() bool {
		d, err := s.temporal.DescribeWorkflow(s.t.Context(), v.ID, "")
		return err == nil && d.Status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	}, comesBack, 100*time.Millisecond, "the run did not end")
	require.Equal(s.t, first, s.read(v.ID))
	return first
}

// TestAWorkerKilledInReviewLeavesTheCaseToTheReviewer: a suspicion waits for a
// human, whatever becomes of the worker, and silence ends it in expired.
func TestAWorkerKilledInReviewLeavesTheCaseToTheReviewer(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	v := s.opened(p)
	s.play(v, "1002")
	inReview := func(v view) bool { return v.Status == verification.InReview && len(v.Checks) > 0 }
	before := s.until(v.ID, comesBack, "a review", inReview)
	s.worker.kill()
	s.startWorker()
	after := s.until(v.ID, comesBack, "the review again", func(v view) bool { return inReview(v) && v.Attempt.Session == 1 })
	require.Equal(t, before, after)
	end := s.untilEnd(v.ID, comesBack)
	require.Equal(t, verification.OutcomeExpired, end.Outcome)
	require.Equal(t, verification.ReviewDeadline, end.LastError.Code)
	require.Nil(t, end.Verdict)
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.asked("GetEidResult"))
	require.Equal(t, 1, s.chargedFor(p))
}

// approved holds an end to what every undisturbed run of a good person gets.
func (s *stack) approved(v view) {
	s.t.Helper()
	require.Equal(s.t, verification.OutcomeApproved, v.Outcome)
	require.Equal(s.t, verification.ByPolicy, v.Verdict.DecidedBy)
	require.Equal(s.t, 1, v.Verdict.Version)
	for _, c := range v.Checks {
		require.Contains(s.t, []verification.CheckStatus{verification.Passed, verification.Skipped}, c.Status, "%s", c.Type)
	}
	require.Nil(s.t, v.NextAction)
}

// opened starts a verification and waits until the records have answered, or
// refused, and the session was looked at: nothing but the person is awaited.
func (s *stack) opened(p sandbox.Person) view {
	s.t.Helper()
	a := s.begin(p)
	require.Equal(s.t, http.StatusCreated, a.status, "%s", a.body)
	s.untilRecordsAnswered()
	s.untilBetweenLooks(a.view.ID)
	return a.view
}

// untilRecordsAnswered waits until an answer of the records vendor is written,
// so that a kill hits no such call under way.
func (s *stack) untilRecordsAnswered() {
	s.t.Helper()
	db := s.rawStore()
	require.Eventually(s.t, func() bool {
		var n int
		err := db.QueryRow(`SELECT count(*) FROM calls WHERE answered_at IS NOT NULL`).Scan(&n)
		return err == nil && n > 0
	}, 30*time.Second, 20*time.Millisecond, "the records' answer is not written")
}

// began lets the person begin and waits until the store knows it.
func (s *stack) began(v view) {
	s.t.Helper()
	require.NoError(s.t, s.vendors.Begin(s.tokenOf(v)))
	st := s.openStore()
	require.Eventually(s.t, func() bool {
		session, err := st.Session(s.t.Context(), v.ID, 1)
		return err == nil && session.Begun
	}, 30*time.Second, 50*time.Millisecond, "nobody saw the person begin")
	s.untilBetweenLooks(v.ID)
}

// untilBetweenLooks waits for a pause between two polls, so that a kill hits
// none under way.
func (s *stack) untilBetweenLooks(id string) {
	s.t.Helper()
	s.untilPending(id, "PollSession", func(a *workflowpb.PendingActivityInfo) bool {
		return a.State == enums.PENDING_ACTIVITY_STATE_SCHEDULED && a.Attempt > 1
	})
}

// untilRetrying waits until a try of the activity has failed and the next one
// is waited for.
func (s *stack) untilRetrying(id, activity string) {
	s.t.Helper()
	s.untilPending(id, activity, func(a *workflowpb.PendingActivityInfo) bool {
		return a.State == enums.PENDING_ACTIVITY_STATE_SCHEDULED && a.Attempt > 2
	})
}

func (s *stack) untilPending(id, activity string, ok func(*workflowpb.PendingActivityInfo) bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		d, err := s.temporal.DescribeWorkflow(s.t.Context(), id, "")
		if err != nil {
			return false
		}
		for _, a := range d.RawResponse.PendingActivities {
			if a.ActivityType.Name == activity && ok(a) {
				return true
			}
		}
		return false
	}, 30*time.Second, 20*time.Millisecond, "%s", activity)
}

func (s *stack) untilRetry(id string) view {
	s.t.Helper()
	return s.until(id, comesBack, "a retry that is possible", func(v view) bool {
		return v.NextAction != nil && v.NextAction.Type == string(verification.ActionRetry)
	})
}

// retried retries the first session and passes.
func (s *stack) retried(id string) view {
	s.t.Helper()
	a := s.call("shop", "POST", "/v1/verifications/"+id+"/retry", nil, map[string]any{"session": 1})
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	s.play(s.untilLink(id, comesBack), "0")
	return s.untilEnd(id, comesBack)
}

// rawStore is the stack's store, past the store's own code.
func (s *stack) rawStore() *sql.DB {
	s.t.Helper()
	driver, dsn := "pgx", s.dsn
	if path, ok := strings.CutPrefix(s.dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { db.Close() })
	return db
}

// lockStore keeps everybody else from writing to the store.
func (s *stack) lockStore() (unlock func()) {
	s.t.Helper()
	conn, err := s.rawStore().Conn(s.t.Context())
	require.NoError(s.t, err)
	lock := []string{"BEGIN IMMEDIATE"}
	if !strings.HasPrefix(s.dsn, "sqlite:") {
		lock = []string{"BEGIN", "LOCK TABLE verifications IN SHARE ROW EXCLUSIVE MODE"}
	}
	for _, statement := range lock {
		_, err = conn.ExecContext(s.t.Context(), statement)
		require.NoError(s.t, err)
	}
	return func() {
		_, err := conn.ExecContext(s.t.Context(), "ROLLBACK")
		require.NoError(s.t, err)
		require.NoError(s.t, conn.Close())
	}
}
