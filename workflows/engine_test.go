package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
)

// engine stands in for the server's side of activities, on the clock of the
// SDK's test environment, which itself knows neither a try that is lost with
// its worker, nor WaitForCancellation, nor a limit for all tries, nor that two
// pending activities may not share an id. Everything runs in the one thread of
// the workflow, so that a sequence is repeated by its seed alone.
type engine struct {
	interceptor.WorkerInterceptorBase
	world world
	steps map[string]any
	// entered: the workflow has had its first task.
	entered bool
	// comparing is how long a look that finds a result goes on with it.
	comparing time.Duration
	// captures says which looks do; nil: all.
	captures func(in any) bool
	// dies: the worker dies in the middle of a try of the activity, after its
	// vendor answered.
	dies func(name string) bool

	// longer hears the history's length at the start of each workflow task.
	longer func(int)
	length int

	due     []due
	pending map[string]*call
	woken   bool
	// faults are what a server would have failed the workflow's task for.
	faults []string
}

// due is what happens at a time.
type due struct {
	at time.Time
	do func(workflow.Context)
}

// roundTrip is what a task takes from the engine to a worker, and back.
const roundTrip = time.Millisecond

// world is what the activities reach outside.
type world interface {
	// steps are the activities by their names.
	steps() map[string]any
	// takes is how long a try of the activity takes.
	takes(name string) time.Duration
	// begins and ends bracket each try.
	begins(name string)
	ends(endedTry)
	// moved is called after each batch of what happened.
	moved()
}

// endedTry is one try of an activity that ended.
type endedTry struct {
	name      string
	in, value any
	err       error
	// died: its worker died with it, after its vendor answered value.
	died bool
	// heard: the workflow still waits for the answer.
	heard bool
}

func newEngine(w world) *engine {
	return &engine{world: w, steps: w.steps(), pending: map[string]*call{}}
}

func (e *engine) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &inbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, engine: e}
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	engine *engine
}

func (i *inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&outbound{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: next}, engine: i.engine})
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	clock, _ := workflow.NewDisconnectedContext(ctx)
	i.engine.entered = true
	workflow.Go(clock, i.engine.run)
	return i.Next.ExecuteWorkflow(ctx, in)
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	engine *engine
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	return o.engine.schedule(ctx, name, workflow.GetActivityOptions(ctx), args)
}

// ExecuteLocalActivity runs the step within the workflow's task.
func (o *outbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	future, settable := workflow.NewFuture(ctx)
	input, err := converter.GetDefaultDataConverter().ToPayloads(args...)
	if err != nil {
		settable.SetError(err)
		return future
	}
	c := &call{engine: o.engine, name: name, input: input, settable: settable}
	o.engine.world.begins(name)
	value, err := c.run() //workflowcheck:ignore
	o.engine.world.ends(endedTry{name: name, in: c.in, value: value, err: err, heard: true})
	if err != nil {
		settable.SetError(err)
		return future
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(value)
	if value == nil {
		payloads = nil
	}
	settable.Set(payloads, err)
	return future
}

// task begins a workflow task: its history is longer than the last one's.
func (e *engine) task() {
	e.length++
	e.longer(e.length)
}

// run does what is due, all that is due at once in one task.
func (e *engine) run(ctx workflow.Context) {
	for {
		_ = workflow.Await(ctx, func() bool { return len(e.due) > 0 })
		e.woken = false
		timing, stop := workflow.WithCancel(ctx)
		first := slices.MinFunc(e.due, func(a, b due) int { return a.at.Compare(b.at) })
		timer := workflow.NewTimer(timing, first.at.Sub(workflow.Now(ctx)))
		_ = workflow.Await(ctx, func() bool { return timer.IsReady() || e.woken })
		stop()
		now, todo := workflow.Now(ctx), e.due
		e.due = nil
		for _, d := range todo {
			if d.at.After(now) {
				e.due = append(e.due, d)
			} else {
				d.do(ctx)
			}
		}
		e.world.moved()
	}
}

func (e *engine) after(ctx workflow.Context, d time.Duration, do func(workflow.Context)) {
	e.due = append(e.due, due{workflow.Now(ctx).Add(max(d, roundTrip)), do})
	e.woken = true
}

// call is one activity, with all its tries.
type call struct {
	engine   *engine
	name     string
	opts     workflow.ActivityOptions
	input    *commonpb.Payloads
	in       any // its input, decoded
	deadline time.Time
	attempt  int32
	settable workflow.Settable
	settled  bool
	// canceled: the workflow asked for it. trying: a worker is at it.
	canceled, trying bool
}

func (e *engine) schedule(ctx workflow.Context, name string, opts workflow.ActivityOptions, args []any) workflow.Future {
	future, settable := workflow.NewFuture(ctx)
	input, err := converter.GetDefaultDataConverter().ToPayloads(args...)
	if err != nil {
		settable.SetError(err)
		return future
	}
	c := &call{engine: e, name: name, opts: opts, input: input, settable: settable}
	if opts.ScheduleToCloseTimeout > 0 {
		c.deadline = workflow.Now(ctx).Add(opts.ScheduleToCloseTimeout)
	}
	if opts.ScheduleToCloseTimeout == 0 && opts.StartToCloseTimeout == 0 {
		e.faults = append(e.faults, "activity "+opts.ActivityID+" without a time-out")
	}
	if _, taken := e.pending[opts.ActivityID]; taken && opts.ActivityID != "" {
		e.faults = append(e.faults, "two pending activities with the id "+opts.ActivityID)
	}
	e.pending[opts.ActivityID] = c
	e.after(ctx, 0, c.try)
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.NewSelector(ctx).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { c.cancel() }).
			AddFuture(future, func(workflow.Future) {}).
			Select(ctx)
	})
	return future
}

