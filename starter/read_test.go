package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func TestAnotherClientFindsNothingOnAnyOperation(t *testing.T) {
	for name, do := range map[string]func(s *Starter, id string) error{
		"read": func(s *Starter, id string) error { _, err := s.Read(context.Background(), "other", id); return err },
		"wait": func(s *Starter, id string) error {
			_, err := s.Wait(context.Background(), "other", id, Unknown, time.Second, nil)
			return err
		},
		"retry": func(s *Starter, id string) error {
			_, err := s.Retry(context.Background(), "other", id, RetryRequest{Session: 1})
			return err
		},
		"decide": func(s *Starter, id string) error {
			_, err := s.Decide(context.Background(), "other", id, word(3))
			return err
		},
		"reopen": func(s *Starter, id string) error {
			_, err := s.Reopen(context.Background(), "other", id, ReviewRequest{Reason: verification.HolderMismatch})
			return err
		},
		"cancel": func(s *Starter, id string) error {
			_, err := s.Cancel(context.Background(), "other", id, verification.CanceledByCaller, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.launched()
			foreign := requireCode(t, do(r.s, v.ID), NotFound)
			unknown := requireCode(t, do(r.s, "ver_unknown"), NotFound)
			require.Equal(t, unknown, foreign)
			require.Empty(t, r.engine.calls, "the engine must not hear of it")
		})
	}
}

// A reviewer finds what is of their clients, and of another's not even whether
// it exists, or did.
func TestAnOwnerIsFoundAmongTheClientsNamed(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	owner, err := r.s.Owner(t.Context(), []string{"other", "shop"}, v.ID)
	require.NoError(t, err)
	require.Equal(t, "shop", owner)
	for _, clients := range [][]string{nil, {"other"}, {"other", "shop2"}} {
		_, err = r.s.Owner(t.Context(), clients, v.ID)
		requireCode(t, err, NotFound)
	}
	_, err = r.s.Owner(t.Context(), []string{"shop"}, "ver_unknown")
	requireCode(t, err, NotFound)
	require.Empty(t, r.engine.calls, "the engine is not asked")
}

// Reading asks the store and nobody else.
func TestReadAsksTheStoreAlone(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	r.engine.describeErr = serviceerror.NewUnavailable("x")
	r.changed(v.ID, func(st *verification.State) {
		st.LastError = &verification.LastError{Code: verification.SessionCanceled, Retryable: true}
	})
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.SessionCanceled, got.LastError.Code)
	require.Equal(t, "https://vendor.example/page", got.Link)
	require.Equal(t, v.Revision+1, got.Revision)
	require.Empty(t, r.engine.calls)
}

func TestTheLinkOfAnotherSessionIsNotShown(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.publish(v.ID, r.asking(2))
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Empty(t, got.Link)
	require.Nil(t, got.NextAction)
}

// Whoever wants to move a run that ended without a word is told so at once.
func TestARunThatEndedWithoutAWordIsKnownWhenItIsAsked(t *testing.T) {
	for _, status := range []enums.WorkflowExecutionStatus{
		enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
		enums.WORKFLOW_EXECUTION_STATUS_FAILED, enums.WORKFLOW_EXECUTION_STATUS_CANCELED,
		enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, // its history is gone
	} {
		r := newRig(t)
		v := r.launched()
		r.engine.status = status
		r.engine.update = func(client.UpdateWorkflowOptions) error {
			return serviceerror.NewNotFound("workflow execution already completed")
		}
		got, started, err := r.s.Start(t.Context(), "shop", "k", request())
		require.NoError(t, err)
		require.True(t, started.Replayed)
		require.Equal(t, verification.Error, got.Status)
		require.Equal(t, &verification.LastError{Code: verification.EngineEnded}, got.LastError)
		require.Empty(t, got.Link)
		_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
		require.Equal(t, verification.Error, requireCode(t, err, InvalidState).Status)
	}
}

