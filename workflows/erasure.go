package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/statement"
)

// ErasureWorkflow is the name of the workflow that ends an erasure. The store has
// let go of the person before it starts; its id is that of ErasureID.
const ErasureWorkflow = "Erasure"

// ErasureInput is the workflow's argument.
type ErasureInput = activities.EraseInput

// ErasureID is the id of the workflow that erases a verification.
func ErasureID(id string) string { return activities.ErasureID(id) }

// Erasure clears the store's files, has the vendors delete, deletes what the
// engine knows, and signs the receipt of it. Each step is tried until it works;
// only a vendor that does not confirm for a week is passed over, and the receipt
// says so.
func Erasure(ctx workflow.Context, in ErasureInput) error {
	var e *activities.Eraser
	began := workflow.Now(ctx)
	stands := func(now, next string) { workflow.SetCurrentDetails(ctx, erasureDetails(in.ID, now, next, began)) }
	stands("the store's files are cleared", "the vendors are asked to delete, then the histories are deleted")
	var cleared activities.ClearedFiles
	if err := workflow.ExecuteActivity(stepClearFiles.on(ctx, "", "", "", 0), e.ClearFiles, in).Get(ctx, &cleared); err != nil {
		return err
	}
	stands("vendors that offer deletion are asked to delete, for a week at most", "the engine's histories are deleted; the receipt names each vendor that did not confirm")
	vendors := eraseAtVendors(ctx, in.ID, cleared.Ask)
	stands("the engine's histories are deleted", "the receipt is signed")
	var engine statement.Engine
	if err := workflow.ExecuteActivity(stepHistories.on(ctx, "", "", "", 0), e.DeleteHistories, in).Get(ctx, &engine); err != nil {
		return err
	}
	stands("the receipt is signed", "nothing")
	done := activities.SignReceiptInput{ID: in.ID, Files: cleared.At, Vendors: append(vendors, cleared.Rest...), Engine: engine}
	return workflow.ExecuteActivity(stepSign.on(ctx, "", "", "", 0), e.SignReceipt, done).Get(ctx, nil)
}

// eraseAtVendors asks all of them at once.
func eraseAtVendors(ctx workflow.Context, id string, ask []activities.EraseAt) []statement.Vendor {
	var e *activities.Eraser
	asked := make([]workflow.Future, len(ask))
	for i, v := range ask {
		asked[i] = workflow.ExecuteActivity(stepEraseAt.on(ctx, v.Queue, "-"+v.Provider, " at "+v.Provider, 0), e.EraseAtVendor,
			activities.EraseAtVendorInput{ID: id, Provider: v.Provider})
	}
	out := make([]statement.Vendor, len(ask))
	for i, f := range asked {
		if f.Get(ctx, &out[i]) != nil {
			out[i] = statement.Vendor{Name: ask[i].Provider, Result: statement.Unconfirmed}
		}
	}
	return out
}
