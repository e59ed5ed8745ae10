package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// face opens sessions until one of them settles the face side, or the person,
// the caps or the clocks end it.
func (r *run) face(ctx workflow.Context) {
	defer func() {
		r.faceOver()
		r.retryOf, r.relinkOf = nil, nil // nobody takes them any more
		r.dropSwitch("the face session ended meanwhile")
		if !r.endsNow() {
			r.endRace()
			r.endLink()
		}
	}()
	if !r.in.Policy.WantsFace() {
		return
	}
	ctx, r.stopFace = workflow.WithCancel(ctx)
	for {
		route, next := r.open(ctx)
		if next == faceOpened {
			result := r.watch(ctx, route)
			if ctx.Err() != nil {
				r.keepResult(ctx, result)
				return
			}
			next = r.conclude(ctx, route, result)
		}
		if next == faceSettled {
			return
		}
		r.endRace()
		if next == faceRetry && !r.awaitAgain(ctx) {
			return
		}
	}
}

// faceOutcome is what follows a session's end.
type faceOutcome int

const (
	faceSettled faceOutcome = iota
	faceRetry
	// faceOpened: a session is open.
	faceOpened
	// faceAgain: another session at once.
	faceAgain
)

// conclude takes a session's result into the state and says what follows.
func (r *run) conclude(ctx workflow.Context, route FaceRoute, result verification.FaceResult) faceOutcome {
	left := result.Reason == "" && !result.Judged
	if r.switchOf != nil {
		if left {
			return r.takeSwitch(ctx)
		}
		r.dropSwitch("the face session ended meanwhile")
	}
	if r.relinkOf != nil {
		_, opens := r.linkEnds()
		// Asking about the lost page takes its time, too.
		late := r.state.Page && !workflow.Now(ctx).Before(opens)
		if left && !late {
			r.takeRetry()
			return faceAgain
		}
		r.relinkOf = nil // its session is over: what came of it is the answer
	}
	ending := result.Ending()
	switch {
	case ending == verification.EndedPassed && !r.passCounts(ctx):
		return faceSettled
	case ending == verification.EndedRetryable && r.state.Attempt.Judged+1 >= r.in.Policy.Attempts && r.lookBack(ctx, 0):
		return faceSettled // in an earlier session the person has passed, or failed finally
	}
	reason := verification.ReasonOf(result.Reason)
	exhausted := ending == verification.EndedRetryable && r.state.Attempt.Judged+1 >= r.in.Policy.Attempts
	if exhausted {
		result.Checks, reason.Retryable = verification.Exhausted(result.Checks), false
	}
	if result.Reason != "" {
		r.fail(ctx, reason)
	}
	if ending != verification.EndedUnjudged {
		r.change(ctx, (*verification.State).CountJudged)
	}
	switch ending {
	case verification.EndedPassed, verification.EndedFinally, verification.EndedSuspicious, verification.EndedInconclusive:
		r.setFaceChecks(ctx, result.Checks)
		r.waiting(ctx)
		return faceSettled
	case verification.EndedRetryable:
		r.setFaceChecks(ctx, result.Checks)
		if exhausted {
			r.waiting(ctx)
			return faceSettled
		}
	case verification.EndedUnjudged:
		if result.NextProvider {
			return r.next(ctx, route, result.Reason)
		}
		if result.Reason == verification.SessionExpired && !result.Begun && !r.state.Page {
			r.expire(ctx, verification.SessionExpired)
			return faceSettled
		}
	}
	if r.state.Attempt.Session >= r.in.Policy.Sessions {
		r.expire(ctx, result.Reason)
		return faceSettled
	}
	return faceRetry
}

// gravity orders what is held of the holder; what is not here weighs nothing.
var gravity = map[verification.CheckStatus]int{verification.Passed: 1, verification.Inconclusive: 2, verification.Failed: 3}

// setFaceChecks takes a session's checks. What the chip said of the holder stands,
// unless the face vendor says worse.
func (r *run) setFaceChecks(ctx workflow.Context, checks []verification.Check) {
	for _, c := range checks {
		known, ok := verification.Find(r.state.Checks, c.Type)
		if c.Type == verification.HolderMatch && ok && gravity[c.Status] < gravity[known.Status] {
			continue
		}
		if slices.Contains(faceChecks, c.Type) {
			c.Tried = r.tried
		}
		r.setChecks(ctx, c)
	}
}

// next excludes a provider that cannot serve this person or us. Without
// another one, what is ours to mend ends in error, and what is the vendor's
// limit is inconclusive: neither is the person's fault.
func (r *run) next(ctx workflow.Context, route FaceRoute, reason verification.ReasonCode) faceOutcome {
	r.excluded[route.Provider] = true
	switch {
	case !r.allExcluded() && r.state.Attempt.Session < r.in.Policy.Sessions:
		if r.state.Page { // whoever comes back to our page goes on from there
			r.fail(ctx, verification.Reason{Code: reason, Retryable: true})
			return faceRetry
		}
		return faceAgain
	case reason == verification.ProviderMisconfigured:
		r.endWith(verification.Error, reason)
	default:
		r.inconclusiveFace(ctx, reason)
	}
	return faceSettled
}

