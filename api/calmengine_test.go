package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// calmEngine does what it is asked and notes whom it was asked about.
type calmEngine struct {
	starter.Engine
	client.WithStartWorkflowOperation
	store store.Store

	mu      sync.Mutex
	started map[string]bool
	touched map[string]bool
}

func (e *calmEngine) note(into map[string]bool, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	into[id] = true
}

func (e *calmEngine) NewWithStartWorkflowOperation(o client.StartWorkflowOptions, _ any, _ ...any) client.WithStartWorkflowOperation {
	e.note(e.started, o.ID)
	return e
}

func (e *calmEngine) UpdateWithStartWorkflow(context.Context, client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return calmUpdate{}, nil
}

// ExecuteWorkflow is an erasure's, signed at once, or a review's: the case is in
// review at once.
func (e *calmEngine) ExecuteWorkflow(ctx context.Context, _ client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if erased, ok := args[0].(workflows.ErasureInput); ok {
		e.note(e.touched, erased.ID)
		return nil, e.store.SignErasure(ctx, erased.ID, "a.b.c", time.Now())
	}
	in := args[0].(workflows.ReviewInput)
	e.note(e.touched, in.ID)
	st := in.State
	st.Status, st.Version = verification.InReview, st.Version+1
	return nil, e.store.Amend(ctx, in.ID, st)
}

func (e *calmEngine) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	id, _, _ := strings.Cut(o.WorkflowID, ":")
	e.note(e.touched, id)
	return calmUpdate{}, nil
}

// CancelWorkflow is a review's: it is over at once.
func (e *calmEngine) CancelWorkflow(ctx context.Context, id, _ string) error {
	id, _, _ = strings.Cut(id, ":")
	e.note(e.touched, id)
	row, err := e.store.Load(ctx, id)
	if err != nil {
		return err
	}
	row.State.CloseReview(time.Now())
	return e.store.Amend(ctx, id, row.State)
}

func (e *calmEngine) SignalWorkflow(_ context.Context, id, _, _ string, _ any) error {
	e.note(e.touched, id)
	return nil
}

func (e *calmEngine) DescribeWorkflow(context.Context, string, string) (*client.WorkflowExecutionDescription, error) {
	return &client.WorkflowExecutionDescription{}, nil
}

func (e *calmEngine) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

type calmUpdate struct{}

func (calmUpdate) WorkflowID() string             { return "" }
func (calmUpdate) RunID() string                  { return "" }
func (calmUpdate) UpdateID() string               { return "" }
func (calmUpdate) Get(context.Context, any) error { return nil }
