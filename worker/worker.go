// Package worker registers the workflows and activities on their task queues and
// runs them until its context is canceled.
package worker

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// stopTimeout is how long running activities may finish after a stop: longer
// than any vendor call, shorter than a container's usual grace period of 30 s.
const stopTimeout = 20 * time.Second

// Deps is what the workers need.
type Deps struct {
	Client     client.Client
	Activities *activities.Activities
	Deliverer  *activities.Deliverer
	Eraser     *activities.Eraser
	Retainer   *activities.Retainer
	Vendors    *provider.Registry
	Metrics    *telemetry.Metrics
	Traces     *telemetry.Traces
	// Build names the binary to the engine. The SDK would read the whole of it and
	// add it up, which takes tenths of a second at each start.
	Build string
	// Deployment is the worker deployment to which the workers belong, each under
	// Build; empty: they have no versions.
	Deployment string
}

// Run runs one worker a queue until ctx ends or one of them fails. It returns
// nil after a stop that was asked for. The namespace must have the search
// attributes: a run that writes an unknown one fails its task again and again.
func Run(ctx context.Context, d Deps) error {
	failed := make(chan error, 1)
	fatal := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	worker.SetBinaryChecksum(d.Build)
	o := options(ctx, d.Metrics, d.Traces, fatal)
	if d.Deployment != "" {
		o.DeploymentOptions = pinned(d.Deployment, d.Build)
	}
	workers := []worker.Worker{verificationWorker(d, o), webhookWorker(d, o)}
	for _, q := range d.Vendors.Queues() {
		workers = append(workers, vendorWorker(d, q, o))
	}
	var started []worker.Worker
	defer func() { stop(started) }()
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return fmt.Errorf("start a worker: %w", err)
		}
		started = append(started, w)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("a worker failed: %w", err)
	}
}

// pollers is how many ask for tasks of a kind at the same time. With the SDK's two
// a task that comes while both bring one waits, in the database at that; of those
// for workflow tasks half ask for tasks of runs that this worker has in memory.
const pollers = 8

// options are those of every worker.
func options(ctx context.Context, m *telemetry.Metrics, t *telemetry.Traces, fatal func(error)) worker.Options {
	return worker.Options{
		WorkerStopTimeout: stopTimeout,
		OnFatalError:      fatal,
		Interceptors: []interceptor.WorkerInterceptor{
			&panics{metrics: m}, &traces{traces: t}, &plainErrors{}, &heartbeat{every: beatEvery}, &handBackInterceptor{told: ctx.Done(), after: handBackAfter},
		},
		// The SDK would hold most heartbeats back, for four fifths of their time-out.
		MaxHeartbeatThrottleInterval:     beatEvery,
		MaxConcurrentWorkflowTaskPollers: pollers,
		MaxConcurrentActivityTaskPollers: pollers,
	}
}

// pinned has every run end on the version on which it began: what it waits for is
// over in days at most, and no change of a workflow can meet an older history.
func pinned(deployment, build string) worker.DeploymentOptions {
	return worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: build},
		DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
	}
}

// stop stops all workers at the same time: each may take its whole time-out. It
// does not wait longer, as it would for one that cannot reach the server.
func stop(workers []worker.Worker) {
	done := make(chan struct{}, len(workers))
	for _, w := range workers {
		go func() { w.Stop(); done <- struct{}{} }()
	}
	late := time.After(stopTimeout + 2*time.Second)
	for range workers {
		select {
		case <-done:
		case <-late:
			return
		}
	}
}

// verificationWorker runs the workflows and the activities that only touch
// the store.
func verificationWorker(d Deps, o worker.Options) worker.Worker {
	w := worker.New(d.Client, workflows.QueueVerification, o)
	w.RegisterWorkflowWithOptions(workflows.Verification, workflow.RegisterOptions{Name: workflows.VerificationWorkflow})
	w.RegisterWorkflowWithOptions(workflows.Review, workflow.RegisterOptions{Name: workflows.ReviewWorkflow})
	w.RegisterWorkflowWithOptions(workflows.Erasure, workflow.RegisterOptions{Name: workflows.ErasureWorkflow})
	w.RegisterWorkflowWithOptions(workflows.Retention, workflow.RegisterOptions{Name: workflows.RetentionWorkflow})
	w.RegisterActivityWithOptions(d.Retainer.Retain, activity.RegisterOptions{Name: "Retain"})
	register(w, d.Activities)
	for name, f := range map[string]any{"ClearFiles": d.Eraser.ClearFiles, "DeleteHistories": d.Eraser.DeleteHistories, "SignReceipt": d.Eraser.SignReceipt} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	return w
}

// webhookWorker runs the deliveries.
func webhookWorker(d Deps, o worker.Options) worker.Worker {
	w := worker.New(d.Client, workflows.QueueWebhooks, o)
	w.RegisterWorkflowWithOptions(workflows.WebhookDelivery, workflow.RegisterOptions{Name: workflows.DeliveryWorkflow})
	w.RegisterActivityWithOptions(d.Deliverer.Deliver, activity.RegisterOptions{Name: "Deliver"})
	return w
}

// vendorWorker runs the activities of one vendor's queue. Its limit is kept by
// the server for all workers together.
func vendorWorker(d Deps, q provider.Queue, o worker.Options) worker.Worker {
	o.DisableWorkflowWorker, o.TaskQueueActivitiesPerSecond = true, q.PerSecond
	w := worker.New(d.Client, q.Name, o)
	register(w, d.Activities)
	w.RegisterActivityWithOptions(d.Eraser.EraseAtVendor, activity.RegisterOptions{Name: "EraseAtVendor"})
	return w
}

// register registers the steps by their methods' names, which stand in every
// history: renaming a method breaks running verifications.
func register(w worker.ActivityRegistry, a *activities.Activities) {
	for name, f := range map[string]any{
		"Begin": a.Begin, "ReadChip": a.ReadChip, "OpenSession": a.OpenSession, "PollSession": a.PollSession, "LookAtSession": a.LookAtSession,
		"FetchSession": a.FetchSession, "CheckRecords": a.CheckRecords, "Publish": a.Publish, "Finish": a.Finish, "Amend": a.Amend,
		"AuditAct": a.AuditAct, "Resend": a.Resend,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}
