package cmd

import (
	"context"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// called counts a vendor's call, and traces it.
func (p *parts) called(ctx context.Context, c provider.Call) {
	p.metrics.VendorCall(c.Provider, c.Operation, c.Class, c.Took)
	if c.Charged != "" {
		p.metrics.Charged(c.Provider, c.Operation, string(c.Charged))
	}
	p.traces.Sent(ctx, telemetry.Sent{Name: c.Provider + " " + c.Operation, Class: c.Class, OK: c.Class == "ok" || c.Class == "canceled", Host: c.Host, Status: c.Status,
		Began: c.Began, Took: c.Took, Attrs: map[string]string{"provider": c.Provider, "operation": c.Operation, "charged": string(c.Charged)}})
}

// ended counts a verification's end, or a later version of its verdict.
func (p *parts) ended(s verification.State) {
	e := telemetry.End{Policy: s.Policy.Name, Outcome: string(s.Outcome()), Took: s.UpdatedAt.Sub(s.CreatedAt), Person: s.Awaited.Std()}
	if s.Verdict != nil {
		e.DecidedBy, e.Later = string(s.Verdict.DecidedBy), s.Verdict.Version > 1
	}
	p.metrics.Ended(e)
}

// linked counts a verification's first link.
func (p *parts) linked(s verification.State) {
	p.metrics.Linked(s.Policy.Name, s.LinkedAt.Sub(s.CreatedAt))
}

// measureEvery is how often what the store holds is counted; what is due, each
// fourth time.
const measureEvery = 15 * time.Second

// measure tells the metrics what the store holds, until ctx ends.
func (p *parts) measure(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	failing := false
	for round := 0; ; round++ {
		held, err := p.measured(ctx)
		switch {
		case err == nil:
			p.metrics.Stored(held)
		case !failing && ctx.Err() == nil:
			p.log.Warn("failed to count the rows of the store; retrying", "error", err)
		}
		failing = err != nil
		if round%4 == 0 {
			p.countDue(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// openStatuses are those in which a verification is open.
var openStatuses = []verification.Status{verification.RequiresInput, verification.Processing, verification.InReview}

// measured is what the store holds now.
func (p *parts) measured(ctx context.Context) (telemetry.Stored, error) {
	now := time.Now()
	m, err := p.store.Measure(ctx, now)
	if err != nil {
		return telemetry.Stored{}, err
	}
	held := p.stored(m, now)
	held.Backlog, err = p.starter.RelayAge(ctx)
	return held, err
}

// stored is what the store holds, as the metrics tell it: of every policy, also
// where there is nothing.
func (p *parts) stored(m store.Measures, now time.Time) telemetry.Stored {
	age := func(at time.Time) time.Duration {
		if at.IsZero() {
			return 0
		}
		return max(now.Sub(at), 0)
	}
	out := telemetry.Stored{
		Open: map[[2]string]int{}, Review: map[string]time.Duration{}, Overdue: m.Overdue,
		Deliveries: map[string]int{}, Delivery: age(m.Delivery), Erasures: m.Erasures, Erasure: age(m.Erasure),
	}
	policies := p.now.Load().Policies
	for name := range policies {
		out.Review[name] = 0
		for _, status := range openStatuses {
			out.Open[[2]string{name, string(status)}] = 0
		}
	}
	for _, c := range m.Open {
		out.Open[[2]string{c.Policy, string(c.Status)}] = c.N
	}
	for policy, at := range m.Review {
		out.Review[policy] = age(at)
	}
	for state, n := range m.Deliveries {
		out.Deliveries[string(state)] = n
	}
	for _, c := range m.Portraits {
		// Of an older version of a policy nobody knows any more what it compares.
		known, ok := policies[c.Policy.Name]
		if c.Idle || ok && known.Version == c.Policy.Version && known.Comparer == "" {
			out.Faces += c.N
		}
	}
	return out
}
