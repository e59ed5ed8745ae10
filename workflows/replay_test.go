package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// TestRecordedHistoriesReplay holds a change of the workflow against one
// recorded run of each path: a change of order would break every verification
// that is under way, and belongs behind workflow.GetVersion. The histories are
// recorded by `go test -tags record -run TestRecord$ ./workflows`. Those of a release
// that may have open runs lie in a folder of its name, and are never recorded anew.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 20, "a history for each path")
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".json"), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			for name, f := range registered {
				r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
			}
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}

// registered are the workflows that a worker runs, by name: all of them.
var registered = map[string]any{
	workflows.VerificationWorkflow: workflows.Verification,
	workflows.ReviewWorkflow:       workflows.Review,
	workflows.DeliveryWorkflow:     workflows.WebhookDelivery,
	workflows.ErasureWorkflow:      workflows.Erasure,
	workflows.RetentionWorkflow:    workflows.Retention,
}

// No workflow goes without a recorded run: what nobody replays, nobody notices to
// have changed.
func TestEveryWorkflowHasARecordedHistory(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	recorded := map[string]bool{}
	for _, file := range files {
		recorded[readHistory(t, file).GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()] = true
	}
	worker, err := os.ReadFile("../worker/worker.go")
	require.NoError(t, err)
	require.Len(t, registered, strings.Count(string(worker), ".RegisterWorkflowWithOptions("), "not all that a worker registers")
	for name := range registered {
		require.True(t, recorded[name], "no run of %s is recorded", name)
	}
}

func readHistory(t *testing.T, file string) *historypb.History {
	t.Helper()
	text, err := os.Open(file)
	require.NoError(t, err)
	defer text.Close()
	history, err := client.HistoryFromJSON(text, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return history
}

// On every recorded path a workflow task writes the public state at most once.
func TestRecordedHistoriesPublishOnceATask(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	published := 0
	for _, file := range files {
		byTask := map[int64]int{}
		for _, e := range readHistory(t, file).GetEvents() {
			if m := e.GetMarkerRecordedEventAttributes(); m != nil && strings.Contains(string(m.GetDetails()["data"].GetPayloads()[0].GetData()), `"Publish"`) {
				byTask[m.GetWorkflowTaskCompletedEventId()]++
				published++
			}
		}
		for task, n := range byTask {
			require.Equal(t, 1, n, "%s: the task that ended with event %d", filepath.Base(file), task)
		}
	}
	require.Greater(t, published, len(files))
}
