//go:build !race

package store_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Ten thousand recorded cases are judged again in less than 5 s of this process's
// processor time, whatever else the machine does.
func TestRejudgingTenThousandCasesTakesSeconds(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		manyEnded(t, s, 10_000)
		p := resident()
		p.Suspicion = verification.SuspicionDecline
		counts := map[verification.Outcome]int{}
		used, began := processorTime(t), time.Now()
		require.NoError(t, s.Recorded(t.Context(), store.RecordedQuery{}, func(r store.Recorded) error {
			require.False(t, r.Changed)
			counts[verification.Rejudge(p, nil, r.State).Outcome]++
			return nil
		}))
		took, wall := processorTime(t)-used, time.Since(began)
		t.Logf("10,000 cases in %s of processor time, %s in all", took.Round(time.Millisecond), wall.Round(time.Millisecond))
		require.Equal(t, map[verification.Outcome]int{verification.OutcomeApproved: 5000, verification.OutcomeDeclined: 5000}, counts)
		require.Less(t, took, 5*time.Second)
	})
}
