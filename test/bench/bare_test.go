//go:build bench

package bench

import (
	"context"
	"os"
	"os/signal"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// The bare workflow takes the steps that the engine must know of, each as a plain
// activity that does nothing: no store, no vendor, no policy. What the product
// takes beside it is its own doing.
const (
	bareQueue  = "bare"
	bareVendor = "bare-vendor"
	bareName   = "Bare"
	bareLaunch = "launch"
	bareBell   = "bell"
)

// bareAt is the server's address in the environment of the bare workflow's worker.
const bareAt = "BENCH_BARE"

func init() { processes["bare"] = beBare }

// beBare is the process of the bare workflow's worker.
func beBare() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, err := client.Dial(client.Options{HostPort: os.Getenv(bareAt), ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
	if err != nil {
		panic(err)
	}
	for _, w := range bareWorkers(c) {
		if err := w.Start(); err != nil {
			panic(err)
		}
	}
	<-ctx.Done()
}

// BareInput says which path it takes.
type BareInput struct{ Path string }

func runBare(ctx workflow.Context, in BareInput) error {
	opened := false
	err := workflow.SetUpdateHandler(ctx, bareLaunch, func(ctx workflow.Context) error {
		return workflow.Await(ctx, func() bool { return opened })
	})
	if err != nil {
		return err
	}
	do := func(queue string) workflow.Future {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: queue, StartToCloseTimeout: 20 * time.Second}), "nothing")
	}
	if in.Path == "chip" || in.Path == "capture" {
		if err := do(bareVendor).Get(ctx, nil); err != nil { // the chip is read first
			return err
		}
	}
	records := do(bareVendor)
	if err := do(bareVendor).Get(ctx, nil); err != nil { // the session is opened
		return err
	}
	opened = true
	if err := bareWatch(ctx, in.Path); err != nil {
		return err
	}
	if in.Path != "notify" && in.Path != "capture" {
		if err := do(bareVendor).Get(ctx, nil); err != nil { // the result is fetched
			return err
		}
	}
	if err := records.Get(ctx, nil); err != nil {
		return err
	}
	return do(bareQueue).Get(ctx, nil) // the end is written
}

// bareWatch waits for the session's end: by a signal, and a look that answers it,
// or by a poll that the server retries; its clock runs meanwhile.
func bareWatch(ctx workflow.Context, path string) error {
	inner, cancel := workflow.WithCancel(ctx)
	workflow.NewTimer(inner, 600*time.Second)
	defer cancel()
	if path == "notify" {
		workflow.GetSignalChannel(ctx, bareBell).Receive(ctx, nil)
		return nil
	}
	poll := workflow.WithActivityOptions(inner, workflow.ActivityOptions{TaskQueue: bareVendor, StartToCloseTimeout: 20 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 10 * time.Second}})
	polled := workflow.ExecuteActivity(poll, "pending", path == "poll")
	rang := false
	s := workflow.NewSelector(ctx)
	s.AddFuture(polled, func(workflow.Future) {})
	s.AddReceive(workflow.GetSignalChannel(ctx, bareBell), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil); rang = true })
	s.Select(ctx)
	if !rang {
		return nil
	}
	look := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: bareVendor, StartToCloseTimeout: 20 * time.Second})
	return workflow.ExecuteActivity(look, "nothing").Get(ctx, nil)
}

// bareWorkers are those of the bare workflow, as many pollers as the product has.
func bareWorkers(c client.Client) []worker.Worker {
	var all []worker.Worker
	for _, queue := range []string{bareQueue, bareVendor} {
		w := worker.New(c, queue, worker.Options{MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 8,
			DisableWorkflowWorker: queue == bareVendor})
		w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "nothing"})
		// A session that is polled to its end is over at the second look.
		w.RegisterActivityWithOptions(func(ctx context.Context, ends bool) error {
			if n := activity.GetInfo(ctx).Attempt; ends && n > 1 {
				return nil
			}
			return temporal.NewApplicationErrorWithOptions("pending", "pending", temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
		}, activity.RegisterOptions{Name: "pending"})
		if queue == bareQueue {
			w.RegisterWorkflowWithOptions(runBare, workflow.RegisterOptions{Name: bareName})
		}
		all = append(all, w)
	}
	return all
}
