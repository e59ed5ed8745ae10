package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// RecordsInput is the argument of CheckRecords.
type RecordsInput struct {
	ID            string                     `json:"id"`
	Provider      string                     `json:"provider"`
	UnknownCharge verification.UnknownCharge `json:"unknown_charge"`
	DailyCap      int                        `json:"daily_cap"`
}

// RecordsResult is the records vendor's answer.
type RecordsResult struct {
	Check verification.Check `json:"check"`
}

// CheckRecords asks the records vendor, with its intent written before the
// question. A known answer is never bought twice. A question whose answer was
// lost may have been charged: it is asked at most once more, and only if the
// policy says so. Outages that cost nothing are tried again until the policy's
// patience ends.
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
	if check, done := a.alreadyAnswered(asked, in); done {
		return RecordsResult{Check: check}, nil
	}
	numberHash := a.Keys.Hash("records-daily-cap", subject.IDNumber)
	call, err := a.Store.IntendCall(ctx, store.Call{VerificationID: in.ID, Provider: in.Provider, IntendedAt: a.Now()},
		numberHash, a.Now().In(shanghai).Format("20060102"), in.DailyCap)
	if errors.Is(err, store.ErrDailyCap) {
		return RecordsResult{Check: a.unanswered(in, verification.RecordsDailyCap, verification.BillableNo)}, nil
	}
	if err != nil {
		return RecordsResult{}, storeError(err)
	}

	check, err := vendor.Provider.Check(ctx, subject)
	if err != nil {
		return a.recordsFailed(ctx, in, asked, call, err)
	}
	now := a.Now()
	check.CompletedAt = &now
	call.AnsweredAt, call.Code, call.Billable, call.Check = now, check.ProviderCode, check.Billable, &check
	if err := a.answer(ctx, call); err != nil {
		return RecordsResult{}, err
	}
	return RecordsResult{Check: check}, nil
}

// alreadyAnswered looks at the questions asked before: an answer that is
// known, or a lost one that must not be asked again.
func (a *Activities) alreadyAnswered(asked []store.Call, in RecordsInput) (verification.Check, bool) {
	unknown := 0
	for _, c := range asked {
		if c.Check != nil {
			return *c.Check, true
		}
		if c.AnsweredAt.IsZero() || c.Billable == verification.BillableUnknown {
			unknown++
		}
	}
	if unknown > allowedUnknown(in.UnknownCharge) {
		return a.unanswered(in, verification.RecordsChargeUnknown, verification.BillableUnknown), true
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
func (a *Activities) recordsFailed(ctx context.Context, in RecordsInput, asked []store.Call, call store.Call, err error) (RecordsResult, error) {
	a.logVendor(ctx, in.ID, in.Provider, err)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		// No vendor package made it: a panic's edge, or a cancelled context.
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
	if call.Billable == verification.BillableUnknown {
		if check, done := a.alreadyAnswered(append(asked, call), in); done {
			return RecordsResult{Check: check}, nil
		}
	}
	if e.MaxTries > 0 && sameCode(asked, e.Code)+1 >= e.MaxTries {
		reason := e.Reason
		if reason == "" {
			reason = verification.ProviderUnavailable
		}
		c := a.unanswered(in, reason, verification.BillableNo)
		c.ProviderCode = e.Code
		return RecordsResult{Check: c}, nil
	}
	return RecordsResult{}, vendorError(err, true, backoff(activity.GetInfo(ctx).Attempt, time.Second, outagePause, 2))
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

func sameCode(asked []store.Call, code string) int {
	n := 0
	for _, c := range asked {
		if c.Code == code {
			n++
		}
	}
	return n
}

// shanghai is the zone of the vendor's day. China has kept one zone without
// daylight saving since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)
