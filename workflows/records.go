package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// records asks the records vendors. An outage is passed over to the next of the
// list, then waited out while the face goes on; when the policy's patience ends
// the check is unavailable, which leads to review and never declines.
func (r *run) records(ctx workflow.Context) {
	defer func() { r.recordsDone = true }()
	p := r.in.Policy
	if !p.Wants(verification.IdentityRecords) || len(r.in.Records) == 0 {
		return
	}
	if p.RecordsWhen == verification.AfterFace {
		if workflow.Await(ctx, func() bool { return r.faceDone }) != nil || r.end != nil {
			return
		}
		r.awaitVendors(ctx, workflow.Now(ctx).Add(p.RecordsPatience.Std()))
	}
	ask := r.askInTurn
	if len(r.in.Records) == 1 {
		ask = r.askTheOne
	}
	if check, ok := ask(ctx); ok {
		r.setChecks(ctx, check)
	}
}

// askTheOne asks where there is nobody else to ask: the server waits an outage
// out. false: the run has ended meanwhile.
func (r *run) askTheOne(ctx workflow.Context) (verification.Check, bool) {
	started, route := workflow.Now(ctx), r.in.Records[0]
	out, err := r.askRecords(ctx, route, 0, r.in.Policy.RecordsPatience.Std())
	if err == nil || ctx.Err() != nil {
		return out.Check, err == nil
	}
	workflow.GetLogger(ctx).Warn("records vendor gave no answer", "provider", route.Provider, "waited", workflow.Now(ctx).Sub(started))
	c := unanswered(err)
	c.Provider = route.Provider
	return c, true
}

// asked is a records vendor of several.
type asked struct {
	route RecordsRoute
	// failed counts the tries that brought no answer; due is when there may be
	// another.
	failed int
	due    time.Time
	spent  bool
}

// askInTurn asks the vendors in the policy's order, each as soon as the one before
// has no answer, until one has, or the policy's patience ends. The activity knows
// what was paid for, whoever was asked, and whether anybody may be asked again.
// false: the run has ended meanwhile.
func (r *run) askInTurn(ctx workflow.Context) (verification.Check, bool) {
	var tried []verification.Tried
	with := func(c verification.Check) verification.Check {
		c.Tried = tried
		return c
	}
	none := unanswered(nil)
	began := workflow.Now(ctx)
	deadline := began.Add(r.in.Policy.RecordsPatience.Std())
	vendors := make([]*asked, len(r.in.Records))
	for i, route := range r.in.Records {
		vendors[i] = &asked{route: route, due: began}
	}
	for {
		known := len(tried)
		for _, v := range vendors {
			if v.spent || v.due.After(workflow.Now(ctx)) {
				continue
			}
			out, err := r.askRecords(ctx, v.route, v.failed, deadline.Sub(workflow.Now(ctx)))
			class := out.Spent
			switch {
			case err == nil && class == "":
				return with(out.Check), true
			case ctx.Err() != nil:
				return none, false
			case err == nil:
				v.spent, none = true, out.Check
			default:
				class, none = activities.ClassOf(err), unanswered(err)
				v.due = workflow.Now(ctx).Add(max(activities.NextDelay(err), min(time.Second<<min(v.failed, 6), time.Minute)))
				v.failed++
			}
			if t := (verification.Tried{Provider: v.route.Provider, Class: string(class)}); !slices.Contains(tried, t) {
				tried = append(tried, t)
			}
			if activities.RowMissing(err) {
				return with(none), true
			}
		}
		next := deadline
		for _, v := range vendors {
			if !v.spent && v.due.Before(next) {
				next = v.due
			}
		}
		if !next.Before(deadline) {
			workflow.GetLogger(ctx).Warn("no records vendor gave an answer", "waited", workflow.Now(ctx).Sub(began))
			return with(none), true
		}
		if len(tried) > known {
			r.setChecks(ctx, with(verification.NewCheck(verification.IdentityRecords, verification.Pending)))
		}
		timer := workflow.NewTimerWithOptions(ctx, next.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "No records vendor is available: wait and try again"})
		if timer.Get(ctx, nil) != nil {
			return none, false
		}
	}
}

// unanswered is the check that nobody answered, by the last error.
func unanswered(err error) verification.Check {
	return verification.NewCheck(verification.IdentityRecords, verification.Unavailable, unavailableReason(err))
}

// askRecords asks one vendor, round times after it had no answer.
func (r *run) askRecords(ctx workflow.Context, route RecordsRoute, round int, limit time.Duration) (out activities.RecordsResult, err error) {
	p := r.in.Policy
	in := activities.RecordsInput{
		ID: r.in.ID, Provider: route.Provider, UnknownCharge: p.UnknownCharge, DailyCap: p.RecordsDailyCap,
		Others: len(r.in.Records) > 1, Round: round,
	}
	ctx = stepRecords.on(ctx, route.Queue, "", " ("+route.Provider+")", max(limit, time.Second))
	if in.Others {
		o := workflow.GetActivityOptions(ctx)
		o.ScheduleToStartTimeout = queuePatience
		ctx = workflow.WithActivityOptions(ctx, o)
	}
	ctx = workflow.WithWaitForCancellation(ctx, true) // an answer that is on its way is kept
	err = workflow.ExecuteActivity(ctx, acts.CheckRecords, in).Get(ctx, &out)
	return out, err
}
