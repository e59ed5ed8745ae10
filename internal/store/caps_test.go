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

// sessionOf intends a session of a verification of its own.
func sessionOf(t testing.TB, s store.Store, i int, caps store.Caps) error {
	t.Helper()
	_, err := s.IntendSession(t.Context(), store.Session{VerificationID: fmt.Sprintf("ver_%02d", i), Number: 1, Provider: "tencent_eid"}, caps)
	return err
}

func verifications(t testing.TB, s store.Store, n int) {
	t.Helper()
	for i := range n {
		r := row()
		r.ID = fmt.Sprintf("ver_%02d", i)
		inserted(t, s, r)
	}
}

func TestSessionsOfANumberAndDayAreCapped(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		verifications(t, s, 5)
		caps := store.Caps{NumberHash: numberHash, Day: day, Sessions: 2}
		require.NoError(t, sessionOf(t, s, 0, caps))
		require.NoError(t, sessionOf(t, s, 1, caps))
		require.ErrorIs(t, sessionOf(t, s, 2, caps), store.ErrSessionsCap)
		_, err := s.Session(t.Context(), "ver_02", 1)
		require.ErrorIs(t, err, store.ErrNotFound, "nothing was written")

		require.NoError(t, sessionOf(t, s, 1, caps), "it does not stand in its own way, when it goes to another vendor")
		another := caps
		another.NumberHash = []byte("another")
		require.NoError(t, sessionOf(t, s, 2, another))
		tomorrow := caps
		tomorrow.Day = "20261123"
		require.NoError(t, sessionOf(t, s, 3, tomorrow))
		require.NoError(t, sessionOf(t, s, 4, store.Caps{NumberHash: numberHash, Day: day}), "no cap")
	})
}

// An opening that failed bought nothing: what an outage kept from opening does
// not use the person's day up.
func TestSessionThatNeverOpenedCountsForAMinute(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		verifications(t, s, 3)
		caps := store.Caps{NumberHash: numberHash, Day: day, Sessions: 1}
		db := raw(t, dsn)
		older := func() {
			_, err := db.Exec(`UPDATE sessions SET intended_at = intended_at - $1`, (2 * time.Minute).Microseconds())
			require.NoError(t, err)
		}
		require.NoError(t, sessionOf(t, s, 0, caps))
		require.ErrorIs(t, sessionOf(t, s, 1, caps), store.ErrSessionsCap, "it may be opening")
		older()
		require.NoError(t, sessionOf(t, s, 1, caps))
		require.NoError(t, s.OpenSession(t.Context(), store.Session{VerificationID: "ver_01", Number: 1, Provider: "tencent_eid", OpenedAt: noon, ExpiresAt: noon}))
		older()
		require.ErrorIs(t, sessionOf(t, s, 2, caps), store.ErrSessionsCap, "one that opened counts all day")
		require.NoError(t, sessionOf(t, s, 1, caps), "what is open is open")
	})
}

func TestOf50ConcurrentOpeningsForOneNumberTwelveAreLetThrough(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		stores := []store.Store{open(t, dsn, keySet(t, 1, 2)), open(t, dsn, keySet(t, 1, 2))}
		verifications(t, stores[0], 50)
		warm(t, stores...)
		var through, capped atomic.Int32
		each(50, func(i int) {
			switch err := sessionOf(t, stores[i%2], i, store.Caps{NumberHash: numberHash, Day: day, Sessions: 12, Records: 100}); {
			case err == nil:
				through.Add(1)
			case errors.Is(err, store.ErrSessionsCap):
				capped.Add(1)
			default:
				t.Errorf("session %d: %v", i, err)
			}
		})
		require.EqualValues(t, 12, through.Load())
		require.EqualValues(t, 38, capped.Load())
	})
}

// Once the records cannot be asked any more, only those that asked already can
// end approved.
func TestSessionThatNeedsTheRecordsIsHeldToTheirCap(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		verifications(t, s, 4)
		caps := store.Caps{NumberHash: numberHash, Day: day, Sessions: 12, Records: 2}
		ask := func(i int) store.Call {
			c, err := s.IntendCall(t.Context(), store.Call{VerificationID: fmt.Sprintf("ver_%02d", i), Provider: "acedata"}, numberHash, day, 2)
			require.NoError(t, err)
			return c
		}
		free := ask(0)
		ask(1)
		require.NoError(t, sessionOf(t, s, 1, caps), "it asked itself")
		require.ErrorIs(t, sessionOf(t, s, 2, caps), store.ErrDailyCap)
		withoutRecords := caps
		withoutRecords.Records = 0
		require.NoError(t, sessionOf(t, s, 2, withoutRecords), "it needs none")

		free.AnsweredAt, free.Billable = noon, verification.BillableNo
		require.NoError(t, s.AnswerCall(t.Context(), free))
		require.NoError(t, sessionOf(t, s, 3, caps), "what cost nothing does not count")
	})
}
