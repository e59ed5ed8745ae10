package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// erasureEnv runs an Erasure on activities of the test's.
func erasureEnv(t *testing.T, steps map[string]any) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(workflows.Erasure, workflow.RegisterOptions{Name: workflows.ErasureWorkflow})
	for name, f := range steps {
		env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	return env
}

// A vendor that does not confirm is asked for a week, while nothing is signed;
// then the receipt says so, and of the others what they did.
func TestAVendorThatDoesNotConfirmIsToldOfInTheReceipt(t *testing.T) {
	var signed activities.SignReceiptInput
	var began, signedAt time.Time
	var env *testsuite.TestWorkflowEnvironment
	env = erasureEnv(t, map[string]any{
		"ClearFiles": func(context.Context, activities.EraseInput) (activities.ClearedFiles, error) {
			began = env.Now()
			return activities.ClearedFiles{Ask: []activities.EraseAt{{Provider: "deaf", Queue: "q"}, {Provider: "good", Queue: "q"}},
				Rest: []statement.Vendor{{Name: "other", Result: statement.OffersNone}}}, nil
		},
		"EraseAtVendor": func(_ context.Context, in activities.EraseAtVendorInput) (statement.Vendor, error) {
			if in.Provider == "deaf" {
				return statement.Vendor{}, errors.New("away")
			}
			return statement.Vendor{Name: in.Provider, Result: statement.Erased}, nil
		},
		"DeleteHistories": func(context.Context, activities.EraseInput) (statement.Engine, error) {
			return statement.Engine{Histories: 3}, nil
		},
		"SignReceipt": func(_ context.Context, in activities.SignReceiptInput) error {
			signed, signedAt = in, env.Now()
			return nil
		},
	})
	env.SetTestTimeout(time.Minute)
	env.ExecuteWorkflow(workflows.ErasureWorkflow, workflows.ErasureInput{ID: "ver_a"})
	require.True(t, env.IsWorkflowCompleted())
	require.NoError(t, env.GetWorkflowError())
	require.GreaterOrEqual(t, signedAt.Sub(began), 6*24*time.Hour)
	require.Equal(t, []statement.Vendor{{Name: "deaf", Result: statement.Unconfirmed}, {Name: "good", Result: statement.Erased}, {Name: "other", Result: statement.OffersNone}}, signed.Vendors)
	require.Equal(t, 3, signed.Engine.Histories)
}

// No step is passed over: each is tried until it works, and the receipt comes last.
func TestAnErasureTriesEachStepUntilItWorks(t *testing.T) {
	tries := map[string]int{}
	var order []string
	fails := func(name string) error {
		if tries[name]++; tries[name] < 4 {
			return errors.New("away")
		}
		order = append(order, name)
		return nil
	}
	env := erasureEnv(t, map[string]any{
		"ClearFiles": func(context.Context, activities.EraseInput) (activities.ClearedFiles, error) {
			return activities.ClearedFiles{}, fails("files")
		},
		"DeleteHistories": func(context.Context, activities.EraseInput) (statement.Engine, error) {
			return statement.Engine{}, fails("histories")
		},
		"SignReceipt": func(context.Context, activities.SignReceiptInput) error { return fails("sign") },
	})
	env.ExecuteWorkflow(workflows.ErasureWorkflow, workflows.ErasureInput{ID: "ver_a"})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []string{"files", "histories", "sign"}, order)
}
