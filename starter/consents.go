package starter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// mustBring are the consents that a start must bring and does not: all that the
// policy asks for where the person is not asked on our page; there, the one for
// the chip, which is read at once.
func mustBring(p verification.Policy, req verification.Request) []verification.Purpose {
	required := p.Consents
	if p.Paged() {
		required = nil
		if req.NFCReqID != "" && len(p.Consents) > 0 {
			required = []verification.Purpose{verification.PurposeDocumentChip}
		}
	}
	return verification.Missing(required, req.Consents)
}

// consentFields name the purposes without a consent.
func consentFields(missing []verification.Purpose) []FieldError {
	out := make([]FieldError, 0, len(missing))
	for _, p := range missing {
		out = append(out, FieldError{Field: "consents", Code: "consent.required", Message: "The policy requires the person's consent to " + string(p) + "."})
	}
	return out
}

// ConsentChange is what a person agreed to, and what they withdrew.
type ConsentChange struct {
	Given     []verification.Consent
	Withdrawn []verification.Purpose
	// By is the name of the key with which it is said.
	By        string
	RequestID string
}

// Consents are what a verification's person agreed to, as far as it is on record.
type Consents struct {
	Status verification.Status
	All    []verification.Consent
	// RedactedAt is when the person was erased; zero: they are not.
	RedactedAt time.Time
}

// Consent notes what the person of the client's verification agreed to, and what
// they withdrew: an open verification is ended for that, a verdict stands, and the
// person is erased. From when a withdrawal is on record no vendor is asked any
// more; what the caller or the engine then leaves undone is the sweeper's. A
// repeat gets the same answer. Errors are *Error: NotFound, Redacted,
// InvalidRequest, InvalidState (given after the end), EngineUnavailable, Internal.
func (s *Starter) Consent(ctx context.Context, clientID, id string, c ConsentChange) (Consents, error) {
	if faults := checkConsents(c.Given, s.now()); len(faults) > 0 {
		return Consents{}, &Error{Code: InvalidRequest, Fields: faults}
	}
	_, err := s.row(ctx, clientID, id)
	switch {
	case CodeOf(err) == Redacted && len(c.Given) == 0:
		return s.withdrawnBefore(ctx, id, c.Withdrawn)
	case err != nil:
		return Consents{}, err
	}
	if len(c.Given) > 0 {
		switch err := s.store.AddConsents(ctx, id, c.Given); {
		case err != nil && isNotFound(err):
			return Consents{}, s.overForConsents(ctx, clientID, id)
		case err != nil:
			return Consents{}, s.storeError(ctx, "note the consents", id, err)
		}
	}
	if len(c.Withdrawn) == 0 {
		return s.consents(ctx, clientID, id)
	}
	return s.withdraw(ctx, clientID, id, c)
}

// withdraw notes what the person withdrew, ends what is open and erases them.
func (s *Starter) withdraw(ctx context.Context, clientID, id string, c ConsentChange) (Consents, error) {
	switch unknown, err := s.store.WithdrawConsents(ctx, id, c.Withdrawn, s.now()); {
	case errors.Is(err, store.ErrRedacted):
		return s.withdrawnBefore(ctx, id, c.Withdrawn)
	case err != nil:
		return Consents{}, s.storeError(ctx, "withdraw consents", id, err)
	case len(unknown) > 0:
		return Consents{}, &Error{Code: InvalidRequest, Fields: notGiven(c.Withdrawn, unknown)}
	}
	e, _, err := s.beginErasure(ctx, clientID, id, RedactRequest{Cause: CauseConsent, By: c.By, RequestID: c.RequestID, End: true})
	if err != nil {
		return Consents{}, err
	}
	return s.erasedConsents(ctx, e)
}

func notGiven(asked, unknown []verification.Purpose) []FieldError {
	var out []FieldError
	for i, p := range asked {
		if slices.Contains(unknown, p) {
			out = append(out, FieldError{Field: fmt.Sprintf("withdrawn.%d", i), Code: "consent.not_given", Message: "No consent to it is on record."})
		}
	}
	return out
}

// withdrawnBefore answers a withdrawal that is on record, once the person is
// erased.
func (s *Starter) withdrawnBefore(ctx context.Context, id string, purposes []verification.Purpose) (Consents, error) {
	e, err := s.store.Erasure(ctx, id)
	if err != nil {
		return Consents{}, s.storeError(ctx, "read an erasure", id, err)
	}
	out, err := s.erasedConsents(ctx, e)
	if err != nil {
		return Consents{}, err
	}
	for _, p := range purposes {
		if !slices.ContainsFunc(out.All, func(c verification.Consent) bool { return c.Purpose == p && c.WithdrawnAt != nil }) {
			return Consents{}, &Error{Code: Redacted}
		}
	}
	return out, nil
}

// erasedConsents are those of an erased person: they stay, as proof.
func (s *Starter) erasedConsents(ctx context.Context, e store.Erasure) (Consents, error) {
	all, err := s.store.Consents(ctx, e.ID)
	if err != nil {
		return Consents{}, s.storeError(ctx, "read the consents", e.ID, err)
	}
	return Consents{Status: e.Status, All: all, RedactedAt: e.ErasedAt}, nil
}

// withdrawnAge is how old a withdrawal is before the sweeper looks after it: its
// caller has just begun.
const withdrawnAge = 15 * time.Second

// sweepWithdrawnFor is how long one sweep goes on: an engine that is away is waited
// for with each of them.
const sweepWithdrawnFor = 30 * time.Second

// SweepWithdrawn ends and erases those who withdrew a consent and are neither yet,
// since whoever asked was lost, or the engine was away. One that cannot be ended
// now keeps no other from it: one that has no run yet, say, which ends with its
// first task, or is swept.
func (s *Starter) SweepWithdrawn(ctx context.Context) (erased int, err error) {
	list, err := s.store.Withdrawn(ctx, s.now().Add(-withdrawnAge), sweepPage)
	if err != nil {
		return 0, storeError("list withdrawn consents", err)
	}
	began := time.Now()
	for _, c := range list {
		if time.Since(began) > sweepWithdrawnFor {
			break
		}
		_, _, failed := s.beginErasure(ctx, c.Client, c.ID, RedactRequest{Cause: CauseConsent, By: bySweeper, End: true})
		if failed == nil {
			erased++
		}
		err = cmpErr(err, failed)
	}
	return erased, err
}

// bySweeper is who erased what a caller left undone.
const bySweeper = "sweeper"

// overForConsents is why none can be given any more.
func (s *Starter) overForConsents(ctx context.Context, clientID, id string) error {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return err
	}
	return invalidState(row.State.Status, open...)
}

func (s *Starter) consents(ctx context.Context, clientID, id string) (Consents, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return Consents{}, err
	}
	all, err := s.store.Consents(ctx, id)
	if err != nil {
		return Consents{}, s.storeError(ctx, "read the consents", id, err)
	}
	return Consents{Status: row.State.Status, All: all}, nil
}
