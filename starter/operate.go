package starter

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// OperatorPatience is how long an operator waits for a vendor's answer.
const OperatorPatience = 45 * time.Second

// Operate sends the run what an operator asks for, once that is in the audit log,
// and reads its answer into answer. repeated reports that the same was asked for
// within the minute, and was answered as the first time; what was refused is asked
// anew. Errors are *RefusedError, or *Error: NotFound, Redacted, EngineUnavailable
// (it may still take effect, unless Untouched), Internal.
func (s *Starter) Operate(ctx context.Context, id string, op Operation, answer any) (repeated bool, err error) {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		return false, undone(s.storeError(ctx, "read the row", id, err))
	}
	updateID, repeated, err := s.operationID(ctx, row, op)
	if err != nil {
		return false, err
	}
	return repeated, s.operate(ctx, id, op, updateID, func() error {
		reopened := row.Ended && row.State.Status == verification.InReview && row.State.Verdict != nil
		switch {
		case reopened && op.Verb == workflows.UpdateExtend:
			return s.askRun(ctx, row, workflows.ReviewID(id, row.State.Verdict.Version+1), op, updateID, answer)
		case reopened:
			return &RefusedError{Why: "it was reopened, and its run is over: it can be extended, or a reviewer decides it", Status: row.State.Status}
		case row.Ended:
			return &RefusedError{Why: afterEnd(row.State.Status), Status: row.State.Status}
		}
		return s.askRun(ctx, row, id, op, updateID, answer)
	})
}

// operate does what an operator asks for between two lines of the audit log: that
// they asked, and, where it was refused, that it was.
func (s *Starter) operate(ctx context.Context, id string, op Operation, requestID string, do func() error) error {
	line := store.Audit{At: s.now(), Act: store.ActOps + op.Verb, By: op.By, VerificationID: id, Purpose: op.What, Note: op.Why, RequestID: requestID}
	if err := s.store.AuditAct(ctx, line, false); err != nil {
		return undone(s.storeError(ctx, "write the audit log", id, err))
	}
	err := do()
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		line.At, line.Act, line.Note = s.now(), line.Act+actRefused, ""
		if err := s.store.AuditAct(ctx, line, false); err != nil && !isNotFound(err) {
			return errors.Join(refused, s.storeError(ctx, "write the audit log", id, err))
		}
	}
	return err
}

// undone is the error of what came before anything was done.
func undone(err *Error) *Error {
	err.Untouched = true
	return err
}

// actRefused ends the act of what an operator was refused.
const actRefused = ".refused"

// operationID is the update's id, and whether the same was asked for before: what
// else is asked for of the same state is no repeat, nor is what was refused before,
// say for want of "force".
func (s *Starter) operationID(ctx context.Context, row store.Row, op Operation) (id string, repeated bool, err error) {
	lines, err := s.store.Audited(ctx, row.ID)
	if err != nil {
		return "", false, undone(s.storeError(ctx, "read the audit log", row.ID, err))
	}
	refused := 0
	for _, l := range lines {
		if l.Act == store.ActOps+op.Verb+actRefused {
			refused++
		}
	}
	arg, err := json.Marshal(op.Arg)
	if err != nil {
		return "", false, internal(op.Verb, err)
	}
	sum := sha256.Sum256(arg)
	id = fmt.Sprintf("%s-%x-%d", workflows.OpsUpdateID(op.Verb, row.State.Version, s.now()), sum[:4], refused)
	return id, slices.ContainsFunc(lines, func(l store.Audit) bool { return l.RequestID == id }), nil
}

func (s *Starter) askRun(ctx context.Context, row store.Row, run string, op Operation, updateID string, answer any) error {
	wait, cancel := context.WithTimeout(ctx, OperatorPatience)
	defer cancel()
	handle, err := s.engine.UpdateWorkflow(wait, client.UpdateWorkflowOptions{
		WorkflowID: run, UpdateID: updateID, UpdateName: op.Verb, Args: []any{op.Arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
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
		if refused := s.gone(ctx, row, run); refused != nil {
			return refused
		}
	}
	return refusedBy(class, op.Verb, err)
}

// gone says why there is no run to ask: it has ended, or it never began; nil: the
// engine does not tell.
func (s *Starter) gone(ctx context.Context, row store.Row, run string) error {
	v, err := s.settled(ctx, row.Client, row.ID)
	switch fate := s.runStatus(ctx, run); {
	case err != nil:
		return nil
	case v.Status.Ended():
		return &RefusedError{Why: afterEnd(v.Status), Status: v.Status}
	case row.Ended && (fate == runClosed || fate == runAbsent):
		return &RefusedError{Why: "its review is over without a word: its verdict stands, as readers will see within a minute", Status: v.Status}
	case fate == runAbsent:
		return &RefusedError{Why: "its run never began: it begins when the caller repeats the start, else it is deleted an hour after", Status: v.Status}
	}
	return nil
}

func afterEnd(now verification.Status) string {
	return fmt.Sprintf("it has ended (%s): only its events can be sent again", now)
}

// ResendAudited is Resend by an operator, whom the audit log names before. What
// nobody would get is refused.
func (s *Starter) ResendAudited(ctx context.Context, id, event, endpoint string, op Operation) (events int, err error) {
	requestID := fmt.Sprintf("%s-%d", workflows.UpdateResend, s.now().UnixMicro())
	err = s.operate(ctx, id, op, requestID, func() error {
		events, err = s.resend(ctx, Caller{By: op.By, RequestID: requestID}, id, event, endpoint)
		switch code := CodeOf(err); {
		case code == NotFound:
			return &RefusedError{Why: "it has no such event"}
		case code == InvalidRequest:
			return &RefusedError{Why: "its client has no such endpoint"}
		case err == nil && events == 0:
			return &RefusedError{Why: "none of its client's endpoints takes its events, so nothing was sent"}
		}
		return err
	})
	return events, err
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
	known := event == ""
	for _, e := range all {
		if event != "" && e.ID != event {
			continue
		}
		known = true
		if endpoint == "" && len(s.endpoints.Taking(row.Client, e.Type)) == 0 {
			continue
		}
		if _, err := s.Redeliver(ctx, c, e.ID, endpoint); err != nil {
			return events, err
		}
		events++
	}
	if !known {
		return 0, &Error{Code: NotFound}
	}
	return events, nil
}
