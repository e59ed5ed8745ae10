package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// panics counts every panic and lets it go on, without what it says: the SDK writes
// that into its log and the run's history, and has the step or the task tried again.
// A run whose workflow panics stands still and looks, from outside, as if it waited
// for its person.
type panics struct {
	interceptor.WorkerInterceptorBase
	metrics *telemetry.Metrics
}

// leaves is what the SDK panics with where a run that is put out of memory, for room
// or since its task was lost, calls it once more in a deferred function.
const leaves = "getState: illegal access from outside of workflow context"

// count is deferred around code that may panic.
func (p *panics) count(where string) {
	if r := recover(); r != nil {
		if r == leaves {
			panic(r) // no code is at fault, and no run stands still
		}
		p.metrics.Panicked(where)
		panic(plainPanic(r))
	}
}

// plainPanic is a panic's value as it may be told. Its text may quote the data on
// which the code broke, so that of a stranger is its type alone; the stack is told
// beside it. The Go runtime names types and lengths only, and the SDK its own
// steps, and knows its own values again.
func plainPanic(r any) any {
	if _, ok := r.(runtime.Error); ok {
		return r
	}
	if t := reflect.TypeOf(r); strings.HasPrefix(t.PkgPath(), "go.temporal.io/sdk/") {
		return r
	}
	return fmt.Sprintf("a panic with a %T, whose text is not told", r)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (p *panics) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityPanics{panics: p}
	i.Next = next
	return i
}

type activityPanics struct {
	interceptor.ActivityInboundInterceptorBase
	panics *panics
}

func (a *activityPanics) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	defer a.panics.count(telemetry.Activity)
	return a.Next.ExecuteActivity(ctx, in)
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (p *panics) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &workflowPanics{panics: p}
	i.Next = next
	return i
}

type workflowPanics struct {
	interceptor.WorkflowInboundInterceptorBase
	panics *panics
}

func (w *workflowPanics) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &goPanics{panics: w.panics}
	o.Next = out
	return w.Next.Init(o)
}

func (w *workflowPanics) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	defer w.panics.count(telemetry.Workflow)
	return w.Next.ExecuteUpdate(ctx, in)
}

// ValidateUpdate meets a validator's panic as the error that the SDK made of it:
// the caller is refused, and the run goes on.
func (w *workflowPanics) ValidateUpdate(ctx workflow.Context, in *interceptor.UpdateInput) error {
	err := w.Next.ValidateUpdate(ctx, in)
	if _, ok := errors.AsType[*temporal.PanicError](err); ok {
		w.panics.metrics.Panicked(telemetry.Workflow)
		return temporal.NewApplicationError("the check of the update panicked", typeInternal)
	}
	return err
}

// goPanics does the same for the workflow's own function, which the SDK runs in
// this way too, and for what that starts beside itself.
type goPanics struct {
	interceptor.WorkflowOutboundInterceptorBase
	panics *panics
}

func (g *goPanics) Go(ctx workflow.Context, name string, f func(workflow.Context)) workflow.Context {
	return g.Next.Go(ctx, name, func(ctx workflow.Context) {
		defer g.panics.count(telemetry.Workflow)
		f(ctx)
	})
}
