package starter

import (
	"context"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Reading says who reads a person's data, and what for.
type Reading struct {
	Client, ID string
	// By is the name of the key.
	By string
	// Purpose is one of the client's configured words.
	Purpose   string
	RequestID string
}

// Outputs returns whom a completed verification was about: the claimed person
// or the chip's holder, whatever the verdict. That it was read is on record
// before it is told. Errors are *Error: NotFound, Redacted, InvalidState,
// EngineUnavailable (the store), Internal.
func (s *Starter) Outputs(ctx context.Context, r Reading) (verification.Subject, error) {
	row, err := s.store.ReadOutputs(ctx, store.Audit{At: s.now(), Act: store.ActReadOutputs, Client: r.Client, By: r.By,
		VerificationID: r.ID, Purpose: r.Purpose, RequestID: r.RequestID})
	if err != nil {
		return verification.Subject{}, s.storeError(ctx, "read outputs", r.ID, err)
	}
	subject := row.Subject()
	if row.State.Status != verification.Completed {
		return verification.Subject{}, invalidState(row.State.Status, verification.Completed)
	}
	if subject == nil {
		return verification.Subject{}, internal("read outputs: completed without a person", nil)
	}
	return *subject, nil
}
