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
	"github.com/yanzhen-id/yanzhen/verification/residentid"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// actReopened is the act of a reopening among a verification's decisions.
const actReopened = "reopened"

// rowPause is the time between two looks at a row that a run is about to
// write.
const rowPause = 50 * time.Millisecond

// ReviewRequest is what a reviewer says of a verification.
type ReviewRequest struct {
	// Decision is empty when the case is reopened.
	Decision verification.Decision
	// Reason is of the catalogue.
	Reason verification.ReasonCode
	// Note is for other reviewers. It goes into the store and nowhere else.
	Note string
	// By is the name of the key with which it is said; it is kept where the note
	// is.
	By string
	// Version of the state that the reviewer read; 0: whatever it is.
	Version int
}

// errReason: the word contradicts itself.
var errReason = FieldError{Field: "reason", Code: "reason.not_for_decision", Message: "This reason does not fit the decision."}

// check reports every rule that the word breaks.
func (w ReviewRequest) check() error {
	var faults []FieldError
	_, known := w.Reason.Describe()
	switch {
	case !known:
		faults = append(faults, FieldError{Field: "reason", Code: "reason.unknown", Message: "Unknown reason code."})
	case w.Decision == "" && !w.Reason.FitsReopening():
		faults = append(faults, FieldError{Field: "reason", Code: "reason.not_for_reopening", Message: "This reason does not reopen a verification."})
	case w.Decision != "" && !w.Reason.Fits(w.Decision):
		faults = append(faults, errReason)
	}
	if residentid.ShapedLikeIDNumber(w.Note) {
		faults = append(faults, FieldError{Field: "note", Code: "value.personal_data",
			Message: shapedLikeNumber})
	}
	if len(faults) > 0 {
		return &Error{Code: InvalidRequest, Fields: faults}
	}
	return nil
}

// Decide gives a reviewer's word on a verification in review, a reopened one
// too. A repeat answers it as it is now. Errors are *Error: NotFound, Redacted,
// InvalidRequest, InvalidState, VersionConflict, EngineUnavailable, Internal.
func (s *Starter) Decide(ctx context.Context, clientID, id string, w ReviewRequest) (View, error) {
	if err := w.check(); err != nil {
		return View{}, err
	}
	row, v, reopened, err := s.reviewed(ctx, clientID, id)
	switch {
	case err != nil:
		return View{}, err
	case w.holdsIn(v):
		return v, nil
	case v.Status != verification.InReview:
		return View{}, invalidState(v.Status, verification.InReview)
	}
	version, err := versionOf(row, w.Version)
	if err != nil {
		return View{}, err
	}
	verdict, run := 1, id
	if reopened {
		verdict = v.Verdict.Version + 1
		run = workflows.ReviewID(id, verdict)
	}
	if err := s.addDecision(ctx, clientID, id, verdict, string(w.Decision), w); err != nil {
		return View{}, err
	}
	v, err = s.update(ctx, row, client.UpdateWorkflowOptions{
		WorkflowID: run,
		UpdateID:   workflows.DecideUpdateID(row.State.Version),
		UpdateName: workflows.UpdateDecide,
		Args:       []any{workflows.DecideRequest{Decision: w.Decision, Reason: w.Reason, Version: version}},
	})
	if gone, ok := errors.AsType[*ended](err); ok {
		v, err = gone.view, nil
		if reopened && v.Status == verification.InReview {
			v, err = s.giveBack(ctx, clientID, v)
		}
	}
	switch {
	case err != nil:
		return View{}, err
	case w.holdsIn(v):
		return v, nil
	case v.Status == verification.Completed && v.Verdict != nil && v.Verdict.Version == verdict:
		// Somebody else's word came first: theirs stands, and is not ours.
		return View{}, &Error{Code: VersionConflict, Status: v.Status}
	}
	return View{}, invalidState(v.Status, verification.InReview)
}

// giveBack ends the review of a case whose review run is over without a word:
// a run that ends by itself writes before, so this one never will. The old
// verdict stands.
func (s *Starter) giveBack(ctx context.Context, clientID string, v View) (View, error) {
	if err := s.closeReview(ctx, v.ID, v.State); err != nil {
		return View{}, err
	}
	return s.Read(ctx, clientID, v.ID)
}

func (s *Starter) closeReview(ctx context.Context, id string, st verification.State) error {
	st.EndedByEngine(s.now())
	if err := s.store.Amend(ctx, id, st); err != nil {
		return s.storeError(ctx, "end a review", id, err)
	}
	s.log.WarnContext(ctx, "review ended without writing its end", "verification_id", id)
	return nil
}

