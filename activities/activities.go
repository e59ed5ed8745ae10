// Package activities implements the Temporal activities: the steps of a verification
// with side effects. An activity receives an id, loads what it needs from the store,
// calls a vendor, writes the result to the store and returns checks, so that no
// personal data passes through the engine.
package activities

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Store is what the activities ask of the database.
type Store interface {
	Load(ctx context.Context, id string) (store.Row, error)
	MarkStarted(ctx context.Context, id string, at time.Time) error
	Publish(ctx context.Context, id string, s verification.State) error
	Finish(ctx context.Context, id string, s verification.State) error
	IntendSession(ctx context.Context, s store.Session, caps store.Caps) (store.Session, error)
	OpenSession(ctx context.Context, s store.Session) error
	Session(ctx context.Context, id string, number int) (store.Session, error)
	MarkBegun(ctx context.Context, id string, number int) error
	MarkCaptured(ctx context.Context, id string, number int) error
	Scan(ctx context.Context, id string, number int) (store.Scan, error)
	SaveCard(ctx context.Context, id string, card verification.Card, numberHash []byte) error
	Portrait(ctx context.Context, id string) ([]byte, error)
	NoteResult(ctx context.Context, id string, number int, requestID string) error
	SettleSession(ctx context.Context, id string, number int, outcome verification.FaceResult, last bool) error
	Notice(ctx context.Context, id string, number int) ([]byte, error)
	CountLookup(ctx context.Context, id string, number, budget int) (int, error)
	Switch(ctx context.Context, provider string) (store.Switch, error)
	Amend(ctx context.Context, id string, s verification.State) error
	Calls(ctx context.Context, id string) ([]store.Call, error)
	IntendCall(ctx context.Context, c store.Call, numberHash []byte, day string, dailyCap int) (store.Call, error)
	AnswerCall(ctx context.Context, c store.Call) error
	AuditAct(ctx context.Context, a store.Audit, once bool) error
}

// Keys makes the keyed hashes and callback tickets.
type Keys interface {
	Hash(purpose string, parts ...string) []byte
	IssueTicket(t sealing.Ticket) (string, error)
}

// Activities are the steps; its methods are registered with the workers.
type Activities struct {
	Store   Store
	Keys    Keys
	Vendors *provider.Registry
	// PublicURL is the base of our callbacks, without a slash at its end.
	PublicURL string
	Now       func() time.Time
	// Switches are the providers' configured switches; none: on.
	Switches map[string]store.SwitchState
	Log      *slog.Logger
	// Comparing tells the verification's run that a captured face is being
	// compared, which takes its time; nil: nobody is told.
	Comparing func(ctx context.Context, id string, session int) error
	// Resending sends events of a verification again, and returns how many.
	Resending func(ctx context.Context, id, event, endpoint string) (int, error)
	// Ended hears of every end that was written, and Linked of the first link for the
	// person, for the metrics; nil: nobody does.
	Ended, Linked func(verification.State)
	// After waits within an activity; nil: time.After.
	After func(time.Duration) <-chan time.Time

	reported, linked reportedOnce
	results          shares
}

// BeginInput is the argument of Begin.
type BeginInput struct {
	ID     string              `json:"id"`
	Policy verification.Policy `json:"policy"`
}

