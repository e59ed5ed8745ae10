package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
)

const (
	// RetentionWorkflow is the name of the workflow that erases what is due.
	RetentionWorkflow = "Retention"
	// RetentionSchedule is the id of the schedule that starts it, each hour.
	RetentionSchedule = "yanzhen-retention"
)

// Retention erases and deletes once what is kept beyond its time.
func Retention(ctx workflow.Context) (activities.RetainResult, error) {
	var r *activities.Retainer
	var done activities.RetainResult
	err := workflow.ExecuteActivity(stepRetain.on(ctx, "", "", "", 0), r.Retain).Get(ctx, &done)
	return done, err
}
