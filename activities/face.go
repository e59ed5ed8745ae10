package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// outagePause bounds the time between two tries while a vendor is down.
const outagePause = 5 * time.Minute

// OpenInput is the argument of OpenSession.
type OpenInput struct {
	ID       string `json:"id"`
	Session  int    `json:"session"`
	Provider string `json:"provider"`
	// MiniProgram: the session begins in the caller's mini program.
	MiniProgram bool `json:"mini_program,omitempty"`
	// SessionsCap is how many sessions one number may have a day; 0: any number.
	SessionsCap int `json:"sessions_cap,omitempty"`
	// RecordsCap is set while the verification still needs an answer of the records:
	// how often they may be asked about one number a day.
	RecordsCap int `json:"records_cap,omitempty"`
}

// OpenResult says until when the session lives; its link is in the store.
type OpenResult struct {
	ExpiresAt time.Time `json:"expires_at"`
	// Capped says why none was opened: a daily cap of the number is reached.
	Capped verification.ReasonCode `json:"capped,omitempty"`
}

// OpenSession opens a face session and puts its link into the store. The
// vendor is not asked again for a session that is known to be open; a lost
// answer costs a second session, of which only the last link is handed out.
func (a *Activities) OpenSession(ctx context.Context, in OpenInput) (OpenResult, error) {
	vendor, err := a.face(in.Provider)
	if err != nil {
		return OpenResult{}, err
	}
	subject, err := a.subject(ctx, in.ID)
	if err != nil {
		return OpenResult{}, err
	}
	hash, day := a.numberToday(subject)
	known, err := a.Store.IntendSession(ctx, store.Session{VerificationID: in.ID, Number: in.Session, Provider: in.Provider},
		store.Caps{NumberHash: hash, Day: day, Sessions: in.SessionsCap, Records: in.RecordsCap})
	switch {
	case errors.Is(err, store.ErrSessionsCap):
		return OpenResult{Capped: verification.SessionDailyCap}, nil
	case errors.Is(err, store.ErrDailyCap):
		return OpenResult{Capped: verification.RecordsDailyCap}, nil
	case err != nil:
		return OpenResult{}, storeError(err)
	}
	if !known.OpenedAt.IsZero() && known.Provider == in.Provider {
		return OpenResult{ExpiresAt: known.ExpiresAt}, nil
	}
	if err := a.switched(ctx, in.Provider, true); err != nil {
		return OpenResult{}, vendorError(err, false, 0)
	}
	opening := provider.Opening{VerificationID: in.ID, Session: in.Session, Subject: subject, MiniProgram: in.MiniProgram}
	returned, err := a.callbackURL(in, sealing.KindReturn)
	if err != nil {
		return OpenResult{}, err
	}
	if !in.MiniProgram {
		opening.ReturnURL, returned = returned, ""
	}
	if vendor.Callback != nil {
		if opening.NotifyURL, err = a.callbackURL(in, sealing.KindNotify); err != nil {
			return OpenResult{}, err
		}
	}
	asking, requestID := provider.WithRequestID(ctx)
	opened, err := vendor.Provider.Open(asking, opening)
	if err != nil {
		a.logVendor(ctx, in.ID, in.Provider, err)
		return OpenResult{}, vendorError(err, false, 0)
	}
	err = a.Store.OpenSession(ctx, store.Session{
		VerificationID: in.ID, Number: in.Session, Provider: in.Provider,
		Link: opened.Link, Returned: returned, Handle: opened.Handle, OpenedAt: a.Now(), ExpiresAt: opened.ExpiresAt, RequestID: requestID(),
	})
	return OpenResult{ExpiresAt: opened.ExpiresAt}, storeError(err)
}

// callbackURL is our callback of a kind, with its ticket.
func (a *Activities) callbackURL(in OpenInput, kind string) (string, error) {
	ticket, err := a.Keys.IssueTicket(sealing.Ticket{
		Provider: in.Provider, Kind: kind, ID: in.ID, Session: in.Session, Expires: a.Now().Add(sealing.TicketLife),
	})
	if err != nil {
		return "", temporal.NewApplicationError("the callback's ticket could not be created", "ticket")
	}
	return fmt.Sprintf("%s/callbacks/%s/%s/%s", strings.TrimRight(a.PublicURL, "/"), url.PathEscape(in.Provider), kind, ticket), nil
}

