package workflows_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// The laws that every sequence is held to. They rest on what the vendors know
// of the person and on what reached the workflow, never on how it works.

func (o *outside) end() verification.State {
	if len(o.finished) == 0 {
		return verification.State{}
	}
	return o.finished[0]
}

func byPolicy(s verification.State) bool {
	return s.Verdict != nil && s.Verdict.DecidedBy == verification.ByPolicy
}

// lawsOfMessages: the run ends without a fault, its end is written once and
// stays; every update is answered or refused, for a reason of the contract; a
// canceled verification ends canceled and calls no vendor any more.
func (o *outside) lawsOfMessages() {
	if !o.IsWorkflowCompleted() {
		o.fault("the run has not ended")
		return
	}
	if err := o.GetWorkflowError(); err != nil {
		o.fault("the workflow failed: %v", err)
		return
	}
	o.faults = append(o.faults, o.engine.faults...)
	if len(o.finished) != 1 {
		o.fault("the end was written %d times", len(o.finished))
		return
	}
	s := o.end()
	if !s.Status.Ended() || s.NextAction != nil || s.ExpiresAt != nil {
		o.fault("the end is %s with next action %v", s.Status, s.NextAction)
	}
	if now := o.env.state(); !same(now, s) {
		o.fault("after its end the state became %+v", now)
	}
	for _, a := range o.asks {
		var app *temporal.ApplicationError
		switch {
		case a.rejected != nil && !(errors.As(a.rejected, &app) && slices.Contains(refusals, app.Type())):
			o.fault("%s was refused with %v", a.name, a.rejected)
		case a.rejected == nil && !a.completed && (a.accepted || a.sent.Before(o.ended)):
			o.fault("%s was never answered", a.name)
		case a.failed != nil && !(isOperators(a.verb) && refusedLater(a.failed)):
			o.fault("%s failed: %v", a.name, a.failed)
		}
	}
	if !o.canceled.IsZero() && s.Status != verification.Canceled {
		o.fault("a cancel was accepted, and it ended %s", s.Status)
	}
	if n := o.answered["CheckRecords"]; n > 1 {
		o.fault("the records answered %d times", n)
	}
	if len(o.visits) > o.in.Policy.Sessions {
		o.fault("%d sessions of %d", len(o.visits), o.in.Policy.Sessions)
	}
}

// same compares states as they are read.
func same(a, b verification.State) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// lawsOfTheVerdict: only a final judgement of the person declines, and only
// every required check passed approves; the same checks give the same verdict.
func (o *outside) lawsOfTheVerdict() {
	s := o.end()
	for _, c := range s.Checks {
		if c.Status == verification.Pending {
			o.fault("%s is pending after the end", c.Type)
		}
	}
	switch {
	case s.Status != verification.Completed:
		if s.Verdict != nil {
			o.fault("%s with a verdict", s.Status)
		}
		return
	case s.Verdict.DecidedBy == verification.ByReviewer:
		return // a human's word is the human's
	}
	if j := verification.Judge(o.in.Policy, s.Checks); j.Outcome != s.Outcome() {
		o.fault("the policy says %s of these checks, the verdict %s", j.Outcome, s.Outcome())
	}
	if s.Decision == verification.Approved {
		for ct, want := range o.in.Policy.Checks {
			if c, _ := verification.Find(s.Checks, ct); want == verification.Required && (c.Status != verification.Passed || len(c.Reasons) > 0) {
				o.fault("approved with %s %s %v", ct, c.Status, c.Reasons)
			}
		}
		return
	}
	final := finalWords(s)
	if o.in.Policy.Suspicion == verification.SuspicionDecline {
		for _, c := range s.Checks {
			if c.Status == verification.Failed && c.Suspicious() {
				return
			}
		}
	}
	if !slices.ContainsFunc(final, func(c verification.ReasonCode) bool {
		return c == verification.IdentityMismatch || c == verification.DocumentExpired || c == verification.SessionAttemptsExhausted
	}) {
		o.fault("declined for %v", s.Verdict.Reasons)
	}
	if n := o.judgedRetryable(o.ended); slices.Contains(final, verification.SessionAttemptsExhausted) && n < o.in.Policy.Attempts {
		o.fault("declined after %d of %d attempts", n, o.in.Policy.Attempts)
	}
}

