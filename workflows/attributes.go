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

// publish writes what changed of status, provider and outcome to the search
// attributes, in one event: a run has few of them, and each costs one.
func (r *run) publish(ctx workflow.Context) {
	now := published{r.state.Status, r.state.Provider, r.state.Outcome()}
	var updates []temporal.SearchAttributeUpdate
	if now.status != r.published.status {
		updates = append(updates, AttrStatus.ValueSet(string(now.status)))
	}
	if now.provider != r.published.provider {
		updates = append(updates, AttrProvider.ValueSet(now.provider))
	}
	if now.outcome != r.published.outcome && now.outcome != "" {
		updates = append(updates, AttrOutcome.ValueSet(string(now.outcome)))
		if codes := reasonCodes(r.reasons()); len(codes) > 0 {
			updates = append(updates, AttrReasons.ValueSet(codes))
		}
	}
	if len(updates) == 0 {
		return
	}
	r.published = now
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes not written", "error", err)
	}
}

type published struct {
	status   verification.Status
	provider string
	outcome  verification.Outcome
}

func reasonCodes(reasons []verification.Reason) []string {
	out := make([]string, 0, len(reasons))
	for _, r := range reasons {
		out = append(out, string(r.Code))
	}
	return out
}
