package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// reopens lets the review's run write that the case is in review.
func (r *rig) reopens(o client.StartWorkflowOptions, in workflows.ReviewInput) error {
	st := in.State
	deadline := r.now.Add(in.Deadline.Std())
	st.Status, st.ExpiresAt, st.Version = verification.InReview, &deadline, st.Version+1
	return r.store.Amend(context.Background(), in.ID, st)
}

func TestReopeningStartsAReviewThatHoldsTheCase(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	got, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch, Note: plantedNote, Version: completedRevision})
	require.NoError(t, err)
	require.Equal(t, verification.InReview, got.Status)
	require.Equal(t, 1, got.Verdict.Version, "the old verdict stands")

	require.Len(t, r.engine.reviews, 1)
	in := r.engine.reviews[0]
	require.Equal(t, verification.Completed, in.State.Status)
	require.Equal(t, 7*24*time.Hour, in.Deadline.Std())
	require.Equal(t, verification.HolderMismatch, in.Reason)
	o := r.engine.options[len(r.engine.options)-1]
	require.Equal(t, v.ID+":v2", o.ID)
	require.Equal(t, workflows.QueueVerification, o.TaskQueue)
	require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, o.WorkflowIDReusePolicy)
	owner, _ := o.TypedSearchAttributes.GetKeyword(workflows.AttrClient)
	status, _ := o.TypedSearchAttributes.GetKeyword(workflows.AttrStatus)
	require.Equal(t, []string{"shop", "in_review"}, []string{owner, status})
	kept, err := r.store.Decisions(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, "reopened", kept[0].Act)
	require.Equal(t, plantedNote, kept[0].Note)
	r.nothingTold()

	again, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.Len(t, r.engine.reviews, 1)
	read, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, got, read, "it is read from the store")
}

func TestAReopenedCaseIsDecidedByItsReview(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	got, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, v.ID+":v2", o.WorkflowID)
		require.Equal(t, "decide-10", o.UpdateID)
		st := got.State
		st.PreviousVerdicts = []verification.Verdict{*st.Verdict}
		st.Status, st.Decision, st.Verdict, st.Version = verification.Completed, verification.Approved, r.verdict(2, word(0)), 11
		require.NoError(t, r.store.Amend(context.Background(), v.ID, st))
		return nil
	}
	done, err := r.s.Decide(t.Context(), "shop", v.ID, word(completedRevision+1))
	require.NoError(t, err)
	require.Equal(t, 2, done.Verdict.Version)
	require.Equal(t, verification.Approved, done.Decision)
	require.Equal(t, 1, done.PreviousVerdicts[0].Version)
	kept, err := r.store.Decisions(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, kept, 2)
	require.Equal(t, 2, kept[1].Version)
	r.nothingTold()
}

func TestAReopenedCaseIsNeitherCanceledNorRetried(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
	e := requireCode(t, err, InvalidState)
	require.Equal(t, verification.InReview, e.Status)
	require.NotContains(t, e.Allowed, verification.InReview)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.Equal(t, verification.InReview, requireCode(t, err, InvalidState).Status)
}

func TestAReviewThatWasTerminatedLeavesTheOldVerdictStanding(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	_, err = r.s.Decide(t.Context(), "shop", v.ID, word(completedRevision+1))
	require.Equal(t, verification.Completed, requireCode(t, err, InvalidState).Status)
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.Declined, got.Decision)
	require.Equal(t, 1, got.Verdict.Version)
	require.Nil(t, got.ExpiresAt)
}

func TestOnlyCompletedCasesAreReopened(t *testing.T) {
	for _, status := range []verification.Status{verification.RequiresInput, verification.Processing, verification.InReview,
		verification.Expired, verification.Canceled, verification.Error} {
		r := newRig(t)
		v := r.launched()
		if status.Ended() {
			r.end(v.ID, status)
		} else {
			r.changed(v.ID, func(st *verification.State) { st.Status = status })
		}
		_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
		e := requireCode(t, err, InvalidState)
		require.Equal(t, status, e.Status)
		require.Equal(t, []verification.Status{verification.Completed}, e.Allowed)
		require.Empty(t, r.engine.reviews)
	}
}

func TestReopeningIsRefusedOrToldAsItFails(t *testing.T) {
	already := serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "")
	for name, tc := range map[string]struct {
		fault error
		open  bool
		code  Code
	}{
		"its review is over":     {already, false, ReviewOver},
		"its review has started": {already, true, EngineUnavailable}, // and wrote nothing yet
		"the engine is away":     {serviceerror.NewUnavailable("x"), false, EngineUnavailable},
		"attributes not known":   {serviceerror.NewInvalidArgument("Namespace y has no mapping defined for search attribute YzClient"), false, EngineUnavailable},
		"a fault":                {serviceerror.NewInvalidArgument(plantedNote), false, Internal},
		"no worker":              {nil, true, EngineUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.completed()
			if tc.open {
				r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
			}
			r.engine.review = func(client.StartWorkflowOptions, workflows.ReviewInput) error { return tc.fault }
			_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch, Note: plantedNote})
			requireCode(t, err, tc.code)
			r.nothingTold()
		})
	}
	r := newRig(t)
	v := r.completed()
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch, Version: completedRevision - 1})
	requireCode(t, err, VersionConflict)
	require.Empty(t, r.engine.reviews)
}
