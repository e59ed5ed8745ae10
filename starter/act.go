package starter

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Statuses in which a verification can be canceled.
var open = []verification.Status{verification.RequiresInput, verification.Processing, verification.InReview}

// Cancel ends a verification. One that is canceled already is answered as it
// is; one that ended otherwise is InvalidState. version is that of the state
// that the caller read; 0: whatever it is. Errors are *Error, as for Retry.
func (s *Starter) Cancel(ctx context.Context, clientID, id string, reason verification.ReasonCode, revision int) (View, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return View{}, err
	}
	version, err := versionOf(row, revision)
	if err != nil && row.State.Status != verification.Canceled { // else a repeat, of what the first one read
		return View{}, err
	}
	v, err := s.update(ctx, row, client.UpdateWorkflowOptions{
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

// update sends an update to the verification and reads it afterwards. The
// engine is asked even about an ended one: it keeps the answers that it gave,
// and a repeat must get the first one's.
func (s *Starter) update(ctx context.Context, row store.Row, o client.UpdateWorkflowOptions) (View, error) {
	if o.WorkflowID == "" {
		o.WorkflowID = row.ID
	}
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	wait, cancel := context.WithTimeout(ctx, s.patience)
	err := s.updateOnce(wait, o)
	for behind(err, row) && pause(wait, behindPause) {
		err = s.updateOnce(wait, o)
	}
	cancel()
	if err == nil {
		return s.Read(ctx, row.Client, row.ID)
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if refusal := refusal(app, o.UpdateName); refusal != nil {
			return View{}, refusal
		}
	}
	class := classify(err)
	if class == engineInvalid || class == engineUnready {
		s.notTaken(ctx, class, row.ID, o.UpdateName, err)
		return View{}, refusedBy(class, o.UpdateName, err)
	}
	if row.Ended || class != engineSilent {
		v, readErr := s.settled(ctx, row.Client, row.ID)
		if readErr != nil || v.Status.Ended() || row.Ended && class == engineGone {
			return View{}, cmpErr(readErr, &ended{view: v})
		}
	}
	// Silent, or a run that has not begun: a later call may find it.
	return View{}, unavailable(o.UpdateName, err)
}

func (s *Starter) updateOnce(ctx context.Context, o client.UpdateWorkflowOptions) error {
	handle, err := s.engine.UpdateWorkflow(ctx, o)
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// behindPause is how long a run that is behind its row is left alone.
const behindPause = 50 * time.Millisecond

// behind reports whether a run refused an update because it has not come, once
// more, to where its row stands already: the task that wrote the row was lost
// with its worker and is being tried again.
func behind(err error, row store.Row) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || !app.HasDetails() {
		return false
	}
	var st verification.State
	return app.Details(&st) == nil && st.Version != 0 && st.Version < row.State.Version
}

// pause waits for so long, or less if the context ends.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// settled reads a verification whose run is over or unknown, as the engine
// says: it wrote its end before, or it never will.
func (s *Starter) settled(ctx context.Context, clientID, id string) (View, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return View{}, err
	}
	if !row.Ended && !row.StartedAt.IsZero() {
		if fate := s.runStatus(ctx, id); fate == runClosed || fate == runAbsent {
			if _, err := s.finish(ctx, id); err != nil {
				return View{}, err
			}
			return s.Read(ctx, clientID, id)
		}
	}
	return s.view(ctx, row)
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
		return scanError(st.NextAction != nil && st.NextAction.Type == verification.ActionScanChip)
	case workflows.RefusedReason:
		return &Error{Code: InvalidRequest, Fields: []FieldError{errReason}}
	case workflows.RefusedVersion:
		return &Error{Code: VersionConflict, Status: st.Status}
	case workflows.RefusedConsent:
		return &Error{Code: ConsentRequired, Fields: consentFields(st.Asks)}
	case workflows.RefusedLate:
		return &Error{Code: LinkExpiring, Status: st.Status}
	case workflows.RefusedState:
		return stateError(st.Status, update)
	}
	return nil
}

// stateError is what is told of an update that the run's status does not
// allow; nil where how it ends decides.
func stateError(now verification.Status, update string) error {
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

// versionOf is the version of the state that a caller read, by its revision; 0
// for whatever it is. VersionConflict: it has changed since.
func versionOf(row store.Row, revision int) (int, error) {
	switch revision {
	case 0:
		return 0, nil
	case row.Revision:
		return row.State.Version, nil
	}
	return 0, &Error{Code: VersionConflict, Status: row.State.Status}
}
