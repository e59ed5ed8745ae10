package starter

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// plantedNote must stay in the store's sealed column.
const plantedNote = "测试甲 wrote by hand"

func word(version int) ReviewRequest {
	return ReviewRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, Note: plantedNote, By: "wang", Version: version}
}

// inReviewRevision and completedRevision are the ETags of inReview and completed.
const inReviewRevision, completedRevision = 3, 3

// inReview starts a verification that waits for a reviewer.
func (r *rig) inReview() View {
	r.t.Helper()
	v := r.launched()
	r.changed(v.ID, func(st *verification.State) { st.Status, st.NextAction, st.Version = verification.InReview, nil, 5 })
	v, err := r.s.Read(r.t.Context(), "shop", v.ID)
	require.NoError(r.t, err)
	require.Equal(r.t, inReviewRevision, v.Revision)
	return v
}

// verdict is what the run ends with, once somebody decided.
func (r *rig) verdict(version int, w ReviewRequest) *verification.Verdict {
	return &verification.Verdict{Version: version, Decision: w.Decision, DecidedBy: verification.ByReviewer,
		Policy:  verification.PolicyRef{Name: "cn-resident", Version: 2},
		Reasons: []verification.Reason{verification.ReasonOf(w.Reason)}, DecidedAt: r.now}
}

// decided lets the run take a word and write its end.
func (r *rig) decided(id string, w ReviewRequest) {
	r.state.Verdict, r.state.Decision = r.verdict(1, w), w.Decision
	r.end(id, verification.Completed)
}

// completed starts a verification that the policy declined.
func (r *rig) completed() View {
	r.t.Helper()
	v := r.launched()
	r.state.Decision = verification.Declined
	r.state.Verdict = &verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy}
	r.end(v.ID, verification.Completed)
	return v
}

// nothingTold: the engine and the logs know nothing of a note or a person.
func (r *rig) nothingTold() {
	r.t.Helper()
	told, err := json.Marshal(map[string]any{"updates": r.engine.updates, "inputs": r.engine.inputs, "reviews": r.engine.reviews,
		"hints": r.engine.hints, "calls": r.engine.calls, "options": len(r.engine.options)})
	require.NoError(r.t, err)
	var summaries strings.Builder
	for _, o := range r.engine.options {
		summaries.WriteString(o.StaticSummary + o.StaticDetails)
	}
	for _, planted := range []string{plantedNote, "by hand", "测试甲", "110199199003070017", "vendor.example"} {
		require.NotContains(r.t, string(told)+summaries.String(), planted)
		require.NotContains(r.t, r.logs.String(), planted)
	}
}

func TestAWordIsKeptBeforeTheRunHearsOfItAndTheNoteStaysThere(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, v.ID, o.WorkflowID)
		require.Equal(t, "decide-5", o.UpdateID)
		require.Equal(t, workflows.UpdateDecide, o.UpdateName)
		require.Equal(t, []any{workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, Version: 5}}, o.Args)
		kept, err := r.store.Decisions(context.Background(), v.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Decision{{VerificationID: v.ID, Version: 1, Act: "approved", Reason: verification.ReviewApproved,
			Note: plantedNote, By: "wang", At: r.now}}, kept)
		r.decided(v.ID, word(inReviewRevision))
		return nil
	}
	got, err := r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
	require.NoError(t, err)
	require.Equal(t, verification.Completed, got.Status)
	require.Equal(t, verification.Approved, got.Decision)
	r.nothingTold()

	r.engine.update = func(client.UpdateWorkflowOptions) error { return serviceerror.NewUnavailable("away") }
	again, err := r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
	require.NoError(t, err, "a repeat is answered as it is now, without the engine")
	require.Equal(t, got, again)
}

func TestAWordOnAnotherVersionChangesNothing(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	for _, version := range []int{inReviewRevision - 1, inReviewRevision + 1} {
		_, err := r.s.Decide(t.Context(), "shop", v.ID, word(version))
		require.Equal(t, verification.InReview, requireCode(t, err, VersionConflict).Status)
	}
	kept, err := r.store.Decisions(t.Context(), v.ID)
	require.NoError(t, err)
	require.Empty(t, kept)
	require.NotContains(t, strings.Join(r.engine.calls, " "), "update")
}

// A reviewer who says so decides on whatever it is now, once.
func TestAWordMayBeOnWhateverVersionItIs(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "decide-5", o.UpdateID, "a repeat must get this one's answer")
		require.Equal(t, []any{workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved}}, o.Args)
		r.decided(v.ID, word(inReviewRevision))
		return nil
	}
	got, err := r.s.Decide(t.Context(), "shop", v.ID, word(0))
	require.NoError(t, err)
	require.Equal(t, verification.Approved, got.Decision)
}

func TestOfTwoWordsTheSecondIsNeverToldThatItHolds(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	// The engine answers the second with the first's answer: the update ids are
	// the same.
	r.engine.update = func(client.UpdateWorkflowOptions) error { r.decided(v.ID, word(inReviewRevision)); return nil }
	other := ReviewRequest{Decision: verification.Declined, Reason: verification.ReviewRejected, Version: inReviewRevision}
	_, err := r.s.Decide(t.Context(), "shop", v.ID, other)
	requireCode(t, err, VersionConflict)
	other.Version = 0
	_, err = r.s.Decide(t.Context(), "shop", v.ID, other)
	e := requireCode(t, err, InvalidState)
	require.Equal(t, []verification.Status{verification.InReview}, e.Allowed)
}

