package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// recordsOf runs a verification with two records vendors, and returns the records
// check that it went into review, or ended, with.
func recordsOf(t *testing.T, first, second func(time.Duration) (verification.Check, error), more ...func(*env, *books)) (verification.Check, *books, verification.State) {
	t.Helper()
	sc := newScript()
	e := newEnv(t, sc)
	b := withBooks(e, sc, "first", "second")
	b.vendors["first"].answers, b.vendors["second"].answers = first, second
	for _, m := range more {
		m(e, b)
	}
	s := e.run()
	return check(t, s, verification.IdentityRecords), b, s
}

func tried(list ...string) (out []verification.Tried) {
	for i := 0; i < len(list); i += 2 {
		out = append(out, verification.Tried{Provider: list[i], Class: list[i+1]})
	}
	return out
}

// A vendor that costs nothing and answers nothing is passed over at once, and who
// was tried stands in the check.
func TestRecordsArePassedOverAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		first func() (verification.Check, error)
		class provider.Class
		off   bool
	}{
		"refused": {refused, provider.Unavailable, false}, "limited": {limited, provider.RateLimited, false},
		"misconfigured": {misconfig, provider.Misconfigured, false}, "a database fault": {databaseFault, provider.Unavailable, false},
		"a card that it does not know": {unfit, provider.Refused, false},
		"switched off":                 {agrees, provider.SwitchedOff, true},
	} {
		got, b, s := recordsOf(t, always(c.first), always(agrees), func(e *env, b *books) {
			if c.off {
				b.off["first"] = store.SwitchOff
			}
			e.at(time.Second, func() {
				require.Equal(t, verification.Passed, check(t, e.state(), verification.IdentityRecords).Status, "%s: at once", name)
			})
		})
		require.Equal(t, "second", got.Provider, name)
		require.Equal(t, tried("first", string(c.class)), got.Tried, name)
		require.Equal(t, verification.OutcomeApproved, s.Outcome(), name)
		require.Equal(t, 1, b.vendors["second"].charged, name)
		require.Zero(t, b.vendors["first"].charged, name)
	}
}

// After an answer, whatever it is, nobody else is asked.
func TestNoSecondRecordsVendorIsAskedAfterAnAnswer(t *testing.T) {
	for name, answer := range map[string]func() (verification.Check, error){
		"agrees": agrees, "differs": differs, "not found": notFound,
		"of no list": says(verification.Inconclusive, verification.BillableUnknown, verification.ProviderContractViolation),
		"malformed":  says(verification.Inconclusive, verification.BillableNo, verification.IdentityNameMalformed),
	} {
		got, b, _ := recordsOf(t, always(answer), always(agrees))
		require.Equal(t, "first", b.order(), name)
		require.Equal(t, "first", got.Provider, name)
		require.Empty(t, got.Tried, name)
	}
}

// A lost answer may have been charged: the other vendor is the one further try, and
// none where the policy allows none.
func TestALostAnswerOfTheRecordsIsAskedOnceMoreElsewhere(t *testing.T) {
	got, b, s := recordsOf(t, always(lostCharged), always(agrees))
	require.Equal(t, "first second", b.order())
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, tried("first", "unavailable"), got.Tried)
	require.Equal(t, 2, b.counted())

	got, b, _ = recordsOf(t, always(lostCharged), always(lostCharged))
	require.Equal(t, "first second", b.order())
	require.Equal(t, verification.Unavailable, got.Status)
	require.True(t, got.HasReason(verification.RecordsChargeUnknown))
	require.Equal(t, verification.BillableUnknown, got.Billable)
	require.Equal(t, 2, b.counted())

	got, b, _ = recordsOf(t, always(lostCharged), always(agrees), func(e *env, _ *books) { e.in.Policy.UnknownCharge = verification.UnknownReview })
	require.Equal(t, "first", b.order())
	require.True(t, got.HasReason(verification.RecordsChargeUnknown))

	// The further try is not used up by one that cost nothing.
	_, b, s = recordsOf(t, func(since time.Duration) (verification.Check, error) {
		if since == 0 {
			return lostFree()
		}
		return agrees()
	}, always(refused))
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Regexp(t, "^first second (second )?first$", b.order(), "whose pause ends first is asked first")
}

// Both down are waited out, then a human looks; who was tried can be read
// meanwhile. The first that is back is asked.
func TestBothRecordsDownAreWaitedOut(t *testing.T) {
	got, b, s := recordsOf(t, always(refused), always(limited), func(e *env, _ *books) {
		e.at(time.Hour, func() {
			c := check(t, e.state(), verification.IdentityRecords)
			require.Equal(t, verification.Pending, c.Status)
			require.Equal(t, tried("first", "unavailable", "second", "rate_limited"), c.Tried)
		})
		e.at(25*time.Hour, func() { require.Equal(t, verification.InReview, e.state().Status) })
	})
	require.Equal(t, verification.Unavailable, got.Status)
	require.Equal(t, verification.OutcomeExpired, s.Outcome(), "nobody reviewed it")
	require.Empty(t, got.Provider)
	require.Zero(t, b.counted())
	require.Less(t, len(b.calls), 400, "the pauses grow")
	require.Greater(t, len(b.calls), 200, "and do not grow beyond ten minutes")

	for _, back := range []string{"first", "second"} {
		first, second := always(refused), always(refused)
		if back == "first" {
			first = downUntil(time.Hour, refused)
		} else {
			second = downUntil(time.Hour, refused)
		}
		got, _, s = recordsOf(t, first, second)
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Equal(t, back, got.Provider)
		require.Less(t, got.CompletedAt.Sub(s.CreatedAt), 75*time.Minute)
	}
}

// A vendor whose fault lasts is not asked for ever, while the other still may be.
func TestALastingFaultOfOneRecordsVendorLeavesTheOther(t *testing.T) {
	got, b, s := recordsOf(t, always(databaseFault), downUntil(2*time.Hour, refused))
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, "second", got.Provider)
	require.Equal(t, 2, b.vendors["first"].asked)

	got, b, _ = recordsOf(t, always(databaseFault), always(databaseFault))
	require.Equal(t, verification.Unavailable, got.Status)
	require.Equal(t, "-6", got.ProviderCode)
	require.Equal(t, 2, b.vendors["first"].asked)
	require.Equal(t, 2, b.vendors["second"].asked)
}

// The cap of a number and day counts whoever was asked.
func TestTheCapOfANumberCountsAllRecordsVendors(t *testing.T) {
	got, b, _ := recordsOf(t, always(lostCharged), always(agrees), func(e *env, b *books) { e.in.Policy.RecordsDailyCap = 1 })
	require.Equal(t, "first", b.order())
	require.True(t, got.HasReason(verification.RecordsDailyCap))
}
