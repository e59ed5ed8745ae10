package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestAnIntendedSessionIsKnownOnceItIsOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		intent := store.Session{VerificationID: id, Number: 1, Provider: "tencent_eid"}
		_, err := s.IntendSession(t.Context(), intent, store.Caps{})
		require.ErrorIs(t, err, store.ErrNotFound)
		inserted(t, s, row())

		for _, provider := range []string{"tencent_eid", "sino_connect"} {
			intent.Provider = provider // failed over
			known, err := s.IntendSession(t.Context(), intent, store.Caps{})
			require.NoError(t, err)
			require.Equal(t, intent, known)
		}

		want := opened(t, s, 1)
		want.OpenedAt, want.ExpiresAt = want.OpenedAt.UTC(), want.ExpiresAt.UTC()
		known, err := s.IntendSession(t.Context(), intent, store.Caps{})
		require.NoError(t, err)
		require.Equal(t, want, known)
		got, err := s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestTheLastOpeningOfASessionWins(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		second := opened(t, s, 1)
		second.Link, second.Handle, second.ExpiresAt = "https://vendor.example/2", []byte("two"), noon.Add(time.Hour)
		require.NoError(t, s.OpenSession(t.Context(), second))
		got, err := s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Equal(t, second.Link, got.Link)
		require.Equal(t, second.Handle, got.Handle)
		require.Equal(t, second.ExpiresAt.UTC(), got.ExpiresAt)
	})
}

func TestTheLatestSessionIsTheNewestWithALink(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		_, err := s.LatestSession(t.Context(), id)
		require.ErrorIs(t, err, store.ErrNotFound)
		for number := 1; number <= 11; number++ { // 11 comes after 9, in no alphabet
			opened(t, s, number)
		}
		_, err = s.IntendSession(t.Context(), store.Session{VerificationID: id, Number: 12, Provider: "tencent_eid"}, store.Caps{})
		require.NoError(t, err)
		for _, want := range []int{11, 10} {
			got, err := s.LatestSession(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, got.Number)
			require.NoError(t, s.CloseSession(t.Context(), id, want))
		}
	})
}

func TestAClosedSessionHasNoLinkAndGetsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		require.ErrorIs(t, s.CloseSession(t.Context(), id, 1), store.ErrNotFound)
		opened(t, s, 1)
		require.NoError(t, s.CloseSession(t.Context(), id, 1))
		requireErased(t, s, 1)
		require.NoError(t, s.CloseSession(t.Context(), id, 1))
		opened(t, s, 1) // an answer that was on its way
		requireErased(t, s, 1)
	})
}

func TestTheEndErasesEverySessionForGood(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		opened(t, s, 1)
		opened(t, s, 2)
		_, err := s.CountHint(t.Context(), id, 2)
		require.NoError(t, err)
		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		opened(t, s, 2) // an answer that was on its way
		opened(t, s, 3)
		for number := 1; number <= 3; number++ {
			requireErased(t, s, number)
		}
		_, err = s.LatestSession(t.Context(), id)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.CountHint(t.Context(), id, 2)
		require.ErrorIs(t, err, store.ErrNotFound, "an erased counter does not begin anew")
	})
}

func TestAnEndAndAnOpeningThatMeetLeaveNoLink(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		warm(t, s)
		for round := range 25 {
			r := row()
			r.ID = fmt.Sprintf("ver_%02d", round)
			inserted(t, s, r)
			each(6, func(i int) {
				var err error
				if i == 0 {
					err = s.Finish(t.Context(), r.ID, ended(5))
				} else {
					err = s.OpenSession(t.Context(), store.Session{VerificationID: r.ID, Number: i, Link: link, Handle: []byte(token)})
				}
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
			_, err := s.LatestSession(t.Context(), r.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
	})
}

func requireErased(t testing.TB, s store.Store, number int) {
	t.Helper()
	got, err := s.Session(t.Context(), id, number)
	require.NoError(t, err)
	require.Empty(t, got.Link)
	require.Empty(t, got.Handle)
	require.Zero(t, got.Hints)
	require.Equal(t, "tencent_eid", got.Provider)
}

func TestBegunAndHintsAreKeptWithTheSession(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.ErrorIs(t, s.MarkBegun(t.Context(), id, 1), store.ErrNotFound)
		_, err := s.CountHint(t.Context(), id, 1)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Session(t.Context(), id, 1)
		require.ErrorIs(t, err, store.ErrNotFound)
		inserted(t, s, row())
		opened(t, s, 1)
		require.NoError(t, s.MarkBegun(t.Context(), id, 1))
		require.NoError(t, s.MarkBegun(t.Context(), id, 1))

		var last atomic.Int32
		each(60, func(int) {
			n, err := s.CountHint(t.Context(), id, 1)
			if err != nil {
				t.Errorf("count: %v", err)
			}
			if n == 60 {
				last.Add(1)
			}
		})
		require.EqualValues(t, 1, last.Load(), "every hint has its own number")
		got, err := s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.True(t, got.Begun)
		require.Equal(t, 60, got.Hints)
	})
}

// What a vendor tells only once is kept as it was told first, and nobody who can
// write to the database makes a pass of it.
func TestAnOutcomeRestsSealedUntilTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		opened(t, s, 1)
		opened(t, s, 2)
		want := verification.FaceResult{Judged: true, Begun: true, Reason: verification.FaceNoMatch, ProviderCode: "sha256:00",
			Checks: []verification.Check{verification.NewCheck(verification.FaceMatch, verification.Failed, verification.FaceNoMatch)}}
		require.NoError(t, s.SettleSession(t.Context(), id, 1, want, false))
		require.NoError(t, s.SettleSession(t.Context(), id, 1, verification.FaceResult{Judged: true}, false))
		got, err := s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Equal(t, want, *got.Outcome, "the first word stands")

		db := raw(t, dsn)
		_, err = db.Exec(`UPDATE sessions SET outcome = (SELECT outcome FROM sessions WHERE number = 1) WHERE number = 2`)
		require.NoError(t, err)
		_, err = s.Session(t.Context(), id, 2)
		require.Error(t, err, "another session's")

		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		got, err = s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Nil(t, got.Outcome)
		require.NoError(t, s.SettleSession(t.Context(), id, 1, want, true), "a word that comes late changes nothing")
		got, err = s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Nil(t, got.Outcome)
	})
}

// A mini program's token rests in the link's place, and with it the address that
// is told of the return: sealed as one, and gone as one.
func TestATokenRestsWithTheAddressToTell(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		at := time.Now()
		require.NoError(t, s.OpenSession(t.Context(), store.Session{VerificationID: id, Number: 1, Provider: "tencent_eid",
			Link: "token", Returned: "https://kyc.example/callbacks/t", Handle: []byte("h"), OpenedAt: at, ExpiresAt: at.Add(time.Minute)}))
		got, err := s.LatestSession(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "token", got.Link)
		require.Equal(t, "https://kyc.example/callbacks/t", got.Returned)
		require.NoError(t, s.CloseSession(t.Context(), id, 1))
		got, err = s.Session(t.Context(), id, 1)
		require.NoError(t, err)
		require.Empty(t, got.Link+got.Returned)
	})
}