func TestARowWhoseRunHasNotBegunIsProcessing(t *testing.T) {
	r := newRig(t)
	r.engine.launch = func(context.Context) error { return serviceerror.NewUnavailable("x") }
	_, _, err := r.s.Start(t.Context(), "shop", "k", request())
	requireCode(t, err, EngineUnavailable)
	v, err := r.s.Read(t.Context(), "shop", r.keys.VerificationID("shop", "k"))
	require.NoError(t, err)
	require.Equal(t, verification.Processing, v.Status)
	r.engine.update = func(client.UpdateWorkflowOptions) error { return serviceerror.NewNotFound("workflow not found for ID") }
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
	requireCode(t, err, EngineUnavailable)
}

// waited is what a caller reads who waited for it.
func (s *Starter) waited(ctx context.Context, client, id string, known int, d time.Duration) (View, error) {
	if _, err := s.Wait(ctx, client, id, known, d, nil); err != nil {
		return View{}, err
	}
	return s.Read(ctx, client, id)
}

func TestWaitAnswersOnAChangeAnEndOrTheTime(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	began := time.Now()
	got, err := r.s.waited(t.Context(), "shop", v.ID, v.Revision, 600*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, v.Revision, got.Revision)
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond, "nothing changed, so it waits")

	began = time.Now()
	_, err = r.s.Wait(t.Context(), "shop", v.ID, v.Revision-1, time.Minute, nil)
	require.NoError(t, err)
	require.Less(t, time.Since(began), 5*time.Second, "it is another revision than the known one")

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = r.s.Wait(ctx, "shop", v.ID, v.Revision, time.Minute, nil)
	require.NoError(t, err, "a caller that leaves gets what there was")

	st := r.state
	st.Status, st.NextAction, st.Version = verification.Completed, nil, 9
	time.AfterFunc(300*time.Millisecond, func() { _ = r.store.Finish(context.Background(), v.ID, st) })
	got, err = r.s.waited(t.Context(), "shop", v.ID, v.Revision, time.Minute)
	require.NoError(t, err)
	require.Equal(t, verification.Completed, got.Status)
}

// Of thousands who wait in vain for half a minute each, none has the store read
// for them at the end: the tick has said that nothing changed. It says so only of a
// store that answers.
func TestWaitInVainSaysThatNothingChanged(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	var same bool
	var err error
	for tries := 0; !same && tries < 20; tries++ { // a busy machine looks late
		same, err = r.s.Wait(t.Context(), "shop", v.ID, v.Revision, 3*lookMany, nil)
		require.NoError(t, err)
	}
	require.True(t, same)
	for known, what := range map[int]string{v.Revision - 1: "another revision", Unknown: "none"} {
		same, err = r.s.Wait(t.Context(), "shop", v.ID, known, 3*lookMany, nil)
		require.NoError(t, err)
		require.False(t, same, what)
	}
	same, err = r.s.Wait(t.Context(), "shop", v.ID, v.Revision, time.Millisecond, nil)
	require.NoError(t, err)
	require.False(t, same, "nobody has looked since")

	r.s.waiting.differ = func(context.Context, string) (map[string]int, error) { return nil, errors.New("the store is away") }
	same, err = r.s.Wait(t.Context(), "shop", v.ID, v.Revision, 2*freshFor, nil)
	require.NoError(t, err)
	require.False(t, same, "the reader must hear of it")
}

