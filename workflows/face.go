package workflows

import (
	"errors"
	"fmt"
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
		r.faceDone = true
		r.retryOf, r.relinkOf = nil, nil // nobody takes them any more
	}()
	if !r.in.Policy.WantsFace() {
		return
	}
	for {
		route, ok := r.open(ctx)
		if !ok {
			return
		}
		result := r.watch(ctx, route)
		if ctx.Err() != nil {
			return
		}
		switch r.conclude(ctx, route, result) {
		case faceSettled:
			return
		case faceAgain:
		case faceRetry:
			if !r.awaitInput(ctx, verification.ActionRetry) {
				return
			}
		}
	}
}

// open opens the next session at the first provider of the policy's list that
// can. When none can, the outage is waited out for the policy's start
// patience; then the verification ends in error, since the person was never
// judged.
func (r *run) open(ctx workflow.Context) (FaceRoute, bool) {
	if ctx.Err() != nil {
		return FaceRoute{}, false
	}
	r.state.Attempt.Session++
	r.state.LastError = nil
	r.tried = nil
	r.resetFace(ctx)
	deadline := workflow.Now(ctx).Add(r.in.Policy.StartPatience.Std())
	r.show(ctx, verification.Processing, nil, &deadline)
	if r.recordsCapped() {
		r.cappedFace(ctx, verification.RecordsDailyCap)
		return FaceRoute{}, false
	}

	reason, refusal := verification.ProviderUnavailable, verification.ProviderHolderUnregistered
	for round := 0; ; round++ {
		routes := r.candidates()
		for i, route := range routes {
			hurry := stepOpen.startToClose
			if round == 0 && i < len(routes)-1 {
				hurry = openHurry / time.Duration(len(routes)-1)
			}
			capped, err := r.openAt(ctx, route, deadline, hurry)
			switch {
			case err == nil && capped == "":
				return route, true
			case err == nil:
				r.cappedFace(ctx, capped)
				return FaceRoute{}, false
			}
			if ctx.Err() != nil {
				return FaceRoute{}, false
			}
			switch r.noteTried(route, err) {
			case provider.Refused:
				r.excluded[route.Provider] = true
				refusal = activities.ReasonOf(err, refusal)
			case provider.Misconfigured:
				reason = verification.ProviderMisconfigured
			default:
				reason = verification.ProviderUnavailable
			}
		}
		if r.allExcluded() {
			r.inconclusiveFace(ctx, refusal)
			return FaceRoute{}, false
		}
		pause := min(time.Second<<min(round, 6), time.Minute)
		if workflow.Now(ctx).Add(pause).After(deadline) {
			r.endWith(verification.Error, reason)
			return FaceRoute{}, false
		}
		timer := workflow.NewTimerWithOptions(ctx, pause, workflow.TimerOptions{Summary: "No face provider is available: wait and try again"})
		if timer.Get(ctx, nil) != nil {
			return FaceRoute{}, false
		}
	}
}

// candidates are the providers that may open the next session, in the order in
// which they are tried.
func (r *run) candidates() []FaceRoute {
	first := 0
	if r.in.Policy.RotateProviders {
		for i, route := range r.in.Face {
			if route.Provider == r.state.Provider {
				first = i + 1
			}
		}
	}
	var out []FaceRoute
	for i := range r.in.Face {
		if route := r.in.Face[(first+i)%len(r.in.Face)]; !r.excluded[route.Provider] {
			out = append(out, route)
		}
	}
	return out
}

// noteTried keeps, once a provider and class, who could not open the session.
func (r *run) noteTried(route FaceRoute, err error) provider.Class {
	class := activities.ClassOf(err)
	tried := verification.Tried{Provider: route.Provider, Class: string(class)}
	if !slices.Contains(r.tried, tried) {
		r.tried = append(r.tried, tried)
	}
	return class
}

