package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
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

// reopen runs a Review of a declined case, which nobody extends.
func reopen(t *testing.T, meddle func(e *env)) (*env, []verification.State) {
	e, states := reopenIn(t, newScript(), meddle)
	require.Len(t, states, 2, "in review, and the end")
	return e, states
}

func reopenIn(t *testing.T, sc *script, meddle func(e *env)) (*env, []verification.State) {
	e := newEnv(t, sc)
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
	require.Empty(t, e.engine.faults)
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

// An operator gives the reviewers of a reopened case longer, more than once and
// from the first moment on. What readers see follows, and who asked is audited.
func TestAReopenedCasesDeadlineIsExtended(t *testing.T) {
	for name, first := range map[string]time.Duration{"before the first task": 0, "in review": 20 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			var once, twice, decided *answer
			_, states := reopenIn(t, sc, func(e *env) {
				e.at(first, func() {
					once = e.update(workflows.UpdateExtend, "once", workflows.ExtendRequest{For: hours(48)})
				})
				e.at(21*time.Hour, func() {
					until := once.value.(workflows.Extended).ExpiresAt
					require.WithinDuration(t, e.Now().Add(first-21*time.Hour+48*time.Hour), until, 5*time.Second)
					require.True(t, until.Equal(*e.state().ExpiresAt))
					v, err := e.QueryWorkflow("__temporal_workflow_metadata")
					require.NoError(t, err)
					var meta sdkpb.WorkflowMetadata
					require.NoError(t, v.Get(&meta))
					require.Contains(t, meta.GetCurrentDetails(), "`yanzhen ops extend ver_test --for 72h --reason")
					require.Contains(t, meta.GetCurrentDetails(), "**in_review** since "+e.Now().Add(-21*time.Hour).UTC().Format("2006-01-02 15:04"), "not since it was extended")
					require.Contains(t, meta.GetCurrentDetails(), until.UTC().Format(time.DateTime))
					e.expectRefusedWith(workflows.RefusedArgument, "it lasts longer already", e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(1)}))
					e.expectRefusedWith(workflows.RefusedArgument, "720h0m0s at most", e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(721)}))
				})
				e.at(40*time.Hour, func() { twice = e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(72)}) })
				e.at(100*time.Hour, func() {
					decided = e.decide(workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, Version: e.state().Version})
					e.expectRefusedWith(workflows.RefusedState, "its review has ended", e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(96)}))
				})
			})
			require.Equal(t, workflows.Decided{Status: verification.Completed}, decided.value)
			require.Len(t, states, 4)
			slices.SortFunc(states, func(a, b verification.State) int { return a.Version - b.Version })
			require.True(t, states[1].ExpiresAt.Equal(once.value.(workflows.Extended).ExpiresAt))
			require.True(t, states[2].ExpiresAt.Equal(twice.value.(workflows.Extended).ExpiresAt))
			require.Equal(t, 2, states[3].Verdict.Version)
			require.Len(t, sc.audited, 2)
			require.Equal(t, activities.AuditActInput{ID: "ver_test", Verb: "extend", Update: "once"}, sc.audited[0])
		})
	}
}

// An extended review ends by silence, only later; with the audit log away nothing
// is extended.
func TestAnExtendedReviewOfAReopenedCaseEndsBySilence(t *testing.T) {
	for name, tc := range map[string]struct {
		away  time.Duration
		lasts time.Duration
	}{"extended": {0, 30 * time.Hour}, "the audit log is away": {21 * time.Hour, 24 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			if tc.away > 0 {
				sc.auditError = until(tc.away, provider.Unavailable)
			}
			var extended *answer
			_, states := reopenIn(t, sc, func(e *env) {
				e.at(20*time.Hour, func() { extended = e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(10)}) })
			})
			if tc.away > 0 {
				extended.refusedWith(t, workflows.RefusedAudit, "nothing was done")
			}
			end := states[len(states)-1]
			require.Equal(t, verification.Completed, end.Status)
			require.Equal(t, 1, end.Verdict.Version)
			require.WithinDuration(t, states[0].UpdatedAt.Add(tc.lasts), end.UpdatedAt, time.Minute)
		})
	}
}
