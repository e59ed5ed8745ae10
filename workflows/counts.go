package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/verification"
)

// A run counts by the SDK's own handler, which counts nothing while a history is
// replayed and leaves no trace in it. The worker's metrics know these two names,
// and take no tags but these (internal/telemetry).
const (
	metricSessionEnds = "yanzhen_session_ends"
	metricCharges     = "yanzhen_vendor_charges"
)

// endedBy is what brought a face session's end.
type endedBy string

const (
	byCallback endedBy = "callback" // the vendor's, or the browser's return
	byPoll     endedBy = "poll"
	byLastLook endedBy = "last_look" // at the session's expiry
	byTimer    endedBy = "timer"     // it ran out, and the vendor told no more
	byRetry    endedBy = "retry"     // another session took its place
	byOther    endedBy = "other"     // a look of ours, since no notice had come, or an operator asked for it
)

// countEnd counts a session's end, unless the run was stopped before it came.
func (w *watcher) countEnd(ctx workflow.Context, result verification.FaceResult) {
	if ctx.Err() != nil && !result.Judged || w.by == "" {
		return
	}
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"provider": w.route.Provider, "by": string(w.by)}).Counter(metricSessionEnds).Inc(1)
	w.countCharge(ctx, w.route.Provider, result)
}

// countCharge counts what a session that its vendor judged was charged, as its
// checks tell. One without a judgement is not charged.
func (r *run) countCharge(ctx workflow.Context, provider string, result verification.FaceResult) {
	if !result.Judged {
		return
	}
	said := func(b verification.Billable) bool {
		return slices.ContainsFunc(result.Checks, func(c verification.Check) bool { return c.Billable == b })
	}
	charged := verification.BillableUnknown
	switch {
	case said(verification.BillableYes):
		charged = verification.BillableYes
	case said(verification.BillableNo) && !said(verification.BillableUnknown):
		charged = verification.BillableNo
	}
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"provider": provider, "operation": "session", "charged": string(charged)}).Counter(metricCharges).Inc(1)
}
