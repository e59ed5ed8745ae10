package workflows

import (
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// This file is the contract of the Verification workflow with everybody who
// starts, signals, updates or reads it. Changes here only add. Nothing in it
// holds anything personal or secret.

// VerificationWorkflow is the workflow's name; its id is the verification's.
const VerificationWorkflow = "Verification"

// QueueVerification is the task queue of workflows and of activities that
// only touch the store.
const QueueVerification = "verification"

const (
	// SignalHint: a vendor's callback or a returning browser says "look now".
	SignalHint = "hint"

	// SignalComparing: a captured face is being compared, which takes its time.
	SignalComparing = "comparing"

	// UpdateLaunch answers once there is something to show.
	UpdateLaunch = "launch"
	// UpdateRetry opens a new session in place of the one that it names. Its
	// update id is RetryUpdateID(session).
	UpdateRetry = "retry"
	// UpdateCancel ends the verification.
	UpdateCancel = "cancel"
	// UpdateDecide is a reviewer's word. Its update id is DecideUpdateID(version).
	UpdateDecide = "decide"

	// UpdateOpen comes from the person's page: they agreed, and want a face session.
	// Its update id is OpenUpdateID(session).
	UpdateOpen = "open"
	// UpdateHuman comes from the person's page: they want a human in place of what
	// is left.
	UpdateHuman = "human"

	// UpdateLook, UpdateExtend, UpdateSwitchProvider, UpdateToReview and
	// UpdateResend are operators', from the Temporal UI or by `yanzhen ops`. Each
	// acts once the audit log has it, by its update id: see OpsUpdateID.
	UpdateLook           = "look"
	UpdateExtend         = "extend"
	UpdateSwitchProvider = "switch_provider"
	UpdateToReview       = "to_review"
	UpdateResend         = "resend"

	// QueryState returns a verification.State.
	QueryState = "state"
)

// Types of the errors with which a validator refuses an update.
const (
	// RefusedState: not in this status. Details: verification.State.
	RefusedState = "refused_state"
	// RefusedSession: the named session is not the newest. Details: the State.
	RefusedSession = "refused_session"
	// RefusedVersion: the state has changed since the caller read it. Details:
	// the State.
	RefusedVersion = "refused_version"
	// RefusedScan: a new chip scan is asked for, and the retry brings none; or
	// it brings one and none is asked for. Details: the State.
	RefusedScan = "refused_scan"
	// RefusedReason: no decision, or a reason that does not fit it. Details: the
	// State.
	RefusedReason = "refused_reason"
	// RefusedConsent: the person has not agreed to all that is asked. Details: the
	// State.
	RefusedConsent = "refused_consent"
	// RefusedLate: the page's link ends too soon for a session. Details: the State.
	RefusedLate = "refused_late"
	// RefusedForce: it may harm, or spend what is scarce, and nobody said that it may.
	// Details: the State.
	RefusedForce = "refused_force"
	// RefusedArgument: what is asked for cannot be. Details: the State.
	RefusedArgument = "refused_argument"
	// RefusedAudit: the audit log could not be written, so nothing was done. Details:
	// the State.
	RefusedAudit = "refused_audit"
)

// VerificationInput starts a verification whose row is in the store.
type VerificationInput struct {
	ID     string              `json:"id"`
	Client string              `json:"client"`
	Policy verification.Policy `json:"policy"`
	// Asks are what the person must agree to on our page before a vendor is called;
	// the caller's own consents cover the rest of what the policy asks.
	Asks []verification.Purpose `json:"asks,omitempty"`
	// Face routes the policy's face providers, in its order.
	Face []FaceRoute `json:"face,omitempty"`
	// Records routes the policy's records providers, in its order.
	Records []RecordsRoute `json:"records,omitempty"`
	// Chip routes the chip provider; nil: there is no scan to read.
	Chip *ChipRoute `json:"chip,omitempty"`
}

// RecordsRoute is how the workflow reaches one records provider.
type RecordsRoute struct {
	Provider string `json:"provider"`
	Queue    string `json:"queue"`
}

// ChipRoute is how the workflow reaches the chip provider.
type ChipRoute struct {
	Provider string `json:"provider"`
	Queue    string `json:"queue"`
	// Life is how long a scan's data can be fetched.
	Life verification.Duration `json:"life"`
}

// FaceRoute is how the workflow reaches one face provider.
type FaceRoute struct {
	Provider   string `json:"provider"`
	OpenQueue  string `json:"open_queue"`
	WatchQueue string `json:"watch_queue"`
	// Polled: Look is called in intervals, not only on hints and at expiry.
	Polled bool   `json:"polled"`
	OpenIn string `json:"open_in,omitempty"`
	// Captures: a look may hand out pictures, and only once.
	Captures bool `json:"captures,omitempty"`
	// Grace is how long after its expiry a session is looked at.
	Grace verification.Duration `json:"grace,omitempty"`
	// TellsBegun: a look tells whether the person has begun.
	TellsBegun bool `json:"tells_begun,omitempty"`
	// Notifies: the result comes by a signed callback; look-ups are few.
	Notifies bool `json:"notifies,omitempty"`
	// MiniProgram: its sessions begin in the caller's mini program, so.
	MiniProgram *verification.MiniProgram `json:"mini_program,omitempty"`
}

// VerificationResult is the workflow's result.
type VerificationResult struct {
	Outcome verification.Outcome  `json:"outcome"`
	Reasons []verification.Reason `json:"reasons,omitempty"`
}

// Hint is the payload of SignalHint and SignalComparing.
type Hint struct {
	Session int `json:"session"`
	// Notice: the vendor told, and what it told says whether the person had begun.
	// Else their browser came back.
	Notice bool `json:"notice,omitempty"`
}

// Launched is the result of UpdateLaunch: there is something to show.
type Launched struct {
	Status verification.Status `json:"status"`
}

// RetryRequest is the argument of UpdateRetry.
type RetryRequest struct {
	// Session is the number of the session that the new one replaces.
	Session int `json:"session"`
	// Scanned: a new chip scan, numbered Session+1, is in the store.
	Scanned bool `json:"scanned,omitempty"`
	// Ended: the caller has seen that the session ended, so it is no lost link.
	Ended bool `json:"ended,omitempty"`
	// Version of the state that the caller read; 0: whatever it is.
	Version int `json:"version,omitempty"`
}

// Retried is the result of UpdateRetry.
type Retried struct {
	// Session is the number of the session that is the newest then.
	Session int `json:"session"`
}

// OpenRequest is the argument of UpdateOpen.
type OpenRequest struct {
	// Session is the number of the session that is asked for.
	Session int `json:"session"`
	// Agreed are the purposes whose consents are in the store.
	Agreed []verification.Purpose `json:"agreed,omitempty"`
	// Lost: the session before is open, and the person has lost its page.
	Lost bool `json:"lost,omitempty"`
}

// Opened is the result of UpdateOpen.
type Opened struct {
	// Session is the number of the session that is the newest then.
	Session int `json:"session"`
}

// HumanRequest is the argument of UpdateHuman.
type HumanRequest struct{}

// Asked is the result of UpdateHuman.
type Asked struct {
	Status verification.Status `json:"status"`
}

// CancelRequest is the argument of UpdateCancel.
type CancelRequest struct {
	Reason verification.ReasonCode `json:"reason"`
	// Version of the state that the caller read; 0: whatever it is.
	Version int `json:"version,omitempty"`
}

// Canceled is the result of UpdateCancel.
type Canceled struct {
	Status verification.Status `json:"status"`
}

// DecideRequest is the argument of UpdateDecide. The reviewer's note, and who
// the reviewer is, are in the store.
type DecideRequest struct {
	Decision verification.Decision   `json:"decision"`
	Reason   verification.ReasonCode `json:"reason"`
	// Version of the state that the reviewer read; 0: whatever it is.
	Version int `json:"version,omitempty"`
}

// Decided is the result of UpdateDecide.
type Decided struct {
	Status verification.Status `json:"status"`
}

// LookRequest is the argument of UpdateLook: the session's vendor is asked now.
type LookRequest struct {
	// Session is its number; 0: the newest.
	Session int `json:"session,omitempty"`
	// Spend: one of the few look-ups of a vendor that notifies us may be used up.
	Spend bool `json:"spend,omitempty"`
}

// Looked is the result of UpdateLook.
type Looked struct {
	Session int `json:"session"`
	// Found is the vendor's word: finished, ran_out, begun, untouched, unasked; or
	// no_answer.
	Found string `json:"found"`
}

// ExtendRequest is the argument of UpdateExtend: the clock that runs for the
// person, the caller or the reviewer ends so long from now.
type ExtendRequest struct {
	For verification.Duration `json:"for"`
}

// Extended is the result of UpdateExtend.
type Extended struct {
	ExpiresAt time.Time `json:"expires_at"`
}

// SwitchProviderRequest is the argument of UpdateSwitchProvider: the open session
// ends, and the next one is another provider's.
type SwitchProviderRequest struct {
	// Session is the number of the open session; 0: whichever is open.
	Session int `json:"session,omitempty"`
	// Provider is one of the policy's list; empty: the one after the present one.
	Provider string `json:"provider,omitempty"`
	// Force: also where the person has begun, or nobody can tell.
	Force bool `json:"force,omitempty"`
}

// Switched is the result of UpdateSwitchProvider.
type Switched struct {
	// Session is the newest; on our page the next one opens when its person asks.
	Session int `json:"session"`
	// Provider is where it was opened, or where the next one is to be.
	Provider string `json:"provider"`
}

// ToReviewRequest is the argument of UpdateToReview: no vendor is called any more,
// and a human decides.
type ToReviewRequest struct {
	// Reason is one of the catalogue that leads to review.
	Reason verification.ReasonCode `json:"reason"`
}

// SentToReview is the result of UpdateToReview.
type SentToReview struct {
	Status verification.Status `json:"status"`
}

// ResendRequest is the argument of UpdateResend: events are sent again.
type ResendRequest struct {
	// Event is one event's id; empty: all of the verification's.
	Event string `json:"event,omitempty"`
	// Endpoint is the one that gets them; empty: every one that takes them.
	Endpoint string `json:"endpoint,omitempty"`
}

// Resent is the result of UpdateResend.
type Resent struct {
	Events int `json:"events"`
}

// ReviewWorkflow is the name of the workflow that holds a reopened case in
// review. Its id is ReviewID(verification, version).
const ReviewWorkflow = "Review"

// ReviewInput reopens an ended, completed verification.
type ReviewInput struct {
	ID     string `json:"id"`
	Client string `json:"client"`
	// State is the one that was read when the case was reopened.
	State  verification.State      `json:"state"`
	Reason verification.ReasonCode `json:"reason"`
	// Deadline is how long a reviewer has; silence leaves the verdict standing.
	Deadline verification.Duration `json:"deadline"`
}

// StatusTimeout is how long a caller waits for the engine before it answers
// that the engine is unavailable.
const StatusTimeout = 8 * time.Second