// A word that contradicts itself is refused before anything is kept or asked,
// by the run too, should it know better.
func TestAWordMustNotContradictItself(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	for _, w := range []ReviewRequest{
		{Decision: verification.Declined, Reason: verification.ReviewApproved},
		{Decision: verification.Approved, Reason: verification.ReviewRejected},
		{Decision: verification.Approved, Reason: verification.HolderMismatch},
		{Decision: verification.Declined, Reason: verification.ProviderUnavailable},
		{Decision: verification.Declined, Reason: verification.SessionExpired},
	} {
		w.Version = 5
		_, err := r.s.Decide(t.Context(), "shop", v.ID, w)
		require.Equal(t, []FieldError{errReason}, requireCode(t, err, InvalidRequest).Fields, w.Reason)
	}
	for _, reason := range []verification.ReasonCode{verification.ReviewApproved, verification.ReviewRejected, verification.SessionExpired, verification.CanceledByCaller} {
		_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: reason})
		require.Equal(t, "reason.not_for_reopening", requireCode(t, err, InvalidRequest).Fields[0].Code, reason)
	}
	kept, err := r.store.Decisions(t.Context(), v.ID)
	require.NoError(t, err)
	require.Empty(t, kept)
	require.NotContains(t, strings.Join(r.engine.calls, " "), "update")

	r.engine.update = refuse(workflows.RefusedReason, r.asking(1))
	_, err = r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
	require.Equal(t, []FieldError{errReason}, requireCode(t, err, InvalidRequest).Fields)
}

func TestOutsideReviewNobodyDecides(t *testing.T) {
	for _, status := range []verification.Status{verification.RequiresInput, verification.Processing, verification.Completed,
		verification.Expired, verification.Canceled, verification.Error} {
		r := newRig(t)
		v := r.launched()
		if status.Ended() {
			r.end(v.ID, status)
		} else {
			r.changed(v.ID, func(st *verification.State) { st.Status = status })
		}
		_, err := r.s.Decide(t.Context(), "shop", v.ID, word(3))
		e := requireCode(t, err, InvalidState)
		require.Equal(t, status, e.Status)
		require.Equal(t, []verification.Status{verification.InReview}, e.Allowed)
		kept, err := r.store.Decisions(t.Context(), v.ID)
		require.NoError(t, err)
		require.Empty(t, kept)
	}
}

func TestTheRunsWordOnADecisionIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		fault func(st verification.State) error
		code  Code
	}{
		"changed meanwhile": {func(st verification.State) error {
			return refuse(workflows.RefusedVersion, st)(client.UpdateWorkflowOptions{})
		}, VersionConflict},
		"another is being taken": {func(st verification.State) error {
			return refuse(workflows.RefusedState, st)(client.UpdateWorkflowOptions{})
		},
			VersionConflict},
		"no answer": {func(verification.State) error {
			return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
		}, EngineUnavailable},
		"a fault": {func(verification.State) error { return serviceerror.NewInvalidArgument(plantedNote) }, Internal},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.inReview()
			r.engine.update = func(client.UpdateWorkflowOptions) error { return tc.fault(r.state) }
			_, err := r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
			requireCode(t, err, tc.code)
			require.NotContains(t, r.logs.String(), plantedNote)
		})
	}
}

func TestADecisionThatExpiredMeanwhileIsToldSo(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		r.end(v.ID, verification.Expired)
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	_, err := r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
	require.Equal(t, verification.Expired, requireCode(t, err, InvalidState).Status)
}

func TestWordsAreHeldToTheCatalogueAndKeepNoNumbers(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	for field, w := range map[string]ReviewRequest{
		"reason": {Decision: verification.Approved, Reason: "no.such", Version: 5},
		"note":   {Decision: verification.Approved, Reason: verification.ReviewApproved, Note: "no 110199199003070017", Version: 5},
	} {
		_, err := r.s.Decide(t.Context(), "shop", v.ID, w)
		require.Equal(t, field, requireCode(t, err, InvalidRequest).Fields[0].Field)
		_, err = r.s.Reopen(t.Context(), "shop", v.ID, w)
		require.Equal(t, field, requireCode(t, err, InvalidRequest).Fields[0].Field)
	}
	require.Empty(t, r.engine.calls)
}

func TestALostTabIsAskedForUnderAnIDOfItsOwn(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "relink-1-3", o.UpdateID, "were it retry-1, the session could never be replaced")
		require.Equal(t, []any{workflows.RetryRequest{Session: 1, Version: 3}}, o.Args)
		return nil
	}
	got, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, Version: v.Revision})
	require.NoError(t, err)
	require.Equal(t, "https://vendor.example/page", got.Link)

	r.engine.update = refuse(workflows.RefusedVersion, r.asking(1))
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, Version: v.Revision - 1})
	requireCode(t, err, VersionConflict)
}
