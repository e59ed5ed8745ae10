// Package workflows implements the Temporal workflows: the order of a verification's
// steps, reviews, webhook deliveries, erasures and retention. Workflow code is
// deterministic; everything with a side effect is an activity.
package workflows

import (
	"fmt"
	"slices"
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
	r.asking, r.stopAsking = workflow.WithCancel(work)
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
	// hinted is the newest session that a hint named, until it was looked at.
	hinted int
	// returned is the newest session whose browser came back.
	returned int
	// retryOf is the retry that was called for, until it was taken.
	retryOf *RetryRequest
	// relinkOf is a retry of the open session: its link was lost.
	relinkOf *RetryRequest
	// retried are the sessions in whose place a retry opened another.
	retried map[int]bool
	// comparing is the newest session whose captured face is being compared.
	comparing int
	// openOf is the session that the person on our page wants, until it was taken.
	openOf *OpenRequest
	// opened is the newest session as it was opened; opening: one is being opened.
	opened  verification.OpenSession
	opening bool
	// linkClock is the end of our page's link, and endLink ends it where nobody
	// waits for it any more.
	linkClock workflow.Future
	endLink   workflow.CancelFunc
	// clock is the one that runs for somebody to act, outside of our page; linkArmed
	// is when our page's linkClock fires.
	clock     *clock
	linkArmed time.Time
	// racing is the race of the open session; switchOf is an operator's wish for
	// another provider, until it was taken, and prefer the provider of the next
	// session.
	racing   *watcher
	switchOf *switching
	prefer   string
	// since is when the state was last another one in more than its details.
	since time.Time
	// human: a human was asked for, by the person, or by an operator, for the
	// reason. asking is what all vendors are asked on, and stopAsking ends that.
	human      bool
	humanFor   verification.ReasonCode
	asking     workflow.Context
	stopAsking workflow.CancelFunc
	// decided is the reviewer's word, and verdict the policy's or the reviewer's,
	// until the end.
	decided *DecideRequest
	verdict *verification.Verdict
	// tried are the providers that could not open the present session.
	tried []verification.Tried
	// replaced are the sessions that were left before their vendor said how they
	// ended, and follow begins to follow them. passing counts the passes that are
	// about to count, and stopFace ends the newest session.
	replaced []*replacedSession
	follow   func()
	passing  int
	stopFace workflow.CancelFunc
	// excluded are face providers that cannot serve this person or us.
	excluded map[string]bool
	// implausible: the chip's data breaks hard rules, so that no vendor is asked.
	implausible bool
	// rowMissing: there is no row to write the end to.
	rowMissing bool
	// unwatch ends what the newest session's race has left under way, if it has.
	unwatch workflow.CancelFunc

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
	r := &run{
		in:        in,
		stop:      stop,
		endLink:   func() {},
		excluded:  map[string]bool{},
		retried:   map[int]bool{},
		state:     verification.NewState(in.Policy, workflow.Now(ctx), in.Asks...),
		since:     workflow.Now(ctx),
		published: published{version: 1, accepted: task(ctx)}, // as it was inserted
	}
	if in.Policy.Paged() {
		r.published.accepted = 0 // the page is shown in the first task, which nothing follows by itself
	}
	return r
}

// run is the story of a verification, phase by phase. work ends when the run is
// stopped; ctx does not.
func (r *run) run(ctx, work workflow.Context) (VerificationResult, error) {
	workflow.Go(work, r.publish)
	r.begin(work)
	r.readChip(r.asking)
	r.meet(r.asking)
	r.verify(r.asking)
	r.keepAnswers(work)
	r.judge(work)
	r.review(work)
	r.stop()
	return r.finish(ctx)
}

// begin marks the row started and does the local checks, which cost nothing.
func (r *run) begin(ctx workflow.Context) {
	in := activities.BeginInput{ID: r.in.ID, Policy: r.in.Policy}
	var out activities.BeginResult
	err := local(ctx, stepBegin.on(ctx, "", "", "", 0), stepBegin, acts.Begin, in, &out)
	switch {
	case err == nil:
		r.setChecks(ctx, out.Checks...)
		if out.Withdrawn {
			r.endWith(verification.Canceled, verification.ConsentWithdrawn)
		}
		r.refuseMinor(out.Minor)
	case ctx.Err() != nil:
	default:
		// The only error that is not tried again: there is no such row.
		r.rowMissing = true
		r.endWith(verification.Error, verification.EngineEnded)
	}
}

