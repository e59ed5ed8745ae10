package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// withOther adds a second records vendor to the bench.
func withOther(b *bench) *recordsFake {
	other := &recordsFake{}
	b.Vendors.AddRecords(provider.RecordsVendor{Name: "other", Provider: other, Queue: provider.Queue{Name: "other"}})
	return other
}

// ask asks a provider where there is another one.
func (b *bench) ask(id, name string, round int) (activities.RecordsResult, error) {
	in := recordsInput(id, verification.UnknownRetry)
	in.Provider, in.Others, in.Round = name, true, round
	return run[activities.RecordsResult](b, b.CheckRecords, in)
}

// A question without an answer ends the step, so that another vendor can be asked,
// and says when this one may be asked again: later with each round, never before
// the vendor's own wish.
func TestAQuestionWithoutAnAnswerIsGivenBackWhereThereIsAnotherVendor(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return refusedFree() }
	_, err := b.ask("ver_1", "records", 0)
	require.True(t, errorType(t, err).NonRetryable())
	require.Equal(t, provider.RateLimited, activities.ClassOf(err))
	require.Equal(t, 7*time.Minute, activities.NextDelay(err), "the vendor's")
	b.rec.answer = func(int) (verification.Check, error) {
		return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.Unavailable, Code: "no_connection"}
	}
	for round, want := range map[int]time.Duration{0: time.Second, 4: 16 * time.Second, 30: 10 * time.Minute} {
		_, err = b.ask("ver_1", "records", round)
		require.InDelta(t, want.Seconds(), activities.NextDelay(err).Seconds(), 0.21*want.Seconds())
	}
}

// An answer is known whoever is asked next, also if the run never heard of it.
func TestAnotherVendorsAnswerIsNotBoughtAgain(t *testing.T) {
	b := newBench(t)
	other := withOther(b)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) {
		c, err := charged()
		c.Provider = "records"
		return c, err
	}
	_, err := b.ask("ver_1", "records", 0)
	require.NoError(t, err)
	out, err := b.ask("ver_1", "other", 0)
	require.NoError(t, err)
	require.Equal(t, "records", out.Check.Provider)
	require.Equal(t, verification.Passed, out.Check.Status)
	require.Zero(t, other.calls)
}

// What one vendor does not ask about, another may; what it says of itself is no
// answer of the other's.
func TestAVendorThatDoesNotKnowTheCardIsSpent(t *testing.T) {
	b := newBench(t)
	other := withOther(b)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) {
		c := verification.NewCheck(verification.IdentityRecords, verification.Unavailable, verification.DocumentTypeUnsupported)
		c.Provider, c.Billable = "records", verification.BillableNo
		return c, nil
	}
	other.answer = func(int) (verification.Check, error) { return charged() }
	for range 2 { // the second time it is read
		out, err := b.ask("ver_1", "records", 0)
		require.NoError(t, err)
		require.Equal(t, provider.Refused, out.Spent)
		require.Equal(t, verification.DocumentTypeUnsupported, out.Check.Reasons[0].Code)
	}
	require.Equal(t, 1, b.rec.calls)
	out, err := b.ask("ver_1", "other", 0)
	require.NoError(t, err)
	require.Empty(t, out.Spent)
	require.Equal(t, verification.Passed, out.Check.Status)
}

// A lasting fault is each vendor's own: how often one said so counts for none else.
func TestALastingFaultIsCountedForEachVendor(t *testing.T) {
	b := newBench(t)
	other := withOther(b)
	b.row("ver_1")
	fault := func(int) (verification.Check, error) {
		return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.Unavailable, Code: "-6", MaxTries: 2, Reason: verification.ProviderUnavailable}
	}
	b.rec.answer, other.answer = fault, fault
	for _, name := range []string{"records", "other"} {
		_, err := b.ask("ver_1", name, 0)
		require.Equal(t, provider.Unavailable, activities.ClassOf(err), name)
	}
	for _, name := range []string{"records", "other"} {
		out, err := b.ask("ver_1", name, 1)
		require.NoError(t, err, name)
		require.Equal(t, provider.Unavailable, out.Spent, name)
		require.Equal(t, "-6", out.Check.ProviderCode, name)
	}
}

// Who answered about a name's first spelling is asked about the other one, or
// nobody: the step stays with that vendor while it is away.
func TestTheOtherSpellingIsAskedOfWhoAnsweredTheFirst(t *testing.T) {
	b := newBench(t)
	other := withOther(b)
	b.named("ver_1", "样䶮")
	b.rec.answer = func(call int) (verification.Check, error) {
		if call > 1 {
			return refusedFree()
		}
		c, err := differs()
		c.Provider = "records"
		return c, err
	}
	_, err := b.ask("ver_1", "records", 0)
	require.Equal(t, activities.TypeOtherSpelling, errorType(t, err).Type())
	_, err = b.ask("ver_1", "records", 0)
	require.False(t, errorType(t, err).NonRetryable(), "nobody else has its turn")
	out, err := b.ask("ver_1", "other", 0)
	require.NoError(t, err)
	require.True(t, out.Check.HasReason(verification.IdentityNameRare))
	require.Zero(t, other.calls)
}

// A records vendor that is switched off, or drained, is asked nothing; what it
// answered before is still known.
func TestARecordsVendorThatIsSwitchedOffIsNotAsked(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.row("ver_2")
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	_, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	for _, state := range []store.SwitchState{store.SwitchOff, store.SwitchDrain} {
		require.NoError(t, b.store.SetSwitch(t.Context(), store.Switch{Provider: "records", State: state, Reason: "x", By: "x", At: b.now}))
		_, err = b.check("ver_2", verification.UnknownRetry)
		require.Equal(t, provider.SwitchedOff, activities.ClassOf(err))
		require.False(t, errorType(t, err).NonRetryable(), "it is waited out")
		_, err = b.ask("ver_2", "records", 0)
		require.True(t, errorType(t, err).NonRetryable())
		c, err := b.check("ver_1", verification.UnknownRetry)
		require.NoError(t, err)
		require.Equal(t, verification.Passed, c.Status)
	}
	require.Equal(t, 1, b.rec.calls)
	calls, err := b.store.Calls(t.Context(), "ver_2")
	require.NoError(t, err)
	require.Empty(t, calls)
}