// allExcluded: no provider is left that may open a session.
func (r *run) allExcluded() bool { return len(r.candidates()) == 0 }

// awaitAgain waits until another session is wanted.
func (r *run) awaitAgain(ctx workflow.Context) bool {
	if r.state.Page {
		return r.awaitOpen(ctx)
	}
	return r.awaitRetry(ctx, verification.ActionRetry)
}

// awaitRetry waits until the caller retries, for as long as the policy allows.
func (r *run) awaitRetry(ctx workflow.Context, action verification.ActionType) bool {
	if r.state.Page {
		ends, _ := r.linkEnds()
		r.awaitInput(ctx, verification.NextAction{Type: action, ExpiresAt: &ends})
		if !r.beforeLinkEnds(ctx, func() bool { return r.retryOf != nil }) {
			return false
		}
		r.takeRetry()
		return true
	}
	until := workflow.Now(ctx).Add(r.in.Policy.RetryWindow.Std())
	r.awaitInput(ctx, verification.NextAction{Type: action, ExpiresAt: &until})
	in, err := r.awaitUntil(ctx, until, "Time to retry", func() bool { return r.retryOf != nil })
	if err != nil {
		return false
	}
	if !in {
		reason := verification.SessionRetryWindow
		if r.state.LastError != nil {
			reason = r.state.LastError.Code
		}
		r.expire(ctx, reason)
		return false
	}
	r.takeRetry()
	return true
}

// clock is one that runs for somebody to act; an operator may move its end.
type clock struct{ ends time.Time }

// awaitUntil waits for a condition, at most until the time, or to when an operator
// has extended it meanwhile.
func (r *run) awaitUntil(ctx workflow.Context, until time.Time, summary string, condition func() bool) (bool, error) {
	r.clock = &clock{ends: until}
	defer func() { r.clock = nil }()
	return r.clock.await(ctx, summary, condition)
}

// await waits for a condition, at most until the clock's end; its timer goes with
// it. An extension costs nothing until the first timer fires.
func (c *clock) await(ctx workflow.Context, summary string, condition func() bool) (bool, error) {
	timing, stop := workflow.WithCancel(ctx)
	defer stop()
	for {
		armed := c.ends
		timer := workflow.NewTimerWithOptions(timing, armed.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: summary})
		err := workflow.Await(ctx, func() bool { return condition() || timer.IsReady() })
		if err == nil {
			err = ctx.Err() // a canceled timer is ready, too
		}
		if err != nil || condition() || c.ends.Equal(armed) {
			return err == nil && condition(), err
		}
	}
}

// waiting shows that the face side is done and what is being waited for.
func (r *run) waiting(ctx workflow.Context) {
	r.faceOver()
	if r.recordsDone || r.settled(ctx) {
		return // the verdict follows in this very task
	}
	r.awaitVendors(ctx, r.state.CreatedAt.Add(r.in.Policy.RecordsPatience.Std()))
}

// resetFace sets the face checks back to pending: a new session answers them
// anew, and what an ended one said no longer stands.
func (r *run) resetFace(ctx workflow.Context) {
	for _, t := range faceChecks {
		if r.in.Policy.Wants(t) {
			r.setFaceChecks(ctx, []verification.Check{verification.NewCheck(t, verification.Pending)})
		}
	}
}

// inconclusiveFace settles the face side without a judgement by any vendor.
func (r *run) inconclusiveFace(ctx workflow.Context, reason verification.ReasonCode) {
	r.settleFace(ctx, verification.Inconclusive, reason)
}

func (r *run) settleFace(ctx workflow.Context, status verification.CheckStatus, reason verification.ReasonCode) {
	r.fail(ctx, verification.ReasonOf(reason))
	for _, t := range faceChecks {
		if r.in.Policy.Wants(t) {
			r.setFaceChecks(ctx, []verification.Check{verification.NewCheck(t, status, reason)})
		}
	}
	r.waiting(ctx)
}

var faceChecks = []verification.CheckType{verification.Liveness, verification.FaceMatch}

// unavailableReason is what stands in a check or an end when a vendor's calls
// failed until the patience ended.
func unavailableReason(err error) verification.ReasonCode {
	switch activities.ClassOf(err) {
	case provider.Misconfigured:
		return verification.ProviderMisconfigured
	case provider.ContractViolation:
		return verification.ProviderContractViolation
	}
	return verification.ProviderUnavailable
}

func isCanceled(err error) bool {
	var canceled *temporal.CanceledError
	return errors.As(err, &canceled)
}
