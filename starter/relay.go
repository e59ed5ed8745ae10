package starter

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

const (
	// relayPage is how many events, or deliveries, are taken at a time.
	relayPage = 100
	// relayLease is for how long nobody else takes them: longer than it takes to
	// start their workflows.
	relayLease = 30 * time.Second
	// relaySide is how many workflows are started side by side.
	relaySide = 8
)

// Relay writes the deliveries of new events and starts the workflows of those
// that are due, until nothing is left. It may run in many processes.
func (s *Starter) Relay(ctx context.Context) (started int, err error) {
	for {
		events, err := s.store.Relay(ctx, s.now(), s.endpoints.Taking, relayPage)
		if err != nil {
			return started, storeError("write deliveries", err)
		}
		due, err := s.store.TakeDue(ctx, s.now(), relayLease, relayPage)
		if err != nil {
			return started, storeError("take deliveries", err)
		}
		if err := s.startDeliveries(ctx, due); err != nil {
			return started, err
		}
		if started += len(due); events < relayPage && len(due) < relayPage {
			return started, nil
		}
	}
}

func (s *Starter) startDeliveries(ctx context.Context, due []store.Delivery) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(relaySide)
	for _, d := range due {
		g.Go(func() error { return s.startDelivery(ctx, d) })
	}
	return g.Wait()
}

// startDelivery starts a delivery's workflow. One that is there already was
// started by somebody who was lost before they could say so.
func (s *Starter) startDelivery(ctx context.Context, d store.Delivery) error {
	call, cancel := context.WithTimeout(s.about(ctx, d.VerificationID), s.patience)
	defer cancel()
	_, err := s.engine.ExecuteWorkflow(call, client.StartWorkflowOptions{
		ID: workflows.DeliveryID(d.EventID, d.Endpoint, d.Round), TaskQueue: workflows.QueueWebhooks, StartDelay: webhook.Jitter(s.firstPause),
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflows.DeliveryWorkflow, workflows.DeliveryInput{Event: d.EventID, Endpoint: d.Endpoint})
	if _, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); err != nil && !started {
		return unavailable("start a delivery", err)
	}
	if err := s.store.MarkSending(ctx, d); err != nil {
		return storeError("note that a delivery began", err)
	}
	return nil
}

// RelayAge is for how long the oldest event or delivery has been waiting for the
// relay.
func (s *Starter) RelayAge(ctx context.Context) (time.Duration, error) {
	since, err := s.store.Backlog(ctx)
	if err != nil || since.IsZero() {
		return 0, err
	}
	return max(s.now().Sub(since), 0), nil
}
