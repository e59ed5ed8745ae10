package starter

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// Selection says whose verifications are meant: a person's, by the number, a
// client's, or both; or those with ids.
type Selection struct {
	Client string
	Number string
	IDs    []string
}

func (s *Starter) choice(sel Selection) store.Choice {
	c := store.Choice{Client: sel.Client}
	if sel.Number != "" {
		c.NumberHash = s.keys.Hash(verification.PurposeNumber, residentid.NormaliseNumber(sel.Number))
	}
	return c
}

// Selected says how many verifications are meant that are not erased.
func (s *Starter) Selected(ctx context.Context, sel Selection) (int, error) {
	if len(sel.IDs) > 0 {
		return len(sel.IDs), nil
	}
	n, err := s.store.Count(ctx, s.choice(sel))
	if err != nil {
		return 0, storeError("count verifications", err)
	}
	return n, nil
}

// redactSide is how many are erased side by side.
const redactSide = 4

// RedactAll begins to erase all that are meant, and tells each of them: the
// error of one (it is open, say) keeps no other from being erased. Receipts come
// later. The error is of the store, which ends it.
func (s *Starter) RedactAll(ctx context.Context, sel Selection, q RedactRequest, each func(id string, err error)) error {
	var mu sync.Mutex
	one := func(c store.Chosen) error {
		_, _, err := s.beginErasure(ctx, c.Client, c.ID, q)
		mu.Lock()
		defer mu.Unlock()
		each(c.ID, err)
		return ctx.Err()
	}
	if len(sel.IDs) > 0 {
		return s.redactIDs(ctx, sel.IDs, one, each)
	}
	for after := ""; ; {
		page, err := s.store.Choose(ctx, s.choice(sel), after, sweepPage)
		if err != nil {
			return storeError("choose verifications", err)
		}
		if err := sideBySide(page, one); err != nil {
			return err
		}
		if len(page) < sweepPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

func sideBySide(page []store.Chosen, do func(store.Chosen) error) error {
	var g errgroup.Group
	g.SetLimit(redactSide)
	for _, c := range page {
		g.Go(func() error { return do(c) })
	}
	return g.Wait()
}

// redactIDs erases those of a list, whoever's they are.
func (s *Starter) redactIDs(ctx context.Context, ids []string, one func(store.Chosen) error, each func(string, error)) error {
	for _, id := range ids {
		client, err := s.store.ClientOf(ctx, id)
		if err != nil {
			each(id, s.storeError(ctx, "read the row", id, err))
			continue
		}
		if err := one(store.Chosen{ID: id, Client: client}); err != nil {
			return err
		}
	}
	return nil
}

// ErasureOf returns an erasure for an operator, whoever's it is.
func (s *Starter) ErasureOf(ctx context.Context, id string) (Erasure, error) {
	e, err := s.store.Erasure(ctx, id)
	if err != nil {
		return Erasure{}, s.storeError(ctx, "read an erasure", id, err)
	}
	return erasureOf(e), nil
}