// SessionInput names one open session.
type SessionInput struct {
	ID       string `json:"id"`
	Session  int    `json:"session"`
	Provider string `json:"provider"`
	// MiniProgram: it began in the caller's mini program.
	MiniProgram bool `json:"mini_program,omitempty"`
	// LookUp: a vendor that notifies us, and allows few look-ups, may be asked.
	LookUp bool `json:"look_up,omitempty"`
	// Capture is set for providers that hand out pictures.
	Capture *CaptureInput `json:"capture,omitempty"`
}

// LookResult is what a look at a session found.
type LookResult struct {
	Phase provider.Phase `json:"phase"`
	// Begun: the vendor was once seen saying that the person had begun.
	Begun bool `json:"begun,omitempty"`
	// Result is set where the vendor's look carries it.
	Result *verification.FaceResult `json:"result,omitempty"`
}

// PollSession looks once and fails with TypePending while the session is not
// over, so that the server calls it again: first after the vendor's PollFirst,
// growing to its PollMax, and rarely once nobody is likely to be there.
func (a *Activities) PollSession(ctx context.Context, in SessionInput) (LookResult, error) {
	vendor, err := a.face(in.Provider)
	if err != nil {
		return LookResult{}, err
	}
	if in.MiniProgram {
		vendor, _ = vendor.InMiniProgram()
	}
	info := activity.GetInfo(ctx)
	next := pollPause(vendor, info.Attempt, info.StartedTime.Sub(info.ScheduledTime))
	out, err := a.look(ctx, vendor, in, next)
	if err == nil && out.Phase != provider.Finished && out.Phase != provider.RanOut {
		return LookResult{}, pending(next)
	}
	return out, err
}

// likelyThere is how long after its link was shown a session's person is likely
// to be on their way through it. Who comes later is seen when their browser
// returns, or at the next of the rare polls.
const likelyThere = 45 * time.Second

// latePause is the time between two polls from then on, at least.
const latePause = 30 * time.Second

// pollPause is the time to the next poll, of a poll that began so long ago.
func pollPause(v provider.FaceVendor, attempt int32, ago time.Duration) time.Duration {
	if ago < likelyThere {
		return backoff(attempt, v.PollFirst, v.PollMax, 1.5)
	}
	return max(v.PollMax, latePause+time.Duration(float64(latePause)*rand.Float64()/5))
}

// LookAtSession looks once and answers what it saw, over or not.
func (a *Activities) LookAtSession(ctx context.Context, in SessionInput) (LookResult, error) {
	vendor, err := a.face(in.Provider)
	if err != nil {
		return LookResult{}, err
	}
	return a.look(ctx, vendor, in, backoff(activity.GetInfo(ctx).Attempt, time.Second, outagePause, 2))
}

// lookPatience bounds a look, all but the comparison that may follow it: the step
// has time for that too, and somebody may wait for a look that never answers. It
// is longer than any vendor call may take (18 s, internal/config).
var lookPatience = 20 * time.Second

