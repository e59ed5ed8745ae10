package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
)

// DeliveryWorkflow is the name of the workflow that delivers one event to one
// endpoint. Its id is that of DeliveryID.
const DeliveryWorkflow = "WebhookDelivery"

// QueueWebhooks is the task queue of deliveries, apart from the verifications,
// which no receiver holds up. Receivers hold up each other as little: a worker sends
// to one endpoint only so much at a time.
const QueueWebhooks = "webhooks"

// DeliveryInput is the workflow's argument: the two ids, and nothing else.
type DeliveryInput = activities.DeliverInput

// DeliveryID is made of both ids, and of the round where an event is sent again.
func DeliveryID(event, endpoint string, round int) string {
	return activities.DeliveryID(event, endpoint, round)
}

// DeliveryOf reads a workflow's id.
func DeliveryOf(id string) (event, endpoint string, round int, ok bool) {
	return activities.DeliveryOf(id)
}

// WebhookDelivery tries by the schedule, which the activity keeps: the server
// tries again after the pause that the activity's error names, and nothing of
// that stands in the history.
func WebhookDelivery(ctx workflow.Context, in DeliveryInput) (activities.DeliverResult, error) {
	var d *activities.Deliverer
	var out activities.DeliverResult
	workflow.SetCurrentDetails(ctx, deliveryDetails(in, workflow.GetInfo(ctx).WorkflowExecution.ID, workflow.Now(ctx)))
	ctx = stepDeliver.on(ctx, "", "", " to "+in.Endpoint, 0)
	err := workflow.ExecuteActivity(ctx, d.Deliver, in).Get(ctx, &out)
	return out, err
}