// A caller who has seen nothing is told at once what waits for somebody: a link,
// a retry, a scan, a reviewer. What goes on by itself is waited for.
func TestWaitSleepsThroughNothingThatWaitsForSomebody(t *testing.T) {
	for name, change := range map[string]func(*verification.State){
		"a link":  func(*verification.State) {},
		"a retry": func(st *verification.State) { st.NextAction = &verification.NextAction{Type: verification.ActionRetry} },
		"a scan": func(st *verification.State) {
			st.NextAction = &verification.NextAction{Type: verification.ActionScanChip}
		},
		"a reviewer": func(st *verification.State) { st.Status, st.NextAction = verification.InReview, nil },
	} {
		r := newRig(t)
		v := r.launched()
		r.changed(v.ID, change)
		began := time.Now()
		got, err := r.s.waited(t.Context(), "shop", v.ID, Unknown, time.Minute)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 10*time.Second, name)
		require.Equal(t, r.state.Status, got.Status)

		// Who has seen it waits for what comes of it.
		again, err := r.s.waited(t.Context(), "shop", v.ID, got.Revision, 300*time.Millisecond)
		require.NoError(t, err)
		require.Equal(t, got.Revision, again.Revision, name)
		require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond, name)
	}
	for name, change := range map[string]func(*verification.State){
		"vendors work":        func(st *verification.State) { st.Status, st.NextAction = verification.Processing, nil },
		"a link that is over": func(st *verification.State) { st.Attempt.Session = 2 },
	} {
		r := newRig(t)
		v := r.launched()
		r.changed(v.ID, change)
		began := time.Now()
		_, err := r.s.Wait(t.Context(), "shop", v.ID, Unknown, 400*time.Millisecond, nil)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 400*time.Millisecond, name)
	}
	// A link that comes after a 202 is answered when it comes.
	for _, known := range []bool{false, true} {
		r := newRig(t)
		v := r.launched()
		link := r.state
		r.changed(v.ID, func(st *verification.State) { st.Status, st.NextAction = verification.Processing, nil })
		revision := Unknown
		if known {
			revision = v.Revision + 1
		}
		link.Version = r.state.Version + 1
		time.AfterFunc(300*time.Millisecond, func() { _ = r.store.Publish(context.Background(), v.ID, link) })
		got, err := r.s.waited(t.Context(), "shop", v.ID, revision, time.Minute)
		require.NoError(t, err)
		require.Equal(t, "https://vendor.example/page", got.Link)
	}
}

// However many wait, the store is asked once a tick, and not at all once nobody
// waits; a caller who leaves takes nobody's answer along.
func TestWaitersShareOneStatement(t *testing.T) {
	var asked atomic.Int32
	var revision atomic.Int32
	revision.Store(1)
	w := waiters{differ: func(_ context.Context, known string) (map[string]int, error) {
		if asked.Add(1)%4 == 0 {
			return nil, errors.New("away for a moment")
		}
		of := map[string]int{}
		if err := json.Unmarshal([]byte(known), &of); err != nil {
			return nil, err
		}
		out := map[string]int{}
		if now := int(revision.Load()); of["changed"] != 0 && of["changed"] != now {
			out["changed"] = now
		}
		return out, nil
	}}
	var leaves []func()
	var changed []<-chan struct{}
	for i := range 1000 {
		id := "changed"
		if i%2 == 0 {
			id = fmt.Sprint("still-", i)
		}
		c, leave := w.join(id, 1)
		leaves, changed = append(leaves, leave), append(changed, c)
	}
	leaves[1]() // a caller who leaves
	began := time.Now()
	revision.Store(2)
	for i := 3; i < 1000; i += 2 {
		<-changed[i]
	}
	require.LessOrEqual(t, asked.Load(), int32(time.Since(began)/lookFew)+2)
	select {
	case <-changed[0]:
		t.Fatal("nothing changed there")
	case <-changed[1]:
		t.Fatal("that one left")
	default:
	}
	for _, leave := range leaves {
		leave()
	}
	require.Eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return !w.looking }, 5*time.Second, 10*time.Millisecond)
	before := asked.Load()
	time.Sleep(3 * lookMany)
	require.Equal(t, before, asked.Load())
}

