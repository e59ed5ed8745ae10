package starter

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Moment is one step of a verification, as its client sees it.
type Moment struct {
	At time.Time
	// Type is an event's, a step's, or review.approved, review.declined and
	// review.reopened.
	Type string
	// Session is the number of a session or a scan, where the step is about one.
	Session  *int
	Provider string
	// ProviderCode is the vendor's own.
	ProviderCode string
	Billable     verification.Billable
	// Status is what an event moved the verification to.
	Status  verification.Status
	Reasons []verification.ReasonCode
}

// Timeline returns what was done for a verification and when, the oldest first.
// Nothing in it is personal. Errors are *Error, as for Read.
func (s *Starter) Timeline(ctx context.Context, client, id string) ([]Moment, error) {
	if _, err := s.row(ctx, client, id); err != nil {
		return nil, err
	}
	var out []Moment
	events, err := s.store.Events(ctx, id)
	if err != nil {
		return nil, s.storeError(ctx, "read events", id, err)
	}
	for _, e := range events {
		out = append(out, Moment{At: e.CreatedAt, Type: e.Type, Status: e.Status, Reasons: e.Reasons})
	}
	steps, err := s.store.Steps(ctx, id)
	if err != nil {
		return nil, s.storeError(ctx, "read steps", id, err)
	}
	for _, v := range steps {
		m := Moment{At: v.At, Type: v.Kind, Provider: v.Provider, ProviderCode: v.Code, Billable: v.Billable}
		if v.Kind != store.StepRecordsAsked && v.Kind != store.StepRecordsAnswered {
			m.Session = &v.Number
		}
		out = append(out, m)
	}
	decisions, err := s.store.Decisions(ctx, id)
	if err != nil {
		return nil, s.storeError(ctx, "read decisions", id, err)
	}
	for _, d := range decisions {
		out = append(out, Moment{At: d.At, Type: "review." + d.Act, Reasons: []verification.ReasonCode{d.Reason}})
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
	return out, nil
}
