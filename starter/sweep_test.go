package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// unstarted leaves a row whose run never began.
func (r *rig) unstarted() string {
	r.t.Helper()
	r.engine.launch = func(context.Context) error { return serviceerror.NewUnavailable("x") }
	_, _, err := r.s.Start(r.t.Context(), "shop", "k", request())
	requireCode(r.t, err, EngineUnavailable)
	return r.keys.VerificationID("shop", "k")
}

func TestARowWithoutARunIsSweptAfterAnHour(t *testing.T) {
	r := newRig(t)
	id := r.unstarted()
	r.now = r.now.Add(59 * time.Minute)
	done, err := r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{}, done)

	r.now = r.now.Add(2 * time.Minute)
	done, err = r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{Deleted: 1}, done)
	_, err = r.store.Load(t.Context(), id)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestALaterStartCallKeepsTheRow(t *testing.T) {
	r := newRig(t)
	id := r.unstarted()
	r.now = r.now.Add(61 * time.Minute)
	r.unstarted()
	done, err := r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{}, done)
	_, err = r.store.Load(t.Context(), id)
	require.NoError(t, err)
}

func TestAnEngineThatIsAwayOrKnowsTheRunSweepsNothing(t *testing.T) {
	for name, change := range map[string]func(*fakeEngine){
		"unreachable":           func(f *fakeEngine) { f.describeErr = serviceerror.NewUnavailable("x") },
		"silent":                func(f *fakeEngine) { f.describeErr = context.DeadlineExceeded },
		"another namespace":     func(f *fakeEngine) { f.describeErr = serviceerror.NewNamespaceNotFound("yanzhen") },
		"running, not yet seen": func(f *fakeEngine) { f.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			id := r.unstarted()
			r.now = r.now.Add(25 * time.Hour)
			change(r.engine)
			done, err := r.s.Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, Swept{}, done)
			_, err = r.store.Load(t.Context(), id)
			require.NoError(t, err)
		})
	}
}

func TestASweepGivesUpOnAnEngineThatIsAway(t *testing.T) {
	r := newRig(t)
	r.engine.launch = func(context.Context) error { return serviceerror.NewUnavailable("x") }
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		_, _, err := r.s.Start(t.Context(), "shop", key, request())
		requireCode(t, err, EngineUnavailable)
	}
	r.now = r.now.Add(2 * time.Hour)
	r.engine.describeErr = serviceerror.NewUnavailable("x")
	r.engine.calls = nil
	done, err := r.s.Sweep(t.Context())
	require.ErrorContains(t, err, string(EngineUnavailable))
	require.Equal(t, Swept{}, done)
	require.Len(t, r.engine.calls, maxSilences)
}

// The engine is asked for the runs that ended without a word, not for each open
// one; a run that wrote its end meanwhile keeps it.
func TestSweepLost(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
		return nil, serviceerror.NewUnavailable("x")
	}
	_, err := r.s.SweepLost(t.Context())
	requireCode(t, err, EngineUnavailable)

	r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
		return &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{
			{Execution: &commonpb.WorkflowExecution{WorkflowId: "ver_unknown"}}, {Execution: &commonpb.WorkflowExecution{WorkflowId: v.ID}},
		}}, nil
	}
	ended, err := r.s.SweepLost(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, ended)
	row, err := r.store.Load(t.Context(), v.ID)
	require.NoError(t, err)
	require.True(t, row.Ended)
	require.Equal(t, verification.Error, row.State.Status)
	require.Equal(t, verification.EngineEnded, row.State.LastError.Code)
	_, err = r.store.LatestSession(t.Context(), v.ID)
	require.ErrorIs(t, err, store.ErrNotFound, "links do not outlive it")

	ended, err = r.s.SweepLost(t.Context())
	require.NoError(t, err)
	require.Zero(t, ended, "its end stands")
	require.Contains(t, r.engine.lists[1].Query, "CloseTime > '2026-11-22T04:00:00Z'", "a day at first")
	require.Contains(t, r.engine.lists[2].Query, "CloseTime > '2026-11-23T03:55:00Z'", "then what visibility may have lagged behind with")
	require.NotContains(t, r.engine.calls, "describe")
}

