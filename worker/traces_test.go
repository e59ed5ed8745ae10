package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// Each try of a step is a span that says what became of it in a word, and nothing of
// the error's text or of the person; a session that is not over is no fault.
func TestEachTryOfAStepIsASpan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "traces")
	spans, stop, err := telemetry.Export(t.Context(), telemetry.ExportOptions{TracesTo: "file:" + file, Metrics: telemetry.NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	tries := []error{
		temporal.NewApplicationErrorWithOptions("not yet", activities.TypePending, temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign}),
		temporal.NewApplicationError("张三 110101199003070017", "unavailable"),
		nil,
	}
	try := 0
	step := func(context.Context, activities.SessionInput) error { try++; return tries[try-1] }
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&traces{traces: spans}}})
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa"})
	env.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "PollSession"})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second}})
		return workflow.ExecuteActivity(ctx, "PollSession", activities.SessionInput{ID: "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa", Session: 2, Provider: "toy"}).Get(ctx, nil)
	})
	require.NoError(t, env.GetWorkflowError())
	stop(t.Context())

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "张三")
	require.NotContains(t, string(text), "110101199003070017")
	var got []string
	for line := range strings.Lines(string(text)) {
		var s struct {
			Name       string
			Attributes []struct {
				Key   string
				Value struct{ Value any }
			}
			Status struct{ Code string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		said := map[string]any{}
		for _, a := range s.Attributes {
			said[a.Key] = a.Value.Value
		}
		require.Equal(t, []any{"toy", "2", "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa"}, []any{said["yanzhen.provider"], said["yanzhen.session"], said["yanzhen.verification.id"]})
		class, _ := said["yanzhen.class"].(string)
		kind, _ := said["error.type"].(string)
		got = append(got, strings.Join([]string{s.Name, s.Status.Code, class, kind}, "|"))
	}
	require.Equal(t, []string{"PollSession|Unset|pending|", "PollSession|Error||unavailable", "PollSession|Unset||"}, got)
}