// holdsIn reports whether the word is what the verification ended with.
func (w ReviewRequest) holdsIn(v View) bool {
	return v.Status == verification.Completed && v.Verdict != nil && v.Verdict.DecidedBy == verification.ByReviewer &&
		v.Verdict.Decision == w.Decision && len(v.Verdict.Reasons) == 1 && v.Verdict.Reasons[0].Code == w.Reason
}

// reviewed reads a verification, and whether it is reopened.
func (s *Starter) reviewed(ctx context.Context, clientID, id string) (row store.Row, v View, reopened bool, err error) {
	if row, err = s.row(ctx, clientID, id); err != nil {
		return row, View{}, false, err
	}
	v, err = s.view(ctx, row)
	return row, v, row.Ended && v.Status == verification.InReview && v.Verdict != nil, err
}

// addDecision keeps a human's act, with the note, before the run hears of it.
func (s *Starter) addDecision(ctx context.Context, clientID, id string, version int, act string, w ReviewRequest) error {
	err := s.store.AddDecision(ctx, store.Decision{
		VerificationID: id, Version: version, Act: act, Reason: w.Reason, Note: w.Note, By: w.By, At: s.now(),
	})
	if err != nil {
		return storeError("keep the decision", err)
	}
	return nil
}

// Reopen takes a completed verification back into review. A repeat while it is
// there answers it as it is. Errors are *Error: those of Decide, and ReviewOver.
func (s *Starter) Reopen(ctx context.Context, clientID, id string, w ReviewRequest) (View, error) {
	if err := w.check(); err != nil {
		return View{}, err
	}
	row, v, reopened, err := s.reviewed(ctx, clientID, id)
	switch {
	case err != nil:
		return View{}, err
	case reopened:
		return v, nil
	case v.Status != verification.Completed || v.Verdict == nil:
		return View{}, invalidState(v.Status, verification.Completed)
	}
	if _, err := versionOf(row, w.Version); err != nil {
		return View{}, err
	}
	if err := s.addDecision(ctx, clientID, id, v.Verdict.Version, actReopened, w); err != nil {
		return View{}, err
	}
	found, err := s.startReview(ctx, row, w.Reason)
	if err != nil {
		return View{}, err
	}
	over := false
	v, err = s.awaitRow(ctx, clientID, id, func(r store.Row) bool {
		if r.Revision > row.Revision {
			return true
		}
		// A review that was found open may have been about to close: it writes
		// its end a moment before.
		over = found && s.runStatus(ctx, workflows.ReviewID(id, v.Verdict.Version+1)) == runClosed
		return over
	})
	if err == nil && over {
		return View{}, &Error{Code: ReviewOver, Status: v.Status}
	}
	return v, err
}

// startReview starts the run that holds a reopened case in review. found: it
// was started before and is open.
func (s *Starter) startReview(ctx context.Context, row store.Row, reason verification.ReasonCode) (found bool, err error) {
	policy, ok := s.byName()[row.Policy.Name]
	if !ok {
		policy = verification.DefaultPolicy()
		policy.Name, policy.Version = row.Policy.Name, row.Policy.Version
	}
	o := s.startOptions(row, policy, verification.InReview)
	o.ID = workflows.ReviewID(row.ID, row.State.Verdict.Version+1)
	o.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	o.WorkflowExecutionErrorWhenAlreadyStarted = true
	o.StaticSummary = "Reopened, " + o.StaticSummary
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	_, err = s.engine.ExecuteWorkflow(ctx, o, workflows.ReviewWorkflow, workflows.ReviewInput{
		ID: row.ID, Client: row.Client, State: row.State, Reason: reason, Deadline: policy.ReviewDeadline,
	})
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return true, s.startedBefore(ctx, o.ID)
	}
	if err == nil {
		return false, nil
	}
	class := classify(err)
	if class == engineInvalid || class == engineUnready {
		s.notTaken(ctx, class, row.ID, "start the review", err)
	}
	return false, refusedBy(class, "start the review", err)
}

// startedBefore tells a review that another call has just started from one
// that is over.
func (s *Starter) startedBefore(ctx context.Context, run string) error {
	switch s.runStatus(ctx, run) {
	case runOpen:
		return nil
	case runUnknown:
		return unavailable("ask for the review", nil)
	}
	return &Error{Code: ReviewOver, Status: verification.Completed}
}

// awaitRow waits until the row is as it should be, as far as our patience goes,
// and answers it.
func (s *Starter) awaitRow(ctx context.Context, clientID, id string, is func(store.Row) bool) (View, error) {
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	for {
		row, err := s.store.Get(ctx, clientID, id)
		if err != nil {
			return View{}, storeError("read the row", err)
		}
		if is(row) {
			return s.view(ctx, row)
		}
		select {
		case <-time.After(rowPause):
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		return View{}, unavailable("wait for the run to write", nil)
	}
}
