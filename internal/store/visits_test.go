package store_test

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// began is when visits of these tests begin: what is over goes with each new one.
var began = time.Now().Truncate(time.Microsecond)

// A browser goes on with the verification that its cookie was made for, and no
// longer than its link lives.
func TestAVisitIsOfOneVerificationAndEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		for _, cookie := range []string{"phone", "desktop"} {
			ok, err := s.AddVisit(t.Context(), []byte(cookie), id, began.Add(time.Hour))
			require.NoError(t, err)
			require.True(t, ok)
		}
		_, err := s.AddVisit(t.Context(), []byte("lost"), "ver_nobody", began.Add(time.Hour))
		require.ErrorIs(t, err, store.ErrNotFound)
		for cookie, want := range map[string]string{"phone": id, "desktop": id, "lost": "", "forged": ""} {
			got, err := s.VisitOf(t.Context(), []byte(cookie), began)
			require.NoError(t, err)
			require.Equal(t, want, got, cookie)
		}
		got, err := s.VisitOf(t.Context(), []byte("phone"), began.Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, got, "the link is over")
	})
}

// A link lets in so many browsers and no more, however many come at a time: who holds
// it does not fill the database. Those who are in stay, and the ways back and over to
// the phone still open.
func TestALinkLetsInAHundredBrowsers(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		until := began.Add(time.Hour)
		var in, refused atomic.Int32
		var all sync.WaitGroup
		for one := range 5 {
			all.Go(func() {
				for i := range 22 {
					switch ok, err := s.AddVisit(t.Context(), []byte{byte(one), byte(i)}, id, until); {
					case err != nil:
						t.Error(err)
					case ok:
						in.Add(1)
					default:
						refused.Add(1)
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 100, in.Load())
		require.EqualValues(t, 10, refused.Load())
		ok, err := s.AddReturn(t.Context(), []byte("back"), id, 1, until)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.SetHandover(t.Context(), id, []byte("code"), until))
		ok, err = s.SpendHandover(t.Context(), []byte("code"), []byte("phone"), began, until)
		require.NoError(t, err)
		require.True(t, ok)
	})
}

// What a session's way back opened once stays opened once, however many come.
func TestAWayBackOpensOneVisit(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		var let atomic.Int32
		var all sync.WaitGroup
		for _, cookie := range []string{"a", "b", "c", "d", "e"} {
			all.Go(func() {
				ok, err := s.AddReturn(t.Context(), []byte(cookie), id, 1, began.Add(time.Hour))
				if err != nil {
					t.Error(err)
				}
				if ok {
					let.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, let.Load())
		ok, err := s.AddReturn(t.Context(), []byte("f"), id, 2, began.Add(time.Hour))
		require.NoError(t, err)
		require.True(t, ok, "another session's")
	})
}

// A code goes to the phone once, dies with its time and with the next one.
func TestAHandoverIsSpentOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		until, spent, err := s.Handover(t.Context(), id)
		require.NoError(t, err)
		require.Zero(t, until)
		require.False(t, spent)

		of := func(code string, now time.Time) string {
			got, err := s.HandoverOf(t.Context(), []byte(code), now)
			require.NoError(t, err)
			return got
		}
		require.NoError(t, s.SetHandover(t.Context(), id, []byte("first"), began.Add(10*time.Minute)))
		require.Equal(t, id, of("first", began))
		require.Equal(t, id, of("first", began), "looking spends nothing")
		require.Empty(t, of("first", began.Add(10*time.Minute)), "its time is over")
		require.NoError(t, s.SetHandover(t.Context(), id, []byte("second"), began.Add(11*time.Minute)))
		require.Empty(t, of("first", began), "the next one took its place")

		ok, err := s.SpendHandover(t.Context(), []byte("first"), []byte("thief"), began, began.Add(time.Hour))
		require.NoError(t, err)
		require.False(t, ok)
		var let atomic.Int32
		var all sync.WaitGroup
		for _, cookie := range []string{"a", "b", "c", "d", "e"} {
			all.Go(func() {
				ok, err := s.SpendHandover(t.Context(), []byte("second"), []byte(cookie), began, began.Add(time.Hour))
				if err != nil {
					t.Error(err)
				}
				if ok {
					let.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, let.Load(), "one phone took it")
		require.Empty(t, of("second", began))
		until, spent, err = s.Handover(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, began.Add(11*time.Minute).UTC(), until)
		require.True(t, spent)
		got, err := s.VisitOf(t.Context(), []byte("thief"), began)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

// The desktop gives another code at the moment when the phone spends the one before:
// neither is in the other's way.
func TestAHandoverIsGivenAndSpentAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		until := began.Add(time.Hour)
		var spent atomic.Int32
		for range 60 {
			require.NoError(t, s.SetHandover(t.Context(), id, []byte("code"), until))
			var all sync.WaitGroup
			for one := range 4 {
				all.Go(func() {
					err := s.SetHandover(t.Context(), id, []byte{byte(one)}, until)
					if err != nil {
						t.Error("given: ", err)
					}
				})
				all.Go(func() {
					ok, err := s.SpendHandover(t.Context(), []byte("code"), []byte(rand.Text()), began, until)
					if err != nil {
						t.Error("spent: ", err)
					}
					if ok {
						spent.Add(1)
					}
				})
			}
			all.Wait()
			if t.Failed() {
				return
			}
		}
		require.LessOrEqual(t, spent.Load(), int32(60), "each once at most")
		require.NoError(t, s.SetHandover(t.Context(), id, []byte("code"), until))
		ok, err := s.SpendHandover(t.Context(), []byte("code"), []byte(rand.Text()), began, until)
		require.NoError(t, err)
		require.True(t, ok)
	})
}
