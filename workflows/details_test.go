package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// seen reads a run's current details.
func seen(t *testing.T, env interface {
	QueryWorkflow(string, ...any) (converter.EncodedValue, error)
}) string {
	t.Helper()
	v, err := env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var meta sdkpb.WorkflowMetadata
	require.NoError(t, v.Get(&meta))
	return meta.GetCurrentDetails()
}

// A delivery says what it waits for and what may be done.
func TestDetailsOfADelivery(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(workflows.WebhookDelivery, workflow.RegisterOptions{Name: workflows.DeliveryWorkflow})
	tries := 0
	env.RegisterActivityWithOptions(func(context.Context, workflows.DeliveryInput) (activities.DeliverResult, error) {
		if tries++; tries == 1 {
			return activities.DeliverResult{}, temporal.NewApplicationErrorWithOptions("no", "undelivered", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
		}
		return activities.DeliverResult{}, nil
	}, activity.RegisterOptions{Name: "Deliver"})
	details := ""
	env.RegisterDelayedCallback(func() { details = seen(t, env) }, time.Minute)
	env.ExecuteWorkflow(workflows.DeliveryWorkflow, workflows.DeliveryInput{Event: "evt_a", Endpoint: "main"})
	require.NoError(t, env.GetWorkflowError())
	for _, text := range []string{"event evt_a to endpoint main", "**Now**", "**Next**: retried on the schedule", "--activity-id deliver`", "`yanzhen webhook pause main`"} {
		require.Contains(t, details, text)
	}
}

// An erasure says at which step it is.
func TestDetailsOfAnErasure(t *testing.T) {
	env := erasureEnv(t, map[string]any{
		"ClearFiles": func(context.Context, activities.EraseInput) (activities.ClearedFiles, error) {
			return activities.ClearedFiles{Ask: []activities.EraseAt{{Provider: "deaf", Queue: "q"}}}, nil
		},
		"EraseAtVendor": func(context.Context, activities.EraseAtVendorInput) (struct{}, error) {
			return struct{}{}, errors.New("away")
		},
		"DeleteHistories": func(context.Context, activities.EraseInput) (struct{}, error) { return struct{}{}, nil },
		"SignReceipt":     func(context.Context, activities.SignReceiptInput) error { return nil },
	})
	env.SetTestTimeout(time.Minute)
	details := ""
	env.RegisterDelayedCallback(func() { details = seen(t, env) }, 24*time.Hour)
	env.ExecuteWorkflow(workflows.ErasureWorkflow, workflows.ErasureInput{ID: "ver_a"})
	require.NoError(t, env.GetWorkflowError())
	for _, text := range []string{"**erasing** ver_a since ", "vendors that offer deletion are asked", "**Next**: the engine's histories are deleted", "-w ver_a:erase --activity-id"} {
		require.Contains(t, details, text)
	}
}

// A reopened case says until when it must be decided, and how.
func TestDetailsOfAReview(t *testing.T) {
	e := newEnv(t, newScript())
	s := verification.NewState(e.in.Policy, e.Now())
	s.Complete(e.Now(), verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy})
	details := ""
	e.at(time.Hour, func() { details = seen(t, e) })
	e.ExecuteWorkflow(workflows.ReviewWorkflow, workflows.ReviewInput{ID: "ver_test", Client: "shop", State: s,
		Reason: verification.IdentityMismatch, Deadline: verification.Duration(24 * time.Hour)})
	require.NoError(t, e.GetWorkflowError())
	for _, text := range []string{"**in_review** since ", "verdict version 1: declined", "`identity.mismatch`", "or the old verdict stands", "`yanzhen review approve ver_test`"} {
		require.Contains(t, details, text)
	}
}
