// Package store is the database: verifications with their personal data, which is
// encrypted, sessions, events, deliveries, erasures and the audit log. The engine
// must not see the personal data, and the verdict must outlive the engine. One
// implementation serves SQLite and PostgreSQL.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

var (
	// ErrNotFound: no such row, or not this client's.
	ErrNotFound = errors.New("store: not found")
	// ErrRedacted: the row's personal part was erased.
	ErrRedacted = errors.New("store: redacted")
	// ErrDailyCap: the number's charged or possibly charged record checks of
	// the day reached the cap; nothing was written.
	ErrDailyCap = errors.New("store: daily cap")
	// ErrSessionsCap: the number's sessions of the day reached the cap; nothing
	// was written.
	ErrSessionsCap = errors.New("store: daily cap of sessions")
	// ErrReqIDReused: another verification, or another scan of this one, brought
	// the same chip scan; nothing was written.
	ErrReqIDReused = errors.New("store: the chip scan was used before")
	// ErrScanTaken: another chip scan stands in the place of this one; nothing was
	// written.
	ErrScanTaken = errors.New("store: another chip scan has the number")
	// ErrBudget: as many look-ups as the vendor allows were made.
	ErrBudget = errors.New("store: no look-ups left")
	// ErrChanged: a row or an event is not what this key set's owner wrote:
	// somebody changed the database. It is an alarm, and never answered from.
	ErrChanged = errors.New("store: changed outside of yanzhen")
	// ErrAlreadyOpen: the client has an open verification of the same person; an
	// *AlreadyOpenError names it. Nothing was written.
	ErrAlreadyOpen = errors.New("store: already open")
	// ErrFull: the disk under the database takes no more; reads may go on.
	ErrFull = errors.New("the disk under the database is full")
	// ErrOtherKeys: the store was made with another hash key, or needs a key that is
	// not in the key set.
	ErrOtherKeys = errors.New("store: created with another key set")
)

// AlreadyOpenError names the open verification.
type AlreadyOpenError struct{ ID string }

func (e *AlreadyOpenError) Error() string { return ErrAlreadyOpen.Error() + ": " + e.ID }

// Is makes it an ErrAlreadyOpen.
func (e *AlreadyOpenError) Is(target error) bool { return target == ErrAlreadyOpen }

