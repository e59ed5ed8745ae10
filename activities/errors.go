package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Types of the errors that activities return to the engine, beside the
// provider's classes. They stand in the clear in a run's history.
const (
	// TypePending: the vendor's session is not over. Benign: no fault.
	TypePending = "pending"
	// TypeOtherSpelling: the records are asked once more, with the name in its
	// other spelling. Benign: no fault.
	TypeOtherSpelling = "other_spelling"
	// TypeWithdrawn: the person withdrew a consent, and the run is being ended for
	// that. Benign: no fault.
	TypeWithdrawn = "consent_withdrawn"
	// TypeStore: the database did not answer.
	TypeStore = "store"
	// TypeRowMissing: no such row, or its personal data was erased.
	TypeRowMissing = "row_missing"
)

// pending says that a session is not over, and when to look again. It is
// benign, so that a poll is neither logged nor counted as a failure.
func pending(next time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("the session is not over", TypePending, temporal.ApplicationErrorOptions{
		NextRetryDelay: next,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// otherSpelling asks for another try, in which the name has its other spelling.
// A try of its own has the whole time of one call.
func otherSpelling() error {
	return temporal.NewApplicationErrorWithOptions("the name has another spelling", TypeOtherSpelling, temporal.ApplicationErrorOptions{
		NextRetryDelay: time.Millisecond,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// withdrawnPause is how long a step is left alone that may ask no vendor any more:
// it goes with its run.
const withdrawnPause = 5 * time.Second

// withdrawn keeps a step from asking a vendor, and from acting on what one said.
func withdrawn() error {
	return temporal.NewApplicationErrorWithOptions("a consent was withdrawn", TypeWithdrawn, temporal.ApplicationErrorOptions{
		NextRetryDelay: withdrawnPause,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// isWithdrawn reports whether a step may ask no vendor any more.
func isWithdrawn(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.Type() == TypeWithdrawn
}

// vendorError turns a failed vendor call into the engine's terms. The cause
// stays behind: its text may hold what must not stand in a history.
func vendorError(err error, retryable bool, next time.Duration) error {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e // in the engine's terms already
	}
	message, class := "vendor call failed", provider.Unavailable
	var details []any
	if e, ok := errors.AsType[*provider.Error](err); ok {
		message, class = e.Error(), e.Class
		next = max(next, e.RetryAfter)
		if e.Reason != "" {
			details = []any{e.Reason}
		}
	}
	return temporal.NewApplicationErrorWithOptions(message, string(class), temporal.ApplicationErrorOptions{
		NonRetryable:   !retryable,
		NextRetryDelay: next,
		Details:        details,
	})
}

// ReasonOf reads the reason that the vendor's error has for a check; otherwise
// is what it is without one.
func ReasonOf(err error, otherwise verification.ReasonCode) verification.ReasonCode {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || !e.HasDetails() {
		return otherwise
	}
	var reason verification.ReasonCode
	if e.Details(&reason) != nil || reason == "" {
		return otherwise
	}
	return reason
}

// storeError turns a store's error into the engine's terms, without its text.
func storeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrRedacted):
		return rowMissing("no such row, or its personal data was erased")
	}
	if errors.Is(err, store.ErrFull) {
		return temporal.NewApplicationError(store.ErrFull.Error(), TypeStore)
	}
	return temporal.NewApplicationError("the store did not answer", TypeStore)
}

func rowMissing(why string) error {
	return temporal.NewNonRetryableApplicationError(why, TypeRowMissing, nil)
}

// NextDelay is when the step may be tried again, as its error says; 0: it does not.
func NextDelay(err error) time.Duration {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.NextRetryDelay()
	}
	return 0
}

// RowMissing reports whether a step failed because there is no such row, or its
// personal data was erased.
func RowMissing(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.Type() == TypeRowMissing
}

// WasAsked reports whether a vendor's step failed by the vendor's word, or an
// operator's who keeps it from being asked. A step that no worker took, or that
// was lost, and a store that is away say nothing of the vendor.
func WasAsked(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && (ClassOf(err) != provider.Unavailable || e.Type() == string(provider.Unavailable))
}

// ClassOf reads the vendor's error class off an activity's error in the
// workflow. Whatever is no vendor's word, a lost worker or a time-out say,
// counts as unavailable.
func ClassOf(err error) provider.Class {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		switch c := provider.Class(e.Type()); c {
		case provider.RateLimited, provider.Misconfigured, provider.ContractViolation, provider.Refused, provider.Gone, provider.SwitchedOff:
			return c
		}
	}
	return provider.Unavailable
}

// backoff grows from first to longest by factor with each attempt (from 1),
// with a fifth of jitter either way: the server's own backoff has none, and
// many sessions that met the same outage would come back together.
func backoff(attempt int32, first, longest time.Duration, factor float64) time.Duration {
	d := float64(first)
	for i := int32(1); i < attempt && d < float64(longest); i++ {
		d *= factor
	}
	d = min(d, float64(longest))
	return time.Duration(d * (0.8 + 0.4*rand.Float64()))
}
