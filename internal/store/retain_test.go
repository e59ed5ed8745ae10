package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// What is left of an erased verification once its verdict's time is over is that it
// was there: its id starts nothing anew, and its receipt can still be read.
func TestStripLeavesTheIDAndTheReceipt(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		whole(t, s)
		pair := store.Pair{Client: client, Policy: "cn-resident"}
		var still *store.StillOpenError
		require.ErrorAs(t, s.Strip(t.Context(), id), &still, "whoever is not erased stays")
		_, err := s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		require.NoError(t, s.SignErasure(t.Context(), id, "a.b.c", noon))

		old, err := s.OldVerdicts(t.Context(), pair, noon, 10)
		require.NoError(t, err)
		require.Empty(t, old)
		old, err = s.OldVerdicts(t.Context(), pair, noon.Add(time.Second), 10)
		require.NoError(t, err)
		require.Equal(t, []string{id}, old)
		n, err := s.CountOldVerdicts(t.Context(), pair, noon.Add(time.Second))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NoError(t, s.Strip(t.Context(), id))
		require.NoError(t, s.Strip(t.Context(), id))
		lines, err := s.Audited(t.Context(), id)
		require.NoError(t, err)
		last := lines[len(lines)-1]
		require.Equal(t, []string{store.ActRedacted, store.ActStripped, "worker", client}, []string{lines[len(lines)-2].Act, last.Act, last.By, last.Client}, "once")

		pairs, err := s.Pairs(t.Context())
		require.NoError(t, err)
		require.Empty(t, pairs)
		_, err = s.Get(t.Context(), client, id)
		require.ErrorIs(t, err, store.ErrRedacted)
		_, _, err = s.Insert(t.Context(), row())
		require.ErrorIs(t, err, store.ErrRedacted)
		e, err := s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		require.Equal(t, "a.b.c", e.Receipt)
		var rows int
		require.NoError(t, raw(t, dsn).QueryRow(`SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM calls) + (SELECT COUNT(*) FROM events)
			+ (SELECT COUNT(*) FROM decisions) + (SELECT COUNT(*) FROM scans) + (SELECT COUNT(*) FROM verifications WHERE status <> '')`).Scan(&rows))
		require.Zero(t, rows)
	})
}

// Old events go with their deliveries, but not one that is still to be relayed or
// delivered, nor the newest, by which the next one is numbered.
func TestOldEventsGoButForWhatIsStillNeeded(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		whole(t, s)
		pair, later := store.Pair{Client: client, Policy: "cn-resident"}, time.Now().Add(time.Hour)
		count := func() int {
			n, err := s.CountOldEvents(t.Context(), pair, later)
			require.NoError(t, err)
			return n
		}
		require.Zero(t, count(), "not relayed")
		_, err := s.Relay(t.Context(), time.Now(), func(string, string) []string { return []string{"main"} }, 10)
		require.NoError(t, err)
		require.Zero(t, count(), "not delivered")
		due, err := s.TakeDue(t.Context(), time.Now().Add(time.Minute), time.Minute, 10)
		require.NoError(t, err)
		require.Len(t, due, 2)
		for _, d := range due {
			_, err := s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: d.Endpoint, At: noon, Class: "ok", State: store.DeliveryDelivered, Health: store.Works}, time.Hour)
			require.NoError(t, err)
		}
		require.Equal(t, 1, count())
		n, err := s.DropEvents(t.Context(), pair, time.Now().Add(-time.Hour), 10)
		require.NoError(t, err)
		require.Zero(t, n, "not old")
		n, err = s.DropEvents(t.Context(), pair, later, 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		events, err := s.Events(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []int{2, 3}, []int{events[0].Sequence, events[1].Sequence})
	})
}
