package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// readChip reads the scan that the verification came with, at once, since it
// lives for minutes. A chip that cannot be read asks the person to scan again;
// scans count against the policy's sessions.
func (r *run) readChip(ctx workflow.Context) {
	if r.in.Chip == nil {
		return
	}
	for !r.settled(ctx) {
		out, err := r.readScan(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil && !out.Unreadable {
			r.implausible = out.Implausible
			r.setChecks(ctx, out.Checks...)
			r.refuseMinor(out.Minor)
			return
		}
		reason := verification.DocumentUnreadable
		if err != nil {
			reason = unavailableReason(err)
		}
		r.fail(ctx, verification.Reason{Code: reason, Retryable: true})
		if r.state.Attempt.Session >= r.scans() {
			r.endWith(verification.Expired, reason)
			return
		}
		if !r.awaitRetry(ctx, verification.ActionScanChip) {
			return
		}
		r.nextSession(ctx)
	}
}

// scans is how many further scans the person has. One that left no session for
// their face would be in vain.
func (r *run) scans() int {
	if r.in.Policy.WantsFace() {
		return r.in.Policy.Sessions - 1
	}
	return r.in.Policy.Sessions
}

// readScan reads the newest scan.
func (r *run) readScan(ctx workflow.Context) (activities.ChipResult, error) {
	c, n := r.in.Chip, r.state.Attempt.Session
	r.awaitVendors(ctx, workflow.Now(ctx).Add(c.Life.Std()))
	ctx = stepChip.on(ctx, c.Queue, fmt.Sprintf("-%d", n), " ("+c.Provider+")", c.Life.Std())
	in := activities.ChipInput{ID: r.in.ID, Provider: c.Provider, Scan: n, KeepPortrait: r.in.Policy.Comparer != ""}
	var out activities.ChipResult
	err := workflow.ExecuteActivity(ctx, acts.ReadChip, in).Get(ctx, &out)
	return out, err
}