func (a *Activities) look(whole context.Context, vendor provider.FaceVendor, in SessionInput, next time.Duration) (LookResult, error) {
	ctx, cancel := context.WithTimeout(whole, lookPatience)
	defer cancel()
	s, known, err := a.session(ctx, in)
	if err != nil {
		return LookResult{}, err
	}
	if known.Outcome != nil {
		return LookResult{Phase: provider.Finished, Begun: true, Result: known.Outcome}, nil
	}
	if vendor.Callback != nil {
		if result, err := a.notified(ctx, vendor, in, s); err != nil {
			return LookResult{}, err
		} else if result != nil {
			return LookResult{Phase: provider.Finished, Begun: result.Begun, Result: result}, nil
		}
	}
	if err := a.switched(ctx, in.Provider, false); err != nil {
		return LookResult{}, vendorError(err, true, switchPause)
	}
	if vendor.Callback != nil {
		if asks, err := a.spendLookup(ctx, in, s); err != nil || !asks {
			return LookResult{Phase: provider.Unasked, Begun: known.Begun}, err
		}
	}
	asking, requestID := provider.WithRequestID(ctx)
	look, err := vendor.Provider.Look(asking, s)
	if provider.ClassOf(err) == provider.Gone && err != nil {
		return LookResult{Phase: provider.RanOut, Begun: known.Begun}, nil
	}
	if err != nil {
		a.logVendor(ctx, in.ID, in.Provider, err)
		if e, ok := errors.AsType[*provider.Error](err); ok && e.Lost && !known.Begun {
			// What the vendor said may have been the result: the person did
			// their part, and must not end as somebody who never came.
			if err := a.Store.MarkBegun(ctx, in.ID, in.Session); err != nil {
				return LookResult{}, storeError(err)
			}
		}
		return LookResult{}, vendorError(err, true, max(next, a.lookupPause(vendor, s)))
	}
	if look.Capture != nil {
		if err := a.Store.MarkCaptured(ctx, in.ID, in.Session); err != nil {
			return LookResult{}, storeError(err)
		}
		comparing, comparedBy := provider.WithRequestID(whole)
		result, err := a.judgeCapture(comparing, in, look.Capture)
		if err != nil {
			return LookResult{}, err
		}
		a.noteResult(whole, s, cmp.Or(comparedBy(), requestID()))
		return a.settle(whole, in, result)
	}
	if known.Captured && look.Result == nil {
		// The pictures were handed out to a try that was lost, and nothing more
		// comes of the session: the person is asked again, and need not wait for its
		// end.
		lost := verification.FaceResult{Reason: verification.SessionInterrupted, Begun: true}
		return LookResult{Phase: provider.Finished, Begun: true, Result: &lost}, nil
	}
	begun := known.Begun
	if look.Phase == provider.Begun && !begun {
		if err := a.Store.MarkBegun(ctx, in.ID, in.Session); err != nil {
			return LookResult{}, storeError(err)
		}
		begun = true
	}
	if look.Result != nil {
		a.noteResult(whole, s, requestID())
		spared := s.Subject.SpareFaceMismatch(*look.Result)
		if vendor.Captures {
			return a.settle(whole, in, spared)
		}
		look.Result = &spared
	}
	out := LookResult{Phase: look.Phase, Begun: begun, Result: look.Result}
	if out.Phase == provider.Finished && out.Result == nil && vendor.Callback == nil {
		out.Result = a.resultAtOnce(whole, vendor, s)
	}
	return out, nil
}

// resultAtOnce fetches the result in the try that saw the end, where that leaves
// time for it and the vendor's limit: a share of it, since all workers together
// keep it only on the queue of FetchSession. nil: it is fetched there, which
// also decides what an error means.
func (a *Activities) resultAtOnce(ctx context.Context, vendor provider.FaceVendor, s provider.FaceSession) *verification.FaceResult {
	if until, ok := ctx.Deadline(); ok && time.Until(until) < fetchReserve || !a.results.allow(vendor) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchReserve-time.Second)
	defer cancel()
	result, err := a.result(ctx, vendor, s)
	if err != nil {
		return nil
	}
	return &result
}

// fetchReserve is the time that a try needs to have left for fetching a result.
const fetchReserve = 4 * time.Second

// settle keeps what a vendor told that tells it only once: this try's answer may
// not reach the engine. The portrait goes with that, unless another session's
// face is to be compared with it.
func (a *Activities) settle(ctx context.Context, in SessionInput, result verification.FaceResult) (LookResult, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	last := true
	switch result.Ending() {
	case verification.EndedUnjudged:
		last = false
	case verification.EndedRetryable:
		last = in.Capture != nil && in.Capture.LastAttempt
	}
	if err := a.Store.SettleSession(ctx, in.ID, in.Session, result, last); err != nil {
		return LookResult{}, storeError(err)
	}
	return LookResult{Phase: provider.Finished, Begun: true, Result: &result}, nil
}

