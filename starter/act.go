package starter

import (
	"context"
	"errors"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Statuses in which a verification can be cancelled.
var open = []verification.Status{verification.RequiresInput, verification.Processing, verification.InReview}

// Again asks for another session or another scan.
type Again struct {
	// Session is the number of the session that the new one replaces.
	Session int
	// NFCReqID is a new chip scan, where one is asked for.
	NFCReqID string
	// Version of the state that the caller read; 0: whatever it is.
	Version int
}

// Retry opens a new session in place of the named one, reads a new chip scan,
// or stands for a lost link, and returns the verification. A repeat opens no
// second one and answers it as it is now. Errors are *Error: NotFound,
// Redacted, InvalidState, InvalidRequest (the scan is missing, or not asked
// for), ReqIDReused, SessionReplaced, VersionConflict, EngineUnavailable,
// Internal.
func (s *Starter) Retry(ctx context.Context, clientID, id string, q Again) (View, error) {
	if q.NFCReqID != "" {
		if err := s.addScan(ctx, clientID, id, q.Session, q.NFCReqID); err != nil {
			return View{}, err
		}
	}
	updateID, err := s.retryID(ctx, clientID, id, q.Session)
	if err != nil {
		return View{}, err
	}
	v, err := s.update(ctx, clientID, id, client.UpdateWorkflowOptions{
		UpdateID:   updateID,
		UpdateName: workflows.UpdateRetry,
		Args:       []any{workflows.RetryRequest{Session: q.Session, Scanned: q.NFCReqID != "", Version: q.Version}},
	})
	if gone, ok := errors.AsType[*ended](err); ok {
		return View{}, invalidState(gone.view.Status, verification.RequiresInput)
	}
	if CodeOf(err) == EngineUnavailable {
		// The run may have taken the retry and wait for a slow vendor.
		if now, readErr := s.Read(ctx, clientID, id); readErr == nil && !now.Partial && now.Attempt.Session > q.Session {
			return now, nil
		}
	}
	return v, err
}

// retryID is the id of the update. Over an open session the call stands for a
// lost link, which may be lost again: were it known as the session's one
// retry, the session could never be replaced later.
func (s *Starter) retryID(ctx context.Context, clientID, id string, session int) (string, error) {
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil {
		return "", storeFault("read the row", err)
	}
	if row.Ended {
		return workflows.RetryUpdateID(session), nil
	}
	st, closed, err := s.query(ctx, id)
	if err != nil && !closed {
		return "", unavailable("read the run", err)
	}
	if next := st.NextAction; !closed && st.Attempt.Session == session && next != nil && next.Type == verification.ActionRedirect {
		return workflows.RelinkUpdateID(session, st.Version), nil
	}
	return workflows.RetryUpdateID(session), nil
}

// addScan keeps a new scan for the retry that brings it. It is only kept where
// one is asked for: what the run would not read must not be used up.
func (s *Starter) addScan(ctx context.Context, clientID, id string, session int, nfcReqID string) error {
	now, err := s.Read(ctx, clientID, id)
	if err != nil {
		return err
	}
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil {
		return storeFault("read the row", err)
	}
	if now.Attempt.Session != session {
		return nil // a repeat, or an old session's number: the run says which
	}
	if now.NextAction == nil || now.NextAction.Type != verification.ActionScanChip {
		return scanFault(false)
	}
	err = s.store.AddScan(ctx, store.Scan{
		VerificationID: id, Number: session + 1, ReqID: nfcReqID, ScannedAt: s.now(),
		Hash: s.keys.Hash(purposeReqID, s.policies[row.Policy.Name].ChipProvider, nfcReqID),
	})
	if errors.Is(err, store.ErrReqIDReused) {
		return &Error{Code: ReqIDReused}
	}
	if err != nil {
		return storeFault("add the scan", err)
	}
	return nil
}

// scanFault: a retry brought a scan where none is asked for, or none where one
// is.
func scanFault(wanted bool) error {
	f := FieldError{Field: "nfc_reqid", Code: "not_expected", Message: "No new chip scan is asked for."}
	if wanted {
		f.Code, f.Message = "required", "A new chip scan is asked for."
	}
	return &Error{Code: InvalidRequest, Fields: []FieldError{f}}
}

// Cancel ends a verification. One that is canceled already is answered as it
// is; one that ended otherwise is InvalidState. version is that of the state
// that the caller read; 0: whatever it is. Errors are *Error, as for Retry.
func (s *Starter) Cancel(ctx context.Context, clientID, id string, reason verification.ReasonCode, version int) (View, error) {
	v, err := s.update(ctx, clientID, id, client.UpdateWorkflowOptions{
		UpdateID:   workflows.UpdateCancel,
		UpdateName: workflows.UpdateCancel,
		Args:       []any{workflows.CancelRequest{Reason: reason, Version: version}},
	})
	if gone, ok := errors.AsType[*ended](err); ok {
		if gone.view.Status == verification.Canceled {
			return gone.view, nil
		}
		// A reopened case has ended, too: only its review can be ended, by deciding.
		if gone.view.Verdict != nil {
			return View{}, invalidState(gone.view.Status, verification.RequiresInput, verification.Processing)
		}
		return View{}, invalidState(gone.view.Status, open...)
	}
	return v, err
}

// ended is how update says that there is no run to ask any more.
type ended struct{ view View }

func (*ended) Error() string { return "starter: the verification has ended" }

// update sends an update to the client's verification and reads it afterwards.
// The engine is asked even about an ended one: it keeps the answers that it
// gave, and a repeat must get the first one's.
func (s *Starter) update(ctx context.Context, clientID, id string, o client.UpdateWorkflowOptions) (View, error) {
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil {
		return View{}, storeFault("read the row", err)
	}
	if o.WorkflowID == "" {
		o.WorkflowID = id
	}
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	wait, cancel := context.WithTimeout(ctx, s.patience)
	handle, err := s.engine.UpdateWorkflow(wait, o)
	if err == nil {
		err = handle.Get(wait, nil)
	}
	cancel()
	if err == nil {
		return s.Read(ctx, clientID, id)
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if refusal := refusal(app, o.UpdateName); refusal != nil {
			return View{}, refusal
		}
	}
	class := classify(err)
	if class == engineFaulty {
		s.log.ErrorContext(ctx, "the engine refuses an update", "id", id, "update", o.UpdateName, "error_type", typeOf(err))
		return View{}, internal(o.UpdateName, err)
	}
	if row.Ended || class != engineSilent {
		v, readErr := s.Read(ctx, clientID, id)
		if readErr != nil || v.Status.Ended() || row.Ended && class == engineGone {
			return View{}, cmpErr(readErr, &ended{view: v})
		}
	}
	// Silent, or a run that has not begun: a later call may find it.
	return View{}, unavailable(o.UpdateName, err)
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// refusal turns a validator's word into ours; nil for another error.
func refusal(app *temporal.ApplicationError, update string) error {
	var st verification.State
	if app.HasDetails() {
		if err := app.Details(&st); err != nil {
			st = verification.State{}
		}
	}
	switch app.Type() {
	case workflows.RefusedSession:
		return &Error{Code: SessionReplaced, Session: st.Attempt.Session, Status: st.Status}
	case workflows.RefusedScan:
		return scanFault(st.NextAction != nil && st.NextAction.Type == verification.ActionScanChip)
	case workflows.RefusedReason:
		return &Error{Code: InvalidRequest, Fields: []FieldError{reasonFault}}
	case workflows.RefusedVersion:
		return &Error{Code: VersionConflict, Status: st.Status}
	case workflows.RefusedState:
		return stateRefused(st.Status, update)
	}
	return nil
}

// stateRefused is what is told of an update that the run's status does not
// allow; nil where how it ends decides.
func stateRefused(now verification.Status, update string) error {
	switch {
	case update == workflows.UpdateCancel && now.Ended(), update == workflows.UpdateDecide && now.Ended():
		return nil // ending right now
	case update == workflows.UpdateCancel:
		return invalidState(now, open...)
	case update == workflows.UpdateDecide && now == verification.InReview:
		return &Error{Code: VersionConflict, Status: now} // another word is being taken
	case update == workflows.UpdateDecide:
		return invalidState(now, verification.InReview)
	}
	return invalidState(now, verification.RequiresInput)
}