// finalWords are the final words held against a person: only they may decline.
// A retryable one counts as the last of the attempts.
func finalWords(s verification.State) (final []verification.ReasonCode) {
	for _, c := range s.Checks {
		if c.FailedFinally() {
			for _, r := range c.Reasons {
				final = append(final, r.Code)
			}
		}
	}
	return final
}

// judgedRetryable counts the sessions whose retryable judgement reached the
// workflow before a time.
func (o *outside) judgedRetryable(before time.Time) int {
	sessions := map[int]bool{}
	for _, t := range o.told {
		if t.ending == verification.EndedRetryable && t.at.Before(before) {
			sessions[t.session] = true
		}
	}
	return len(sessions)
}

// lastAttempt is when the judgement that used the attempts up reached the workflow.
func (o *outside) lastAttempt() (time.Time, bool) {
	for _, t := range o.told {
		if after := t.at.Add(1); o.judgedRetryable(after) >= o.in.Policy.Attempts {
			return t.at, true
		}
	}
	return time.Time{}, false
}

// firstTold returns the first telling of a session with one of the endings.
func (o *outside) firstTold(endings ...verification.Ending) (telling, bool) {
	i := slices.IndexFunc(o.told, func(t telling) bool { return slices.Contains(endings, t.ending) })
	if i < 0 {
		return telling{}, false
	}
	return o.told[i], true
}

// lawsOfReplacedSessions: every judgement that a vendor gave counts, also one
// of a session whose place another had taken.
func (o *outside) lawsOfReplacedSessions() {
	s := o.end()
	if len(o.finished) == 0 || s.Verdict != nil && s.Verdict.DecidedBy == verification.ByReviewer {
		return
	}
	pass, passed := o.firstTold(verification.EndedPassed)
	decisive, decided := o.firstTold(verification.EndedPassed, verification.EndedFinally, verification.EndedSuspicious, verification.EndedInconclusive)
	if o.judgedRetryable(o.ended) >= o.in.Policy.Attempts {
		decided = true
	}
	// What settles the face lets no clock end the verification for want of one.
	unsettled := s.Status == verification.Expired && s.LastError != nil && s.LastError.Code != verification.ReviewDeadline
	if decided && unsettled {
		o.fault("session %d was judged (%s), and the verification expired for %s", decisive.session, decisive.ending, s.LastError.Code)
	}
	if s.Decision == verification.Approved {
		if t, ok := o.firstTold(verification.EndedFinally, verification.EndedSuspicious); ok {
			o.fault("approved although session %d ended %s", t.session, t.ending)
		}
		// Sessions that were left are looked at before the attempts run out, so that
		// nobody is declined while a pass rests at a vendor: such a pass stands.
		if last, ok := o.lastAttempt(); ok && last.Before(pass.at) && !o.visits[pass.session].overBefore(last) {
			o.fault("approved by what came after %d of %d attempts", o.in.Policy.Attempts, o.in.Policy.Attempts)
		}
	}
	// A final failure that is told while a human reviews is no verdict of the
	// policy any more: the human sees it and decides, and silence expires.
	if t, ok := o.firstTold(verification.EndedFinally); ok && !t.reviewed && o.human.IsZero() && s.Status != verification.Canceled && s.Decision != verification.Declined {
		o.fault("session %d ended %s, and the verification %s", t.session, t.ending, s.Outcome())
	}
	if !o.calm || !o.human.IsZero() {
		return
	}
	if passed && s.Decision == verification.Approved {
		for n, v := range o.visits {
			if n == pass.session || v.overAt.IsZero() || v.phase != "" || !v.overAt.Before(pass.at.Add(-5*time.Second)) || v.kind == notified && !v.noticedBefore(pass.at) {
				continue
			}
			switch e := v.result.Ending(); e {
			case verification.EndedFinally, verification.EndedSuspicious:
				o.fault("approved although session %d had ended %s at its vendor", n, e)
			}
		}
	}
	o.lawOfHints(s)
}

