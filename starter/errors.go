package starter

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Code is a stable name for why something was refused or failed.
type Code string

const (
	// InvalidRequest: Fields say which rules the request breaks.
	InvalidRequest Code = "invalid_request"
	// IdempotencyKeyReused: the key stands for another request.
	IdempotencyKeyReused Code = "idempotency_key_reused"
	// NotFound: unknown, or another client's.
	NotFound Code = "not_found"
	// Redacted: the person was erased.
	Redacted Code = "redacted"
	// CursorExpired: events after the cursor are older than the feed serves.
	CursorExpired Code = "cursor_expired"
	// InvalidState: not possible in the present status; Allowed says in which.
	InvalidState Code = "invalid_state"
	// SessionReplaced: Session is the newest one.
	SessionReplaced Code = "session_replaced"
	// ReqIDReused: the chip scan was used before, by whomever.
	ReqIDReused Code = "reqid_reused"
	// AlreadyOpen: the client has an open verification of this person, ID.
	AlreadyOpen Code = "already_open"
	// ConsentRequired: the policy requires consents that are not there; Fields name
	// their purposes.
	ConsentRequired Code = "consent_required"
	// LinkExpiring: the person's link ends too soon for another session.
	LinkExpiring Code = "link_expiring"
	// VersionConflict: the verification has changed since the caller read it.
	VersionConflict Code = "version_conflict"
	// ReviewOver: the verdict was reopened before, and its review is over.
	ReviewOver Code = "review_over"
	// RateLimited: too many wait for a change already.
	RateLimited Code = "rate_limited"
	// EngineUnavailable: no answer from the engine or the store; what was asked
	// for may still take effect, unless Untouched says that it will not.
	EngineUnavailable Code = "engine_unavailable"
	// Internal: a fault of ours.
	Internal Code = "internal_error"
)

// FieldError is one broken rule of a request. Nothing in it was sent by the
// caller.
type FieldError struct {
	// Field is the member, e.g. "subject.id_number".
	Field string
	// Code is the rule.
	Code    string
	Message string
}

// Error is why something was refused or failed. Its text and members hold
// nothing personal; the cause is for logs' classes only and is not shown.
type Error struct {
	Code Code
	// ID is the verification's that a failed start was about, if there is one.
	ID     string
	Fields []FieldError
	// Status is the present one and Allowed those in which the call would have
	// been possible, with InvalidState.
	Status  verification.Status
	Allowed []verification.Status
	// Session is the newest session, with SessionReplaced.
	Session int
	// Op is what failed, in our words, with Internal and EngineUnavailable.
	Op string
	// Untouched: what was asked for has not taken effect and never will, with
	// EngineUnavailable.
	Untouched bool
	Err       error
}

// Error names the code and, for faults, the operation and the cause's type:
// a cause's text may quote what was sent.
func (e *Error) Error() string {
	text := "starter: " + string(e.Code)
	if e.Op != "" {
		text += ": " + e.Op
	}
	switch {
	case errors.Is(e.Err, store.ErrFull):
		text += ": " + store.ErrFull.Error()
	case e.Err != nil:
		text += fmt.Sprintf(" (%T)", e.Err)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns an error's code, nothing for nil, and Internal for an error
// that is not ours.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

func internal(op string, err error) *Error { return &Error{Code: Internal, Op: op, Err: err} }

func unavailable(op string, err error) *Error {
	return &Error{Code: EngineUnavailable, Op: op, Err: err}
}

// refusedBy is the error of a call that the engine did not take, by class.
func refusedBy(class engineClass, op string, err error) *Error {
	switch class {
	case engineInvalid:
		return internal(op, err)
	case engineUnready:
		return &Error{Code: EngineUnavailable, Op: op, Untouched: true, Err: err}
	}
	return unavailable(op, err)
}

func invalidState(now verification.Status, allowed ...verification.Status) *Error {
	return &Error{Code: InvalidState, Status: now, Allowed: allowed}
}

// storeError turns a store's error into ours. A row that somebody changed past
// us is an alarm, and never an answer.
func (s *Starter) storeError(ctx context.Context, op, id string, err error) *Error {
	if errors.Is(err, store.ErrChanged) {
		s.log.ErrorContext(ctx, "row changed outside of yanzhen: restore the store from a backup", "verification_id", id, "operation", op)
		s.changed()
	}
	return storeError(op, err)
}

func storeError(op string, err error) *Error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &Error{Code: NotFound}
	case errors.Is(err, store.ErrRedacted):
		return &Error{Code: Redacted}
	case errors.Is(err, store.ErrCursorExpired):
		return &Error{Code: CursorExpired}
	case store.Unavailable(err):
		return unavailable(op, err)
	}
	return internal(op, err)
}

func isNotFound(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRedacted)
}

// engineClass says what an engine's error means for us.
type engineClass int

const (
	// engineSilent: no answer, or none in time; it may have taken effect.
	engineSilent engineClass = iota
	// engineGone: the run is unknown or closed.
	engineGone
	// engineRefused: the run itself said no, with an application error.
	engineRefused
	// engineInvalid: a request that can never work; ours to mend.
	engineInvalid
	// engineUnready: it does not know the namespace or its search attributes, and
	// took nothing. Each part of a server learns of them some seconds after yanzhen
	// setup; after that they were removed.
	engineUnready
)

// classify sorts the engine's errors, by type. What it does not know counts as
// silence: the caller may ask again, and nothing was promised.
func classify(err error) engineClass {
	if _, ok := errors.AsType[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err); ok {
		return engineSilent
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return engineSilent
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return engineGone
	}
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return engineGone
	}
	if _, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return engineRefused
	}
	if e, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
		if unknownAttribute.MatchString(e.Message) {
			return engineUnready
		}
		return engineInvalid
	}
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return engineUnready
	}
	if _, ok := errors.AsType[*serviceerror.PermissionDenied](err); ok {
		return engineInvalid
	}
	return engineSilent
}

// unknownAttribute is how servers up to 1.32 tell that a namespace lacks a search
// attribute: by nothing but the text of an invalid argument.
var unknownAttribute = regexp.MustCompile(`no mapping defined for search attribute|search attribute \S+ is not defined`)
