//go:build record

package workflows_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// erasures are the paths of an erasure: the vendors that are asked to delete. One
// whose name begins with deaf never confirms.
var erasures = map[string][]string{
	"erased":                       nil,
	"erased-at-vendors":            {"first", "second"},
	"erased-but-for-a-deaf-vendor": {"deaf", "good"},
}

// registerErasing registers what erases, with steps that do nothing.
func registerErasing(w worker.Worker) {
	w.RegisterWorkflowWithOptions(workflows.Erasure, workflow.RegisterOptions{Name: workflows.ErasureWorkflow})
	w.RegisterWorkflowWithOptions(workflows.Retention, workflow.RegisterOptions{Name: workflows.RetentionWorkflow})
	for name, f := range map[string]any{
		"ClearFiles": func(_ context.Context, in activities.EraseInput) (activities.ClearedFiles, error) {
			cleared := activities.ClearedFiles{Rest: []statement.Vendor{{Name: "other", Result: statement.OffersNone}}}
			for _, name := range erasures[strings.TrimPrefix(in.ID, "ver_")] {
				cleared.Ask = append(cleared.Ask, activities.EraseAt{Provider: name, Queue: workflows.QueueVerification})
			}
			return cleared, nil
		},
		"EraseAtVendor": func(_ context.Context, in activities.EraseAtVendorInput) (statement.Vendor, error) {
			if strings.HasPrefix(in.Provider, "deaf") { // the week that it is asked for cannot be waited for here
				return statement.Vendor{}, temporal.NewNonRetryableApplicationError("the vendor did not confirm", "Unconfirmed", nil)
			}
			return statement.Vendor{Name: in.Provider, Result: statement.Erased}, nil
		},
		"DeleteHistories": func(context.Context, activities.EraseInput) (statement.Engine, error) {
			return statement.Engine{Histories: 1}, nil
		},
		"SignReceipt": func(context.Context, activities.SignReceiptInput) error { return nil },
		"Retain": func(context.Context) (activities.RetainResult, error) {
			return activities.RetainResult{Personal: 2, Verdicts: 1, Events: 3}, nil
		},
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func recordErasure(t *testing.T, c client.Client, name string) {
	in := workflows.ErasureInput{ID: "ver_" + name}
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.ErasureID(in.ID), TaskQueue: workflows.QueueVerification}, workflows.ErasureWorkflow, in)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	recording{name: name}.write(t, c, run)
}

func recordRetention(t *testing.T, c client.Client) {
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.RetentionSchedule, TaskQueue: workflows.QueueVerification}, workflows.RetentionWorkflow)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	recording{name: "retained"}.write(t, c, run)
}