// openAt opens the session at a provider, unless a daily cap of the person's
// number keeps it from that.
func (r *run) openAt(ctx workflow.Context, route FaceRoute, deadline time.Time, hurry time.Duration) (capped verification.ReasonCode, err error) {
	n := r.state.Attempt.Session
	in := activities.OpenInput{ID: r.in.ID, Session: n, Provider: route.Provider, SessionsCap: r.in.Policy.SessionsDailyCap}
	if c, ok := r.neededRecords(); ok && c.Status == verification.Pending {
		in.RecordsCap = r.in.Policy.RecordsDailyCap
	}
	var out activities.OpenResult
	limit := max(deadline.Sub(workflow.Now(ctx)), hurry)
	actx := stepOpen.within(hurry).on(ctx, route.OpenQueue, fmt.Sprintf("-%d", n), " ("+route.Provider+")", limit)
	if err := workflow.ExecuteActivity(actx, acts.OpenSession, in).Get(ctx, &out); err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", ctx.Err() // opened, but the verification has ended meanwhile
	}
	if out.Capped != "" {
		return out.Capped, nil
	}
	r.state.Provider = route.Provider
	if len(r.tried) > 0 {
		r.resetFace(ctx) // what was tried stands in the checks
	}
	next := &verification.NextAction{Type: verification.ActionRedirect, OpenIn: route.OpenIn, ExpiresAt: &out.ExpiresAt}
	r.show(ctx, verification.RequiresInput, next, &out.ExpiresAt)
	return "", nil
}

// neededRecords is the records check where there is no approval without it.
func (r *run) neededRecords() (verification.Check, bool) {
	if r.in.Policy.Requirement(verification.IdentityRecords) != verification.Required {
		return verification.Check{}, false
	}
	return verification.Find(r.state.Checks, verification.IdentityRecords)
}

// recordsCapped: the records will not be asked about this person today, without
// which no session can lead to approval.
func (r *run) recordsCapped() bool {
	c, ok := r.neededRecords()
	return ok && slices.ContainsFunc(c.Reasons, func(reason verification.Reason) bool { return reason.Code == verification.RecordsDailyCap })
}

// afterwards is what follows a session's end.
type afterwards int

const (
	faceSettled afterwards = iota
	faceRetry
	// faceAgain: another session at once.
	faceAgain
)

// conclude takes a session's result into the state and says what follows.
func (r *run) conclude(ctx workflow.Context, route FaceRoute, result verification.FaceResult) afterwards {
	if r.relinkOf != nil {
		if result.Reason == "" && !result.Judged {
			r.take()
			return faceAgain
		}
		r.relinkOf = nil // its session is over: what came of it is the answer
	}
	ending := result.Ending()
	if result.Reason != "" {
		r.fail(result.Reason)
	}
	if ending != verification.EndedUnjudged {
		r.judged++
	}
	switch ending {
	case verification.EndedPassed, verification.EndedFinally, verification.EndedSuspicious, verification.EndedInconclusive:
		r.putFace(ctx, result.Checks)
		r.waiting(ctx)
		return faceSettled
	case verification.EndedRetryable:
		if r.judged >= r.in.Policy.Attempts {
			r.putFace(ctx, verification.Exhausted(result.Checks))
			r.state.LastError.Retryable = false
			r.waiting(ctx)
			return faceSettled
		}
		r.putFace(ctx, result.Checks)
	case verification.EndedUnjudged:
		if result.NextProvider {
			return r.next(ctx, route, result.Reason)
		}
		if result.Reason == verification.SessionExpired && !result.Begun {
			r.endWith(verification.Expired, verification.SessionExpired)
			return faceSettled
		}
	}
	if r.state.Attempt.Session >= r.in.Policy.Sessions {
		r.endWith(verification.Expired, result.Reason)
		return faceSettled
	}
	return faceRetry
}

// gravity orders what is held of the holder; what is not here weighs nothing.
var gravity = map[verification.CheckStatus]int{verification.Passed: 1, verification.Inconclusive: 2, verification.Failed: 3}

