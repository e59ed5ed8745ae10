package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/verification"
)

// meet waits until the person is on our page and has agreed: no vendor is called
// before, and no token's time runs. Where no face is looked at, and the caller
// has all consents, nobody need come.
func (r *run) meet(ctx workflow.Context) {
	if !r.state.Page || r.settled(ctx) || r.implausible || !r.in.Policy.WantsFace() && len(r.in.Asks) == 0 {
		return
	}
	if r.awaitOpen(ctx) && !r.in.Policy.WantsFace() {
		r.awaitVendors(ctx, workflow.Now(ctx).Add(r.in.Policy.RecordsPatience.Std()))
	}
}

// linkEnds is when our page's link ends, and opens until when it opens sessions.
func (r *run) linkEnds() (ends, opens time.Time) { return r.state.PageLinkEnds(r.in.Policy) }

// showLink shows that a face session is open for the person.
func (r *run) showLink(ctx workflow.Context, open verification.OpenSession) {
	r.opened = open
	if !r.state.Page {
		next := verification.NextAction{Type: verification.ActionRedirect, OpenIn: open.OpenIn, ExpiresAt: &open.ExpiresAt}
		if open.MiniProgram != nil {
			next.Type, next.MiniProgram = verification.ActionMiniProgram, open.MiniProgram
		}
		r.awaitInput(ctx, next)
		return
	}
	ends, _ := r.linkEnds()
	r.change(ctx, func(s *verification.State, now time.Time) { s.AwaitPerson(now, ends, &open) })
}

// sessionEnds is when the open session is over: the page's link bounds it.
func (r *run) sessionEnds() time.Time {
	if ends, _ := r.linkEnds(); r.state.Page && ends.Before(r.opened.ExpiresAt) {
		return ends
	}
	return r.opened.ExpiresAt
}

// awaitOpen waits on our page until the person wants a session, or its link ends,
// which ends the verification.
func (r *run) awaitOpen(ctx workflow.Context) bool {
	ends, _ := r.linkEnds()
	r.change(ctx, func(s *verification.State, now time.Time) { s.AwaitPerson(now, ends, nil) })
	return r.beforeLinkEnds(ctx, func() bool { return r.openOf != nil }) && r.takeOpen()
}

func (r *run) takeOpen() bool {
	r.openOf, r.opening = nil, r.in.Policy.WantsFace()
	return true
}

// beforeLinkEnds waits for a condition, or the end of our page's link. One timer
// serves all of the run, and another one follows it where an operator has
// extended the link.
func (r *run) beforeLinkEnds(ctx workflow.Context, condition func() bool) bool {
	for {
		ends, _ := r.linkEnds()
		if r.linkClock == nil {
			clock, stop := workflow.WithCancel(r.asking)
			r.endLink, r.linkArmed = stop, ends
			r.linkClock = workflow.NewTimerWithOptions(clock, ends.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "The page's link ends"})
		}
		err := workflow.Await(ctx, func() bool { return condition() || r.linkClock.IsReady() })
		switch {
		case err != nil, ctx.Err() != nil:
			return false
		case condition():
			return true
		}
		if ends, _ = r.linkEnds(); ends.After(r.linkArmed) {
			r.linkClock = nil
			continue
		}
		r.expire(ctx, verification.SessionLinkExpired)
		return false
	}
}

func (r *run) validateOpen(ctx workflow.Context, req OpenRequest) error {
	if req.Session <= r.state.Attempt.Session && req.Session > 0 {
		return nil // somebody has opened it
	}
	next := r.state.NextAction
	switch _, opens := r.linkEnds(); {
	case req.Session != r.state.Attempt.Session+1:
		return refused(RefusedSession, "the next session is another one", r.state)
	case !r.state.Page, next == nil, r.settledOrDone(), next.Type != verification.ActionRedirect:
		return refused(RefusedState, "the person is not awaited", r.state)
	case req.Lost != (r.state.Open != nil):
		return refused(RefusedState, "a session is open, or not any more", r.state)
	case req.Lost && r.state.Attempt.Session >= r.in.Policy.Sessions:
		return refused(RefusedState, "no further session is left", r.state)
	case len(missing(r.in.Asks, req.Agreed)) > 0:
		return refused(RefusedConsent, "the person has not agreed to all that is asked", r.state)
	case !workflow.Now(ctx).Before(opens):
		return refused(RefusedLate, "the link ends too soon", r.state)
	}
	return nil
}

