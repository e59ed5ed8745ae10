package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// An operator sees what waits, for how long, and nothing that is as it should be.
func TestOverview(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		policy := verification.Policy{Name: "cn-resident", Version: 3, Attempts: 3}
		add := func(id string) verification.State {
			r := row()
			r.ID, r.OverdueAt, r.State = id, noon.Add(240*time.Hour), verification.NewState(policy, noon)
			inserted(t, s, r)
			return r.State
		}
		add("ver_waits")
		reviewed := add("ver_reviewed")
		reviewed.AwaitReview(noon, nil, noon.Add(168*time.Hour))
		require.NoError(t, s.Publish(t.Context(), "ver_reviewed", reviewed))
		failed := add("ver_failed")
		failed.End(noon, verification.Error, verification.ProviderMisconfigured)
		require.NoError(t, s.Finish(t.Context(), "ver_failed", failed))

		o, err := s.Overview(t.Context(), noon.Add(time.Minute), 5)
		require.NoError(t, err)
		require.Equal(t, map[string]int{"processing": 1, "in_review": 1}, o.Open)
		require.Empty(t, o.Waiting)
		require.Empty(t, o.Overdue)

		o, err = s.Overview(t.Context(), noon.Add(2*time.Hour), 5)
		require.NoError(t, err)
		require.Equal(t, []store.Since{{ID: "ver_waits", At: noon.UTC()}}, o.Waiting)

		later := time.Now().Add(241 * time.Hour) // events and ends bear the store's own time
		o, err = s.Overview(t.Context(), later, 1)
		require.NoError(t, err)
		require.Len(t, o.Review, 1)
		require.Equal(t, "ver_reviewed", o.Review[0].ID)
		require.Len(t, o.Overdue, 1, "no more than asked for")
		require.Empty(t, o.Failed, "not within a day")
	})
}
