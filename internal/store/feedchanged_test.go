package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// An event that somebody changed past yanzhen, or whose row was changed, keeps its
// place in its client's feed and says nothing; what comes behind it is told.
func TestAChangedEventHoldsNobodysFeedUp(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i := 1; i <= 3; i++ {
			insertNumbered(t, s, i, "shop")
		}
		require.NoError(t, s.Publish(t.Context(), numbered(3), state(2, verification.RequiresInput, 1)))
		db := raw(t, dsn)
		_, err := db.Exec(`UPDATE events SET decision = 'approved' WHERE verification_id = $1`, numbered(1))
		require.NoError(t, err)
		_, err = db.Exec(`UPDATE verifications SET decision = 'approved' WHERE id = $1`, numbered(2))
		require.NoError(t, err)

		list, err := s.Feed(t.Context(), "shop", 0, longAgo, 10)
		require.NoError(t, err)
		require.Len(t, list, 4)
		for i, p := range list {
			require.NotEmpty(t, p.ID)
			if i > 0 {
				require.Greater(t, p.Position, list[i-1].Position)
			}
			if i < 2 {
				require.Equal(t, store.Placed{Event: store.Event{ID: p.ID}, Position: p.Position, Changed: true}, p)
				continue
			}
			require.False(t, p.Changed)
			require.Equal(t, numbered(3), p.VerificationID)
			require.Equal(t, "order-3", *p.Reference)
		}

		// A delivery of it is refused as before.
		for i, event := range []string{list[0].ID, list[1].ID} {
			require.NoError(t, s.Redeliver(t.Context(), store.Audit{Client: "shop"}, event, []string{"main"}))
			d, _, _, err := s.Delivery(t.Context(), event, "main")
			require.ErrorIs(t, err, store.ErrChanged, "%d", i)
			require.Equal(t, event, d.EventID)
		}
	})
}
