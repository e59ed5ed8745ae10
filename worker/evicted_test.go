package worker

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// A run that is put out of memory has its coroutines ended, whose deferred calls the
// SDK stops by a panic of its own. No code is at fault, and nobody is paged.
func TestARunThatLeavesMemoryIsNoPanic(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	m := telemetry.NewMetrics()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: s.Namespace})
	require.NoError(t, err)
	defer c.Close()
	w := worker.New(c, "evicted", worker.Options{Interceptors: []interceptor.WorkerInterceptor{&panics{metrics: m}}})
	waits := make(chan bool, 10)
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		beside, stop := workflow.WithCancel(ctx)
		workflow.Go(beside, func(ctx workflow.Context) {
			defer stop()
			timer := workflow.NewTimer(ctx, time.Hour)
			waits <- true
			_ = workflow.Await(ctx, timer.IsReady)
		})
		return workflow.Await(ctx, func() bool { return false })
	}, workflow.RegisterOptions{Name: "waiting"})
	require.NoError(t, w.Start())
	defer w.Stop()
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "evicted"}, "waiting")
	require.NoError(t, err)
	<-waits
	time.Sleep(500 * time.Millisecond) // its task is over
	worker.PurgeStickyWorkflowCache()
	require.Never(t, m.WorkflowsFail, 2*time.Second, 50*time.Millisecond)
}
