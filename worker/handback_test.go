package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

// stopping runs a step on a worker that is told to stop at once.
func stopping(t *testing.T, after time.Duration, step func(context.Context) (string, error)) (string, error) {
	t.Helper()
	stop := make(chan struct{})
	close(stop)
	return running(t, &handBackInterceptor{told: stop, after: after}, make(chan struct{}), step)
}

// running runs a step on a worker; sdk is closed when this ends by itself.
func running(t *testing.T, h *handBackInterceptor, sdk chan struct{}, step func(context.Context) (string, error)) (string, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{h}})
	env.SetWorkerStopChannel(sdk)
	env.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
	value, err := env.ExecuteActivity("step")
	if err != nil {
		return "", err
	}
	var out string
	require.NoError(t, value.Get(&out))
	return out, nil
}

func TestAStepThatAStopCannotWaitForIsHandedBackToBeDoneAnew(t *testing.T) {
	began := time.Now()
	_, err := stopping(t, 50*time.Millisecond, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "half a result", ctx.Err()
	})
	require.Less(t, time.Since(began), 10*time.Second)
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "handed_back", e.Type())
	require.False(t, e.NonRetryable())
	require.Positive(t, e.NextRetryDelay())
}

func TestAWorkerThatEndsByItselfHandsBackToo(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	_, err := running(t, &handBackInterceptor{told: make(chan struct{}), after: time.Millisecond}, ended, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "handed_back", e.Type())
}

func TestAStepThatEndsInTimeKeepsItsResultAndItsError(t *testing.T) {
	out, err := stopping(t, time.Hour, func(context.Context) (string, error) { return "done", nil })
	require.NoError(t, err)
	require.Equal(t, "done", out)
	_, err = stopping(t, time.Hour, func(context.Context) (string, error) { return "", errors.New("its own fault") })
	require.ErrorContains(t, err, "its own fault")
}

// A result that came after all was paid for, perhaps.
func TestAResultThatComesAtTheLastMomentIsKept(t *testing.T) {
	out, err := stopping(t, time.Millisecond, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "done", nil
	})
	require.NoError(t, err)
	require.Equal(t, "done", out)
}
