// Package workflows holds the order of the steps: what happens when, what
// races what, and what ends what. Workflow code is deterministic; everything
// with a side effect is an activity.
package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/verification"
)

// acts names the activities' methods; it is never called.
var acts *activities.Activities

// Verification is one verification, from its row to its written end.
func Verification(ctx workflow.Context, in VerificationInput) (VerificationResult, error) {
	work, stop := workflow.WithCancel(ctx)
	r := newRun(ctx, in, stop)
	if err := r.handleMessages(ctx); err != nil {
		return VerificationResult{}, err
	}
	return r.run(ctx, work)
}

// run is the state of one Verification.
type run struct {
	in    VerificationInput
	state verification.State

	// stop ends every phase that is under way.
	stop workflow.CancelFunc
	// canceled is set by the cancel update.
	canceled verification.ReasonCode
	// end is set by the phase that ends the verification without a verdict.
	end *ending

	faceDone, recordsDone bool
	// judged counts the attempts: sessions that ended with a judgement.
	judged int
	// hinted is the newest session that a hint named, until it was looked at.
	hinted int
	// retryOf is the retry that was called for, until it was taken.
	retryOf *RetryRequest
	// relinkOf is a retry of the open session: its link was lost.
	relinkOf *RetryRequest
	// retried are the sessions in whose place a retry opened another.
	retried map[int]bool
	// comparing is the newest session whose captured face is being compared.
	comparing int
	// decided is the reviewer's word.
	decided *DecideRequest
	// tried are the providers that could not open the present session.
	tried []verification.Tried
	// formers are the sessions that were left before their vendor said how they
	// ended, and follow begins to follow them. passing counts the passes that are
	// about to count, and stopFace ends the newest session.
	formers  []*former
	follow   func()
	passing  int
	stopFace workflow.CancelFunc
	// excluded are face providers that cannot serve this person or us.
	excluded map[string]bool
	// implausible: the chip's data breaks hard rules, so that no vendor is asked.
	implausible bool
	// closed: the end stands in the state. A side that lost the race may still
	// get an answer in the same task; it must not touch the state any more.
	closed bool
	// rowMissing: there is no row to write the end to.
	rowMissing bool

	published published
}

// ending is an end without a verdict.
type ending struct {
	status verification.Status
	reason verification.ReasonCode
}

// newRun makes a run that is whole: a message that came before the first task
// is handled while the handlers are registered.
func newRun(ctx workflow.Context, in VerificationInput, stop workflow.CancelFunc) *run {
	now := workflow.Now(ctx)
	r := &run{
		in:       in,
		stop:     stop,
		excluded: map[string]bool{},
		retried:  map[int]bool{},
		state: verification.State{
			Status:    verification.Processing,
			Policy:    verification.PolicyRef{Name: in.Policy.Name, Version: in.Policy.Version},
			Attempt:   verification.Attempt{Number: 1, Max: in.Policy.Attempts},
			CreatedAt: now,
			UpdatedAt: now,
			Version:   1,
		},
		published: published{version: 1, accepted: task(ctx)}, // as it was inserted
	}
	for _, t := range verification.CheckTypes {
		if in.Policy.Wants(t) {
			r.state.Checks = append(r.state.Checks, verification.NewCheck(t, verification.Pending))
		}
	}
	return r
}

// run is the story of a verification, phase by phase. work ends when the run is
// stopped; ctx does not.
func (r *run) run(ctx, work workflow.Context) (VerificationResult, error) {
	workflow.Go(work, r.publish)
	r.begin(work)
	r.readChip(work)
	r.verify(work)
	r.judge(work)
	r.review(work)
	r.stop()
	return r.finish(ctx)
}

// begin marks the row started and does the local checks, which cost nothing.
func (r *run) begin(ctx workflow.Context) {
	in := activities.BeginInput{ID: r.in.ID, Policy: r.in.Policy}
	var out activities.BeginResult
	err := local(ctx, stepBegin, acts.Begin, in, &out)
	switch {
	case err == nil:
		r.put(ctx, out.Checks...)
	case ctx.Err() != nil:
	default:
		// The only error that is not tried again: there is no such row.
		r.rowMissing = true
		r.endWith(verification.Error, verification.EngineEnded)
	}
}

// verify runs the records check and the face side by side, until both are
// done, or one of them ends the verification for both.
func (r *run) verify(ctx workflow.Context) {
	if r.settled(ctx) || r.implausible {
		return
	}
	sides, stop := workflow.WithCancel(ctx)
	defer stop()
	r.follow = func() { workflow.Go(ctx, r.followFormers) } // to the run's end
	workflow.Go(sides, r.records)
	workflow.Go(sides, r.face)
	_ = workflow.Await(ctx, func() bool {
		return r.faceDone && r.recordsDone || r.settled(ctx)
	})
}

// settled reports whether nothing that is still open can matter: the policy
// already declines, or the verification ends without a verdict.
func (r *run) settled(ctx workflow.Context) bool {
	return ctx.Err() != nil || r.end != nil || verification.Judge(r.in.Policy, r.state.Checks).Outcome == verification.OutcomeDeclined
}

// judge applies the policy to what was found.
func (r *run) judge(ctx workflow.Context) {
	if ctx.Err() != nil || r.end != nil {
		return
	}
	r.skipPending()
	j := verification.Judge(r.in.Policy, r.state.Checks)
	if j.Outcome == verification.OutcomeReview {
		r.state.ReviewReasons = j.Reasons
		return
	}
	r.state.Verdict = &verification.Verdict{
		Version:   1,
		Decision:  verification.Decision(j.Outcome),
		DecidedBy: verification.ByPolicy,
		Policy:    r.state.Policy,
		Reasons:   j.Reasons,
		DecidedAt: workflow.Now(ctx),
	}
}