// cancel ends an activity between two tries at once. One that is being tried
// goes on: if the workflow waits for that, its result still counts.
func (c *call) cancel() {
	c.canceled = true
	if !c.trying {
		delete(c.engine.pending, c.opts.ActivityID)
	}
	if !c.trying || !c.opts.WaitForCancellation {
		c.settle(nil, temporal.NewCanceledError())
	}
}

func (c *call) settle(value any, err error) {
	if !c.settled {
		c.settled = true
		c.settable.Set(value, err)
	}
}

// try is one try, from a worker's taking it to the engine's knowing its end.
func (c *call) try(ctx workflow.Context) {
	if c.canceled {
		return
	}
	c.attempt++
	c.trying = true
	c.engine.world.begins(c.name)
	c.engine.after(ctx, c.engine.world.takes(c.name), func(ctx workflow.Context) {
		value, err := c.run() //workflowcheck:ignore
		if c.engine.dies != nil && c.engine.dies(c.name) {
			known := c.opts.StartToCloseTimeout
			if hb := c.opts.HeartbeatTimeout; hb > 0 {
				known = min(known, hb)
			}
			c.engine.after(ctx, known, func(ctx workflow.Context) {
				c.ends(ctx, endedTry{value: value, died: true, err: temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)})
			})
			return
		}
		if err == nil && c.engine.comparing > 0 && hasResult(value) && (c.engine.captures == nil || c.engine.captures(c.in)) {
			c.engine.after(ctx, c.engine.comparing, func(ctx workflow.Context) { c.ends(ctx, endedTry{value: value}) })
			return
		}
		c.ends(ctx, endedTry{value: value, err: err})
	})
}

// run calls the script's step. What it takes and returns goes through the data
// converter, as payloads do.
func (c *call) run() (any, error) {
	step := reflect.ValueOf(c.engine.steps[c.name])
	if !step.IsValid() {
		panic(fmt.Sprintf("the script has no step %s", c.name))
	}
	in := reflect.New(step.Type().In(1))
	if err := converter.GetDefaultDataConverter().FromPayloads(c.input, in.Interface()); err != nil {
		return nil, err
	}
	c.in = in.Elem().Interface()
	out := step.Call([]reflect.Value{reflect.ValueOf(context.Background()), in.Elem()})
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		return nil, err
	}
	if len(out) == 1 {
		return nil, nil
	}
	return out[0].Interface(), nil
}

func (c *call) ends(ctx workflow.Context, t endedTry) {
	c.trying = false
	t.name, t.in, t.heard = c.name, c.in, !c.settled
	c.engine.world.ends(t)
	next, again := c.next(ctx, t.err)
	switch {
	case t.err == nil && t.value == nil:
		c.done(nil, nil)
	case t.err == nil:
		payloads, err := converter.GetDefaultDataConverter().ToPayloads(t.value)
		c.done(payloads, err)
	case c.canceled:
		c.done(nil, temporal.NewCanceledError())
	case !again:
		c.done(nil, t.err)
	default:
		c.engine.after(ctx, next, c.try)
	}
}

func (c *call) done(value any, err error) {
	delete(c.engine.pending, c.opts.ActivityID)
	c.settle(value, err)
}

// next says whether and when a failed try is followed by another one.
func (c *call) next(ctx workflow.Context, err error) (time.Duration, bool) {
	policy := c.opts.RetryPolicy
	if policy == nil {
		policy = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 100 * time.Second}
	}
	next := policy.InitialInterval
	for i := int32(1); i < c.attempt && next < policy.MaximumInterval; i++ {
		next = time.Duration(float64(next) * policy.BackoffCoefficient)
	}
	next = min(next, policy.MaximumInterval)
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		if app.NonRetryable() {
			return 0, false
		}
		if app.NextRetryDelay() > 0 {
			next = app.NextRetryDelay()
		}
	}
	if policy.MaximumAttempts > 0 && c.attempt >= policy.MaximumAttempts {
		return 0, false
	}
	// The server gives up at once where the next try falls after the limit.
	if !c.deadline.IsZero() && workflow.Now(ctx).Add(next).After(c.deadline) {
		return 0, false
	}
	return next, true
}

// hasResult: a look found what the vendor hands out.
func hasResult(value any) bool {
	look, ok := value.(activities.LookResult)
	return ok && look.Result != nil
}
