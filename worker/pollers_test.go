package worker

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// No task of a vendor's queue waits because two others are on their way, as with
// the SDK's default: sixteen persons who begin together each need a session.
func TestEveryQueueIsAskedByEightAtATime(t *testing.T) {
	o := options(t.Context(), nil, nil, nil)
	require.Equal(t, 8, o.MaxConcurrentActivityTaskPollers)
	require.Equal(t, 8, o.MaxConcurrentWorkflowTaskPollers)
}

// The engine knows the worker by its version: nobody waits while the binary is
// added up.
func TestWorkersNameTheirBuild(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
	require.NoError(t, err)
	defer c.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Deps{Client: c, Activities: &activities.Activities{}, Deliverer: &activities.Deliverer{},
			Vendors: &provider.Registry{}, Metrics: telemetry.NewMetrics(), Build: "v1.2.3"})
	}()
	builds := map[string]bool{}
	require.Eventually(t, func() bool {
		d, err := c.DescribeTaskQueue(t.Context(), workflows.QueueVerification, enums.TASK_QUEUE_TYPE_WORKFLOW)
		require.NoError(t, err)
		for _, p := range d.GetPollers() {
			//lint:ignore SA1019 the development server tells it nowhere else
			builds[p.GetWorkerVersionCapabilities().GetBuildId()] = true
		}
		return len(builds) > 0
	}, 30*time.Second, 50*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, map[string]bool{"v1.2.3": true}, builds)
}