// putFace takes a session's checks. What the chip said of the holder stands,
// unless the face vendor says worse.
func (r *run) putFace(ctx workflow.Context, checks []verification.Check) {
	for _, c := range checks {
		known, ok := verification.Find(r.state.Checks, c.Type)
		if c.Type == verification.HolderMatch && ok && gravity[c.Status] < gravity[known.Status] {
			continue
		}
		if slices.Contains(faceChecks, c.Type) {
			c.Tried = r.tried
		}
		r.put(ctx, c)
	}
}

// next excludes a provider that cannot serve this person or us. Without
// another one, what is ours to mend ends in error, and what is the vendor's
// limit is inconclusive: neither is the person's fault.
func (r *run) next(ctx workflow.Context, route FaceRoute, reason verification.ReasonCode) afterwards {
	r.excluded[route.Provider] = true
	switch {
	case !r.allExcluded() && r.state.Attempt.Session < r.in.Policy.Sessions:
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

// awaitInput waits until the caller retries, for as long as the policy allows.
func (r *run) awaitInput(ctx workflow.Context, action verification.ActionType) bool {
	until := workflow.Now(ctx).Add(r.in.Policy.RetryWindow.Std())
	r.show(ctx, verification.RequiresInput, &verification.NextAction{Type: action, ExpiresAt: &until}, &until)
	in, err := r.awaitFor(ctx, r.in.Policy.RetryWindow.Std(), "Time to retry", func() bool { return r.retryOf != nil })
	if err != nil {
		return false
	}
	if !in {
		reason := verification.SessionRetryWindow
		if r.state.LastError != nil {
			reason = r.state.LastError.Code
		}
		r.endWith(verification.Expired, reason)
		return false
	}
	r.take()
	return true
}

// awaitFor waits for a condition, at most for d; its timer goes with it.
func (r *run) awaitFor(ctx workflow.Context, d time.Duration, summary string, condition func() bool) (bool, error) {
	clock, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(clock, d, workflow.TimerOptions{Summary: summary})
	err := workflow.Await(ctx, func() bool { return condition() || timer.IsReady() })
	return err == nil && condition(), err
}

// waiting shows that the face side is done and what is being waited for.
func (r *run) waiting(ctx workflow.Context) {
	r.faceDone = true
	if r.recordsDone || r.settled(ctx) {
		return // the verdict follows in this very task
	}
	deadline := r.state.CreatedAt.Add(r.in.Policy.RecordsPatience.Std())
	r.show(ctx, verification.Processing, nil, &deadline)
}

// resetFace sets the face checks back to pending: a new session answers them
// anew, and what an ended one said no longer stands.
func (r *run) resetFace(ctx workflow.Context) {
	for _, t := range faceChecks {
		if r.in.Policy.Wants(t) {
			r.putFace(ctx, []verification.Check{verification.NewCheck(t, verification.Pending)})
		}
	}
}

// inconclusiveFace settles the face side without a judgement by any vendor.
func (r *run) inconclusiveFace(ctx workflow.Context, reason verification.ReasonCode) {
	r.settleFace(ctx, verification.Inconclusive, reason)
}

// cappedFace settles the face side where a daily cap of the person's number is
// reached and no session is opened.
func (r *run) cappedFace(ctx workflow.Context, reason verification.ReasonCode) {
	status := verification.Unavailable
	if reason == verification.RecordsDailyCap {
		status = verification.Skipped // it could be had, and would help nobody
	}
	r.settleFace(ctx, status, reason)
}

func (r *run) settleFace(ctx workflow.Context, status verification.CheckStatus, reason verification.ReasonCode) {
	r.fail(reason)
	for _, t := range faceChecks {
		if r.in.Policy.Wants(t) {
			r.putFace(ctx, []verification.Check{verification.NewCheck(t, status, reason)})
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
