package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// RecordsInput is the argument of CheckRecords.
type RecordsInput struct {
	ID            string                     `json:"id"`
	Provider      string                     `json:"provider"`
	UnknownCharge verification.UnknownCharge `json:"unknown_charge"`
	DailyCap      int                        `json:"daily_cap"`
	// Others: another provider may be asked in this one's place. A question that
	// brought no answer then ends the step, and its error's next delay says when
	// this one may be asked again. Round counts such ends, for the delay.
	Others bool `json:"others,omitempty"`
	Round  int  `json:"round,omitempty"`
}

// RecordsResult is the records vendor's answer.
type RecordsResult struct {
	Check verification.Check `json:"check"`
	// Spent: the check is no answer, and this provider will have none. Why, as a
	// class of errors; another provider may have one.
	Spent provider.Class `json:"spent,omitempty"`
}

// CheckRecords asks the records vendor, with its intent written before the
// question. A known answer is never bought twice. A question whose answer was
// lost may have been charged: it is asked at most once more, and only if the
// policy says so. Outages that cost nothing are tried again until the policy's
// patience ends. A rare name that is found to differ is asked about once more in
// its other spelling, if it has one.
//
// What was asked counts whoever was asked: after an answer nobody else is, and the
// one further try after a lost answer may be another provider's.
func (a *Activities) CheckRecords(ctx context.Context, in RecordsInput) (RecordsResult, error) {
	vendor, ok := a.Vendors.Records(in.Provider)
	if !ok {
		return RecordsResult{}, unknownProvider(in.Provider)
	}
	subject, err := a.subject(ctx, in.ID)
	if err != nil {
		return RecordsResult{}, err
	}
	asked, err := a.Store.Calls(ctx, in.ID)
	if err != nil {
		return RecordsResult{}, storeError(err)
	}
	q := recordsQuery{in: in, subject: subject, asked: asked}
	if check, done := a.alreadyAnswered(&q); done {
		return q.result(check), nil
	}
	if err := a.switched(ctx, in.Provider, true); err != nil {
		return RecordsResult{}, a.recordsAway(ctx, q, err)
	}
	hash, day := a.numberToday(subject)
	call, err := a.Store.IntendCall(ctx, store.Call{VerificationID: in.ID, Provider: in.Provider, IntendedAt: a.Now()}, hash, day, in.DailyCap)
	if errors.Is(err, store.ErrDailyCap) {
		return RecordsResult{Check: q.orFirst(a.unanswered(in, verification.RecordsDailyCap, verification.BillableNo))}, nil
	}
	if err != nil {
		return RecordsResult{}, storeError(err)
	}

	asking, end := unhurried(ctx)
	asking, requestID := provider.WithRequestID(asking)
	check, err := vendor.Provider.Check(asking, q.spelled)
	end()
	call.RequestID = requestID()
	if err != nil {
		return a.recordsFailed(ctx, q, call, err)
	}
	now := a.Now()
	check = subject.SpareMismatch(check)
	check.CompletedAt = &now
	call.AnsweredAt, call.Code, call.Billable, call.Check = now, check.ProviderCode, check.Billable, &check
	if err := a.answer(ctx, call); err != nil {
		return RecordsResult{}, err
	}
	q.asked = append(q.asked, call)
	if check, done := a.alreadyAnswered(&q); done {
		return q.result(check), nil
	}
	return RecordsResult{}, otherSpelling()
}

// recordsQuery is what is asked of a records vendor, and what was asked before.
type recordsQuery struct {
	in      RecordsInput
	subject verification.Subject
	asked   []store.Call
	// spelled is the subject in the spelling whose turn it is, and first the
	// answer to the first spelling of a rare name, and firstBy whose, while the
	// other's turn is. alreadyAnswered sets them.
	spelled verification.Subject
	first   *verification.Check
	firstBy string
}

// result is a settled check. A provider that does not ask about such a card has
// no answer, and another may.
func (q recordsQuery) result(c verification.Check) RecordsResult {
	out := RecordsResult{Check: c}
	if noAnswer(c) && c.Billable == verification.BillableNo {
		out.Spent = provider.Refused
	}
	return out
}

// noAnswer reports whether a check says nothing of the person.
func noAnswer(c verification.Check) bool { return c.Status == verification.Unavailable }

// orFirst is what comes of asking about the other spelling: a pass, or else the
// answer to the first one stands.
func (q recordsQuery) orFirst(c verification.Check) verification.Check {
	if q.first != nil && c.Status != verification.Passed {
		return *q.first
	}
	return c
}

