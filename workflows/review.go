package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// ReviewID is the id of the workflow that reviews a reopened case for a version
// of its verdict.
func ReviewID(verification string, version int) string {
	return activities.ReviewID(verification, version)
}

// Review holds a reopened case in review until a reviewer decides or the
// deadline is over. A decision makes a new version of the verdict; silence, or
// a cancellation, leaves the old one standing.
func Review(ctx workflow.Context, in ReviewInput) (VerificationResult, error) {
	r := newReopened(ctx, in)
	if err := r.handleMessages(ctx); err != nil {
		return VerificationResult{}, err
	}
	return r.run(ctx)
}

// newReopened makes a review that is whole: a decision that came before the
// first task is handled while the handlers are registered.
func newReopened(ctx workflow.Context, in ReviewInput) *reopened {
	now := workflow.Now(ctx)
	r := &reopened{in: in, state: in.State, since: now}
	r.clock = &clock{ends: now.Add(in.Deadline.Std())}
	r.state.Reopen(now, verification.ReasonOf(in.Reason), r.clock.ends)
	return r
}

// reopened is the state of one Review.
type reopened struct {
	in      ReviewInput
	state   verification.State
	decided *DecideRequest
	// since is when it was reopened, or ended.
	since time.Time
	// clock is the reviewers' time.
	clock *clock
	// written: the end of the review is in the store.
	written bool
}

func (r *reopened) handleMessages(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, QueryState, func() (verification.State, error) { return r.state, nil }); err != nil {
		return fmt.Errorf("register query %s: %w", QueryState, err)
	}
	opts := workflow.UpdateHandlerOptions{Validator: r.validateDecide, Description: "A reviewer's decision"}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateDecide, r.decide, opts); err != nil {
		return err
	}
	opts = workflow.UpdateHandlerOptions{Validator: r.validateExtend, Description: describeExtend}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateExtend, r.extend, opts)
}

func (r *reopened) validateExtend(ctx workflow.Context, req ExtendRequest) error {
	if r.state.Status != verification.InReview || r.decided != nil {
		return refused(RefusedState, "its review has ended, there is nothing to extend any more", r.state)
	}
	return extends(workflow.Now(ctx), req, r.state.ExpiresAt, r.state)
}

// extend gives the reviewers longer. What readers see follows.
func (r *reopened) extend(ctx workflow.Context, req ExtendRequest) (Extended, error) {
	still := func() error { return r.validateExtend(ctx, req) }
	if err := audited(ctx, r.in.ID, UpdateExtend, func() verification.State { return r.state }, still); err != nil {
		return Extended{}, err
	}
	now := workflow.Now(ctx)
	r.clock.ends = now.Add(req.For.Std())
	r.state.Extend(now, r.clock.ends)
	out := Extended{ExpiresAt: r.clock.ends}
	ctx, _ = workflow.NewDisconnectedContext(ctx) // what was extended is told, whatever ends the review meanwhile
	return out, r.amend(ctx)
}

func (r *reopened) validateDecide(ctx workflow.Context, req DecideRequest) error {
	if r.state.Status != verification.InReview || r.decided != nil {
		return refused(RefusedState, "the verification is not in review", r.state)
	}
	if req.Version != 0 && req.Version != r.state.Version {
		return refused(RefusedVersion, "the verification has changed", r.state)
	}
	return decidable(req, r.state)
}

func (r *reopened) decide(ctx workflow.Context, req DecideRequest) (Decided, error) {
	r.decided = &req
	ctx, _ = workflow.NewDisconnectedContext(ctx) // the review's end is told also where it was canceled
	err := workflow.Await(ctx, func() bool { return r.written })
	return Decided{Status: r.state.Status}, err
}

func (r *reopened) run(ctx workflow.Context) (VerificationResult, error) {
	if err := r.write(ctx); err != nil {
		return VerificationResult{}, err
	}
	_, _ = r.clock.await(ctx, "Review deadline", func() bool { return r.decided != nil })

	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.close(workflow.Now(ctx))
	if err := r.write(ctx); err != nil {
		return VerificationResult{}, err
	}
	r.written = true
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return VerificationResult{Outcome: r.state.Outcome(), Reasons: r.state.Verdict.Reasons}, nil
}

// close ends the review: with the reviewer's word as the next version of the
// verdict, or with the old one.
func (r *reopened) close(now time.Time) {
	r.since = now
	if r.decided == nil {
		r.state.CloseReview(now)
		return
	}
	old := *r.state.Verdict
	r.state.Complete(now, *reviewed(old.Version+1, old.Policy, *r.decided, now))
}

// write writes the state to the store and to the search attributes.
func (r *reopened) write(ctx workflow.Context) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttrStatus.ValueSet(string(r.state.Status)),
		AttrOutcome.ValueSet(string(r.state.Outcome()))); err != nil {
		return fmt.Errorf("search attributes: %w", err)
	}
	return r.amend(ctx)
}

// amend writes the state to the store.
func (r *reopened) amend(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, r.details())
	in := activities.FinishInput{ID: r.in.ID, State: r.state}
	if err := workflow.ExecuteActivity(stepAmend.on(ctx, "", fmt.Sprintf("-%d", r.state.Version), "", 0), acts.Amend, in).Get(ctx, nil); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