// lawsOfThePage: whoever asks for a human is decided about by nobody else; with
// our page a verification expires by its link's clock, by its used-up sessions or
// in review, and in no other way.
func (o *outside) lawsOfThePage() {
	s := o.end()
	if len(o.finished) == 0 {
		return
	}
	if !o.human.IsZero() && byPolicy(s) {
		o.fault("a human was asked for, and the policy decided")
	}
	if !o.in.Policy.Paged() || s.Status != verification.Expired {
		return
	}
	ends, _ := o.linkEnds()
	switch {
	case s.LastError.Code == verification.ReviewDeadline, s.Attempt.Session >= o.in.Policy.Sessions-1:
	case s.LastError.Code != verification.SessionLinkExpired:
		o.fault("expired for %s", s.LastError.Code)
	case o.ended.Before(ends):
		o.fault("the link expired %s before its time", ends.Sub(o.ended))
	}
}

// lawOfHints: a vendor's notice, or a returning browser, of a session that is
// over causes its look, whether or not another session has taken its place.
func (o *outside) lawOfHints(s verification.State) {
	for _, h := range o.hints {
		v := o.visits[h.session]
		if v.phase != "" || v.handed || v.result.Ending() == verification.EndedUnjudged {
			continue
		}
		heard := slices.ContainsFunc(o.told, func(t telling) bool { return t.session == h.session })
		settled := slices.ContainsFunc(o.told, func(t telling) bool {
			return t.at.Before(h.at.Add(2*time.Minute)) && t.ending != verification.EndedUnjudged && t.ending != verification.EndedRetryable
		})
		if !heard && !settled && o.settled.After(h.at.Add(2*time.Minute)) && s.Status != verification.Canceled {
			o.fault("session %d was over and hinted at %s, and nobody looked", h.session, h.at.Sub(o.start))
		}
	}
}

func (v *visit) overBefore(at time.Time) bool { return !v.overAt.IsZero() && !v.overAt.After(at) }

func (v *visit) noticedBefore(at time.Time) bool { return v.noticed && v.noticedAt.Before(at) }

// reopen takes a completed verification up again, some times, and holds what
// follows to what stood before.
func (o *outside) reopen() {
	s := o.end()
	if len(o.faults) > 0 || s.Status != verification.Completed || !o.one(4) {
		return
	}
	again := newOutside(o.t, o.dice)
	again.start, again.reopened = again.Now(), true
	for range o.IntN(3) {
		version := pick(o.dice, 0, s.Version, s.Version+1, s.Version+2)
		again.at(time.Duration(1+o.IntN(30*60))*time.Minute, func() { again.askDecide(version) })
	}
	if o.one(5) {
		again.at(time.Hour, again.cancelInUI)
	}
	again.ExecuteWorkflow(workflows.ReviewWorkflow, workflows.ReviewInput{
		ID: "ver_test", Client: "shop", State: s, Reason: verification.IdentityMismatch, Deadline: verification.Duration(24 * time.Hour),
	})
	o.log = append(append(o.log, "reopened"), again.log...)
	defer func() { o.faults = append(o.faults, again.faults...) }()
	if err := again.GetWorkflowError(); err != nil || len(again.finished) != 2 {
		again.fault("the review failed: %v, written %d times", err, len(again.finished))
		return
	}
	during, end := again.finished[0], again.finished[1]
	if during.Status != verification.InReview || !reflect.DeepEqual(plainVerdict(during), plainVerdict(s)) || during.Version <= s.Version || end.Version <= during.Version {
		again.fault("reopened: %+v", during)
	}
	accepted := slices.ContainsFunc(again.asks, func(a *request) bool { return a.accepted })
	switch {
	case end.Status != verification.Completed:
		again.fault("the reopened case ended %s", end.Status)
	case accepted && (end.Verdict.Version != s.Verdict.Version+1 || end.Verdict.DecidedBy != verification.ByReviewer || len(end.PreviousVerdicts) != len(s.PreviousVerdicts)+1):
		again.fault("decided, and the verdict is %+v", end.Verdict)
	case !accepted && (!reflect.DeepEqual(plainVerdict(end), plainVerdict(s)) || end.Decision != s.Decision):
		again.fault("nobody decided, and the verdict became %+v", end.Verdict)
	}
	for _, a := range again.asks {
		if a.rejected == nil && !a.completed && (a.accepted || a.sent.Before(again.ended)) {
			again.fault("%s was never answered", a.name)
		}
	}
}

func plainVerdict(s verification.State) string {
	raw, _ := json.Marshal(s.Verdict)
	return string(raw)
}
