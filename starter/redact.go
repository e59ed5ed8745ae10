package starter

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Causes of an erasure.
const (
	CauseRequest   = store.CauseRequest
	CausePerson    = store.CausePerson
	CauseClient    = store.CauseClient
	CauseRetention = store.CauseRetention
	CauseConsent   = store.CauseConsent
)

// RedactRequest says who has a verification erased, and why.
type RedactRequest struct {
	// Cause is one of the above.
	Cause string
	// By is the name of a key, or of an operator.
	By        string
	RequestID string
	// End: an open one is ended first.
	End bool
}

// Erasure is an erasure as its client sees it.
type Erasure struct {
	ID       string
	ErasedAt time.Time
	// Receipt is the signed receipt; empty until everything is erased.
	Receipt string
}

// Redact erases the person of a verification: the store's part at once, so that
// nobody reads it any more; files, vendors and engine by the Erasure workflow,
// for whose receipt it waits as far as our patience goes. A repeat answers the
// same erasure. Errors are *Error: NotFound, InvalidState (it is open),
// EngineUnavailable, Internal.
func (s *Starter) Redact(ctx context.Context, clientID, id string, q RedactRequest) (Erasure, error) {
	e, begun, err := s.beginErasure(ctx, clientID, id, q)
	if err != nil || !begun {
		return erasureOf(e), err
	}
	return s.awaitReceipt(ctx, e)
}

// beginErasure erases the store's part and starts the run for the rest; begun
// is false where the engine did not take it, and the sweeper sees to it.
func (s *Starter) beginErasure(ctx context.Context, clientID, id string, q RedactRequest) (e store.Erasure, begun bool, err error) {
	if e, err = s.redact(ctx, clientID, id, q); err != nil || e.Receipt != "" {
		return e, err == nil, err
	}
	if err := s.startErasure(ctx, id); err != nil {
		s.log.WarnContext(ctx, "engine did not accept an erasure; it will be retried", "verification_id", id, "error_type", typeOf(err))
		return e, false, nil
	}
	return e, true, nil
}

func (s *Starter) redact(ctx context.Context, clientID, id string, q RedactRequest) (store.Erasure, error) {
	asked := store.Erasure{ID: id, Client: clientID, Cause: q.Cause, By: q.By, RequestID: q.RequestID, ErasedAt: s.now()}
	e, err := s.store.Redact(ctx, asked)
	if errors.Is(err, store.ErrStillOpen) && q.End {
		if err := s.endForErasure(ctx, clientID, id, q.reason()); err != nil && CodeOf(err) != Redacted {
			return store.Erasure{}, err
		}
		e, err = s.store.Redact(ctx, asked)
	}
	if still, ok := errors.AsType[*store.StillOpenError](err); ok {
		return store.Erasure{}, invalidState(still.Status, erasable...)
	}
	if err != nil {
		return store.Erasure{}, s.storeError(ctx, "redact", id, err)
	}
	return e, nil
}

// reason is why an open one is ended.
func (q RedactRequest) reason() verification.ReasonCode {
	if q.Cause == CauseConsent {
		return verification.ConsentWithdrawn
	}
	return verification.CanceledByCaller
}

// erasable are the statuses in which a person may be erased.
var erasable = []verification.Status{verification.Completed, verification.Expired, verification.Canceled, verification.Error}

// endForErasure ends an open verification: it is canceled, or, where it was
// reopened, its review is over and the old verdict stands.
func (s *Starter) endForErasure(ctx context.Context, clientID, id string, reason verification.ReasonCode) error {
	row, v, reopened, err := s.reviewed(ctx, clientID, id)
	switch {
	case err != nil:
		return err
	case !reopened && v.Status.Ended():
		return nil
	case !reopened:
		began := time.Now()
		_, err := s.Cancel(ctx, clientID, id, reason, 0)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == InvalidState && e.Status.Ended() {
			return nil // it ended by itself
		}
		if CodeOf(err) == EngineUnavailable && !row.StartedAt.IsZero() {
			// Its run may be writing another end, and takes no word any more.
			ctx, cancel := context.WithTimeout(ctx, s.patience-time.Since(began))
			defer cancel()
			if _, late := s.awaitRow(ctx, clientID, id, func(r store.Row) bool { return r.Ended }); late == nil {
				return nil
			}
		}
		return err
	}
	call, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	err = s.engine.CancelWorkflow(call, workflows.ReviewID(id, row.State.Verdict.Version+1), "")
	if err != nil && classify(err) != engineGone {
		return unavailable("end the review", err)
	}
	if err != nil { // a review that is over and did not say so
		if _, err := s.finish(ctx, workflows.ReviewID(id, row.State.Verdict.Version+1)); err != nil {
			return err
		}
	}
	_, err = s.awaitRow(ctx, clientID, id, func(r store.Row) bool { return r.State.Status != verification.InReview })
	return err
}

// startErasure starts the erasure's run. One that completed is never started
// again; one that was terminated or failed is, since what it promises must come.
func (s *Starter) startErasure(ctx context.Context, id string) error {
	call, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	_, err := s.engine.ExecuteWorkflow(call, client.StartWorkflowOptions{
		ID: workflows.ErasureID(id), TaskQueue: workflows.QueueVerification,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "Erase " + id,
	}, workflows.ErasureWorkflow, workflows.ErasureInput{ID: id})
	if _, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); err != nil && !started {
		return unavailable("start the erasure", err)
	}
	return nil
}

// receiptPause is how long a receipt is left alone that is not there yet.
const receiptPause = 50 * time.Millisecond

func (s *Starter) awaitReceipt(ctx context.Context, e store.Erasure) (Erasure, error) {
	wait, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for e.Receipt == "" && pause(wait, receiptPause) {
		now, err := s.store.Erasure(wait, e.ID)
		if err != nil {
			break // the person is gone whatever the store says now
		}
		e = now
	}
	return erasureOf(e), nil
}

func erasureOf(e store.Erasure) Erasure {
	return Erasure{ID: e.ID, ErasedAt: e.ErasedAt, Receipt: e.Receipt}
}

// Receipt returns the erasure of a verification of the client. Errors are
// *Error: NotFound (also where nothing was erased), EngineUnavailable, Internal.
func (s *Starter) Receipt(ctx context.Context, clientID, id string) (Erasure, error) {
	e, err := s.store.Erasure(ctx, id)
	if err == nil && e.Client != clientID {
		err = store.ErrNotFound
	}
	if err != nil {
		return Erasure{}, s.storeError(ctx, "read an erasure", id, err)
	}
	return erasureOf(e), nil
}

// unsignedAge is how old an erasure without a receipt is before its run is
// looked after: a caller has just started it.
const unsignedAge = time.Minute

// SweepErasures starts the runs of erasures that have none, since whoever asked
// was lost, or the engine was away.
func (s *Starter) SweepErasures(ctx context.Context) (started int, err error) {
	ids, err := s.store.Unsigned(ctx, s.now().Add(-unsignedAge), sweepPage)
	if err != nil {
		return 0, storeError("list erasures without a receipt", err)
	}
	for _, id := range ids {
		if err := s.startErasure(ctx, id); err != nil {
			return started, err
		}
		started++
	}
	return started, nil
}
