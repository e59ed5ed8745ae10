package starter

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/workflows"
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

// NoticeResult is the result of handling a notice.
type NoticeResult string

const (
	// NoticeKept: sealed in the store, and the run was told.
	NoticeKept NoticeResult = "kept"
	// NoticeQuiet: sealed in the store, and the run was not told: the ticket is
	// old, or it repeats what the run was told of and the session's hints are used
	// up.
	NoticeQuiet NoticeResult = "quiet"
	// NoticeLate: genuine, for a verification that is over or unknown.
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
		return s.late(ctx, n), nil
	}
	// Only what settles something is kept.
	result, err := vendor.Callback.Judge(session, data)
	switch {
	case errors.Is(err, provider.ErrNoResult):
		return NoticeNoResult, nil
	case err != nil:
		s.log.ErrorContext(ctx, "signed notice does not match the vendor's contract", "verification_id", n.ID, "provider", n.Provider, "session", n.Session)
		return NoticeViolation, nil
	}
	untold, err := s.store.SaveNotice(ctx, store.Notice{
		VerificationID: n.ID, Number: n.Session, Data: data, At: s.now(), Judged: result.Judged, Quiet: n.Late,
	})
	switch {
	case isNotFound(err):
		return s.late(ctx, n), nil
	case err != nil:
		return NoticeFailed, storeError("keep a notice", err)
	case n.Late:
		return NoticeQuiet, nil
	}
	if !untold {
		return noticeOf(s.hint(ctx, n.ID, workflows.Hint{Session: n.Session, Notice: true})) // what was told is no more than a hint
	}
	return noticeOf(s.deliver(ctx, n.ID, n.Session))
}

// late records what came when nothing could change any more.
func (s *Starter) late(ctx context.Context, n Notice) NoticeResult {
	s.log.InfoContext(ctx, "notice arrived after the end", "verification_id", n.ID, "provider", n.Provider, "session", n.Session)
	return NoticeLate
}

// noticeOf is what became of a notice that is kept.
func noticeOf(sent HintResult, err error) (NoticeResult, error) {
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

// deliver signals the run that a notice is in the store. It counts as no hint, so
// that a browser that came back too often does not keep it away.
func (s *Starter) deliver(ctx context.Context, id string, session int) (HintResult, error) {
	sent, err := s.signal(ctx, id, workflows.Hint{Session: session, Notice: true})
	if err != nil {
		return sent, err
	}
	// Of a fault here the vendor need not hear: the run is told again.
	if err := s.store.MarkDelivered(ctx, id, session); err != nil && !isNotFound(err) {
		s.log.WarnContext(ctx, "notice not marked as delivered; it will be delivered again", "verification_id", id, "session", session, "error", storeError("mark a notice as delivered", err))
	}
	return sent, nil
}

const (
	// untoldAge is how old an untold notice is found: older than any call that
	// may still tell of it.
	untoldAge = 10 * time.Second
	// untoldPage is how many are told at a time.
	untoldPage = 200
)

// DeliverNotices tells runs of notices of which nobody could tell them: the engine
// was away when they came, or the api stopped. It returns how many were told.
func (s *Starter) DeliverNotices(ctx context.Context) (int, error) {
	notices, err := s.store.UndeliveredNotices(ctx, s.now().Add(-untoldAge), untoldPage)
	if err != nil {
		return 0, storeError("list untold notices", err)
	}
	told := 0
	for _, n := range notices {
		if _, err := s.deliver(ctx, n.VerificationID, n.Number); err != nil {
			return told, err // the engine is away: the next time
		}
		told++
	}
	return told, nil
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
		return f, false, storeError("read the row", err)
	}
	session, err := s.store.Session(ctx, n.ID, n.Session)
	if errors.Is(err, store.ErrNotFound) || err == nil && session.Provider != n.Provider {
		return f, false, nil
	}
	if err != nil {
		return f, false, storeError("read the session", err)
	}
	f.Handle, f.OpenedAt, f.ExpiresAt = session.Handle, session.OpenedAt, session.ExpiresAt
	if subject := row.Subject(); subject != nil {
		f.Subject = *subject
	}
	return f, !row.Ended, nil
}
