package starter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// The person is gone from the store when Redact answers, whatever the engine does:
// where it is away the sweeper has the rest done later, by the same run.
func TestRedactErasesAtOnceAndTheRestIsNotForgotten(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.erasureErr = errors.New("away")
	e, err := r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, By: "first"})
	require.NoError(t, err)
	require.Empty(t, e.Receipt)
	_, err = r.s.Read(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Outputs(t.Context(), Reading{Client: "shop", ID: v.ID, By: "first", Purpose: "audit"})
	requireCode(t, err, Redacted)
	_, err = r.s.Timeline(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Decisions(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
	requireCode(t, err, Redacted)
	_, err = r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	requireCode(t, err, Redacted)

	r.engine.erasureErr = nil
	n, err := r.s.SweepErasures(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "its caller may be at it")
	r.now = r.now.Add(2 * time.Minute)
	n, err = r.s.SweepErasures(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	o := r.engine.options[len(r.engine.options)-1]
	require.Equal(t, workflows.ErasureID(v.ID), o.ID)
	require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY, o.WorkflowIDReusePolicy, "a run that was terminated is taken up again, one that ended is not")

	require.NoError(t, r.store.SignErasure(t.Context(), v.ID, "a.b.c", r.now))
	starts := len(r.engine.options)
	again, err := r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, By: "second"})
	require.NoError(t, err)
	require.Equal(t, Erasure{ID: v.ID, ErasedAt: e.ErasedAt, Receipt: "a.b.c"}, again)
	require.Len(t, r.engine.options, starts, "nothing is started for what is done")
	_, err = r.s.Redact(t.Context(), "other", v.ID, RedactRequest{Cause: CauseRequest})
	requireCode(t, err, NotFound)
	_, err = r.s.Receipt(t.Context(), "other", v.ID)
	requireCode(t, err, NotFound)
}

// A reopened case is in review, so it is open: it is erased once its review is
// ended, and the old verdict stands in what is left.
func TestRedactEndsTheReviewOfAReopenedCaseWhereAsked(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	_, err = r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest})
	fault := requireCode(t, err, InvalidState)
	require.Equal(t, verification.InReview, fault.Status)

	r.engine.cancel = func(id string) error {
		require.Equal(t, workflows.ReviewID(v.ID, 2), id)
		row, err := r.store.Load(context.Background(), v.ID)
		require.NoError(t, err)
		row.State.CloseReview(r.now)
		return r.store.Amend(context.Background(), v.ID, row.State)
	}
	_, err = r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, End: true})
	require.NoError(t, err)
	events, err := r.store.Events(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, "verification.redacted", events[len(events)-1].Type)
	require.Equal(t, verification.Declined, events[len(events)-1].Decision)
}
