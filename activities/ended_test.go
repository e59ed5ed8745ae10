package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// lostAnswers writes, and the first answer to each write is lost.
type lostAnswers struct {
	activities.Store
	lost map[string]bool
}

func (l *lostAnswers) lose(what string, err error) error {
	if err == nil && !l.lost[what] {
		l.lost[what] = true
		return errors.New("lost")
	}
	return err
}

func (l *lostAnswers) Finish(ctx context.Context, id string, s verification.State) error {
	return l.lose("finish", l.Store.Finish(ctx, id, s))
}

func (l *lostAnswers) Amend(ctx context.Context, id string, s verification.State) error {
	return l.lose("amend", l.Store.Amend(ctx, id, s))
}

// A metric that counts an end twice, because an answer was lost, tells of people
// whom nobody verified; one that misses it the other way.
func TestEveryEndIsToldOnce(t *testing.T) {
	for _, lossy := range []bool{false, true} {
		b := newBench(t)
		b.row("ver_1")
		if lossy {
			b.Store = &lostAnswers{b.Store, map[string]bool{}}
		}
		var ended []string
		b.Ended = func(s verification.State) { ended = append(ended, string(s.Outcome())+" "+string(s.Verdict.DecidedBy)) }

		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.RegisterActivity(b.Activities)
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute,
				RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second}})
			verdict := func(version int, decision verification.Decision, by verification.DecidedBy) verification.State {
				return verification.State{Status: verification.Completed, Decision: decision, Version: 10 * version, UpdatedAt: b.now,
					Verdict: &verification.Verdict{Version: version, Decision: decision, DecidedBy: by}}
			}
			reopened := verdict(1, verification.Approved, verification.ByPolicy)
			reopened.Status, reopened.Version = verification.InReview, 11
			for _, step := range []struct {
				name  any
				state verification.State
			}{
				{b.Finish, verdict(1, verification.Approved, verification.ByPolicy)},
				{b.Amend, reopened},
				{b.Amend, verdict(2, verification.Declined, verification.ByReviewer)},
			} {
				for range 2 { // the step's own answer was lost
					if err := workflow.ExecuteActivity(ctx, step.name, activities.FinishInput{ID: "ver_1", State: step.state}).Get(ctx, nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []string{"approved policy", "declined reviewer"}, ended, "lossy: %v", lossy)
	}
}

// The first link is counted when the state that brought it is written, once, and
// not with what is written later.
func TestTheFirstLinkIsToldOnce(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	linked := 0
	b.Linked = func(s verification.State) {
		require.Equal(t, 2*time.Second, s.LinkedAt.Sub(s.CreatedAt))
		linked++
	}
	publish := func(s verification.State) {
		t.Helper()
		require.NoError(t, b.Publish(t.Context(), activities.PublishInput{ID: "ver_1", State: s}))
	}
	s := verification.NewState(verification.DefaultPolicy(), b.now)
	s.NextSession(b.now.Add(time.Second))
	publish(s)
	require.Zero(t, linked)
	at, until := b.now.Add(2*time.Second), b.now.Add(time.Hour)
	s.AwaitInput(at, verification.NextAction{Type: verification.ActionRedirect, ExpiresAt: &until})
	publish(s)
	publish(s)
	require.Equal(t, 1, linked)
	s.AwaitInput(at.Add(time.Minute), verification.NextAction{Type: verification.ActionRedirect, ExpiresAt: &until})
	publish(s)
	require.Equal(t, 1, linked)
}
