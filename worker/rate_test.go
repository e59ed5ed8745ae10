package worker

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/provider"
)

// A vendor counts the calls of an account, not of a worker: three workers
// together take no more of its queue than one would.
func TestAVendorsRateHoldsForAllWorkersTogether(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	var mu sync.Mutex
	var calls []time.Time
	call := func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, time.Now())
		return nil
	}
	const perSecond, many = 10, 80
	q := provider.Queue{Name: "vendor", PerSecond: perSecond}
	for range 3 {
		c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
		require.NoError(t, err)
		defer c.Close()
		w := vendorWorker(Deps{Client: c, Activities: &activities.Activities{}}, q, worker.Options{})
		w.RegisterActivityWithOptions(call, activity.RegisterOptions{Name: "call"})
		require.NoError(t, w.Start())
		defer w.Stop()
	}
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
	require.NoError(t, err)
	defer c.Close()
	w := worker.New(c, "runs", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: q.Name, StartToCloseTimeout: time.Minute})
		var all []workflow.Future
		for range many {
			all = append(all, workflow.ExecuteActivity(ctx, "call"))
		}
		for _, f := range all {
			if err := f.Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}, workflow.RegisterOptions{Name: "many"})
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "runs"}, "many")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	require.Len(t, calls, many)
	slices.SortFunc(calls, time.Time.Compare)
	took := calls[many-1].Sub(calls[0])
	t.Logf("%d calls of 3 workers in %s", many, took)
	// The server lets some through at once at first. With a rate of each worker's
	// own it would be over in a third of the time.
	require.Greater(t, took, time.Duration(many)*time.Second/perSecond/2)
}