// Whoever holds a key or a page's link cannot take all memory by waiting: of one client
// and of one page only so many requests wait at a time. Neither keeps the other or
// anybody else from it, and whoever leaves makes room.
func TestOnlySoManyWaitAtATime(t *testing.T) {
	var w waiters
	var leaves []func()
	for i := range mostOfClient {
		leave, ok := w.admit("client shop", mostOfClient)
		require.True(t, ok, i)
		leaves = append(leaves, leave)
	}
	_, ok := w.admit("client shop", mostOfClient)
	require.False(t, ok)
	leave, ok := w.admit("client other", mostOfClient)
	require.True(t, ok)
	leave()
	leaves[0]()
	again, ok := w.admit("client shop", mostOfClient)
	require.True(t, ok)
	for _, leave := range append(leaves[1:], again) {
		leave()
	}
	require.Empty(t, w.waits)

	r, v := waiting(t)
	revision := v.Revision
	crowd := func(wait func()) {
		for range mostOfPage {
			go wait()
		}
	}
	counted := func(who string) func() bool {
		return func() bool {
			r.s.waiting.mu.Lock()
			defer r.s.waiting.mu.Unlock()
			return r.s.waiting.waits[who] == mostOfPage
		}
	}
	crowd(func() { _, _ = r.s.AwaitPage(t.Context(), v.ID, revision, time.Minute) })
	require.Eventually(t, counted("page "+v.ID), 10*time.Second, 5*time.Millisecond)
	_, err := r.s.AwaitPage(t.Context(), v.ID, revision, time.Minute)
	requireCode(t, err, RateLimited)
	page, err := r.s.AwaitPage(t.Context(), v.ID, revision-1, time.Minute)
	require.NoError(t, err, "what is new is told all the same")
	require.Equal(t, revision, page.Revision)
	page, err = r.s.AwaitPage(t.Context(), v.ID, revision, 0)
	require.NoError(t, err)
	require.Equal(t, revision, page.Revision)
	crowd(func() { _, _ = r.s.Wait(t.Context(), "shop", v.ID, revision, time.Minute, nil) }) // a full page keeps no client from it
	require.Eventually(t, counted("client shop"), 10*time.Second, 5*time.Millisecond)
}

// A caller who waits with few others is told at once; thousands wait a little longer,
// and cost no more for it.
func TestFewWaitersAreToldSooner(t *testing.T) {
	w := &waiters{differ: func(context.Context, string) (map[string]int, error) { return nil, nil }}
	pauses := map[int]time.Duration{}
	for i := range 5001 {
		_, leave := w.join(fmt.Sprint(i), 1)
		defer leave()
		pauses[i+1] = w.pause()
	}
	require.Less(t, pauses[1], 16*time.Millisecond)
	require.Less(t, pauses[500], 25*time.Millisecond)
	require.Equal(t, lookMany, pauses[5000])
	require.Equal(t, lookMany, pauses[5001])
}

func TestRetryNamesTheSessionItReplaces(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.changed(v.ID, func(st *verification.State) { st.NextAction = &verification.NextAction{Type: verification.ActionRetry} })
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "retry-1", o.UpdateID)
		require.Equal(t, []any{workflows.RetryRequest{Session: 1, Ended: true}}, o.Args)
		r.run(v.ID, 2)
		return nil
	}
	got, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.NoError(t, err)
	require.Equal(t, 2, got.Attempt.Session)
	require.NotEmpty(t, got.Link)
}

func refuse(kind string, st verification.State) func(client.UpdateWorkflowOptions) error {
	return func(client.UpdateWorkflowOptions) error {
		return temporal.NewApplicationErrorWithOptions("refused", kind, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{st}})
	}
}

func TestTheRunsRefusalsAreToldInDomainWords(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.update = refuse(workflows.RefusedSession, r.asking(4))
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.Equal(t, 4, requireCode(t, err, SessionReplaced).Session)

	r.engine.update = refuse(workflows.RefusedState, r.asking(1))
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	e := requireCode(t, err, InvalidState)
	require.Equal(t, []verification.Status{verification.RequiresInput}, e.Allowed)
	require.Equal(t, verification.RequiresInput, e.Status)
}

func TestAnEndedVerificationTakesNoRetry(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.end(v.ID, verification.Completed)
	gone := serviceerror.NewNotFound("workflow execution already completed")
	for _, fault := range []error{gone, serviceerror.NewUnavailable("away")} {
		r.engine.update = func(client.UpdateWorkflowOptions) error { return fault }
		_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
		require.Equal(t, verification.Completed, requireCode(t, err, InvalidState).Status)
	}
	// A retry that the run answered before its end keeps its answer.
	r.engine.update = nil
	got, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.NoError(t, err)
	require.Equal(t, verification.Completed, got.Status)
}