// A review whose run was terminated leaves the verdict standing.
func TestSweepLostReview(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	for _, run := range []string{v.ID + ":v3", v.ID + ":v2"} {
		r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
			return &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{
				{Execution: &commonpb.WorkflowExecution{WorkflowId: run}}}}, nil
		}
		_, err = r.s.SweepLost(t.Context())
		require.NoError(t, err)
		got, err := r.s.Read(t.Context(), "shop", v.ID)
		require.NoError(t, err)
		require.Equal(t, run == v.ID+":v3", got.Status == verification.InReview, "only the review that holds it")
	}
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.Declined, got.Decision)
}

// After a restore a run may be over of which the store's dump knew no end: its row
// is ended at the next start, and that of a run which goes on, or which this engine
// does not know, is left alone.
func TestSweepClosed(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	for name, change := range map[string]func(*fakeEngine){
		"goes on":     func(f *fakeEngine) { f.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING },
		"is unknown":  func(f *fakeEngine) { f.describeErr = serviceerror.NewNotFound("workflow not found") },
		"is not told": func(f *fakeEngine) { f.describeErr = serviceerror.NewUnavailable("x") },
	} {
		r.engine.describeErr = nil
		change(r.engine)
		ended, err := r.s.SweepClosed(t.Context())
		require.NoError(t, err, name)
		require.Zero(t, ended, name)
	}
	r.engine.describeErr, r.engine.status = nil, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	ended, err := r.s.SweepClosed(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, ended)
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, []any{verification.Error, verification.EngineEnded}, []any{got.Status, got.LastError.Code})
	ended, err = r.s.SweepClosed(t.Context())
	require.NoError(t, err)
	require.Zero(t, ended)
}

// A row past all its clocks, whose end visibility did not tell of, is asked for.
func TestSweepOverdue(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
	done, err := r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{}, done, "its clocks run")
	require.Empty(t, r.engine.calls)

	r.now = r.now.Add(policy().Longest(time.Hour) + 2*time.Hour)
	r.engine.describeErr = serviceerror.NewUnavailable("x")
	done, err = r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{}, done, "silence proves nothing")
	r.engine.describeErr = nil
	done, err = r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{Ended: 1}, done)
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.Error, got.Status)
	done, err = r.s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{}, done)
}

func TestHintsReachTheRunAndNeverMoreThanFifty(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	for range MaxHints {
		result, err := r.s.Hint(t.Context(), v.ID, 1)
		require.NoError(t, err)
		require.Equal(t, HintSent, result)
	}
	result, err := r.s.Hint(t.Context(), v.ID, 1)
	require.NoError(t, err)
	require.Equal(t, HintDropped, result)
	require.Len(t, r.engine.hints, MaxHints)
	require.Equal(t, workflows.Hint{Session: 1}, r.engine.hints[0])
}

func TestAHintForARunThatIsOverIsLateAndNoError(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.signalErr = serviceerror.NewNotFound("workflow execution already completed")
	result, err := r.s.Hint(t.Context(), v.ID, 1)
	require.NoError(t, err)
	require.Equal(t, HintLate, result)
	result, err = r.s.Hint(t.Context(), "ver_unknown", 1)
	require.NoError(t, err)
	require.Equal(t, HintLate, result)

	r.engine.signalErr = serviceerror.NewUnavailable("x")
	result, err = r.s.Hint(t.Context(), v.ID, 1)
	requireCode(t, err, EngineUnavailable)
	require.Equal(t, HintFailed, result)
}

// A vendor may hang up after five seconds, and the person's browser waits, too: an
// engine that does not answer is not waited for so long.
func TestAHintIsAnsweredBeforeItsVendorHangsUp(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.s.patience = time.Minute
	began := time.Now()
	_, err := r.s.Hint(t.Context(), v.ID, 1)
	require.NoError(t, err)
	require.WithinDuration(t, began.Add(3*time.Second), r.engine.signalUntil, time.Second)
}

func TestLandingKnowsWhereThePersonGoesOn(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	l, err := r.s.ReturnTarget(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, ReturnTarget{Client: "shop", ReturnURL: "https://shop.example/back"}, l)
	r.end(v.ID, verification.Completed)
	l, err = r.s.ReturnTarget(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/back", l.ReturnURL, "a person who is late still finds the way back")
	_, err = r.s.ReturnTarget(t.Context(), "ver_unknown")
	requireCode(t, err, NotFound)
}
