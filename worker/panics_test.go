package worker

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// Runs are replayed at each task, as after a restart: workers of one process share
// what they remember.
func TestMain(m *testing.M) {
	worker.SetStickyWorkflowCacheSize(0)
	os.Exit(m.Run())
}

// panicking is a workflow that panics where it is told to, once.
type panicking struct {
	mu    sync.Mutex
	where string
}

func (p *panicking) at(where string) {
	p.mu.Lock()
	told := p.where == where
	if told {
		p.where = ""
	}
	p.mu.Unlock()
	if told {
		panic("no validity of " + person)
	}
}

// person is somebody whom the code broke on.
const person = "测试甲 110199199003070017"

func (p *panicking) run(ctx workflow.Context) error {
	p.at("run")
	if err := workflow.SetUpdateHandlerWithOptions(ctx, "update", func(workflow.Context) error { p.at("update"); return nil },
		workflow.UpdateHandlerOptions{Validator: func(workflow.Context) error { p.at("validator"); return nil }}); err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) { p.at("beside") })
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond}})
	if err := workflow.ExecuteActivity(ctx, "step").Get(ctx, nil); err != nil {
		return err
	}
	var ended bool
	workflow.GetSignalChannel(ctx, "end").Receive(ctx, &ended)
	return nil
}

func (p *panicking) step(context.Context) error { p.at("step"); return nil }

// logged is what a process logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func historyOf(t *testing.T, c client.Client, id string) *historypb.History {
	t.Helper()
	var h historypb.History
	it := c.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, e)
	}
	return &h
}

func served(m *telemetry.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// sample is the value of one of the served series.
func sample(served, series string) string {
	_, rest, _ := strings.Cut(served, "\n"+series+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// A run whose workflow panics stands still without a word; wherever the panic is,
// a metric tells it, and readiness asks WorkflowsFail. The SDK's own metrics stand
// beside it. What a panic says, which may be a person, stands in neither history nor
// log.
func TestEveryPanicIsCounted(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	for _, where := range []string{"run", "beside", "update", "validator", "step"} {
		t.Run(where, func(t *testing.T) {
			m := telemetry.NewMetrics()
			var log logged
			c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: s.Namespace, MetricsHandler: m.Engine(),
				Logger: temporallog.NewStructuredLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))})
			require.NoError(t, err)
			defer c.Close()
			p := &panicking{where: where}
			w := worker.New(c, where, worker.Options{Interceptors: []interceptor.WorkerInterceptor{&panics{metrics: m}}})
			w.RegisterWorkflowWithOptions(p.run, workflow.RegisterOptions{Name: "panicking"})
			w.RegisterActivityWithOptions(p.step, activity.RegisterOptions{Name: "step"})
			require.NoError(t, w.Start())
			defer w.Stop()
			require.False(t, m.WorkflowsFail())

			run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: where, WorkflowTaskTimeout: time.Second}, "panicking")
			require.NoError(t, err)
			update, err := c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: "update",
				WaitForStage: client.WorkflowUpdateStageCompleted})
			if err == nil {
				err = update.Get(t.Context(), nil)
			}
			require.Equal(t, where == "validator", err != nil, "%v", err)
			require.NotContains(t, fmt.Sprint(err), person)
			require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", "end", true))
			require.NoError(t, run.Get(t.Context(), nil), "it goes on")
			history := protojson.Format(historyOf(t, c, run.GetID()))
			if where != "validator" {
				require.Contains(t, log.String(), "a panic with a string, whose text is not told")
				require.Contains(t, log.String(), "panicking).at", "the stack tells where")
				require.Contains(t, history, "a panic with a string, whose text is not told")
			}
			require.NotContains(t, history, person)
			require.NotContains(t, log.String(), person)

			word := telemetry.Workflow
			if where == "step" {
				word = telemetry.Activity
			}
			require.Equal(t, "1", sample(served(m), `yanzhen_panics_total{where="`+word+`"}`))
			require.Equal(t, word == telemetry.Workflow, m.WorkflowsFail())
			for _, name := range []string{"temporal_request_total{", "temporal_worker_task_slots_available{", "temporal_workflow_endtoend_latency_seconds_count{"} {
				require.Eventually(t, func() bool { return strings.Contains(served(m), "\n"+name) }, 10*time.Second, 10*time.Millisecond, name)
			}
			require.False(t, strings.Contains(served(m), run.GetID()))
		})
	}
}

// A history that the code no longer fits is no panic of ours, and stands as still.
func TestAHistoryThatTheCodeNoLongerFitsIsToldLikeAPanic(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	m := telemetry.NewMetrics()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: s.Namespace, MetricsHandler: m.Engine()})
	require.NoError(t, err)
	defer c.Close()
	start := func(f func(workflow.Context) error) worker.Worker {
		w := worker.New(c, "changing", worker.Options{Interceptors: []interceptor.WorkerInterceptor{&panics{metrics: m}}})
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: "changing"})
		require.NoError(t, w.Start())
		return w
	}
	before := start(func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Second) })
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "changing", WorkflowTaskTimeout: time.Second}, "changing")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		at, err := c.DescribeWorkflow(t.Context(), run.GetID(), "")
		return err == nil && at.HistoryLength > 4
	}, 20*time.Second, 10*time.Millisecond)
	before.Stop()
	after := start(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Second})
		return workflow.ExecuteActivity(ctx, "in the timer's place").Get(ctx, nil)
	})
	defer after.Stop()
	require.Eventually(t, m.WorkflowsFail, 30*time.Second, 50*time.Millisecond)
	require.True(t, strings.Contains(served(m), `failure_reason="NonDeterminismError"`))
	require.NoError(t, c.TerminateWorkflow(t.Context(), run.GetID(), "", "over"))
}
