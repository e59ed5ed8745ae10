package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What operators may do with a verification that runs. Each verb is an update
// whose validator says no in a sentence, and which acts only once the audit log
// has it: who and why from the command line, "temporal ui" from there.

// OpsUpdateID is the update id of a verb that was asked for of a state at a time.
// Asked again within the minute it gets the first answer; later it is asked anew.
func OpsUpdateID(verb string, version int, at time.Time) string {
	return fmt.Sprintf("%s-%d-%d", verb, version, at.Unix()/60)
}

// LongestExtension is from now: nobody's personal data should stay open longer.
const LongestExtension = 30 * 24 * time.Hour

// audited has the audit log know of the verb, and then asks once more whether it
// may be done: the log may take seconds.
func (r *run) audited(ctx workflow.Context, verb string, still func() error) error {
	r.accepted(ctx)
	return audited(ctx, r.in.ID, verb, func() verification.State { return r.state }, still)
}

func audited(ctx workflow.Context, verificationID, verb string, state func() verification.State, still func() error) error {
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	in := activities.AuditActInput{ID: verificationID, Verb: verb, Update: id}
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a run that is canceled meanwhile says so itself
	if err := workflow.ExecuteActivity(stepAudit.on(ctx, "", "-"+id, "", 0), acts.AuditAct, in).Get(ctx, nil); err != nil {
		return refused(RefusedAudit, "the audit log could not be written, so nothing was done: ask again once the store answers", state())
	}
	return still()
}

// isEnding: the verification ends, whatever is still written of it.
func (r *run) isEnding() bool {
	return r.state.Status.Ended() || r.end != nil || r.verdict != nil || r.decided != nil
}

// notOpen refuses what only an open verification can be asked; nil: it is open.
func (r *run) notOpen(what string) error {
	switch {
	case r.state.Status.Ended():
		return refused(RefusedState, fmt.Sprintf("it has ended (%s), there is nothing to %s any more", r.state.Outcome(), what), r.state)
	case r.isEnding():
		return refused(RefusedState, "it is ending in this moment", r.state)
	}
	return nil
}

func (r *run) validateLook(_ workflow.Context, req LookRequest) error {
	if err := r.notOpen("look at"); err != nil {
		return err
	}
	n, newest := req.Session, r.state.Attempt.Session
	if n == 0 {
		n = newest
	}
	old := r.leftSession(n)
	switch {
	case r.asking.Err() != nil:
		return refused(RefusedState, "a human decides, and no vendor is asked any more", r.state)
	case n > newest || n < 0:
		return refused(RefusedSession, fmt.Sprintf("there is no session %d: the newest is %d", n, newest), r.state)
	case old != nil && old.over, old == nil && n < newest:
		return refused(RefusedSession, fmt.Sprintf("session %d is over, and what came of it is known", n), r.state)
	case old != nil && old.looks >= maxLooks, old == nil && r.racing != nil && r.racing.looks >= maxLooks:
		return refused(RefusedState, fmt.Sprintf("session %d was looked at %d times, which is all that it may be", n, maxLooks), r.state)
	case old != nil:
		return nil
	case r.racing == nil && r.state.Status == verification.Processing && newest > 0 && !r.opening:
		return refused(RefusedState, fmt.Sprintf("session %d is over, and its vendor is asked until it answers; `temporal activity reset` on the pending activity has it asked at once", n), r.state)
	case r.racing == nil:
		return refused(RefusedState, "no face session is open, so there is none to look at", r.state)
	case r.racing.route.Notifies && r.racing.asked:
		return refused(RefusedState, "the one look-up that this vendor allows before the session's end is used up; the next one follows the end by itself", r.state)
	case r.racing.route.Notifies && !req.Spend:
		return refused(RefusedForce, "this vendor allows one look-up before the session's end, and sends its result by itself: say \"spend\" to use it up now", r.state)
	}
	return nil
}

// leftSession is the session of the number that was left before its vendor said
// how it ended; nil: there is none.
func (r *run) leftSession(n int) *replacedSession {
	for _, f := range r.replaced {
		if f.session == n {
			return f
		}
	}
	return nil
}