// FetchResult is what came of a session.
type FetchResult struct {
	Result verification.FaceResult `json:"result"`
}

// FetchSession fetches the result of a session that its vendor said is finished,
// which nobody's is who had not begun. Reading it again is free and harmless.
func (a *Activities) FetchSession(ctx context.Context, in SessionInput) (FetchResult, error) {
	vendor, err := a.face(in.Provider)
	if err != nil {
		return FetchResult{}, err
	}
	s, _, err := a.session(ctx, in)
	if err != nil {
		return FetchResult{}, err
	}
	result, err := a.result(ctx, vendor, s)
	if err != nil {
		a.logVendor(ctx, in.ID, in.Provider, err)
		return FetchResult{}, vendorError(err, true, backoff(activity.GetInfo(ctx).Attempt, time.Second, outagePause, 2))
	}
	return FetchResult{Result: result}, nil
}

func (a *Activities) result(ctx context.Context, vendor provider.FaceVendor, s provider.FaceSession) (verification.FaceResult, error) {
	asking, end := unhurried(ctx)
	asking, requestID := provider.WithRequestID(asking)
	result, err := vendor.Provider.Result(asking, s)
	end()
	if provider.ClassOf(err) == provider.Gone && err != nil {
		return verification.FaceResult{Reason: verification.SessionExpired, Begun: true}, nil
	}
	if err != nil {
		return verification.FaceResult{}, err
	}
	a.noteResult(ctx, s, requestID())
	result.Begun = true
	return s.Subject.SpareFaceMismatch(result), nil
}

// noteResult keeps the vendor's id of the call that told how a session ended, for
// evidence. The result does not hang on it.
func (a *Activities) noteResult(ctx context.Context, s provider.FaceSession, requestID string) {
	if requestID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := a.Store.NoteResult(ctx, s.VerificationID, s.Session, requestID); err != nil {
		a.Log.WarnContext(ctx, "failed to store the vendor's request id", "verification_id", s.VerificationID, "session", s.Session)
	}
}

func (a *Activities) session(ctx context.Context, in SessionInput) (provider.FaceSession, store.Session, error) {
	row, err := a.load(ctx, in.ID)
	if err != nil {
		return provider.FaceSession{}, store.Session{}, err
	}
	if row.Ended { // a poll goes with its run, which takes a moment longer
		return provider.FaceSession{}, store.Session{}, rowMissing("the verification has ended")
	}
	subject, err := subjectOf(row)
	if err != nil {
		return provider.FaceSession{}, store.Session{}, err
	}
	s, err := a.Store.Session(ctx, in.ID, in.Session)
	if err != nil {
		return provider.FaceSession{}, store.Session{}, storeError(err)
	}
	return provider.FaceSession{
		VerificationID: in.ID, Session: in.Session, Handle: s.Handle,
		OpenedAt: s.OpenedAt, ExpiresAt: s.ExpiresAt, Subject: subject,
	}, s, nil
}

func (a *Activities) face(name string) (provider.FaceVendor, error) {
	v, ok := a.Vendors.Face(name)
	if !ok {
		return v, unknownProvider(name)
	}
	return v, nil
}

// logVendor logs a failed vendor call by class and code: its text may hold
// what must not be logged. What is ours to mend is an error, for the alert.
func (a *Activities) logVendor(ctx context.Context, id, name string, err error) {
	log, extra := a.Log.WarnContext, []any(nil)
	code, op := "", ""
	if e, ok := errors.AsType[*provider.Error](err); ok {
		code, op = e.Code, e.Op
	}
	class := provider.ClassOf(err)
	if class == provider.Misconfigured || class == provider.ContractViolation {
		log, extra = a.Log.ErrorContext, []any{"remedy", a.Vendors.Remedy(name, class)}
	}
	log(ctx, "vendor call failed", append([]any{"verification_id", id, "provider", name, "operation", op, "class", class, "code", code}, extra...)...)
}