// refuseMinor ends the verification of a child under 14, unless the policy says
// that a guardian agreed.
func (r *run) refuseMinor(minor bool) {
	if minor && !r.in.Policy.GuardianAgreed {
		r.endWith(verification.Canceled, verification.CanceledMinor)
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
	r.follow = func() { workflow.Go(ctx, r.watchReplaced) } // to the run's end
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

// endsNow reports whether the end, or a review, follows the face side at once.
func (r *run) endsNow() bool {
	return r.end != nil || r.recordsDone || verification.Judge(r.in.Policy, r.state.Checks).Outcome == verification.OutcomeDeclined
}

// judge applies the policy to what was found.
func (r *run) judge(ctx workflow.Context) {
	if ctx.Err() != nil || r.end != nil {
		return
	}
	if r.human {
		r.forHuman(ctx)
		return
	}
	r.change(ctx, (*verification.State).SkipPending)
	if j := verification.Judge(r.in.Policy, r.state.Checks); j.Outcome != verification.OutcomeReview {
		r.verdict = &verification.Verdict{
			Version:   1,
			Decision:  verification.Decision(j.Outcome),
			DecidedBy: verification.ByPolicy,
			Policy:    r.state.Policy,
			Reasons:   j.Reasons,
			DecidedAt: workflow.Now(ctx),
		}
	}
}

// review waits for a human where the policy could not decide. A reviewer's
// silence ends in expired, never in declined.
func (r *run) review(ctx workflow.Context) {
	if ctx.Err() != nil || r.end != nil || r.verdict != nil {
		return
	}
	r.endRace()
	r.endLink()
	deadline := workflow.Now(ctx).Add(r.in.Policy.ReviewDeadline.Std())
	r.awaitReview(ctx, deadline)
	decided, err := r.awaitUntil(ctx, deadline, "Review deadline", func() bool { return r.decided != nil })
	switch {
	case err != nil:
	case decided:
		r.verdict = reviewed(1, r.state.Policy, *r.decided, workflow.Now(ctx))
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

// close puts the end into the state. A side that lost the race may still get an
// answer in the same task; it changes nothing any more.
func (r *run) close(ctx workflow.Context) {
	if r.end == nil && r.verdict == nil {
		if r.canceled == "" {
			r.canceled = verification.CanceledByOperator
		}
		r.end = &ending{verification.Canceled, r.canceled}
	}
	r.change(ctx, func(s *verification.State, now time.Time) {
		if r.end != nil {
			s.End(now, r.end.status, r.end.reason)
		} else {
			s.Complete(now, *r.verdict)
		}
	})
}

// endWith ends the verification without a verdict; the first end stands.
func (r *run) endWith(s verification.Status, reason verification.ReasonCode) {
	if r.end == nil {
		r.end = &ending{s, reason}
	}
}

// change changes the state by its own methods, and has what changed written.
func (r *run) change(ctx workflow.Context, by func(s *verification.State, now time.Time)) {
	before := r.state
	by(&r.state, workflow.Now(ctx))
	if r.state.Version == before.Version {
		return
	}
	r.published.changed = task(ctx)
	if r.state.Status != before.Status || r.state.Attempt.Session != before.Attempt.Session {
		r.since = workflow.Now(ctx)
	}
	workflow.SetCurrentDetails(ctx, r.details())
	if s := r.state.Status; s != before.Status && (s == verification.InReview || s.Ended()) {
		r.markOutcome(ctx)
	}
}

// fail tells how the last session ended.
func (r *run) fail(ctx workflow.Context, reason verification.Reason) {
	r.change(ctx, func(s *verification.State, now time.Time) { s.Fail(now, reason) })
}

// setChecks records the results of checks.
func (r *run) setChecks(ctx workflow.Context, checks ...verification.Check) {
	r.change(ctx, func(s *verification.State, now time.Time) { s.SetChecks(now, checks...) })
}

// awaitVendors shows that vendors are at work, for so long at most.
func (r *run) awaitVendors(ctx workflow.Context, until time.Time) {
	r.change(ctx, func(s *verification.State, now time.Time) { s.AwaitVendors(now, &until) })
}

// awaitInput shows that somebody must act.
func (r *run) awaitInput(ctx workflow.Context, next verification.NextAction) {
	r.change(ctx, func(s *verification.State, now time.Time) { s.AwaitInput(now, next) })
}

// awaitReview shows that a human must decide, and why.
func (r *run) awaitReview(ctx workflow.Context, until time.Time) {
	reasons := verification.Judge(r.in.Policy, r.state.Checks).Reasons
	if r.human {
		asked := verification.ReasonOf(r.humanFor)
		reasons = append([]verification.Reason{asked}, slices.DeleteFunc(reasons, func(o verification.Reason) bool { return o == asked })...)
	}
	r.change(ctx, func(s *verification.State, now time.Time) { s.AwaitReview(now, reasons, until) })
}

// faceOver notes that the face side is done, whatever comes of the rest.
func (r *run) faceOver() {
	r.faceDone = true
	r.state.SettleFace()
}

// nextSession begins another session, or scan.
func (r *run) nextSession(ctx workflow.Context) {
	r.change(ctx, (*verification.State).NextSession)
}

// reasons are the codes that explain the end, or why a human must decide, for
// the result and for search.
func (r *run) reasons() []verification.Reason {
	if r.state.Status == verification.InReview || r.state.Status.Ended() {
		return r.state.Reasons()
	}
	return nil
}