// look has the session's vendor asked now, as a hint does, and answers what it said.
func (r *run) look(ctx workflow.Context, req LookRequest) (Looked, error) {
	if err := r.audited(ctx, UpdateLook, func() error { return r.validateLook(ctx, req) }); err != nil {
		return Looked{}, err
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	n := req.Session
	if n == 0 {
		n = r.state.Attempt.Session
	}
	if f := r.leftSession(n); f != nil {
		looks := f.looks
		f.hinted = true
		err := workflow.Await(ctx, func() bool { return f.over || f.looks > looks && !f.looking || r.asking.Err() != nil || r.closed() })
		found := string(f.found)
		switch {
		case f.over && found == "":
			found = string(provider.Finished)
		case found == "":
			found = noAnswer
		}
		return Looked{Session: n, Found: found}, err
	}
	w := r.racing
	before := w.ended
	if w.route.Notifies {
		w.spend = true
	} else {
		r.hinted, w.operator = n, true
	}
	err := workflow.Await(ctx, func() bool { return w.ended > before || r.racing != w || r.closed() })
	found := string(w.found)
	switch {
	case w.ended == before && r.racing != w:
		found = string(provider.Finished) // another look, or the poll, was faster
	case found == "":
		found = noAnswer
	}
	return Looked{Session: n, Found: found}, err
}

// noAnswer is what was found where the vendor gave no answer.
const noAnswer = "no_answer"

// describeExtend is the same in every run that has the verb.
const describeExtend = `Operators: the clock that runs for somebody to act ends so long from now. {"for": "24h"}`

func (r *run) validateExtend(ctx workflow.Context, req ExtendRequest) error {
	if err := r.notOpen("extend"); err != nil {
		return err
	}
	clock := r.state.ExpiresAt
	if !r.ours() {
		clock = nil
	}
	return extends(workflow.Now(ctx), req, clock, r.state)
}

// extends refuses a time that is none, or no extension of the clock that runs for
// somebody to act; nil: none does.
func extends(now time.Time, req ExtendRequest, clock *time.Time, s verification.State) error {
	d := req.For.Std()
	switch {
	case d <= 0 || d > LongestExtension:
		return refused(RefusedArgument, fmt.Sprintf("\"for\" is how long from now, such as \"24h\": more than nothing, and %s at most", LongestExtension), s)
	case clock == nil && s.Status == verification.RequiresInput:
		return refused(RefusedState, "the clock that runs is the vendor's own, and its link cannot be extended: a retry opens a new session", s)
	case clock == nil:
		return refused(RefusedState, "vendors are at work, and nobody is waited for whose time could be extended", s)
	case !now.Add(d).After(*clock):
		return refused(RefusedArgument, fmt.Sprintf("it lasts longer already, until %s", stampOf(*clock)), s)
	}
	return nil
}

// ours: the clock now running is ours, and runs for somebody to act.
func (r *run) ours() bool {
	switch {
	case r.state.ExpiresAt == nil:
		return false
	case r.clock != nil:
		return r.state.ExpiresAt.Equal(r.clock.ends)
	}
	return r.state.Page && r.state.Status == verification.RequiresInput && r.linkClock != nil
}

// extend moves the end of the clock that runs. What readers see follows.
func (r *run) extend(ctx workflow.Context, req ExtendRequest) (Extended, error) {
	if err := r.audited(ctx, UpdateExtend, func() error { return r.validateExtend(ctx, req) }); err != nil {
		return Extended{}, err
	}
	until := workflow.Now(ctx).Add(req.For.Std())
	if r.clock != nil {
		r.clock.ends = until
	}
	r.change(ctx, func(s *verification.State, now time.Time) { s.Extend(now, until) })
	err := r.awaitPublished(ctx, func() bool { return true })
	return Extended{ExpiresAt: until}, err
}

// switching is an operator's wish for another provider. In the end it was taken,
// or not, and why says what kept it from that.
type switching struct {
	provider string
	force    bool
	done     bool
	why      string
}

func (r *run) validateSwitchProvider(ctx workflow.Context, req SwitchProviderRequest) error {
	if err := r.notOpen("switch"); err != nil {
		return err
	}
	n, w := r.state.Attempt.Session, r.racing
	_, opens := r.linkEnds()
	switch {
	case req.Session != 0 && req.Session != n:
		return refused(RefusedSession, fmt.Sprintf("session %d is not the newest, which is %d", req.Session, n), r.state)
	case r.asking.Err() != nil:
		return refused(RefusedState, "a human decides, and no session is opened any more", r.state)
	case w == nil || r.state.Status != verification.RequiresInput:
		return refused(RefusedState, "no face session is open for the person, so there is none to take elsewhere", r.state)
	case r.switchOf != nil || r.retrying():
		return refused(RefusedState, "another session is on its way already", r.state)
	case n >= r.in.Policy.Sessions:
		return refused(RefusedState, fmt.Sprintf("the policy's %d sessions are used up", r.in.Policy.Sessions), r.state)
	case r.state.Page && !workflow.Now(ctx).Before(opens):
		return refused(RefusedLate, "the page's link ends too soon for another session: extend it first", r.state)
	case r.elsewhere(req.Provider) == "" && req.Provider == "":
		return refused(RefusedArgument, "the policy lists no other face provider that could serve this person", r.state)
	case r.elsewhere(req.Provider) == "":
		return refused(RefusedArgument, fmt.Sprintf("%q is not another face provider of the policy that could serve this person", req.Provider), r.state)
	case !req.Force && w.begun:
		return refused(RefusedForce, "the person has begun: say \"force\" to end their session all the same", r.state)
	case !req.Force && !w.route.TellsBegun:
		return refused(RefusedForce, "this vendor does not tell whether the person has begun: say \"force\" to end their session all the same", r.state)
	}
	return nil
}

// elsewhere is the named provider, or the one that follows the present one; empty:
// it could not open a session, or has this one.
func (r *run) elsewhere(named string) string {
	here := slices.IndexFunc(r.in.Face, func(f FaceRoute) bool { return f.Provider == r.state.Provider })
	for i := range r.in.Face {
		p := r.in.Face[(here+1+i)%len(r.in.Face)].Provider
		if p != r.state.Provider && !r.excluded[p] && (named == "" || named == p) {
			return p
		}
	}
	return ""
}

// switchProvider ends the open session in favour of one at another provider. On
// our page that one opens when its person asks for it: no token's time runs
// before.
func (r *run) switchProvider(ctx workflow.Context, req SwitchProviderRequest) (Switched, error) {
	if err := r.audited(ctx, UpdateSwitchProvider, func() error { return r.validateSwitchProvider(ctx, req) }); err != nil {
		return Switched{}, err
	}
	s := &switching{provider: r.elsewhere(req.Provider), force: req.Force}
	r.switchOf = s
	err := r.awaitPublished(ctx, func() bool { return s.why != "" || s.done && !r.opening && r.showable() })
	if s.why != "" {
		return Switched{}, refused(RefusedForce, s.why, r.state)
	}
	out := Switched{Session: r.state.Attempt.Session, Provider: r.state.Provider}
	if r.prefer != "" {
		out.Provider = r.prefer
	}
	return out, err
}

// maySwitch: an operator wants another provider, and nobody has asked yet whether
// the person has begun.
func (w *watcher) maySwitch() bool {
	return w.switchOf != nil && w.relook == nil && !w.stopping && !(w.route.Captures && w.look != nil)
}

// leaveFor leaves the session for another provider's at once, or asks whether its
// person has begun.
func (w *watcher) leaveFor(ctx workflow.Context) provider.Phase {
	switch {
	case !w.quiet():
		return ""
	case w.switchOf.force:
		return replaced
	}
	w.asked = true
	w.relook = w.start(ctx, stepRelook, acts.LookAtSession, "", 0, w.lookUp())
	return ""
}

// mayLeave reads whether the person has begun.
func (w *watcher) mayLeave(phase provider.Phase) provider.Phase {
	switch phase {
	case provider.Untouched:
		return replaced
	case provider.Begun:
		w.dropSwitch("the person has begun: say \"force\" to end their session all the same")
	default:
		w.dropSwitch("the vendor gave no answer whether the person has begun: say \"force\" to end their session all the same")
	}
	return ""
}

// takeSwitch has the next session opened at the wanted provider.
func (r *run) takeSwitch(ctx workflow.Context) faceOutcome {
	s := r.switchOf
	r.prefer, r.switchOf, s.done = s.provider, nil, true
	r.retried[r.state.Attempt.Session] = true // a caller's retry of it is made up for
	if r.state.Page && r.relinkOf == nil {
		r.fail(ctx, verification.ReasonOf(verification.SessionInterrupted))
		return faceRetry
	}
	r.takeRetry()
	return faceAgain
}

// dropSwitch tells the operator why it was not taken.
func (r *run) dropSwitch(why string) {
	if r.switchOf != nil {
		r.switchOf.why, r.switchOf = why, nil
	}
}

func (r *run) validateToReview(_ workflow.Context, req ToReviewRequest) error {
	if err := r.notOpen("review"); err != nil {
		return err
	}
	switch {
	case r.state.Status == verification.InReview:
		return refused(RefusedState, "it is in review already", r.state)
	case r.human:
		return refused(RefusedState, "it is on its way to review already", r.state)
	case !req.Reason.LeadsToReview():
		return refused(RefusedReason, "\"reason\" is a code of the catalogue that leads to review, such as "+string(verification.ReviewByOperator), r.state)
	}
	return nil
}

// toReview has a human decide: no vendor is called any more, and an answer that is
// on its way is kept.
func (r *run) toReview(ctx workflow.Context, req ToReviewRequest) (SentToReview, error) {
	if err := r.audited(ctx, UpdateToReview, func() error { return r.validateToReview(ctx, req) }); err != nil {
		return SentToReview{}, err
	}
	r.sendToHuman(req.Reason)
	err := r.awaitPublished(ctx, func() bool { return r.state.Status == verification.InReview })
	return SentToReview{Status: r.state.Status}, err
}

func (r *run) validateResend(workflow.Context, ResendRequest) error {
	if r.state.Status.Ended() {
		return refused(RefusedState, "the run ends in this moment: `yanzhen ops resend` sends its events again afterwards", r.state)
	}
	return nil
}

// resend sends the verification's events again. What it is noted for in the audit
// log stands there before.
func (r *run) resend(ctx workflow.Context, req ResendRequest) (Resent, error) {
	if err := r.audited(ctx, UpdateResend, func() error { return nil }); err != nil {
		return Resent{}, err
	}
	in := activities.ResendInput{ID: r.in.ID, Event: req.Event, Endpoint: req.Endpoint}
	var out activities.ResendResult
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	if err := workflow.ExecuteActivity(stepResend.on(ctx, "", "-"+id, "", 0), acts.Resend, in).Get(ctx, &out); err != nil {
		return Resent{}, refused(RefusedArgument, "nothing was sent again: no such event or endpoint, or the store does not answer", r.state)
	}
	return Resent{Events: out.Events}, nil
}
