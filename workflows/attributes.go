package workflows

import (
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Search attributes by which ops find runs. They are stored in the clear:
// YzReference is a keyed hash of the caller's reference, nothing is personal.
var (
	AttrStatus    = temporal.NewSearchAttributeKeyKeyword("YzStatus")
	AttrOutcome   = temporal.NewSearchAttributeKeyKeyword("YzOutcome")
	AttrClient    = temporal.NewSearchAttributeKeyKeyword("YzClient")
	AttrPolicy    = temporal.NewSearchAttributeKeyKeyword("YzPolicy")
	AttrProvider  = temporal.NewSearchAttributeKeyKeyword("YzProvider")
	AttrReasons   = temporal.NewSearchAttributeKeyKeywordList("YzReasons")
	AttrReference = temporal.NewSearchAttributeKeyKeyword("YzReference")
)

// SearchAttributes names every attribute with its type, for those who
// register them and check that they are.
func SearchAttributes() map[string]enums.IndexedValueType {
	out := map[string]enums.IndexedValueType{}
	for _, k := range []temporal.SearchAttributeKey{AttrStatus, AttrOutcome, AttrClient, AttrPolicy, AttrProvider, AttrReasons, AttrReference} {
		out[k.GetName()] = k.GetValueType()
	}
	return out
}

// markOutcome writes status, provider, outcome and reasons to the search
// attributes, in one event: once in review, and at the end. What changes more
// often is read from the store, since each change would cost an event.
func (r *run) markOutcome(ctx workflow.Context) {
	updates := []temporal.SearchAttributeUpdate{
		AttrStatus.ValueSet(string(r.state.Status)), AttrOutcome.ValueSet(string(r.state.Outcome())),
	}
	if r.state.Provider != "" {
		updates = append(updates, AttrProvider.ValueSet(r.state.Provider))
	}
	if codes := reasonCodes(r.reasons()); len(codes) > 0 {
		updates = append(updates, AttrReasons.ValueSet(codes))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes not written", "error", err)
	}
}

func reasonCodes(reasons []verification.Reason) []string {
	out := make([]string, 0, len(reasons))
	for _, r := range reasons {
		out = append(out, string(r.Code))
	}
	return out
}
