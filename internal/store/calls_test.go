package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

const day = "20261122"

var numberHash = []byte{0, 17, 255}

func intend(t testing.TB, s store.Store) (store.Call, error) {
	t.Helper()
	return s.IntendCall(t.Context(), store.Call{VerificationID: id, Provider: "acedata", IntendedAt: noon}, numberHash, day, 3)
}

func TestACallComesBackAsItWasWritten(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		_, err := intend(t, s)
		require.ErrorIs(t, err, store.ErrNotFound)
		inserted(t, s, row())
		calls, err := s.Calls(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, calls)

		want, err := intend(t, s)
		require.NoError(t, err)
		require.NotZero(t, want.ID)
		require.Equal(t, store.Call{ID: want.ID, VerificationID: id, Provider: "acedata", IntendedAt: noon.UTC(), Billable: verification.BillableUnknown}, want)

		completed := noon.UTC()
		check := verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
		check.CompletedAt = &completed
		want.AnsweredAt, want.Code, want.Billable, want.Check = noon.Add(time.Second).UTC(), "-1", verification.BillableYes, &check
		require.NoError(t, s.AnswerCall(t.Context(), want))
		other := want
		other.Code, other.Billable, other.Check = "0", verification.BillableNo, nil
		require.NoError(t, s.AnswerCall(t.Context(), other), "a second answer is no error and changes nothing")
		calls, err = s.Calls(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []store.Call{want}, calls)

		other.ID++
		require.ErrorIs(t, s.AnswerCall(t.Context(), other), store.ErrNotFound)
		other.ID, other.VerificationID = want.ID, "ver_other"
		require.ErrorIs(t, s.AnswerCall(t.Context(), other), store.ErrNotFound)
	})
}

func TestAVendorsOddCodeDoesNotKeepItsAnswerOut(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		c, err := intend(t, s)
		require.NoError(t, err)
		check := verification.Check{Type: verification.IdentityRecords, ProviderCode: "a\x00b\xff"}
		c.AnsweredAt, c.Code, c.Check = noon, check.ProviderCode, &check
		require.NoError(t, s.AnswerCall(t.Context(), c))
		calls, err := s.Calls(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "a\uFFFDb\uFFFD", calls[0].Code)

		last := ended(1)
		last.Checks[0].ProviderCode = check.ProviderCode
		require.NoError(t, s.Finish(t.Context(), id, last))
	})
}

func TestWhatCountsAgainstTheDailyCap(t *testing.T) {
	for name, tc := range map[string]struct {
		answered bool
		billable verification.Billable
		counts   bool
	}{
		"charged":            {true, verification.BillableYes, true},
		"charge unknown":     {true, verification.BillableUnknown, true},
		"answered, unsaid":   {true, "", true},
		"not charged":        {true, verification.BillableNo, false},
		"never answered":     {false, "", true},
		"no answer, unknown": {false, verification.BillableUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, dsn string) {
				s := open(t, dsn, keySet(t, 1, 2))
				inserted(t, s, row())
				for range 3 {
					c, err := intend(t, s)
					require.NoError(t, err)
					if tc.answered {
						c.AnsweredAt = noon
					}
					c.Billable = tc.billable
					require.NoError(t, s.AnswerCall(t.Context(), c))
				}
				_, err := intend(t, s)
				if !tc.counts {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, store.ErrDailyCap)
				calls, err := s.Calls(t.Context(), id)
				require.NoError(t, err)
				require.Len(t, calls, 3, "nothing was written")
				_, err = s.IntendCall(t.Context(), store.Call{VerificationID: id}, []byte("another"), day, 3)
				require.NoError(t, err)
				_, err = s.IntendCall(t.Context(), store.Call{VerificationID: id}, numberHash, "20261123", 3)
				require.NoError(t, err)
			})
		})
	}
}

func TestOf50ConcurrentCallsForOneNumberThreeAreLetThrough(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		// Two stores, as two workers have, and a verification for each call.
		stores := []store.Store{open(t, dsn, keySet(t, 1, 2)), open(t, dsn, keySet(t, 1, 2))}
		for i := range 50 {
			r := row()
			r.ID = fmt.Sprintf("ver_%02d", i)
			inserted(t, stores[0], r)
		}
		warm(t, stores...)
		var through, capped atomic.Int32
		each(50, func(i int) {
			_, err := stores[i%2].IntendCall(t.Context(),
				store.Call{VerificationID: fmt.Sprintf("ver_%02d", i), Provider: "acedata"}, numberHash, day, 3)
			switch {
			case err == nil:
				through.Add(1)
			case errors.Is(err, store.ErrDailyCap):
				capped.Add(1)
			default:
				t.Errorf("call %d: %v", i, err)
			}
		})
		require.EqualValues(t, 3, through.Load())
		require.EqualValues(t, 47, capped.Load())
	})
}