// Store is what the product asks of its database. All methods are safe for
// concurrent use, and every write is one transaction. What names a row that is
// not there gets ErrNotFound; a redacted one gives and takes nothing more
// (ErrRedacted). Times come back in UTC, in whole microseconds.
type Store interface {
	// Insert writes a new row and reports created; it is processing unless
	// r.State says otherwise, and neither started nor ended. When the id exists
	// it changes nothing but StartCalledAt, which never goes back, and returns
	// the row that is there (ErrRedacted if erased); the caller compares the
	// fingerprints.
	Insert(ctx context.Context, r Row) (existing Row, created bool, err error)
	// Get returns a row of the client.
	Get(ctx context.Context, client, id string) (Row, error)
	// Load returns a row for the run itself, whose client needs no check.
	Load(ctx context.Context, id string) (Row, error)
	// MarkStarted notes that the run exists. Idempotent. ErrNotFound when the
	// row was swept.
	MarkStarted(ctx context.Context, id string, at time.Time) error
	// Publish writes a state of a running verification, and the event that
	// follows from it. A state of a lower version than the row's changes nothing,
	// nor does one after the end: what was published may be corrected, and never
	// goes back. A status that is an end is an error.
	Publish(ctx context.Context, id string, s verification.State) error
	// Finish writes the end and its event over whatever is no end, and erases
	// links, handles, portrait, scan ids and tickets' counters. Idempotent: an
	// end stands. A status that is no end is an error.
	Finish(ctx context.Context, id string, s verification.State) error

	// IntendSession writes that a session is about to be opened, and returns
	// the session if it is already known (OpenedAt set: do not open again). An
	// intent that was not opened passes to the provider that now intends. One that
	// would exceed the caps is not written: ErrSessionsCap, ErrDailyCap.
	IntendSession(ctx context.Context, s Session, caps Caps) (Session, error)
	// OpenSession stores what the vendor answered; the last one wins. A session
	// that was closed, or whose verification ended, keeps no link or handle.
	OpenSession(ctx context.Context, s Session) error
	Session(ctx context.Context, id string, number int) (Session, error)
	// LatestSession returns the newest session that has a link, ErrNotFound
	// without one.
	LatestSession(ctx context.Context, id string) (Session, error)
	MarkBegun(ctx context.Context, id string, number int) error
	// MarkCaptured is MarkBegun for a session whose pictures were handed out.
	MarkCaptured(ctx context.Context, id string, number int) error
	// SettleSession stores the outcome of a session whose vendor returns it only once,
	// so that it is not lost with the caller; the first outcome stands. last: no
	// session can need the chip's portrait any more, and it is erased with that.
	SettleSession(ctx context.Context, id string, number int, outcome verification.FaceResult, last bool) error
	// NoteResult stores the vendor's id of the call that returned a session's result.
	NoteResult(ctx context.Context, id string, number int, requestID string) error
	// CloseSession erases the session's link and handle.
	CloseSession(ctx context.Context, id string, number int) error
	// CountHint counts one more hint for a session and returns the count;
	// ErrNotFound for one that was closed, whose counter is gone.
	CountHint(ctx context.Context, id string, number int) (int, error)

	// AddScan writes a further scan. Idempotent. ErrReqIDReused, ErrScanTaken, or
	// ErrNotFound after the end.
	AddScan(ctx context.Context, v Scan) error
	// DropScan gives back a scan that nobody will read.
	DropScan(ctx context.Context, id string, number int, hash []byte) error
	Scan(ctx context.Context, id string, number int) (Scan, error)
	// SaveCard stores a chip's data, and separately its portrait (nil: none is
	// kept). ErrNotFound after the end.
	// numberHash is the holder's number, by which the row is found where nobody was
	// claimed.
	SaveCard(ctx context.Context, id string, card verification.Card, numberHash []byte) error
	// Portrait returns the chip's portrait, nil where none is kept.
	Portrait(ctx context.Context, id string) ([]byte, error)

	// SaveNotice stores signed data that a vendor sent about a session: the first
	// notice, except that one with a judgement replaces one without. It reports
	// whether the run must still be notified of the stored one. ErrNotFound for
	// an unknown session and after the end.
	SaveNotice(ctx context.Context, v Notice) (undelivered bool, err error)
	// MarkDelivered records that the run knows of the session's notice.
	// UndeliveredNotices returns notices stored before the time of which the run does
	// not know yet, without data, the oldest first.
	MarkDelivered(ctx context.Context, id string, number int) error
	UndeliveredNotices(ctx context.Context, before time.Time, limit int) ([]Notice, error)
	// Notice returns it; nil: none came.
	Notice(ctx context.Context, id string, number int) ([]byte, error)
	// CountLookup counts one more look-up before it is made, and returns the
	// count. ErrBudget once the budget is used up.
	CountLookup(ctx context.Context, id string, number, budget int) (int, error)

	// Amend writes a later state of an ended verification, and its event: it was
	// reopened, or its review is over. A lower or equal version changes nothing.
	Amend(ctx context.Context, id string, s verification.State) error
	// AddDecision notes a human's act, each reviewer's own. Idempotent: of the
	// same word of the same reviewer the first one stands.
	AddDecision(ctx context.Context, d Decision) error
	// Decisions returns them by version, the oldest first.
	Decisions(ctx context.Context, id string) ([]Decision, error)

	// AddConsents notes what the person agreed to; of each purpose the first one
	// stands. ErrNotFound after the end. Those of the request are written by Insert.
	AddConsents(ctx context.Context, id string, given []verification.Consent) error
	// Consents returns them, the oldest first, withdrawn ones too.
	Consents(ctx context.Context, id string) ([]verification.Consent, error)
	// WithdrawConsents notes that consents were withdrawn, also after the end; of
	// each the first time stands. unknown are those of which none is on record:
	// nothing is changed then.
	WithdrawConsents(ctx context.Context, id string, purposes []verification.Purpose, at time.Time) (unknown []verification.Purpose, err error)
	// Withdrawn returns those of which a consent was withdrawn before the time, and
	// whose person is not erased yet.
	Withdrawn(ctx context.Context, before time.Time, limit int) ([]Chosen, error)
	// ByPageCode returns the row whose page's code has the hash.
	ByPageCode(ctx context.Context, hash []byte) (Row, error)

	// SetSwitch adds a setting; Switches returns all of them, by provider, the
	// oldest first.
	SetSwitch(ctx context.Context, v Switch) error
	// Switch returns a provider's newest setting; its zero value: none.
	Switch(ctx context.Context, provider string) (Switch, error)
	Switches(ctx context.Context) ([]Switch, error)

	// Calls returns the verification's questions to its records vendor.
	Calls(ctx context.Context, id string) ([]Call, error)
	// IntendCall writes the intent of a question, unless numberHash has
	// reached the cap on that day (ErrDailyCap). day is YYYYMMDD in
	// Asia/Shanghai; intents without an answer and unknown ones count.
	IntendCall(ctx context.Context, c Call, numberHash []byte, day string, dailyCap int) (Call, error)
	// AnswerCall completes a call. Idempotent: the first answer stands.
	AnswerCall(ctx context.Context, c Call) error

	// Unstarted returns ids of rows never marked started whose last start call
	// is older than before; Sweep deletes one of them if that still holds.
	Unstarted(ctx context.Context, before time.Time, limit int) ([]string, error)
	Sweep(ctx context.Context, id string, before time.Time) (deleted bool, err error)
	// Overdue returns rows without an end, or reopened, whose clocks are over
	// since before the time, the oldest first.
	Overdue(ctx context.Context, before time.Time, limit int) ([]string, error)
	// Unended returns rows that were started and have no end, by id from after the
	// given one.
	Unended(ctx context.Context, after string, limit int) ([]string, error)

	// Overview returns what is open and what may need an operator, with at
	// most limit examples of each kind.
	Overview(ctx context.Context, now time.Time, limit int) (Overview, error)
	// Measure counts, for the metrics, what is open, waits, or is kept.
	Measure(ctx context.Context, now time.Time) (Measures, error)

	// ReadOutputs returns the row of the line's verification and client, and writes
	// the line in the same transaction; if the row is not completed, no line is
	// written.
	ReadOutputs(ctx context.Context, a Audit) (Row, error)
	// ReadEvidence is ReadOutputs for signed evidence: if the row has not ended, no
	// line is written.
	ReadEvidence(ctx context.Context, a Audit) (Row, error)
	// Audited returns a verification's lines, the oldest first, without their notes.
	Audited(ctx context.Context, id string) ([]Audit, error)
	// AuditAct writes a line of an operator's act on the line's verification; once:
	// unless there is one of the same act and request.
	AuditAct(ctx context.Context, a Audit, once bool) error
	// AuditConfiguration notes that the configuration, whose hash is the line's
	// Purpose, is another one than the last that was noted.
	AuditConfiguration(ctx context.Context, a Audit) error
	// Configured is the hash that was noted last, and when; empty: none was.
	Configured(ctx context.Context) (hash string, at time.Time, err error)
	// SealAudit chains the lines that wait for it, some at a time, and returns how
	// many. It may run in many processes.
	SealAudit(ctx context.Context) (n int, err error)
	// AuditWaits is when the oldest line was written that waits for the sealer; the
	// zero time: none does.
	AuditWaits(ctx context.Context) (time.Time, error)
	// AuditLines returns chained lines after a position, with their notes.
	AuditLines(ctx context.Context, after int64, limit int) ([]Audit, error)
	// AuditAnchor returns the end of the chain; VerifyAudit finds whatever is not as
	// it was written, by the anchors, whose signatures are the caller's to check,
	// also a cut end.
	AuditAnchor(ctx context.Context) (Anchor, error)
	VerifyAudit(ctx context.Context, anchors []Anchor) (AuditReport, error)

	// Steps returns what was done for a verification, the oldest first.
	Steps(ctx context.Context, id string) ([]Step, error)

	// List returns a page of clients' rows.
	List(ctx context.Context, q Query) ([]Row, error)
	// Changed returns the revisions of rows that are other than the known ones, a
	// JSON object by id, in one query; 0: the row is not there. Whoever asks again
	// and again, for thousands, has the text ready.
	Changed(ctx context.Context, known string) (map[string]int, error)
	// Events returns a verification's events in their order.
	Events(ctx context.Context, id string) ([]Event, error)
	Outbox
	Visits
	Erasures
	Retained
	Keyring
	Recordings

	Ping(ctx context.Context) error
	Close() error
}
