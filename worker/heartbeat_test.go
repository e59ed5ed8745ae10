package worker

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// beaten runs a step with a heartbeat time-out, or with none, and counts what
// was heard of it.
func beaten(t *testing.T, timeout time.Duration, outer []interceptor.WorkerInterceptor, step func(context.Context) error) (beats int32, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: append(outer, &heartbeat{every: 20 * time.Millisecond})})
	env.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
	var heard atomic.Int32
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { heard.Add(1) })
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, HeartbeatTimeout: timeout,
		}), "step").Get(ctx, nil)
	})
	require.True(t, env.IsWorkflowCompleted())
	return heard.Load(), env.GetWorkflowError()
}

func TestHeartbeatTellsOfALongStepOnly(t *testing.T) {
	long := func(context.Context) error { time.Sleep(300 * time.Millisecond); return nil }
	quick := func(context.Context) error { return nil }
	beats, err := beaten(t, 30*time.Second, nil, long)
	require.NoError(t, err)
	require.Positive(t, beats, "its worker could be lost meanwhile")
	beats, err = beaten(t, 30*time.Second, nil, quick)
	require.NoError(t, err)
	require.Zero(t, beats, "a quick call costs no message")
	beats, err = beaten(t, 0, nil, long)
	require.NoError(t, err)
	require.Zero(t, beats, "nobody listens")
}

// canceled ends every step's context, as the SDK does when a heartbeat's answer
// says so, or when none could be sent for seconds.
type canceled struct {
	interceptor.WorkerInterceptorBase
}

func (c *canceled) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &canceling{}
	i.Next = next
	return i
}

type canceling struct {
	interceptor.ActivityInboundInterceptorBase
}

func (c *canceling) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return c.Next.ExecuteActivity(ctx, in)
}

// What a vendor was asked may have been charged, or is told only once.
func TestHeartbeatsAnswerEndsNoStepAndNoLaterHeartbeat(t *testing.T) {
	beats, err := beaten(t, 30*time.Second, []interceptor.WorkerInterceptor{&canceled{}}, func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a step keeps its own bounds")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
			return nil
		}
	})
	require.NoError(t, err)
	require.Positive(t, beats)
}