// openFor opens a session for the person on our page. Over an open one it stands
// for its lost page, as a retry does. A repeat gets the same answer.
func (r *run) openFor(ctx workflow.Context, req OpenRequest) (Opened, error) {
	r.accepted(ctx)
	switch {
	case req.Session <= r.state.Attempt.Session, r.openOf != nil, r.relinkOf != nil:
	case req.Lost:
		r.relinkOf = &RetryRequest{Session: r.state.Attempt.Session}
	default:
		r.openOf = &req
	}
	err := r.awaitPublished(ctx, func() bool { return r.openOf == nil && !r.retrying() && !r.opening })
	return Opened{Session: r.state.Attempt.Session}, err
}

// missing are the purposes that were not agreed to.
func missing(asked, agreed []verification.Purpose) []verification.Purpose {
	consents := make([]verification.Consent, 0, len(agreed))
	for _, p := range agreed {
		consents = append(consents, verification.Consent{Purpose: p})
	}
	return verification.Missing(asked, consents)
}

// settledOrDone: the verification ends, or goes to a human, whoever comes now.
func (r *run) settledOrDone() bool {
	return r.state.Status.Ended() || r.end != nil || r.verdict != nil || r.human || r.asking.Err() != nil
}

func (r *run) validateHuman(workflow.Context, HumanRequest) error {
	switch {
	case r.human, r.state.Status == verification.InReview:
		return nil // a human looks already
	case r.settledOrDone():
		return refused(RefusedState, "the verification has ended", r.state)
	case r.in.Policy.HumanRoute != verification.HumanReview:
		return refused(RefusedState, "the policy sends to another address", r.state)
	}
	return nil
}

// askForHuman takes what the person asks for: no vendor is called any more, and a
// human decides. An answer that is on its way is kept.
func (r *run) askForHuman(ctx workflow.Context, _ HumanRequest) (Asked, error) {
	r.accepted(ctx)
	if r.state.Status != verification.InReview && !r.settledOrDone() {
		r.sendToHuman(verification.PersonAskedForHuman)
	}
	err := r.awaitPublished(ctx, func() bool { return r.state.Status == verification.InReview })
	return Asked{Status: r.state.Status}, err
}

// sendToHuman has a human decide, for the reason, and nobody else be asked.
func (r *run) sendToHuman(reason verification.ReasonCode) {
	r.human, r.humanFor = true, reason
	r.stopAsking()
}

// keepAnswers waits, once a human was asked for, until what vendors are answering
// is here.
func (r *run) keepAnswers(ctx workflow.Context) {
	if r.human && r.follow != nil { // the sides have begun
		_ = workflow.Await(ctx, func() bool { return r.recordsDone && r.faceDone })
	}
}

// keepResult takes the result of a session that was on its way when a human was
// asked for.
func (r *run) keepResult(ctx workflow.Context, result verification.FaceResult) {
	if !r.human || !result.Judged {
		return
	}
	if result.Reason != "" {
		r.fail(ctx, verification.ReasonOf(result.Reason))
	}
	r.change(ctx, (*verification.State).CountJudged)
	r.setFaceChecks(ctx, result.Checks)
}

// forHuman closes what was not asked for in favour of a human.
func (r *run) forHuman(ctx workflow.Context) {
	r.faceOver()
	for _, t := range faceChecks {
		if c, ok := verification.Find(r.state.Checks, t); ok && c.Status == verification.Pending {
			r.setChecks(ctx, verification.NewCheck(t, verification.Skipped, r.humanFor))
		}
	}
	r.change(ctx, (*verification.State).SkipPending)
}
