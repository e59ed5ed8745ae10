package starter

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// Keeping says how long what is kept of a client's verifications under a policy.
type Keeping struct{ Personal, Verdict, Events time.Duration }

// Retention counts what is due, or what was done: personal parts erased, bare
// verdicts and events deleted.
type Retention struct {
	Personal int `json:"personal"`
	Verdicts int `json:"verdicts"`
	Events   int `json:"events"`
}

func (r *Retention) add(o Retention) {
	r.Personal, r.Verdicts, r.Events = r.Personal+o.Personal, r.Verdicts+o.Verdicts, r.Events+o.Events
}

// retainAtATime bounds what one run does of each kind, client and policy: the
// next one goes on.
const retainAtATime = 5000

// Due counts what is kept beyond its time, by the rules that of says.
func (s *Starter) Due(ctx context.Context, of func(client, policy string) Keeping) (Retention, error) {
	return s.eachPair(ctx, of, s.dueOf)
}

// Retain erases and deletes what is due.
func (s *Starter) Retain(ctx context.Context, of func(client, policy string) Keeping) (Retention, error) {
	return s.eachPair(ctx, of, s.retainOf)
}

func (s *Starter) eachPair(ctx context.Context, of func(client, policy string) Keeping, do func(context.Context, store.Pair, Keeping) (Retention, error)) (Retention, error) {
	var all Retention
	pairs, err := s.store.Pairs(ctx)
	if err != nil {
		return all, storeError("list clients and policies", err)
	}
	for _, p := range pairs {
		done, err := do(ctx, p, of(p.Client, p.Policy))
		all.add(done)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (s *Starter) personalOf(p store.Pair, k Keeping) store.Choice {
	return store.Choice{Client: p.Client, Policy: p.Policy, EndedBefore: s.now().Add(-k.Personal)}
}

func (s *Starter) dueOf(ctx context.Context, p store.Pair, k Keeping) (due Retention, err error) {
	now := s.now()
	if due.Personal, err = s.store.Count(ctx, s.personalOf(p, k)); err == nil {
		if due.Verdicts, err = s.store.CountOldVerdicts(ctx, p, now.Add(-k.Verdict)); err == nil {
			due.Events, err = s.store.CountOldEvents(ctx, p, now.Add(-k.Events))
		}
	}
	if err != nil {
		return due, storeError("count data past its retention", err)
	}
	return due, nil
}

func (s *Starter) retainOf(ctx context.Context, p store.Pair, k Keeping) (done Retention, err error) {
	page, err := s.store.Choose(ctx, s.personalOf(p, k), "", retainAtATime)
	if err != nil {
		return done, storeError("choose what is due", err)
	}
	for _, c := range page {
		_, _, err := s.beginErasure(ctx, c.Client, c.ID, RedactRequest{Cause: CauseRetention, By: CauseRetention})
		if fault, ok := errors.AsType[*Error](err); ok && fault.Code == InvalidState {
			continue // reopened a moment ago
		}
		if err != nil {
			return done, err
		}
		done.Personal++
	}
	old, err := s.store.OldVerdicts(ctx, p, s.now().Add(-k.Verdict), retainAtATime)
	if err != nil {
		return done, storeError("list old verdicts", err)
	}
	for _, id := range old {
		if err := s.store.Strip(ctx, id); err != nil {
			return done, s.storeError(ctx, "delete a bare verdict", id, err)
		}
		done.Verdicts++
	}
	if done.Events, err = s.store.DropEvents(ctx, p, s.now().Add(-k.Events), retainAtATime); err != nil {
		return done, storeError("delete old events", err)
	}
	return done, nil
}
