package starter

import (
	"context"
	"errors"

	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// RetryRequest asks for another session or another scan.
type RetryRequest struct {
	// Session is the number of the session that the new one replaces.
	Session int
	// NFCReqID is a new chip scan, where one is asked for.
	NFCReqID string
	// Version is the revision that the caller read; 0: whatever it is.
	Version int
}

// Retry opens a new session in place of the named one, reads a new chip scan,
// or stands for a lost link, and returns the verification. A repeat opens no
// second one and answers it as it is now. Errors are *Error: NotFound,
// Redacted, InvalidState, InvalidRequest (the scan is missing, or not asked
// for), ReqIDReused, SessionReplaced (also: another scan took the session's
// place), VersionConflict, EngineUnavailable, Internal.
func (s *Starter) Retry(ctx context.Context, clientID, id string, q RetryRequest) (View, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return View{}, err
	}
	st := row.State
	version, err := versionOf(row, q.Version)
	if err != nil && st.Attempt.Session <= q.Session { // else a repeat, of what the first one read
		return View{}, err
	}
	if st.Page && (st.NextAction == nil || st.NextAction.Type != verification.ActionScanChip) && q.NFCReqID == "" && !row.Ended {
		return s.retryOnPage(ctx, row, q)
	}
	if q.NFCReqID != "" {
		if err := s.takeScan(ctx, row, q); err != nil {
			return View{}, err
		}
	}
	updateID := workflows.RetryUpdateID(q.Session)
	next := st.NextAction
	newest := st.Attempt.Session == q.Session && next != nil
	if newest && next.HasLink() {
		// For a lost link, which may be lost again: were it known as the session's
		// one retry, the session could never be replaced later.
		updateID = workflows.RelinkUpdateID(q.Session, st.Version)
	}
	v, err := s.update(ctx, row, client.UpdateWorkflowOptions{
		UpdateID:   updateID,
		UpdateName: workflows.UpdateRetry,
		Args: []any{workflows.RetryRequest{Session: q.Session, Scanned: q.NFCReqID != "", Version: version,
			Ended: newest && next.Type == verification.ActionRetry}},
	})
	return s.retried(ctx, row, q, v, err)
}

// retryOnPage answers a caller whose person acts on our page: the link is the
// same, and nothing is opened while there is nothing to retry. Otherwise it does
// what the page's button does.
func (s *Starter) retryOnPage(ctx context.Context, row store.Row, q RetryRequest) (View, error) {
	st := row.State
	untried := st.LastError == nil && st.Provider == ""
	switch {
	case q.Session+1 == st.Attempt.Session && !untried: // a repeat, whoever retried
		return s.view(ctx, row)
	case q.Session != st.Attempt.Session:
		return View{}, &Error{Code: SessionReplaced, Session: st.Attempt.Session, Status: st.Status}
	case st.Status != verification.RequiresInput:
		return View{}, invalidState(st.Status, verification.RequiresInput)
	case st.Open != nil, untried:
		return s.view(ctx, row)
	}
	return s.openFor(ctx, row, q.Session+1)
}

// retried is the answer to a retry of which the run said this.
func (s *Starter) retried(ctx context.Context, row store.Row, q RetryRequest, v View, err error) (View, error) {
	if gone, ok := errors.AsType[*ended](err); ok {
		if gone.view.Attempt.Session > q.Session {
			return gone.view, nil // a repeat, of one that the run took
		}
		err = invalidState(gone.view.Status, verification.RequiresInput)
	}
	switch CodeOf(err) {
	case "":
		return v, nil
	case EngineUnavailable:
		// The run may have taken the retry and wait for a slow vendor.
		if now, readErr := s.Read(ctx, row.Client, row.ID); readErr == nil && now.Attempt.Session > q.Session {
			return now, nil
		}
	case Internal:
	default:
		if q.NFCReqID != "" {
			s.dropScan(ctx, row, q)
		}
	}
	return View{}, err
}

// takeScan keeps the new scan of a retry that brings one. It is only kept where
// one is asked for: what the run would not read must not be used up.
func (s *Starter) takeScan(ctx context.Context, row store.Row, q RetryRequest) error {
	st := row.State
	switch {
	case st.Attempt.Session > q.Session:
		return s.sameScan(ctx, row, st, q)
	case row.Ended, st.Attempt.Session < q.Session:
		return nil // the run, or its absence, says what is wrong
	case st.NextAction == nil || st.NextAction.Type != verification.ActionScanChip:
		return scanError(false)
	}
	err := s.store.AddScan(ctx, store.Scan{
		VerificationID: row.ID, Number: q.Session + 1, ReqID: q.NFCReqID, ScannedAt: s.now(), Hash: s.scanHash(row, q),
	})
	switch {
	case errors.Is(err, store.ErrReqIDReused):
		return &Error{Code: ReqIDReused}
	case errors.Is(err, store.ErrScanTaken):
		return &Error{Code: SessionReplaced, Session: q.Session + 1, Status: st.Status}
	case err != nil:
		return storeError("add the scan", err)
	}
	return nil
}

// sameScan holds a retry of a session that was replaced to the scan that
// replaced it: one with another scan is no repeat, and its scan was not read.
func (s *Starter) sameScan(ctx context.Context, row store.Row, st verification.State, q RetryRequest) error {
	scan, err := s.store.Scan(ctx, row.ID, q.Session+1)
	switch {
	case err != nil && !isNotFound(err):
		return storeError("read the scan", err)
	case err != nil, !equal(scan.Hash, s.scanHash(row, q)):
		return &Error{Code: SessionReplaced, Session: st.Attempt.Session, Status: st.Status}
	}
	return nil
}

// dropScan gives back a scan that the run refused, for another retry to bring.
func (s *Starter) dropScan(ctx context.Context, row store.Row, q RetryRequest) {
	if err := s.store.DropScan(ctx, row.ID, q.Session+1, s.scanHash(row, q)); err != nil {
		s.log.WarnContext(ctx, "failed to release a rejected scan; its reqid stays used", "verification_id", row.ID, "error", storeError("drop the scan", err))
	}
}

func (s *Starter) scanHash(row store.Row, q RetryRequest) []byte {
	return s.reqIDHash(s.byName()[row.Policy.Name], q.NFCReqID)
}

// scanError: a retry brought a scan where none is asked for, or none where one
// is.
func scanError(wanted bool) error {
	f := FieldError{Field: "nfc_reqid", Code: "nfc_reqid.not_expected", Message: "No chip scan is expected."}
	if wanted {
		f.Code, f.Message = "value.required", "A new chip scan is required."
	}
	return &Error{Code: InvalidRequest, Fields: []FieldError{f}}
}
