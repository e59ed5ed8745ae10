package starter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Operation is what an operator asks a verification's run for.
type Operation struct {
	// Verb is the update's name, and Arg its argument.
	Verb string
	Arg  any
	// By is who, Why the reason in free text, which rests sealed in the audit log;
	// What says in a word of ours what is asked for.
	By, Why, What string
}

// RefusedError is a run's no, in a sentence that holds nothing personal.
type RefusedError struct {
	Why    string
	Status verification.Status
}

func (e *RefusedError) Error() string { return e.Why }

// operatorPatience is how long an operator waits for a vendor's answer.
const operatorPatience = 45 * time.Second

// Operate has the run do what an operator asks for, once the audit log has it,
// and reads its answer. Asked again within the minute it is answered as the first
// time. Errors are *RefusedError, or *Error: NotFound, Redacted, EngineUnavailable
// (it may still take effect), Internal.
func (s *Starter) Operate(ctx context.Context, id string, op Operation, answer any) error {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		return s.storeError(ctx, "read the row", id, err)
	}
	if row.State.Status == verification.InReview && row.Ended {
		return &RefusedError{Why: "it was reopened, and its run is over: a reviewer decides it, or its verdict stands", Status: row.State.Status}
	}
	if row.Ended {
		return refusedAfterEnd(row)
	}
	line := store.Audit{At: s.now(), Act: store.ActOps + op.Verb, By: op.By, VerificationID: id, Purpose: op.What, Note: op.Why,
		RequestID: workflows.OpsUpdateID(op.Verb, row.State.Version, s.now())}
	if err := s.store.AuditAct(ctx, line, false); err != nil {
		return s.storeError(ctx, "write the audit log", id, err)
	}
	err = s.askRun(ctx, row, op, line.RequestID, answer)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		line.At, line.Act, line.Note = s.now(), line.Act+".refused", ""
		if err := s.store.AuditAct(ctx, line, false); err != nil && !isNotFound(err) {
			return errors.Join(refused, s.storeError(ctx, "write the audit log", id, err))
		}
	}
	return err
}

func (s *Starter) askRun(ctx context.Context, row store.Row, op Operation, updateID string, answer any) error {
	wait, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	handle, err := s.engine.UpdateWorkflow(wait, client.UpdateWorkflowOptions{
		WorkflowID: row.ID, UpdateID: updateID, UpdateName: op.Verb, Args: []any{op.Arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(wait, answer)
	}
	if err == nil {
		return nil
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return &RefusedError{Why: app.Message(), Status: row.State.Status}
	}
	class := classify(err)
	if class == engineGone {
		if v, readErr := s.settled(ctx, row.Client, row.ID); readErr == nil && v.Status.Ended() {
			return &RefusedError{Why: afterEnd(v.Status), Status: v.Status}
		}
	}
	return refusedBy(class, op.Verb, err)
}

func refusedAfterEnd(row store.Row) error {
	return &RefusedError{Why: afterEnd(row.State.Status), Status: row.State.Status}
}

func afterEnd(now verification.Status) string {
	return fmt.Sprintf("it has ended (%s): only its events can be sent again", now)
}

// ResendAudited is Resend by an operator, whom the audit log names before.
func (s *Starter) ResendAudited(ctx context.Context, id, event, endpoint string, op Operation) (events int, err error) {
	at := s.now()
	line := store.Audit{At: at, Act: store.ActOps + workflows.UpdateResend, By: op.By, VerificationID: id, Purpose: op.What, Note: op.Why,
		RequestID: fmt.Sprintf("%s-%d", workflows.UpdateResend, at.UnixMicro())}
	if err := s.store.AuditAct(ctx, line, false); err != nil {
		return 0, s.storeError(ctx, "write the audit log", id, err)
	}
	return s.resend(ctx, Caller{By: op.By, RequestID: line.RequestID}, id, event, endpoint)
}

// Resend is resend by a worker, for an operator whom the audit log names already.
func (s *Starter) Resend(ctx context.Context, id, event, endpoint string) (events int, err error) {
	return s.resend(ctx, Caller{By: "worker"}, id, event, endpoint)
}

// resend sends a verification's events again, or the one, to every endpoint that
// takes it, or to the one. It returns how many events that were.
func (s *Starter) resend(ctx context.Context, c Caller, id, event, endpoint string) (events int, err error) {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		return 0, s.storeError(ctx, "read the row", id, err)
	}
	c.Client = row.Client
	all, err := s.store.Events(ctx, id)
	if err != nil {
		return 0, s.storeError(ctx, "read events", id, err)
	}
	for _, e := range all {
		if event != "" && e.ID != event {
			continue
		}
		sent, err := s.Redeliver(ctx, c, e.ID, endpoint)
		if err != nil {
			return events, err
		}
		if len(sent) > 0 {
			events++
		}
	}
	if event != "" && events == 0 {
		return 0, &Error{Code: NotFound}
	}
	return events, nil
}
