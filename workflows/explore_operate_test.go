package workflows_test

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// What operators do in a sequence, and the laws of it.

// operators draws when they meddle, whatever the state is.
func (o *outside) operators() {
	if !o.one(3) {
		return
	}
	if o.one(4) {
		o.script.auditError = o.outage()
	}
	for range 1 + o.IntN(4) {
		d := pick(o.dice, time.Minute, 10*time.Minute, time.Hour, 30*time.Hour, 9*24*time.Hour)
		o.at(time.Duration(1+o.Int64N(int64(d))), o.askOperator)
	}
}

// askOperator asks for a verb, of the state that was last seen.
func (o *outside) askOperator() {
	s := o.seen
	n := s.Attempt.Session
	session := pick(o.dice, 0, 0, n, n-1, n+1)
	verb, arg := workflows.UpdateLook, any(workflows.LookRequest{Session: session, Spend: o.one(2)})
	switch o.IntN(10) {
	case 0, 1, 2:
		verb, arg = workflows.UpdateExtend, workflows.ExtendRequest{For: verification.Duration(pick(o.dice, -time.Second, time.Minute, 40*time.Minute, 25*time.Hour, 8*24*time.Hour, 31*24*time.Hour))}
	case 3, 4, 5:
		verb, arg = workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{Session: session, Provider: pick(o.dice, "", "", "face", "second", "other"), Force: o.one(2)}
	case 6:
		verb, arg = workflows.UpdateToReview, workflows.ToReviewRequest{Reason: pick(o.dice, verification.ReviewByOperator, verification.ProviderUnavailable, verification.IdentityMismatch)}
	case 7:
		verb, arg = workflows.UpdateResend, workflows.ResendRequest{}
	}
	o.ask(verb, workflows.OpsUpdateID(verb, s.Version, o.Now()), arg)
}

// operates notes what an operator's verb did.
func (o *outside) operates(name string, v any) {
	var out workflows.Extended
	switch name {
	case workflows.UpdateToReview:
		if o.human.IsZero() {
			o.human = o.Now()
		}
	case workflows.UpdateExtend:
		out = v.(workflows.Extended)
		s := o.state()
		if s.ExpiresAt != nil && s.ExpiresAt.Equal(out.ExpiresAt) { // else it has moved on meanwhile
			o.extended = append(o.extended, extension{until: out.ExpiresAt, status: s.Status, page: s.Page})
		}
	}
	if isOperators(name) {
		o.operated[name]++
	}
}

func isOperators(name string) bool {
	return slices.Contains([]string{workflows.UpdateLook, workflows.UpdateExtend, workflows.UpdateSwitchProvider, workflows.UpdateToReview, workflows.UpdateResend}, name)
}

// linkEnds is when the page's link ends, as it was extended.
func (o *outside) linkEnds() (ends, opens time.Time) {
	s := o.seen
	s.CreatedAt = o.start
	return s.PageLinkEnds(o.in.Policy)
}

// refusedLater: an operator's verb may be refused once the audit log has it.
func refusedLater(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && slices.Contains(refusals, app.Type())
}

// refusals are the contract's.
var refusals = []string{
	workflows.RefusedState, workflows.RefusedSession, workflows.RefusedVersion, workflows.RefusedScan, workflows.RefusedReason, workflows.RefusedConsent,
	workflows.RefusedLate, workflows.RefusedForce, workflows.RefusedArgument, workflows.RefusedAudit,
}

// lawsOfOperators: what acted stands in the audit log, once; and nothing expires
// before the time that an operator was promised.
func (o *outside) lawsOfOperators() {
	audited := map[string]int{}
	for _, a := range o.script.audited {
		audited[a.Update]++
	}
	for _, a := range o.asks {
		if a.completed && a.failed == nil && isOperators(a.verb) && audited[a.sentAs] == 0 {
			o.fault("%s was done, and the audit log does not know", a.name)
		}
	}
	s := o.end()
	if s.Status != verification.Expired || s.LastError == nil {
		return
	}
	for _, e := range o.extended {
		if !o.ended.Before(e.until) {
			continue
		}
		switch {
		case e.status == verification.InReview && s.LastError.Code == verification.ReviewDeadline,
			e.page && e.status == verification.RequiresInput && s.LastError.Code == verification.SessionLinkExpired:
			o.fault("extended until %s, and expired %s before", e.until, e.until.Sub(o.ended))
		}
	}
}
