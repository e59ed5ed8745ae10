package workflows_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// TestLawsOfChargingHoldWithTwoRecordsVendors: whatever outages, lost answers,
// switches and dead workers there are at two records vendors, nobody is asked after
// an answer, at most two questions are paid for, each is counted, and nobody is
// declined for want of an answer.
func TestLawsOfChargingHoldWithTwoRecordsVendors(t *testing.T) {
	n := howMany(1000)
	var passedOver, twice atomic.Int64
	outcomes := explore(t, 3, n, func(o *outside) {
		o.draw()
		o.drawBooks()
	}, func(o *outside) {
		o.lawsOfMessages()
		o.lawsOfTheVerdict()
		o.lawsOfCharging()
		if c, _ := verification.Find(o.end().Checks, verification.IdentityRecords); len(c.Tried) > 0 && c.Status == verification.Passed {
			passedOver.Add(1)
		}
		if b := o.script.books; b.vendors["first"].charged+b.vendors["second"].charged == 2 {
			twice.Add(1)
		}
	})
	if n < 500 {
		return
	}
	require.Greater(t, passedOver.Load(), int64(n/20), "the sequences pass nobody over")
	require.Positive(t, twice.Load(), "the sequences never pay twice")
	for _, o := range []verification.Outcome{verification.OutcomeApproved, verification.OutcomeDeclined, verification.OutcomeExpired} {
		require.Positive(t, outcomes[o], "the sequences never end %s", o)
	}
}

// drawBooks draws two records vendors, their outages, and when a worker dies with a
// question.
func (o *outside) drawBooks() {
	b := withBooks(o.env, o.script, "first", "second")
	o.in.Policy.UnknownCharge = pick(o.dice, verification.UnknownRetry, verification.UnknownRetry, verification.UnknownReview)
	said := pick(o.dice, agrees, agrees, agrees, agrees, differs, notFound, says(verification.Inconclusive, verification.BillableUnknown, verification.ProviderContractViolation))
	for _, name := range []string{"first", "second"} {
		b.vendors[name].answers = o.answers(said)
		if o.one(8) {
			b.off[name] = pick(o.dice, store.SwitchOff, store.SwitchDrain)
		}
	}
	if !o.calm {
		b.dies = func() (before, after bool) { return o.one(10), o.one(10) }
	}
}

// answers draws up to three outages before a vendor says what it knows.
func (o *outside) answers(said func() (verification.Check, error)) func(time.Duration) (verification.Check, error) {
	type outage struct {
		end  time.Duration
		says func() (verification.Check, error)
	}
	var all []outage
	end := time.Duration(0)
	for range o.IntN(4) {
		end += time.Duration(1+o.IntN(5000)) * time.Second
		all = append(all, outage{end, pick(o.dice, refused, refused, limited, misconfig, databaseFault, lostCharged, lostFree, unfit)})
	}
	if o.one(8) {
		said = pick(o.dice, refused, limited, lostCharged)
	}
	return func(since time.Duration) (verification.Check, error) {
		for _, one := range all {
			if since < one.end {
				return one.says()
			}
		}
		return said()
	}
}

func (o *outside) lawsOfCharging() {
	b := o.script.books
	answered, unknown := "", 0
	for _, c := range b.calls {
		if answered != "" {
			o.fault("%s was asked after %s had answered: %s", c.Provider, answered, b.order())
		}
		if c.Check != nil && c.Check.Status != verification.Unavailable {
			answered = c.Provider
		}
		if c.AnsweredAt.IsZero() || c.Check == nil && c.Billable == verification.BillableUnknown {
			unknown++
		}
	}
	allowed := 1
	if o.in.Policy.UnknownCharge == verification.UnknownReview {
		allowed = 0
	}
	if unknown > allowed+1 {
		o.fault("%d questions may have been charged without an answer: %s", unknown, b.order())
	}
	paid := b.vendors["first"].charged + b.vendors["second"].charged
	if paid > allowed+1 {
		o.fault("%d charges: %s", paid, b.order())
	}
	if b.counted() < paid {
		o.fault("%d charges, of which %d are counted: %s", paid, b.counted(), b.order())
	}
	c, _ := verification.Find(o.end().Checks, verification.IdentityRecords)
	switch {
	case (c.Status == verification.Passed || c.Status == verification.Failed) && answered != c.Provider:
		o.fault("the check says %s by %q, and %q answered", c.Status, c.Provider, answered)
	case c.HasReason(verification.RecordsChargeUnknown) && unknown <= allowed:
		o.fault("unknown charge after %d lost answers", unknown)
	case c.Status == verification.Unavailable && answered != "":
		o.fault("unavailable, though %s answered", answered)
	}
}
