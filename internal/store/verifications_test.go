package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestARowComesBackAsItWasWritten(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		want := row()
		want.CreatedAt, want.StartCalledAt = want.CreatedAt.UTC(), want.StartCalledAt.UTC()
		want.State, want.Revision = verification.State{Status: verification.Processing}, 1

		require.Equal(t, want, inserted(t, s, row()))
		got, err := s.Get(t.Context(), client, id)
		require.NoError(t, err)
		require.Equal(t, want, got)
		got, err = s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestAnotherClientsRowIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		before := inserted(t, s, row())

		_, err := s.Get(t.Context(), "other", id)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Get(t.Context(), client, "ver_unknown")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Load(t.Context(), "ver_unknown")
		require.ErrorIs(t, err, store.ErrNotFound)

		theirs := row()
		theirs.Client, theirs.StartCalledAt = "other", noon.Add(time.Hour)
		_, created, err := s.Insert(t.Context(), theirs)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.False(t, created)
		after, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}

func TestAnInsertOfAnExistingIDChangesOnlyTheLastStartCall(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		want := inserted(t, s, row())

		again := row()
		again.Fingerprint, again.Request.Subject.Name = []byte("another"), "测试乙"
		again.Policy.Version, again.CreatedAt = 4, noon.Add(time.Minute)
		again.StartCalledAt = noon.Add(time.Minute)
		got, created, err := s.Insert(t.Context(), again)
		require.NoError(t, err)
		require.False(t, created)
		want.StartCalledAt = noon.Add(time.Minute).UTC()
		require.Equal(t, want, got)

		again.StartCalledAt = noon // a slow machine's call, overtaken
		got, _, err = s.Insert(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestOf200ConcurrentInsertsOneCreates(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		// Two stores, as two processes have.
		stores := []store.Store{open(t, dsn, keySet(t, 1, 2)), open(t, dsn, keySet(t, 1, 2))}
		warm(t, stores...)
		var created atomic.Int32
		each(200, func(i int) {
			r := row()
			r.Fingerprint = []byte{byte(i)}
			_, first, err := stores[i%2].Insert(t.Context(), r)
			if err != nil {
				t.Errorf("insert %d: %v", i, err)
			}
			if first {
				created.Add(1)
			}
		})
		require.EqualValues(t, 1, created.Load())
	})
}

// warm opens the stores' connections: calls that still have to connect come one
// after the other and race nobody.
func warm(t testing.TB, stores ...store.Store) {
	t.Helper()
	each(40*len(stores), func(i int) {
		if err := stores[i%len(stores)].Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
	})
}

// each runs f n times at once.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() { <-start; f(i) })
	}
	close(start)
	all.Wait()
}

func TestTheStartIsMarkedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.ErrorIs(t, s.MarkStarted(t.Context(), id, noon), store.ErrNotFound)
		inserted(t, s, row())
		require.NoError(t, s.MarkStarted(t.Context(), id, noon))
		require.NoError(t, s.MarkStarted(t.Context(), id, noon.Add(time.Hour)))
		got, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, noon.UTC(), got.StartedAt)
	})
}

// An end stands, whatever comes after it: only reopening changes it.
func TestFinishOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.ErrorIs(t, s.Finish(t.Context(), id, ended(5)), store.ErrNotFound)
		inserted(t, s, row())
		require.Error(t, s.Finish(t.Context(), id, verification.State{Status: verification.InReview, Version: 5}))

		finish := func(version int, status verification.Status) verification.State {
			state := ended(version)
			state.Status = status
			require.NoError(t, s.Finish(t.Context(), id, state))
			got, err := s.Load(t.Context(), id)
			require.NoError(t, err)
			require.True(t, got.Ended)
			return got.State
		}
		require.Equal(t, ended(5), finish(5, verification.Completed))
		require.Equal(t, ended(5), finish(5, verification.Error), "the same version again")
		require.Equal(t, ended(5), finish(4, verification.Error), "a lower version")
		require.Equal(t, ended(5), finish(6, verification.Canceled), "a higher version")
	})
}

