package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func (e *env) decide(d workflows.DecideRequest) *answer {
	return e.update(workflows.UpdateDecide, workflows.DecideUpdateID(d.Version)+string(d.Reason), d)
}

func TestReviewersWordEndsAReview(t *testing.T) {
	for decision, reason := range map[verification.Decision]verification.ReasonCode{
		verification.Approved: verification.ReviewApproved, verification.Declined: verification.ReviewRejected,
	} {
		unfitting := map[verification.Decision]verification.ReasonCode{
			verification.Approved: verification.ReviewRejected, verification.Declined: verification.ReviewApproved,
		}[decision]
		sc := newScript()
		sc.sessions = fates(spoof())
		e := newEnv(t, sc)
		var stale, unfit, unknown, good *answer
		e.at(time.Hour, func() {
			v := e.state().Version
			stale = e.decide(workflows.DecideRequest{Decision: decision, Reason: reason, Version: v - 1})
			unfit = e.decide(workflows.DecideRequest{Decision: decision, Reason: unfitting, Version: v})
			unknown = e.decide(workflows.DecideRequest{Decision: decision, Reason: "made.up", Version: v})
			good = e.decide(workflows.DecideRequest{Decision: decision, Reason: reason, Version: v})
		})
		s := e.run()
		stale.refused(t, workflows.RefusedVersion)
		unfit.refused(t, workflows.RefusedReason)
		unknown.refused(t, workflows.RefusedReason)
		require.Equal(t, workflows.Decided{Status: verification.Completed}, good.value)
		require.Equal(t, decision, s.Decision)
		require.Equal(t, verification.ByReviewer, s.Verdict.DecidedBy)
		require.Equal(t, reason, s.Verdict.Reasons[0].Code)
		require.Equal(t, 1, s.Verdict.Version)
	}
}

func TestDecisionIsRefusedOutsideAReview(t *testing.T) {
	e := newEnv(t, newScript())
	var a *answer
	e.at(time.Second, func() {
		a = e.decide(workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved})
	})
	e.run()
	a.refused(t, workflows.RefusedState)
}

// reopen runs a Review of a declined case.
func reopen(t *testing.T, meddle func(e *env)) (*env, []verification.State) {
	e := newEnv(t, newScript())
	if meddle != nil {
		meddle(e)
	}
	e.ExecuteWorkflow(workflows.ReviewWorkflow, workflows.ReviewInput{
		ID: "ver_test", Client: "shop", Reason: verification.IdentityMismatch, Deadline: verification.Duration(24 * time.Hour),
		State: verification.State{
			Status: verification.Completed, Decision: verification.Declined, Version: 7,
			Verdict: &verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy,
				Reasons: []verification.Reason{{Code: verification.IdentityMismatch}}},
		},
	})
	require.True(t, e.IsWorkflowCompleted())
	require.NoError(t, e.GetWorkflowError())
	require.Len(t, e.script.finished, 2, "in review, and the end")
	return e, e.script.finished
}

func TestReopenedCaseEndsApprovedAsVersionTwo(t *testing.T) {
	var a *answer
	_, states := reopen(t, func(e *env) {
		e.at(time.Hour, func() {
			a = e.decide(workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, Version: e.state().Version})
		})
	})
	require.Equal(t, workflows.Decided{Status: verification.Completed}, a.value)
	require.Equal(t, verification.InReview, states[0].Status)
	require.Equal(t, 1, states[0].Verdict.Version, "the old verdict stays readable meanwhile")
	end := states[1]
	require.Equal(t, verification.OutcomeApproved, end.Outcome())
	require.Equal(t, 2, end.Verdict.Version)
	require.Equal(t, verification.ByReviewer, end.Verdict.DecidedBy)
	require.Len(t, end.PreviousVerdicts, 1)
	require.Equal(t, verification.Declined, end.PreviousVerdicts[0].Decision)
	require.Greater(t, end.Version, states[0].Version)
}

func TestSilenceOnAReopenedCaseLeavesTheVerdictStanding(t *testing.T) {
	for name, meddle := range map[string]func(*env){
		"silence":      nil,
		"canceled run": func(e *env) { e.at(time.Hour, e.CancelWorkflow) },
	} {
		t.Run(name, func(t *testing.T) {
			_, states := reopen(t, meddle)
			end := states[1]
			require.Equal(t, verification.OutcomeDeclined, end.Outcome())
			require.Equal(t, 1, end.Verdict.Version)
			require.Empty(t, end.PreviousVerdicts)
			require.Equal(t, verification.Completed, end.Status)
		})
	}
}
