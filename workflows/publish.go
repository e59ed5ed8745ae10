package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Every reader is answered from the store, so the run writes there whatever
// changes of its public state: by a local activity, which costs a marker and no
// round trip.
//
// A local activity acts before its workflow task is recorded, and the task may
// be tried again with other messages. So only what is on record is published:
// never what an update of the same task changed; that goes with the next
// change. An end is never published; Finish writes it.

// Where an update leads to a state in which nothing follows by itself, a
// regular activity writes it: it runs only once the task is recorded.

// localTime is how long a local activity may try the store. What takes longer
// goes to a regular activity, so that an absent store holds up no task.
const localTime = 2 * time.Second

// published is what the store has of the run, and when.
type published struct {
	// version is the newest one that is written.
	version int
	// end: the end is written, or there is no row to write it to.
	end bool
	// changed and accepted are the workflow tasks in which the state last
	// changed, and an update was last accepted.
	changed, accepted int
}

// closed: the end stands in the state.
func (r *run) closed() bool { return r.state.Status.Ended() }

// task names the present workflow task, by the history's length at its start.
func task(ctx workflow.Context) int { return workflow.GetInfo(ctx).GetCurrentHistoryLength() }

// publish writes each new version of the state, until the end.
func (r *run) publish(ctx workflow.Context) {
	late := false // it changed while the store was away: nothing may follow that tells it
	for {
		err := workflow.Await(ctx, func() bool {
			// A task begins before its events are handled. What an earlier one
			// left waits until something changes in this one, so that the two
			// cost one marker.
			now := task(ctx)
			return r.closed() || r.state.Version > r.published.version && (late || now == r.published.changed) && (now != r.published.accepted || r.waits())
		})
		if err != nil || r.closed() {
			return
		}
		// In a coroutine of its own, which runs after those that this task has
		// begun: what they change costs no second marker.
		written, settable := workflow.NewFuture(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			if r.closed() {
				settable.Set(r.state.Version, nil)
				return
			}
			in := activities.PublishInput{ID: r.in.ID, State: r.state}
			switch {
			case task(ctx) != r.published.accepted:
				settable.Set(in.State.Version, local(ctx, stepPublish.on(ctx, "", "", "", 0), stepPublish, acts.Publish, in, nil))
			case r.waits():
				err := workflow.ExecuteActivity(stepPublish.on(ctx, "", "", "", 0), acts.Publish, in).Get(ctx, nil)
				settable.Set(in.State.Version, err)
			default:
				settable.Set(r.published.version, nil) // something follows, which tells it
			}
		})
		before := r.published.version
		if written.Get(ctx, &r.published.version) != nil {
			return // the run was canceled, or its row is gone
		}
		late = r.published.version > before && r.published.version < r.state.Version
	}
}

// waits: nothing follows by itself, but by the caller, the person or a reviewer.
func (r *run) waits() bool {
	return r.state.Status == verification.RequiresInput || r.state.Status == verification.InReview || r.state.Page && !r.in.Policy.WantsFace()
}

// local runs a step that only touches the store as a local activity, and, where
// the store gives no answer in time, as a regular one, with the options of its
// own context.
func local(ctx, regular workflow.Context, s step, activity, in, out any) error {
	options := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: localTime, Summary: s.summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: s.first, BackoffCoefficient: 2, MaximumAttempts: 3},
	})
	err := workflow.ExecuteLocalActivity(options, activity, in).Get(options, out)
	if err == nil || isCanceled(err) || isPermanent(err) {
		return err
	}
	return workflow.ExecuteActivity(regular, activity, in).Get(ctx, out)
}

// isPermanent reports whether another try could not end otherwise.
func isPermanent(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.NonRetryable()
}

// accepted notes that the present task accepts an update: what it changes is
// on record only with the next one.
func (r *run) accepted(ctx workflow.Context) { r.published.accepted = task(ctx) }

// awaitPublished waits for a condition, or the end, and until the store has what a
// reader must then find there. A run that is canceled has an end to tell of, so
// the waiting outlives it.
func (r *run) awaitPublished(ctx workflow.Context, condition func() bool) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(ctx, func() bool { return condition() || r.closed() }); err != nil {
		return err
	}
	version := r.state.Version
	return workflow.Await(ctx, func() bool { return r.published.end || !r.closed() && r.published.version >= version })
}

// awaitEnd waits until the end is in the store.
func (r *run) awaitEnd(ctx workflow.Context) error {
	return r.awaitPublished(ctx, func() bool { return false })
}
