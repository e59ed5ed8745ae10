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

// Wait returns once a read of the client's verification tells something: its
// revision is another than the known one, or d is over. Who knows how one ended
// waits for what comes after: it may be reopened, or erased. For a caller who knows
// none (Unknown) that is at once when it has ended or waits for somebody, and
// otherwise with the next change; nobody waits any more once stop is closed (nil:
// never). Errors are those of Read, and RateLimited. same: d is over, and the store
// said a moment ago that the revision is still the known one, so that a read would
// tell nothing.
//
// Thousands of callers wait at the same time, each on a stack of its own, so little
// lies on it meanwhile.
func (s *Starter) Wait(ctx context.Context, clientID, id string, known int, d time.Duration, stop <-chan struct{}) (same bool, err error) {
	return s.wait(ctx, clientID, id, known, d, stop, "client "+clientID, mostOfClient)
}

// wait is Wait of who, of whom most requests may wait at a time.
func (s *Starter) wait(ctx context.Context, clientID, id string, known int, d time.Duration, stop <-chan struct{}, who string, most int) (same bool, err error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	revision, tells, err := s.readAside(ctx, clientID, id, known)
	if err != nil || tells || d <= 0 {
		return false, err
	}
	joined := time.Now()
	out, ok := s.waiting.admit(who, most)
	if !ok {
		return false, &Error{Code: RateLimited}
	}
	defer out()
	changed, leave := s.waiting.join(id, revision)
	defer leave()
	select {
	case <-deadline.C:
		select {
		case <-changed: // both at once
		default:
			same = known == revision && s.waiting.fresh(joined)
		}
		return same, nil
	case <-ctx.Done():
	case <-stop:
	case <-changed:
	}
	return false, nil
}

// readAside reads on a stack of its own, and reports whether a caller who knows a
// revision learns something from it. A read goes deep, into the driver, the seals
// and JSON, and a stack that has grown so far stays large.
func (s *Starter) readAside(ctx context.Context, clientID, id string, known int) (revision int, tells bool, err error) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		var v View
		if v, err = s.Read(ctx, clientID, id); err == nil {
			revision = v.Revision
			tells = v.Revision != known
			if known == Unknown {
				tells = v.Status.Ended() || waitsForSomebody(v)
			}
		}
	}()
	if p := <-done; p != nil {
		panic(p) // whoever called knows what to do about it
	}
	return revision, tells, err
}

// waitsForSomebody: the verification does not go on by itself, but by the
// caller, the person or a reviewer.
func waitsForSomebody(v View) bool {
	return v.Status == verification.InReview || v.Status == verification.RequiresInput && v.NextAction != nil
}

func equal(a, b []byte) bool { return hmac.Equal(a, b) }
