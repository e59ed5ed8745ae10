package activities

import (
	"context"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// AuditActInput is the argument of AuditAct.
type AuditActInput struct {
	ID     string `json:"id"`
	Verb   string `json:"verb"`
	Update string `json:"update"`
}

// AuditAct has the audit log know what an operator asks a run for. Whoever asked
// by the command line stands there already, with why; from the Temporal UI nobody
// says who they are.
func (a *Activities) AuditAct(ctx context.Context, in AuditActInput) error {
	return storeError(a.Store.AuditAct(ctx, store.Audit{
		At: a.Now(), Act: store.ActOps + in.Verb, By: store.ByTemporalUI, VerificationID: in.ID, RequestID: in.Update,
	}, true))
}

// ResendInput is the argument of Resend.
type ResendInput struct {
	ID       string `json:"id"`
	Event    string `json:"event,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
}

// ResendResult is its result.
type ResendResult struct {
	Events int `json:"events"`
}

// Resend sends a verification's events again.
func (a *Activities) Resend(ctx context.Context, in ResendInput) (ResendResult, error) {
	n, err := a.Resending(ctx, in.ID, in.Event, in.Endpoint)
	return ResendResult{Events: n}, storeError(err)
}