// review waits for a human where the policy could not decide. A reviewer's
// silence ends in expired, never in declined.
func (r *run) review(ctx workflow.Context) {
	if ctx.Err() != nil || r.end != nil || r.state.Verdict != nil {
		return
	}
	deadline := workflow.Now(ctx).Add(r.in.Policy.ReviewDeadline.Std())
	r.show(ctx, verification.InReview, nil, &deadline)
	decided, err := r.awaitFor(ctx, r.in.Policy.ReviewDeadline.Std(), "Review deadline", func() bool { return r.decided != nil })
	switch {
	case err != nil:
	case decided:
		r.state.Verdict = reviewed(1, r.state.Policy, *r.decided, workflow.Now(ctx))
	default:
		r.endWith(verification.Expired, verification.ReviewDeadline)
	}
}

// reviewed is the verdict of a reviewer.
func reviewed(version int, p verification.PolicyRef, d DecideRequest, at time.Time) *verification.Verdict {
	return &verification.Verdict{
		Version: version, Decision: d.Decision, DecidedBy: verification.ByReviewer, Policy: p,
		Reasons: []verification.Reason{verification.ReasonOf(d.Reason)}, DecidedAt: at,
	}
}

// finish writes the end. It runs on a context of its own: a canceled run has
// an end to write too.
func (r *run) finish(ctx workflow.Context) (VerificationResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.close(ctx)
	if !r.rowMissing {
		in := activities.FinishInput{ID: r.in.ID, State: r.state}
		if err := workflow.ExecuteActivity(stepFinish.on(ctx, "", "", "", 0), acts.Finish, in).Get(ctx, nil); err != nil {
			return VerificationResult{}, fmt.Errorf("write the end: %w", err)
		}
	}
	r.published.end = true
	// No blocking call may follow the draining: a message that came in after
	// it would be lost.
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	r.drain(ctx)
	return VerificationResult{Outcome: r.state.Outcome(), Reasons: r.reasons()}, nil
}

// close puts the end into the state.
func (r *run) close(ctx workflow.Context) {
	if r.end == nil && r.state.Verdict == nil {
		if r.canceled == "" {
			r.canceled = verification.CanceledByOperator
		}
		r.end = &ending{verification.Canceled, r.canceled}
	}
	status := verification.Completed
	if r.end != nil {
		status = r.end.status
		r.state.Verdict = nil
		if r.end.reason != "" {
			r.fail(r.end.reason)
		}
	} else {
		r.state.Decision = r.state.Verdict.Decision
	}
	r.skipPending()
	r.show(ctx, status, nil, nil)
	r.closed = true
}

// skipPending: what nobody waits for any more was not asked for in the end.
func (r *run) skipPending() {
	for i, c := range r.state.Checks {
		if c.Status == verification.Pending {
			r.state.Checks[i].Status = verification.Skipped
		}
	}
}

// endWith ends the verification without a verdict; the first end stands.
func (r *run) endWith(s verification.Status, reason verification.ReasonCode) {
	if r.end == nil {
		r.end = &ending{s, reason}
	}
}

// fail tells how the last session, or the verification, ended.
func (r *run) fail(code verification.ReasonCode) {
	if r.closed {
		return
	}
	reason := verification.ReasonOf(code)
	r.state.LastError = &verification.LastError{Code: reason.Code, Retryable: reason.Retryable}
}

// put writes checks into the state.
func (r *run) put(ctx workflow.Context, checks ...verification.Check) {
	if r.closed {
		return
	}
	now := workflow.Now(ctx)
	for _, c := range checks {
		if c.CompletedAt == nil && c.Status != verification.Pending {
			c.CompletedAt = &now
		}
		r.state.Checks = verification.Replace(r.state.Checks, c)
	}
	r.touch(ctx)
}

// show moves the verification to a status, with what the person must do and
// the clock now running.
func (r *run) show(ctx workflow.Context, s verification.Status, next *verification.NextAction, expires *time.Time) {
	if r.closed {
		return
	}
	r.state.Status, r.state.NextAction, r.state.ExpiresAt = s, next, expires
	r.state.Attempt.Number = r.attempt(s)
	r.touch(ctx)
	if s == verification.InReview || s.Ended() {
		r.markOutcome(ctx)
	}
}

// attempt is the number of the attempt that runs or may follow; once none can,
// of the last that was judged.
func (r *run) attempt(s verification.Status) int {
	n := r.judged + 1
	if r.faceDone || s.Ended() {
		n = r.judged
	}
	return max(1, min(n, r.in.Policy.Attempts))
}

func (r *run) touch(ctx workflow.Context) {
	r.state.UpdatedAt = workflow.Now(ctx)
	r.state.Version++
	r.published.changed = task(ctx)
	workflow.SetCurrentDetails(ctx, r.details())
}

// reasons are the codes that explain the end, for the result and for search.
func (r *run) reasons() []verification.Reason {
	switch {
	case r.state.Verdict != nil:
		return r.state.Verdict.Reasons
	case r.end != nil && r.end.reason != "":
		return []verification.Reason{verification.ReasonOf(r.end.reason)}
	}
	return r.state.ReviewReasons
}
