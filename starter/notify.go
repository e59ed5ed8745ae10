package starter

import (
	"context"
	"errors"
	"net/url"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
)

// Notice is what a callback with a genuine ticket brought.
type Notice struct {
	Provider string
	// ID and Session name the session, as the ticket does.
	ID      string
	Session int
	// Form is the vendor's, and proves nothing before it is verified.
	Form url.Values
	// Late: the ticket's time is over, so that nobody is told.
	Late bool
}

// NoticeResult tells what became of a notice.
type NoticeResult string

const (
	// NoticeKept: sealed in the store, and the run was told.
	NoticeKept NoticeResult = "kept"
	// NoticeQuiet: sealed in the store, and the run was not told: the session's
	// hints are used up, or the ticket is old.
	NoticeQuiet NoticeResult = "quiet"
	// NoticeLate: genuine, for a session that is over or unknown.
	NoticeLate NoticeResult = "late"
	// NoticeEmpty: genuine, and without data.
	NoticeEmpty NoticeResult = "empty"
	// NoticeNoResult: genuine data that settles nothing.
	NoticeNoResult NoticeResult = "no_result"
	// NoticeViolation: signed data that cannot be read.
	NoticeViolation NoticeResult = "violation"
	// NoticeRefused: not genuine.
	NoticeRefused NoticeResult = "refused"
	// NoticeUnsupported: the provider's callbacks carry no data.
	NoticeUnsupported NoticeResult = "unsupported"
	// NoticeFailed: a fault of ours; the vendor may try again.
	NoticeFailed NoticeResult = "failed"
)

// Notify verifies what a vendor sent, seals it in the store, and only then
// tells the run that it is there. It works with all workers down. Errors are
// *Error: NotFound (refused or unsupported: nothing changed), and, where the
// vendor may try again, EngineUnavailable and Internal.
func (s *Starter) Notify(ctx context.Context, n Notice) (NoticeResult, error) {
	vendor, ok := s.registry.Face(n.Provider)
	if !ok || vendor.Callback == nil {
		return NoticeUnsupported, &Error{Code: NotFound}
	}
	session, live, err := s.noticed(ctx, n)
	if err != nil {
		return NoticeFailed, err
	}
	data, err := vendor.Callback.Verify(session, n.Form)
	switch {
	case err != nil:
		return NoticeRefused, &Error{Code: NotFound} // the cause may quote the form
	case data == nil:
		return NoticeEmpty, nil
	case !live:
		return NoticeLate, nil
	}
	// Only what settles something is kept: the first notice stands.
	_, err = vendor.Callback.Judge(session, data)
	switch {
	case errors.Is(err, provider.ErrNoResult):
		return NoticeNoResult, nil
	case err != nil:
		s.log.ErrorContext(ctx, "a vendor signed what is not in its contract", "id", n.ID, "provider", n.Provider, "session", n.Session)
		return NoticeViolation, nil
	}
	err = s.store.SaveNotice(ctx, n.ID, n.Session, data)
	switch {
	case isNotFound(err):
		return NoticeLate, nil
	case err != nil:
		return NoticeFailed, storeFault("keep a notice", err)
	case n.Late:
		return NoticeQuiet, nil
	}
	return s.tell(ctx, n)
}

// tell signals the run that a notice is in the store.
func (s *Starter) tell(ctx context.Context, n Notice) (NoticeResult, error) {
	sent, err := s.Hint(ctx, n.ID, n.Session)
	switch {
	case err != nil:
		return NoticeFailed, err
	case sent == HintLate:
		return NoticeLate, nil
	case sent == HintDropped:
		return NoticeQuiet, nil
	}
	return NoticeKept, nil
}

// noticed loads the session that a notice is about. live: its end may still be
// told. Of one that is over or unknown only what the ticket says is known,
// which is enough to know a vendor's signature.
func (s *Starter) noticed(ctx context.Context, n Notice) (f provider.FaceSession, live bool, err error) {
	f = provider.FaceSession{VerificationID: n.ID, Session: n.Session}
	row, err := s.store.Load(ctx, n.ID)
	if isNotFound(err) {
		return f, false, nil
	}
	if err != nil {
		return f, false, storeFault("read the row", err)
	}
	session, err := s.store.Session(ctx, n.ID, n.Session)
	if errors.Is(err, store.ErrNotFound) || err == nil && session.Provider != n.Provider {
		return f, false, nil
	}
	if err != nil {
		return f, false, storeFault("read the session", err)
	}
	f.Handle, f.OpenedAt, f.ExpiresAt = session.Handle, session.OpenedAt, session.ExpiresAt
	if subject := row.Subject(); subject != nil {
		f.Subject = *subject
	}
	return f, !row.Ended, nil
}
