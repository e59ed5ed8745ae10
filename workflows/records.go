package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// records asks the records vendor. An outage is waited out while the face
// goes on; when the policy's patience ends the check is unavailable, which
// leads to review and never declines.
func (r *run) records(ctx workflow.Context) {
	defer func() { r.recordsDone = true }()
	p := r.in.Policy
	if !p.Wants(verification.IdentityRecords) {
		return
	}
	if p.RecordsWhen == verification.AfterFace {
		if workflow.Await(ctx, func() bool { return r.faceDone }) != nil || r.end != nil {
			return
		}
		r.awaitVendors(ctx, workflow.Now(ctx).Add(p.RecordsPatience.Std()))
	}
	in := activities.RecordsInput{ID: r.in.ID, Provider: p.RecordsProvider(), UnknownCharge: p.UnknownCharge, DailyCap: p.RecordsDailyCap}
	var out activities.RecordsResult
	started := workflow.Now(ctx)
	ctx = stepRecords.on(ctx, r.in.RecordsQueue, "", " ("+p.RecordsProvider()+")", p.RecordsPatience.Std())
	err := workflow.ExecuteActivity(ctx, acts.CheckRecords, in).Get(ctx, &out)
	switch {
	case err == nil:
		r.setChecks(ctx, out.Check)
	case ctx.Err() != nil:
	default:
		workflow.GetLogger(ctx).Warn("records vendor gave no answer", "provider", p.RecordsProvider(), "waited", workflow.Now(ctx).Sub(started))
		c := verification.NewCheck(verification.IdentityRecords, verification.Unavailable, unavailableReason(err))
		c.Provider = p.RecordsProvider()
		r.setChecks(ctx, c)
	}
}