func TestCancelIsRepeatableAndLeavesOtherEndsAlone(t *testing.T) {
	gone := func(client.UpdateWorkflowOptions) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	for status, want := range map[verification.Status]Code{
		verification.Canceled: "", verification.Completed: InvalidState, verification.Expired: InvalidState, verification.Error: InvalidState,
	} {
		r := newRig(t)
		v := r.launched()
		r.end(v.ID, status)
		r.engine.update = gone
		got, err := r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, verification.Canceled, got.Status)
			continue
		}
		e := requireCode(t, err, want)
		require.Equal(t, status, e.Status)
		require.NotEmpty(t, e.Allowed)
	}
	r := newRig(t)
	v := r.launched()
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "cancel", o.UpdateID)
		require.Equal(t, []any{workflows.CancelRequest{Reason: verification.CanceledByCaller, Version: 3}}, o.Args)
		r.end(v.ID, verification.Canceled)
		return nil
	}
	got, err := r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, v.Revision)
	require.NoError(t, err)
	require.Equal(t, verification.Canceled, got.Status)

	r = newRig(t)
	v = r.launched()
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, v.Revision-1)
	requireCode(t, err, VersionConflict)
	require.Empty(t, r.engine.calls)
	r.engine.update = refuse(workflows.RefusedVersion, r.asking(1))
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, v.Revision)
	requireCode(t, err, VersionConflict)
}

func TestARetryThatWaitsForASlowVendorIsAnswered(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		st := verification.NewState(policy(), r.now)
		st.Attempt.Session = 2
		r.publish(v.ID, st)
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
	}
	got, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.NoError(t, err)
	require.Equal(t, verification.Processing, got.Status)
	require.Equal(t, 2, got.Attempt.Session)
}

func TestAnUpdateWithoutAnAnswerSaysThatItMayStillTakeEffect(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
	}
	_, err := r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
	requireCode(t, err, EngineUnavailable)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	requireCode(t, err, EngineUnavailable)
}

// A run whose task was lost with its worker refuses, in the task that is tried
// again, what it offered already: readers have seen that, and may act on it.
func TestARunThatIsBehindItsRowIsAskedAgain(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.changed(v.ID, func(st *verification.State) { st.Version = 9 })
	asked := 0
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		if asked++; asked < 2 {
			return refuse(workflows.RefusedState, r.asking(1))(o) // version 3
		}
		return nil
	}
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.NoError(t, err)
	require.Equal(t, 2, asked)
}

// Who has read how it ended is not answered again and again at once: they would ask
// as fast as they can. What comes after the end wakes them.
func TestWaitAfterTheEndIsForWhatComesThen(t *testing.T) {
	r := newRig(t)
	v, err := r.s.Read(t.Context(), "shop", r.completed().ID)
	require.NoError(t, err)
	began := time.Now()
	got, err := r.s.waited(t.Context(), "shop", v.ID, v.Revision, 400*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, v.Revision, got.Revision)
	require.GreaterOrEqual(t, time.Since(began), 400*time.Millisecond)
	for name, known := range map[string]int{"nothing": Unknown, "another revision": v.Revision - 1} {
		began = time.Now()
		_, err = r.s.Wait(t.Context(), "shop", v.ID, known, time.Minute, nil)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 10*time.Second, name)
	}

	began = time.Now()
	time.AfterFunc(100*time.Millisecond, func() {
		_, _ = r.s.Redact(context.Background(), "shop", v.ID, RedactRequest{Cause: CauseRequest})
	})
	_, err = r.s.waited(t.Context(), "shop", v.ID, v.Revision, time.Minute)
	requireCode(t, err, Redacted)
	require.Less(t, time.Since(began), 10*time.Second)
}
