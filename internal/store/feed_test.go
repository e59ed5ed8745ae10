package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

var longAgo = time.Now().Add(-30 * 24 * time.Hour)

func numbered(i int) string { return fmt.Sprintf("ver_%026d", i) }

// insertNumbered makes a verification, whose first event comes with it.
func insertNumbered(t testing.TB, s store.Store, i int, client string) {
	t.Helper()
	r := row()
	r.ID, r.Client = numbered(i), client
	r.Request.ClientReferenceID = fmt.Sprintf("order-%d", i)
	inserted(t, s, r)
}

// A client reads its own events, page by page, with its own reference beside
// them; an erased person's event has none.
func TestFeed(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		insertNumbered(t, s, 2, "other")
		require.NoError(t, s.Publish(t.Context(), numbered(1), state(2, verification.RequiresInput, 1)))
		insertNumbered(t, s, 3, "shop")

		first, err := s.Feed(t.Context(), "shop", 0, longAgo, 2)
		require.NoError(t, err)
		require.Len(t, first, 2)
		require.Equal(t, []string{"verification.created", "verification.requires_input"}, []string{first[0].Type, first[1].Type})
		require.Equal(t, 2, first[1].Sequence)
		require.Equal(t, "order-1", *first[1].Reference)

		require.NoError(t, store.Redact(t.Context(), s, numbered(3)))
		rest, err := s.Feed(t.Context(), "shop", first[1].Position, longAgo, 2)
		require.NoError(t, err)
		require.Len(t, rest, 1)
		require.Equal(t, numbered(3), rest[0].VerificationID)
		require.Nil(t, rest[0].Reference)
		none, err := s.Feed(t.Context(), "shop", rest[0].Position, longAgo, 2)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

// What is older than the feed serves is not served, and a cursor that would leave
// it out without a word is refused.
func TestFeedServesRecentEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		old, err := s.Feed(t.Context(), "shop", 0, longAgo, 10)
		require.NoError(t, err)
		time.Sleep(2 * time.Millisecond)
		since := time.Now()
		insertNumbered(t, s, 2, "shop")
		list, err := s.Feed(t.Context(), "shop", 0, since, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, numbered(2), list[0].VerificationID)

		_, err = s.Feed(t.Context(), "shop", old[0].Position, since, 10)
		require.NoError(t, err, "nothing is left out")
		_, err = s.Feed(t.Context(), "shop", old[0].Position, time.Now().Add(time.Second), 10)
		require.ErrorIs(t, err, store.ErrCursorExpired)
	})
}

// An event whose transaction commits late is read late, never gone past: a
// reader that was there in between finds it behind its cursor.
func TestFeedHoldsWhatCommitsLate(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		insertNumbered(t, s, 2, "shop")
		_, err := s.Feed(t.Context(), "shop", 0, longAgo, 10)
		require.NoError(t, err)
		// The event is written, and its time taken, before those that are read first.
		tx, err := raw(t, dsn).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		at := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
		late := "evt_late"
		mac, err := keySet(t, 1, 2).MAC("event", late, numbered(1), "2", "shop", "verification.in_review", "2", "in_review", "", "[]", fmt.Sprint(at.UnixMicro()))
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), `INSERT INTO events (id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac)
			VALUES ($1, $2, 2, 'shop', 'verification.in_review', 2, 'in_review', '', '[]', $3, $4)`, late, numbered(1), at.UnixMicro(), mac)
		require.NoError(t, err)

		seen, err := s.Feed(t.Context(), "shop", 0, longAgo, 10)
		require.NoError(t, err)
		require.Len(t, seen, 2)
		require.NoError(t, tx.Commit())
		rest, err := s.Feed(t.Context(), "shop", seen[1].Position, longAgo, 10)
		require.NoError(t, err)
		require.Len(t, rest, 1)
		require.Equal(t, late, rest[0].ID)
	})
}

// Readers that follow the feed while many write meet every event once, and
// those of a verification in their order.
func TestFeedBesideWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		const rows, each = 12, 8
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var writers sync.WaitGroup
		for i := range rows {
			writers.Go(func() {
				insertNumbered(t, s, i, "shop")
				for n := 2; n <= each; n++ {
					if err := s.Publish(ctx, numbered(i), state(n, verification.RequiresInput, n)); err != nil {
						t.Errorf("publish: %v", err)
					}
				}
			})
		}
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				last, seen := map[string]int{}, 0
				for after := int64(0); seen < rows*each; {
					page, err := s.Feed(ctx, "shop", after, longAgo, 7)
					if err != nil {
						t.Errorf("after %d of %d events: %v", seen, rows*each, err)
						return
					}
					for _, e := range page {
						if e.Position <= after || e.Sequence != last[e.VerificationID]+1 {
							t.Errorf("event %d of %s came after %d, at %d after %d", e.Sequence, e.VerificationID, last[e.VerificationID], e.Position, after)
						}
						after, last[e.VerificationID] = e.Position, e.Sequence
						seen++
					}
				}
			})
		}
		writers.Wait()
		readers.Wait()
	})
}
