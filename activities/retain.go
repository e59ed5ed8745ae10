package activities

import (
	"context"

	"go.temporal.io/sdk/temporal"
)

// RetainResult counts what was done.
type RetainResult struct {
	Personal int `json:"personal"`
	Verdicts int `json:"verdicts"`
	Events   int `json:"events"`
}

// Retainer erases and deletes what is kept beyond its time.
type Retainer struct {
	Do func(ctx context.Context) (RetainResult, error)
}

// Retain does it once.
func (r *Retainer) Retain(ctx context.Context) (RetainResult, error) {
	done, err := r.Do(ctx)
	if err != nil && ctx.Err() == nil {
		return done, temporal.NewApplicationError("the store or the engine did not answer", TypeStore)
	}
	return done, err
}
