package worker

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// traces makes a span of each try of a step, and names the verification to whatever
// the step logs. Workflows are not traced: a history must not depend on a tracer.
type traces struct {
	interceptor.WorkerInterceptorBase
	traces *telemetry.Traces
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (t *traces) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityTraces{traces: t.traces}
	i.Next = next
	return i
}

type activityTraces struct {
	interceptor.ActivityInboundInterceptorBase
	traces *telemetry.Traces
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *activityTraces) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (out any, err error) {
	info := activity.GetInfo(ctx)
	verification := telemetry.VerificationIn(info.WorkflowExecution.ID)
	if verification == "" {
		return a.Next.ExecuteActivity(ctx, in) // a delivery, which learns of whose it is, or nobody's
	}
	ctx, end := a.traces.Step(ctx, info.ActivityType.Name, verification, info.Attempt, attributesOf(in.Args))
	panicked := true
	defer func() {
		class, fault := classOf(err)
		if panicked {
			class, fault = "panic", true
		}
		end(class, fault)
	}()
	out, err = a.Next.ExecuteActivity(ctx, in)
	panicked = false
	return out, err
}

// attributesOf are what a step's input says of it, without anything of the person.
func attributesOf(args []any) map[string]string {
	if len(args) != 1 {
		return nil
	}
	switch in := args[0].(type) {
	case activities.BeginInput:
		return map[string]string{"policy": in.Policy.Name}
	case activities.OpenInput:
		return map[string]string{"provider": in.Provider, "session": fmt.Sprint(in.Session)}
	case activities.SessionInput:
		return map[string]string{"provider": in.Provider, "session": fmt.Sprint(in.Session)}
	case activities.ChipInput:
		return map[string]string{"provider": in.Provider}
	case activities.RecordsInput:
		return map[string]string{"provider": in.Provider}
	case activities.PublishInput:
		return map[string]string{"status": string(in.State.Status)}
	case activities.FinishInput:
		return map[string]string{"status": string(in.State.Status), "outcome": string(in.State.Outcome()), "policy": in.State.Policy.Name}
	case activities.EraseAtVendorInput:
		return map[string]string{"provider": in.Provider}
	}
	return nil
}

// classOf is an error in one word, and whether it is a fault: what is not over yet
// is none.
func classOf(err error) (class string, fault bool) {
	if err == nil {
		return "", false
	}
	if errors.Is(err, context.Canceled) {
		return "canceled", false
	}
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.Type(), e.Category() != temporal.ApplicationErrorCategoryBenign
	}
	return fmt.Sprintf("%T", err), true
}