// BeginResult holds the local checks.
type BeginResult struct {
	Checks []verification.Check `json:"checks"`
	// Minor: the claimed person is under 14 by the number.
	Minor bool `json:"minor,omitempty"`
	// Withdrawn: the person withdrew a consent before the run began.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// Begin marks the row started, so that the sweeper leaves it alone, and does
// the checks that cost nothing. Without a row it fails with TypeRowMissing.
func (a *Activities) Begin(ctx context.Context, in BeginInput) (BeginResult, error) {
	row, err := a.Store.Load(ctx, in.ID)
	if err != nil {
		return BeginResult{}, storeError(err)
	}
	if err := a.Store.MarkStarted(ctx, in.ID, a.Now()); err != nil {
		return BeginResult{}, storeError(err)
	}
	out := BeginResult{Withdrawn: row.Withdrawn}
	if in.Policy.Wants(verification.DocumentValidity) && row.Request.Subject != nil {
		out.Checks = append(out.Checks, verification.DocumentCheck(*row.Request.Subject, a.Now()))
	}
	if row.Request.Subject != nil {
		out.Minor = verification.Minor(*row.Request.Subject, a.Now())
	}
	return out, nil
}

// PublishInput is the argument of Publish.
type PublishInput struct {
	ID    string             `json:"id"`
	State verification.State `json:"state"`
}

// Publish writes a state that readers are answered from. Idempotent.
func (a *Activities) Publish(ctx context.Context, in PublishInput) error {
	err := a.Store.Publish(ctx, in.ID, in.State)
	// One state at most is written in the task in which the link came.
	if at := in.State.LinkedAt; err == nil && a.Linked != nil && at != nil && in.State.UpdatedAt.Equal(*at) && a.linked.first(in.ID, in.State.Version) {
		a.Linked(in.State)
	}
	return storeError(err)
}

// FinishInput is the argument of Finish.
type FinishInput struct {
	ID    string             `json:"id"`
	State verification.State `json:"state"`
}

// Finish writes the end and erases the links and tokens. Idempotent. A consent that
// was withdrawn before is the end, also of a run that has not heard of it.
func (a *Activities) Finish(ctx context.Context, in FinishInput) error {
	if row, err := a.Store.Load(ctx, in.ID); err == nil && row.Withdrawn {
		in.State.Withdraw()
	}
	err := a.Store.Finish(ctx, in.ID, in.State)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRedacted) {
		a.Log.WarnContext(ctx, "no row to write the end to", "verification_id", in.ID, "status", in.State.Status)
		return nil
	}
	if err == nil {
		a.reportEnd(in.ID, in.State)
	}
	return storeError(err)
}

// Amend writes a later state of an ended verification: it was reopened, or its
// review is over. Idempotent.
func (a *Activities) Amend(ctx context.Context, in FinishInput) error {
	err := a.Store.Amend(ctx, in.ID, in.State)
	// A review that nobody decided leaves an old verdict standing.
	if v := in.State.Verdict; err == nil && v != nil && v.DecidedBy == verification.ByReviewer {
		a.reportEnd(in.ID, in.State)
	}
	return storeError(err)
}

// reportEnd tells of an end once, also where a step is repeated because its answer
// was lost.
func (a *Activities) reportEnd(id string, s verification.State) {
	if a.Ended != nil && s.Status.Ended() && a.reported.first(id, s.Version) {
		a.Ended(s)
	}
}

// reportedOnce remembers the newest states that this process told of.
type reportedOnce struct {
	mu       sync.Mutex
	versions map[string]int
}

func (t *reportedOnce) first(id string, version int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.versions[id] >= version {
		return false
	}
	if t.versions == nil || len(t.versions) >= 4096 { // steps are repeated soon
		t.versions = map[string]int{}
	}
	t.versions[id] = version
	return true
}

// load loads the row for a step that asks a vendor, or acts on what one said: after
// a consent was withdrawn there is no such step any more, whatever the run has
// heard of it.
func (a *Activities) load(ctx context.Context, id string) (store.Row, error) {
	row, err := a.Store.Load(ctx, id)
	if err != nil {
		return store.Row{}, storeError(err)
	}
	if row.Withdrawn {
		return store.Row{}, withdrawn()
	}
	return row, nil
}

// subject loads the person that a vendor is asked about. What a chip told rests
// as it came, so its name's separators are made the authority's here.
func (a *Activities) subject(ctx context.Context, id string) (verification.Subject, error) {
	row, err := a.load(ctx, id)
	if err != nil {
		return verification.Subject{}, err
	}
	return subjectOf(row)
}

func subjectOf(row store.Row) (verification.Subject, error) {
	subject := row.Subject()
	if subject == nil {
		return verification.Subject{}, rowMissing("the row has no subject")
	}
	return subject.Normalised(), nil
}

// unhurried is a context for a vendor's call whose answer is kept once it was
// asked: it ends with the try, and not with the run's wish to cancel it.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	call := context.WithoutCancel(ctx)
	if end, ok := ctx.Deadline(); ok {
		return context.WithDeadline(call, end)
	}
	return call, func() {}
}
