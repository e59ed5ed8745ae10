// Package provider defines what the vendor packages below it implement: interfaces
// for vendors of faces, records, chips and comparisons, their typed error, and the
// registry through which the rest of the code uses them. A new vendor is a new
// package and one line in the list of vendors (cmd/vendors.go). In such a package
// doc.go describes the vendor, wire.go and codes.go hold its JSON and its codes,
// client.go its calls, and config.go its descriptor and settings.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Face is a vendor that judges a person's face in a session of its own page.
// Implementations keep no state, retry nothing by themselves and are safe for
// concurrent use. Every failed call returns an *Error.
type Face interface {
	// Open opens a session. A repeated call opens another one.
	Open(ctx context.Context, o Opening) (Opened, error)
	// Look asks whether the session is over, without side effects.
	Look(ctx context.Context, s FaceSession) (Look, error)
	// Result fetches what came of a session that Look called Finished.
	Result(ctx context.Context, s FaceSession) (verification.FaceResult, error)
}

// Opening is what a vendor needs to open a session.
type Opening struct {
	VerificationID string
	// Session is our number of the session, from 1.
	Session int
	Subject verification.Subject
	// ReturnURL is where the vendor sends the person's browser afterwards: our
	// callback, with its ticket.
	ReturnURL string
	// NotifyURL is where the vendor's server reports the ending: our callback
	// with its ticket; empty where the vendor has none.
	NotifyURL string
	// MiniProgram: the person begins in the caller's WeChat mini program, not on a
	// page. There is no ReturnURL then. Only vendors that say so are asked for it
	// (FaceVendor.MiniProgram).
	MiniProgram bool
}

// Opened is a session that a vendor opened. Link and Handle are secrets.
type Opened struct {
	// Link is the page for the person; of a session for a mini program, the token
	// that its SDK is given.
	Link string
	// Handle is whatever the vendor package needs to find the session again:
	// opaque to everybody else, sealed in the store.
	Handle []byte
	// ExpiresAt is when the link and the session die.
	ExpiresAt time.Time
}

// FaceSession is a session that was opened, with the person it is about.
type FaceSession struct {
	VerificationID string
	Session        int
	Handle         []byte
	OpenedAt       time.Time
	ExpiresAt      time.Time
	Subject        verification.Subject
}

// Phase is how far a session has come.
type Phase string

const (
	Untouched Phase = "untouched" // the person has not begun
	Begun     Phase = "begun"     // the person is in the flow
	Finished  Phase = "finished"  // over, passed or not: fetch the result
	RanOut    Phase = "ran_out"   // the vendor's clock ended it
	Unasked   Phase = "unasked"   // nothing came of it so far; whether the person has begun, its vendor was not asked or cannot tell
)

// Look is a vendor's answer to whether a session is over.
type Look struct {
	Phase Phase
	// Result is set when the vendor's look already carries the result.
	Result *verification.FaceResult
	// Capture is set when the look carries pictures and no judgement. They may
	// be handed out only once, and never leave the caller's memory.
	Capture *Capture
}

// Capture is a face that a vendor captured and compared with nothing.
type Capture struct {
	// Face and Scene are decoded pictures, JPEG or PNG by their first bytes;
	// Scene may be empty.
	Face, Scene []byte
}

// Callback is a face vendor that calls us, or sends the person's browser with
// signed data.
type Callback interface {
	// Verify authenticates what a callback brought for a session and returns
	// the signed data, which is sealed in the store before anybody is told; nil
	// without an error: genuine, but it carries no result. An error is told to
	// nobody: the callback changes nothing.
	Verify(s FaceSession, form url.Values) (data []byte, err error)
	// Judge reads the result out of data that Verify returned. ErrNoResult: the
	// data is genuine and says nothing that counts for the session.
	Judge(s FaceSession, data []byte) (verification.FaceResult, error)
}

// ErrNoResult says that signed data of a session settles nothing: the ending,
// without a judgement, of a link that was never handed out, say. The session
// goes on as if the data had not come.
var ErrNoResult = errors.New("provider: the data is not about the session")

// Chip is a vendor that hands over what an app read from a card's chip.
type Chip interface {
	// Read fetches and opens the data of one scan. It may be repeated within
	// the scan's life. Errors: Unreadable (the person must scan again),
	// Unavailable, RateLimited, Misconfigured.
	Read(ctx context.Context, reqid string) (verification.Card, error)
}

// Comparer says how alike two faces are.
type Comparer interface {
	// Compare returns the vendor's score, 0 to 100. Errors: Incomparable (no
	// face, poor picture), Unavailable, RateLimited, Misconfigured,
	// ContractViolation.
	Compare(ctx context.Context, portrait, face []byte) (score float64, err error)
}

// Records is a vendor that compares name, number and validity dates with the
// authority's records.
type Records interface {
	// Check asks once. The check it returns is the vendor's answer with
	// Billable set; an *Error says whether the question may have been charged.
	Check(ctx context.Context, s verification.Subject) (verification.Check, error)
}

// Class says what a failed vendor call means for us.
type Class string

const (
	// Unavailable: outage, time-out, fault; the same call may work later.
	Unavailable Class = "unavailable"
	// RateLimited: too many calls; later.
	RateLimited Class = "rate_limited"
	// Misconfigured: credentials, permission, balance, parameters: ours to
	// mend, and nothing about the person.
	Misconfigured Class = "misconfigured"
	// ContractViolation: an answer that is not what the contract says.
	ContractViolation Class = "contract_violation"
	// Refused: the vendor cannot serve this person; another may.
	Refused Class = "refused"
	// Gone: the session is unknown or its result is no longer kept.
	Gone Class = "gone"
	// SwitchedOff: an operator's switch keeps the provider from being called.
	SwitchedOff Class = "switched_off"
	// Unreadable: a chip's data cannot be fetched any more, opened or
	// understood; another scan may.
	Unreadable Class = "unreadable"
	// Incomparable: a picture in which no face can be compared.
	Incomparable Class = "incomparable"
)

// Error is a failed vendor call. Its text names the operation, the class and
// the vendor's code, and never holds an upstream body or personal data.
type Error struct {
	// Op is "provider.operation", e.g. "tencent.GetEidToken".
	Op    string
	Class Class
	// Code is the vendor's raw error code or "http_502"; it is shown.
	Code string
	// Reason is what the error means for a check, when it ends one.
	Reason verification.ReasonCode
	// RetryAfter is the vendor's or its contract's wish; 0: ours to choose.
	RetryAfter time.Duration
	// MaxTries bounds how often the same code may come back for one
	// verification before the check ends; 0: only the patience bounds it.
	MaxTries int
	// Lost: the vendor may have answered, and what it said cannot be had again.
	Lost bool
	// Billable: was the failed call charged? Empty means no.
	Billable verification.Billable
	// Err is the cause. It is for errors.Is only: its text is not shown, it
	// may hold a URL or a body.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Op, e.Class, e.Code) }
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns an error's class; an error that no vendor package made is
// Unavailable.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unavailable
}
