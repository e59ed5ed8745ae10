package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

func TestTheFirstNoticeStandsAndGoesWithTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		save := func(v store.Notice) (bool, error) {
			v.VerificationID, v.Number, v.At = id, 1, noon
			return s.SaveNotice(t.Context(), v)
		}
		_, err := save(store.Notice{Data: []byte("a")})
		require.ErrorIs(t, err, store.ErrNotFound, "no such session")
		opened(t, s, 1)
		none, err := s.Notice(t.Context(), id, 1)
		require.NoError(t, err)
		require.Nil(t, none)
		for _, data := range []string{"first", "second"} {
			_, err := save(store.Notice{Data: []byte(data), Judged: true})
			require.NoError(t, err)
		}
		got, err := s.Notice(t.Context(), id, 1)
		require.NoError(t, err)
		require.Equal(t, "first", string(got))
		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		got, err = s.Notice(t.Context(), id, 1)
		require.NoError(t, err)
		require.Empty(t, got)
		_, err = save(store.Notice{Data: []byte("late")})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestLookupsAreCountedBeforeTheyAreMadeAndNeverOverTheBudget(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		opened(t, s, 1)
		var wg sync.WaitGroup
		made := make(chan int, 20)
		for range 20 {
			wg.Go(func() {
				if n, err := s.CountLookup(t.Context(), id, 1, 3); err == nil {
					made <- n
				}
			})
		}
		wg.Wait()
		require.Len(t, made, 3)
		_, err := s.CountLookup(t.Context(), id, 1, 3)
		require.ErrorIs(t, err, store.ErrBudget)
	})
}

// A session that was canceled on one device may be judged on another.
func TestAJudgementTakesThePlaceOfANoticeWithoutOne(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		opened(t, s, 1)
		for _, v := range []struct {
			data   string
			judged bool
			stands string
		}{{"canceled", false, "canceled"}, {"again", false, "canceled"}, {"judged", true, "judged"}, {"twice", true, "judged"}, {"late", false, "judged"}} {
			untold, err := s.SaveNotice(t.Context(), store.Notice{VerificationID: id, Number: 1, Data: []byte(v.data), Judged: v.judged, At: noon})
			require.NoError(t, err)
			got, err := s.Notice(t.Context(), id, 1)
			require.NoError(t, err)
			require.Equal(t, v.stands, string(got), v.data)
			require.Equal(t, v.data == v.stands, untold, "what took the place was not told yet: %s", v.data)
			require.NoError(t, s.MarkDelivered(t.Context(), id, 1))
		}
	})
}

func TestANoticeIsUntoldUntilTheRunWasTold(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		for number := range 4 {
			opened(t, s, number+1)
		}
		keep := func(number int, at time.Time, quiet bool) {
			t.Helper()
			untold, err := s.SaveNotice(t.Context(), store.Notice{VerificationID: id, Number: number, Data: []byte("data"), At: at, Quiet: quiet})
			require.NoError(t, err)
			require.Equal(t, !quiet, untold)
		}
		keep(1, noon.Add(time.Second), false)
		keep(2, noon, false)
		keep(3, noon, true)
		keep(4, noon.Add(time.Hour), false)
		numbers := func() (list []int) {
			t.Helper()
			notices, err := s.UndeliveredNotices(t.Context(), noon.Add(time.Minute), 10)
			require.NoError(t, err)
			for _, v := range notices {
				require.Equal(t, id, v.VerificationID)
				require.Equal(t, "tencent_eid", v.Provider)
				list = append(list, v.Number)
			}
			return list
		}
		require.Equal(t, []int{2, 1}, numbers(), "the oldest first, and none that is young or quiet")
		require.NoError(t, s.MarkDelivered(t.Context(), id, 2))
		require.Equal(t, []int{1}, numbers())
		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		require.Empty(t, numbers())
	})
}