// alreadyAnswered looks at the questions asked before: an answer that is
// known, or a lost one that must not be asked again. Where a rare name was found
// to differ, it is its other spelling's turn.
func (a *Activities) alreadyAnswered(q *recordsQuery) (verification.Check, bool) {
	q.spelled, q.first, q.firstBy = q.subject, nil, ""
	unknown := 0
	for _, c := range q.asked {
		switch {
		case c.Check != nil && noAnswer(*c.Check) && c.Provider != q.in.Provider:
		case c.Check != nil:
			other, has := q.subject.OtherSpelling()
			if !has || q.first != nil || !c.Check.HasReason(verification.IdentityNameRare) {
				return q.orFirst(*c.Check), true
			}
			q.spelled, q.first, q.firstBy = other, c.Check, c.Provider
		case c.AnsweredAt.IsZero(), c.Billable == verification.BillableUnknown:
			unknown++
		}
	}
	if q.first != nil && q.firstBy != q.in.Provider {
		return *q.first, true // who answered is asked about the other spelling, or nobody
	}
	if unknown > allowedUnknown(q.in.UnknownCharge) {
		return q.orFirst(a.unanswered(q.in, verification.RecordsChargeUnknown, verification.BillableUnknown)), true
	}
	return verification.Check{}, false
}

// allowedUnknown is how many lost answers do not yet stop another question.
func allowedUnknown(rule verification.UnknownCharge) int {
	if rule == verification.UnknownRetry {
		return 1
	}
	return 0
}

// recordsFailed notes a failed question and says what follows.
func (a *Activities) recordsFailed(ctx context.Context, q recordsQuery, call store.Call, err error) (RecordsResult, error) {
	in := q.in
	a.logVendor(ctx, in.ID, in.Provider, err)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		// No vendor package made it: a panic's edge, or a canceled context.
		// The intent stays without an answer, which counts as unknown.
		return RecordsResult{}, vendorError(err, true, 0)
	}
	if ctx.Err() != nil && e.Billable == verification.BillableUnknown {
		return RecordsResult{}, vendorError(err, true, 0)
	}
	call.AnsweredAt, call.Code, call.Billable = a.Now(), e.Code, e.Billable
	if call.Billable == "" {
		call.Billable = verification.BillableNo
	}
	if err := a.answer(ctx, call); err != nil {
		return RecordsResult{}, err
	}
	q.asked = append(q.asked, call)
	if call.Billable == verification.BillableUnknown {
		if check, done := a.alreadyAnswered(&q); done {
			return RecordsResult{Check: check}, nil
		}
	}
	if e.MaxTries > 0 && sameCode(q.asked, in.Provider, e.Code) >= e.MaxTries {
		reason := e.Reason
		if reason == "" {
			reason = verification.ProviderUnavailable
		}
		c := a.unanswered(in, reason, verification.BillableNo)
		c.ProviderCode = e.Code
		out := RecordsResult{Check: q.orFirst(c)}
		if q.first == nil {
			out.Spent = e.Class
		}
		return out, nil
	}
	return RecordsResult{}, a.recordsAway(ctx, q, err)
}

// sharedPause bounds the time between two tries of a provider where there are
// others: each try is a step of the run's history.
const sharedPause = 10 * time.Minute

// recordsAway is the error of a question without an answer that may be repeated:
// by the server, or as the run sees fit where another provider may be asked.
// After the answer about a name's first spelling nobody else is asked.
func (a *Activities) recordsAway(ctx context.Context, q recordsQuery, err error) error {
	if _, ok := errors.AsType[*provider.Error](err); !ok {
		return err // the store's
	}
	attempt := activity.GetInfo(ctx).Attempt
	if !q.in.Others || q.first != nil {
		return vendorError(err, true, backoff(attempt, time.Second, outagePause, 2))
	}
	return vendorError(err, false, backoff(attempt+int32(q.in.Round), time.Second, sharedPause, 2))
}

// unanswered is the check of a question without an answer. It leads to review
// and never declines.
func (a *Activities) unanswered(in RecordsInput, reason verification.ReasonCode, billable verification.Billable) verification.Check {
	now := a.Now()
	c := verification.NewCheck(verification.IdentityRecords, verification.Unavailable, reason)
	c.Provider, c.Billable, c.CompletedAt = in.Provider, billable, &now
	return c
}

// answer writes what is known of a call. It must not be lost with the
// activity's context: the answer was paid for.
func (a *Activities) answer(ctx context.Context, c store.Call) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return storeError(a.Store.AnswerCall(ctx, c))
}

func sameCode(asked []store.Call, provider, code string) int {
	n := 0
	for _, c := range asked {
		if c.Provider == provider && c.Code == code {
			n++
		}
	}
	return n
}

// numberToday names the person's number to the daily caps, which hold for all
// verifications together, and the day.
func (a *Activities) numberToday(s verification.Subject) (hash []byte, day string) {
	return a.Keys.Hash(verification.PurposeNumber, s.IDNumber), residentid.Day(a.Now())
}
