package starter

import (
	"context"
	"crypto/hmac"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Read reads a verification of the client from the store: it works with engine
// and workers away. Errors are *Error: NotFound (also for another client's),
// Redacted, EngineUnavailable (the store), Internal.
func (s *Starter) Read(ctx context.Context, clientID, id string) (View, error) {
	row, err := s.row(ctx, clientID, id)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, row)
}

func (s *Starter) row(ctx context.Context, clientID, id string) (store.Row, error) {
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil {
		return store.Row{}, s.storeError(ctx, "read the row", id, err)
	}
	return row, nil
}

// Owner returns which of the clients the verification is of. Errors are *Error,
// as for Read.
func (s *Starter) Owner(ctx context.Context, clients []string, id string) (string, error) {
	for _, client := range clients {
		_, err := s.store.Get(ctx, client, id)
		if err == nil {
			return client, nil
		}
		if fault := storeError("read the row", err); fault.Code != NotFound {
			return "", fault
		}
	}
	return "", &Error{Code: NotFound}
}

// Unknown is the revision to give to Wait when no earlier answer is known.
const Unknown = -1

// Wait reads a verification of the client once its revision is another than the
// known one, it has ended, or d is over. To a caller who knows none (Unknown)
// it answers at once what waits for somebody, and otherwise waits for a change.
func (s *Starter) Wait(ctx context.Context, clientID, id string, known int, d time.Duration) (View, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	v, err := s.Read(ctx, clientID, id)
	if err != nil || d <= 0 || v.Status.Ended() || known == Unknown && waitsForSomebody(v) || known != Unknown && v.Revision != known {
		return v, err
	}
	changed, leave := s.waiting.join(id, v.Revision)
	defer leave()
	select {
	case <-deadline.C:
		return v, nil
	case <-ctx.Done():
		return v, nil
	case <-changed:
	}
	next, err := s.Read(ctx, clientID, id)
	if err != nil && ctx.Err() != nil {
		return v, nil
	}
	return next, err
}

// waitsForSomebody: the verification does not go on by itself, but by the
// caller, the person or a reviewer.
func waitsForSomebody(v View) bool {
	return v.Status == verification.InReview || v.Status == verification.RequiresInput && v.NextAction != nil
}

func equal(a, b []byte) bool { return hmac.Equal(a, b) }
