package starter

import (
	"context"
	"fmt"

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

// Consents are what a verification's person agreed to, as far as it is on record.
type Consents struct {
	Status verification.Status
	All    []verification.Consent
}

// Consent notes what the person of the client's verification agreed to, and what
// they withdrew, which ends an open verification. Idempotent. Errors are *Error:
// NotFound, Redacted, InvalidRequest, InvalidState (given after the end),
// EngineUnavailable, Internal.
func (s *Starter) Consent(ctx context.Context, clientID, id string, given []verification.Consent, withdrawn []verification.Purpose) (Consents, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return Consents{}, err
	}
	if faults := checkConsents(given, s.now()); len(faults) > 0 {
		return Consents{}, &Error{Code: InvalidRequest, Fields: faults}
	}
	if len(given) > 0 {
		switch err := s.store.AddConsents(ctx, id, given); {
		case err != nil && isNotFound(err):
			return Consents{}, s.overForConsents(ctx, clientID, id)
		case err != nil:
			return Consents{}, s.storeError(ctx, "note the consents", id, err)
		}
	}
	for i, p := range withdrawn {
		switch found, err := s.store.WithdrawConsent(ctx, id, p, s.now()); {
		case err != nil:
			return Consents{}, s.storeError(ctx, "withdraw a consent", id, err)
		case !found:
			return Consents{}, &Error{Code: InvalidRequest, Fields: []FieldError{{Field: fmt.Sprintf("withdrawn.%d", i), Code: "consent.not_given", Message: "No consent to it is on record."}}}
		}
	}
	if len(withdrawn) > 0 && !row.Ended {
		if _, err := s.Cancel(ctx, clientID, id, verification.ConsentWithdrawn, 0); err != nil && CodeOf(err) != InvalidState {
			return Consents{}, err
		}
	}
	return s.consents(ctx, clientID, id)
}

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
