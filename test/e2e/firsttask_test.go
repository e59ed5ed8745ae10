package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// firstMessages are what a run may get beside its launch before its first task.
var firstMessages = []string{"retry", "cancel", "decide", "hint", "query"}

// early is a verification whose messages wait for the run's first task.
type early struct {
	sent   []string
	person sandbox.Person
	id     string
	mu     sync.Mutex
	// errs holds what became of each message.
	errs map[string]error
}

// send sends a message and notes what becomes of it. It returns once the engine
// holds the message.
func (e *early) send(s *stack, ctx context.Context, wg *sync.WaitGroup, message string) {
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		err := e.deliver(s, ctx, message)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.errs[message] = err
	})
	switch message {
	case "hint":
		<-done
	case "query": // it waits at the client's side of the engine, which shows nobody
	default:
		require.Eventually(s.t, func() bool { return s.holds(e.id, message) }, 20*time.Second, 20*time.Millisecond, "the engine holds no %s", message)
	}
}

func (e *early) deliver(s *stack, ctx context.Context, message string) error {
	switch message {
	case "hint":
		return s.temporal.SignalWorkflow(ctx, e.id, "", workflows.SignalHint, workflows.Hint{Session: 1})
	case "query":
		_, err := s.temporal.QueryWorkflow(ctx, e.id, "", workflows.QueryState)
		return err
	}
	args := map[string]any{
		"retry":  workflows.RetryRequest{Session: 1},
		"cancel": workflows.CancelRequest{Reason: verification.CanceledByCaller},
		"decide": workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved},
	}
	handle, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: e.id, UpdateID: message, UpdateName: message, Args: []any{args[message]}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// holds reports whether the engine holds an update for a run.
func (s *stack) holds(id, updateID string) bool {
	got, err := s.temporal.WorkflowService().PollWorkflowExecutionUpdate(s.t.Context(), &workflowservice.PollWorkflowExecutionUpdateRequest{
		Namespace: s.namespace,
		UpdateRef: &updatepb.UpdateRef{WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}, UpdateId: updateID},
	})
	return err == nil && got.GetStage() == enums.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
}

// refusedAs requires that the run itself refused a message, with the type.
func (e *early) refusedAs(t *testing.T, message, kind string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.Error(t, e.errs[message], message)
	require.True(t, errors.As(e.errs[message], &app), "%v: %v", e.sent, e.errs[message])
	require.Equal(t, kind, app.Type(), "%v", e.sent)
}

// TestEveryMessageIsRightInTheFirstTask: while no worker is up, each message is
// sent to a run that has not begun, alone and in pairs, beside the launch that
// every run has. Once a worker comes each is answered as it would be later; a
// cancel ends the verification before any vendor heard of it; and no task fails.
func TestEveryMessageIsRightInTheFirstTask(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	s.worker.stop(t)
	sets := [][]string{{}}
	for _, first := range firstMessages {
		sets = append(sets, []string{first})
		for _, second := range firstMessages {
			if second != first {
				sets = append(sets, []string{first, second})
			}
		}
	}
	runs := make([]*early, len(sets))
	var starts, messages sync.WaitGroup
	for i, set := range sets {
		runs[i] = &early{sent: set, person: s.person(), errs: map[string]error{}}
		starts.Go(func() {
			a := s.beginAgain(s.request(runs[i].person))
			if a.status == http.StatusAccepted {
				runs[i].id = a.view.ID
			}
		})
	}
	starts.Wait()
	ctx := s.within(3 * time.Minute)
	for _, e := range runs {
		require.NotEmpty(t, e.id, "a start without a worker is accepted")
		require.True(t, s.holds(e.id, workflows.UpdateLaunch))
		for _, message := range e.sent {
			e.send(s, ctx, &messages, message)
		}
	}
	s.startWorker()
	for _, e := range runs {
		what := strings.Join(e.sent, ", ")
		if strings.Contains(what, "cancel") {
			v := s.untilEnd(e.id, time.Minute)
			require.Equal(t, verification.OutcomeCanceled, v.Outcome, what)
			require.Equal(t, verification.CanceledByCaller, v.LastError.Code, what)
			about := s.vendors.Ledger().Select(sandbox.Query{Subject: sandbox.SubjectKey(e.person.IDNumber)})
			require.Empty(t, about.Calls, "%s: no vendor is asked", what)
			continue
		}
		s.play(s.untilLink(e.id, time.Minute), "0")
	}
	messages.Wait()
	for _, e := range runs {
		what := strings.Join(e.sent, ", ")
		if !strings.Contains(what, "cancel") {
			require.Equal(t, verification.OutcomeApproved, s.untilEnd(e.id, time.Minute).Outcome, what)
		}
		for _, message := range e.sent {
			switch message {
			case "retry":
				e.refusedAs(t, message, workflows.RefusedSession)
			case "decide":
				e.refusedAs(t, message, workflows.RefusedState)
			default:
				require.NoError(t, e.errs[message], "%s of %s", message, what)
			}
		}
		for _, event := range s.history(e.id).Events {
			require.NotEqual(t, enums.EVENT_TYPE_WORKFLOW_TASK_FAILED, event.GetEventType(), what)
		}
	}
}

// TestADecisionBeforeAReviewsFirstTaskIsTaken: a case was reopened and decided
// on while no worker was up.
func TestADecisionBeforeAReviewsFirstTaskIsTaken(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	v, _ := s.ended(codeNameMismatch, verification.Completed)
	require.Equal(t, verification.OutcomeDeclined, v.Outcome)
	s.untilWritten(v.ID)
	row, err := s.openStore().Load(t.Context(), v.ID)
	require.NoError(t, err)
	s.worker.stop(t)
	ctx := s.within(2 * time.Minute)
	run, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.ReviewID(v.ID, 2), TaskQueue: workflows.QueueVerification},
		workflows.ReviewWorkflow, workflows.ReviewInput{ID: v.ID, Client: "shop", State: row.State, Reason: verification.IdentityMismatch, Deadline: verification.Duration(time.Minute)})
	require.NoError(t, err)
	e := &early{id: run.GetID(), errs: map[string]error{}}
	var messages sync.WaitGroup
	e.send(s, ctx, &messages, "decide")
	s.startWorker()
	messages.Wait()
	require.NoError(t, e.errs["decide"])
	require.NoError(t, run.Get(ctx, nil))
	require.Equal(t, verification.OutcomeApproved, s.read(v.ID).Outcome)
	require.Equal(t, 2, s.read(v.ID).Verdict.Version)
}
