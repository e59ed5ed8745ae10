package workflows_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// env runs one Verification against a script, with skipped time.
type env struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	script *script
	engine *engine
	in     workflows.VerificationInput
	// onWait runs whenever the verification waits for a retry.
	retries int
	// counts are the run's own, as name{tag=value}.
	counts map[string]int64
	// asked counts what operators asked for.
	asked int
}

func newEnv(t *testing.T, s *script) *env {
	t.Helper()
	e := newEnvIn(t, s)
	e.script, s.now = s, e.Now
	return e
}

// newEnvIn is an environment in a world of the caller's.
func newEnvIn(t *testing.T, w world) *env {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	counts := map[string]int64{}
	suite.SetMetricsHandler(counting{client.MetricsNopHandler, counts, nil})
	e := &env{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, engine: newEngine(w), in: input(), counts: counts}
	e.SetTestTimeout(time.Minute)
	// A busy machine is no deadlock.
	e.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute, Interceptors: []interceptor.WorkerInterceptor{e.engine}})
	e.RegisterWorkflowWithOptions(workflows.Verification, workflow.RegisterOptions{Name: workflows.VerificationWorkflow})
	e.RegisterWorkflowWithOptions(workflows.Review, workflow.RegisterOptions{Name: workflows.ReviewWorkflow})
	e.engine.longer = e.SetCurrentHistoryLength
	e.SetOnTimerFiredListener(func(string) { e.engine.task() })
	return e
}

// run runs the verification to its end and returns the state that was written.
func (e *env) run() verification.State {
	e.t.Helper()
	e.ExecuteWorkflow(workflows.VerificationWorkflow, e.in)
	require.True(e.t, e.IsWorkflowCompleted(), "the run has not ended")
	require.NoError(e.t, e.GetWorkflowError())
	require.Empty(e.t, e.engine.faults)
	require.Len(e.t, e.script.finished, 1, "the end is written once")
	s := e.script.finished[0]
	require.True(e.t, s.Status.Ended())
	require.Nil(e.t, s.NextAction)
	for _, c := range s.Checks {
		require.NotEqual(e.t, verification.Pending, c.Status, "%s is pending after the end", c.Type)
	}
	var out workflows.VerificationResult
	require.NoError(e.t, e.GetWorkflowResult(&out))
	require.Equal(e.t, s.Outcome(), out.Outcome)
	return s
}

// at runs f at a time since the start.
func (e *env) at(d time.Duration, f func()) { e.RegisterDelayedCallback(f, d) }

func (e *env) hint(session int) {
	e.engine.task()
	e.SignalWorkflow(workflows.SignalHint, workflows.Hint{Session: session})
}

func (e *env) state() verification.State {
	e.t.Helper()
	v, err := e.QueryWorkflow(workflows.QueryState)
	require.NoError(e.t, err)
	var s verification.State
	require.NoError(e.t, v.Get(&s))
	return s
}

// answer is what became of an update.
type answer struct {
	rejected, failed error
	completed        bool
	value            any
}

func (a *answer) refused(t *testing.T, kind string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.Error(t, a.rejected, "the update was not refused")
	require.True(t, errors.As(a.rejected, &app))
	require.Equal(t, kind, app.Type())
}

func (e *env) update(name, id string, arg any) *answer {
	a := &answer{}
	e.engine.task()
	e.UpdateWorkflow(name, id, &testsuite.TestUpdateCallback{
		OnReject: func(err error) { a.rejected = err },
		OnAccept: func() {},
		OnComplete: func(v any, err error) {
			a.completed, a.value, a.failed = true, v, err
		},
	}, arg)
	return a
}

func (e *env) retry(session int) *answer {
	return e.update(workflows.UpdateRetry, workflows.RetryUpdateID(session), workflows.RetryRequest{Session: session})
}

func (e *env) cancel() *answer {
	return e.update(workflows.UpdateCancel, workflows.UpdateCancel, workflows.CancelRequest{Reason: verification.CanceledByCaller})
}

// retryEvery calls retry as soon as a look in the interval finds that it is
// asked for, up to a time.
func (e *env) retryEvery(interval, end time.Duration) {
	for d := interval; d < end; d += interval {
		e.at(d, func() {
			if s := e.state(); s.NextAction != nil && s.NextAction.Type == verification.ActionRetry {
				e.retries++
				e.retry(s.Attempt.Session)
			}
		})
	}
}

func check(t *testing.T, s verification.State, ct verification.CheckType) verification.Check {
	t.Helper()
	c, ok := verification.Find(s.Checks, ct)
	require.True(t, ok, "no check %s", ct)
	return c
}