func TestStatusAndDecisionStandBesideTheState(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		columns := func() (status, decision string) {
			require.NoError(t, raw(t, dsn).QueryRow(`SELECT status, decision FROM verifications`).Scan(&status, &decision))
			return
		}
		status, decision := columns()
		require.Equal(t, "processing", status)
		require.Empty(t, decision)
		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		status, decision = columns()
		require.Equal(t, "completed", status)
		require.Equal(t, "declined", decision)
	})
}

func TestARedactedRowGivesAndTakesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		require.NoError(t, store.Redact(t.Context(), s, id))

		_, created, err := s.Insert(t.Context(), row())
		require.ErrorIs(t, err, store.ErrRedacted)
		require.False(t, created)
		_, err = s.Get(t.Context(), client, id)
		require.ErrorIs(t, err, store.ErrRedacted)
		_, err = s.Get(t.Context(), "other", id)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Load(t.Context(), id)
		require.ErrorIs(t, err, store.ErrRedacted)
		require.ErrorIs(t, s.MarkStarted(t.Context(), id, noon), store.ErrRedacted)
		require.ErrorIs(t, s.Finish(t.Context(), id, ended(1)), store.ErrRedacted)
		require.ErrorIs(t, s.OpenSession(t.Context(), store.Session{VerificationID: id, Number: 1, Link: link}), store.ErrRedacted)
		_, err = s.IntendCall(t.Context(), store.Call{VerificationID: id}, []byte("n"), "20261122", 3)
		require.ErrorIs(t, err, store.ErrRedacted)
		swept, err := s.Sweep(t.Context(), id, noon.Add(time.Hour))
		require.NoError(t, err)
		require.False(t, swept, "its id must go on answering that it is gone")
	})
}

func TestOnlyRowsThatNeverStartedAreSwept(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for _, name := range []string{"ver_new", "ver_old", "ver_started", "ver_older"} {
			r := row()
			r.ID, r.StartCalledAt = name, noon
			if name == "ver_older" {
				r.StartCalledAt = noon.Add(-time.Second)
			}
			inserted(t, s, r)
		}
		require.NoError(t, s.MarkStarted(t.Context(), "ver_started", noon))
		called := row()
		called.ID, called.StartCalledAt = "ver_new", noon.Add(time.Hour)
		_, _, err := s.Insert(t.Context(), called)
		require.NoError(t, err)

		_, err = s.IntendSession(t.Context(), store.Session{VerificationID: "ver_old", Number: 1, Provider: "tencent_eid"}, store.Caps{})
		require.NoError(t, err)

		before := noon.Add(time.Minute)
		ids, err := s.Unstarted(t.Context(), before, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_older", "ver_old"}, ids)
		ids, err = s.Unstarted(t.Context(), before, 1)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_older"}, ids)

		for name, want := range map[string]bool{"ver_old": true, "ver_new": false, "ver_started": false, "ver_unknown": false} {
			swept, err := s.Sweep(t.Context(), name, before)
			require.NoError(t, err)
			require.Equal(t, want, swept, name)
		}
		_, err = s.Session(t.Context(), "ver_old", 1)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Load(t.Context(), "ver_old")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorIs(t, s.MarkStarted(t.Context(), "ver_old", noon), store.ErrNotFound)
		_, err = s.Load(t.Context(), "ver_new")
		require.NoError(t, err)
	})
}

func TestAStartCallAndASweepThatMeetLeaveNoStartWithoutItsRow(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		warm(t, s)
		each(40, func(i int) {
			if i%2 == 0 {
				if _, err := s.Sweep(t.Context(), id, noon.Add(time.Minute)); err != nil {
					t.Errorf("sweep: %v", err)
				}
				return
			}
			again := row()
			again.StartCalledAt = noon.Add(time.Hour)
			if _, _, err := s.Insert(t.Context(), again); err != nil {
				t.Errorf("insert: %v", err)
			}
		})
		_, err := s.Load(t.Context(), id)
		require.NoError(t, err)
	})
}
