package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// state is a running state at a version.
func state(version int, status verification.Status, session int) verification.State {
	st := verification.State{Status: status, Version: version, Attempt: verification.Attempt{Number: 1, Max: 3, Session: session}}
	if status == verification.RequiresInput {
		st.NextAction = &verification.NextAction{Type: verification.ActionRedirect}
	}
	return st
}

// told is an event in short.
type told struct {
	Sequence, Revision int
	Type               string
}

func events(t *testing.T, s store.Store, id string) []told {
	t.Helper()
	list, err := s.Events(t.Context(), id)
	require.NoError(t, err)
	var out []told
	for _, e := range list {
		require.Equal(t, client, e.Client)
		require.WithinDuration(t, time.Now(), e.CreatedAt, time.Minute)
		out = append(out, told{e.Sequence, e.Revision, e.Type})
	}
	return out
}

// The revision rises with every write that changes something, a lower version
// writes nothing, an equal one corrects, and an end stands.
func TestPublish(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.ErrorIs(t, s.Publish(t.Context(), id, state(2, verification.Processing, 0)), store.ErrNotFound)
		inserted(t, s, row())
		require.Error(t, s.Publish(t.Context(), id, ended(2)), "an end is not published")
		publish := func(st verification.State) store.Row {
			require.NoError(t, s.Publish(t.Context(), id, st))
			got, err := s.Load(t.Context(), id)
			require.NoError(t, err)
			return got
		}
		got := publish(state(4, verification.RequiresInput, 1))
		require.Equal(t, 2, got.Revision)
		require.Equal(t, state(4, verification.RequiresInput, 1), got.State)
		require.Equal(t, got, publish(state(4, verification.RequiresInput, 1)), "the same again")
		require.Equal(t, got, publish(state(3, verification.Processing, 1)), "a lower version")

		got = publish(state(4, verification.Processing, 1))
		require.Equal(t, 3, got.Revision, "an equal version with other content overwrites")
		require.Equal(t, verification.Processing, got.State.Status)

		require.NoError(t, s.Finish(t.Context(), id, ended(3)), "an end overwrites whatever is no end")
		got, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, 4, got.Revision)
		require.Equal(t, ended(3), got.State)
		require.Equal(t, got, publish(state(9, verification.RequiresInput, 2)), "after the end")

		require.Equal(t, []told{
			{1, 1, "verification.created"}, {2, 2, "verification.requires_input"}, {3, 4, "verification.completed"},
		}, events(t, s, id))
	})
}

// Every state in which somebody must act has its event, in one sequence
// without gaps; what changes in between has none.
func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		retry := state(4, verification.RequiresInput, 1)
		retry.NextAction = &verification.NextAction{Type: verification.ActionRetry}
		retry.LastError = &verification.LastError{Code: verification.FaceNoMatch, Retryable: true}
		checked := state(3, verification.RequiresInput, 1)
		checked.Checks = []verification.Check{verification.NewCheck(verification.IdentityRecords, verification.Passed)}
		review := state(6, verification.InReview, 2)
		review.ReviewReasons = []verification.Reason{verification.ReasonOf(verification.FaceNotCompared)}
		for _, st := range []verification.State{
			state(2, verification.RequiresInput, 1), checked, retry, state(5, verification.RequiresInput, 2), review,
		} {
			require.NoError(t, s.Publish(t.Context(), id, st))
		}
		require.NoError(t, s.Finish(t.Context(), id, ended(7)))
		reopened := ended(8)
		reopened.Status = verification.InReview
		expires := noon.Add(time.Hour).UTC()
		reopened.ExpiresAt = &expires
		require.NoError(t, s.Amend(t.Context(), id, reopened))
		require.NoError(t, s.Amend(t.Context(), id, reopened), "a repeat")
		require.NoError(t, s.Amend(t.Context(), id, ended(9)))

		require.Equal(t, []told{
			{1, 1, "verification.created"}, {2, 2, "verification.requires_input"}, {3, 4, "verification.requires_input"},
			{4, 5, "verification.requires_input"}, {5, 6, "verification.in_review"}, {6, 7, "verification.completed"},
			{7, 8, "verification.reopened"}, {8, 9, "verification.completed"},
		}, events(t, s, id))
		list, err := s.Events(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []verification.ReasonCode{verification.FaceNoMatch}, list[2].Reasons)
		require.Equal(t, []verification.ReasonCode{verification.FaceNotCompared}, list[4].Reasons)
		require.Equal(t, verification.Declined, list[5].Decision)
	})
}

// Concurrent writers of one row give no sequence twice and leave none out.
func TestEventsOfConcurrentWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		warm(t, s)
		each(30, func(i int) {
			if err := s.Publish(t.Context(), id, state(2+i, verification.RequiresInput, 1+i)); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
		list, err := s.Events(t.Context(), id)
		require.NoError(t, err)
		for i, e := range list {
			require.Equal(t, i+1, e.Sequence)
			require.Equal(t, i+1, e.Revision)
		}
	})
}

// Whoever can write the database, and has no key, cannot change what a reader
// is told: no other decision, owner, version or time of an end, no row of
// another id, no other event.
func TestAChangedRowIsNeverAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		for i, change := range []string{
			`UPDATE verifications SET decision = 'approved', state = replace(state, 'declined', 'approved') WHERE id = $1`,
			`UPDATE verifications SET decision = 'approved' WHERE id = $1`,
			`UPDATE verifications SET client = 'other' WHERE id = $1`,
			`UPDATE verifications SET policy_version = 9 WHERE id = $1`,
			`UPDATE verifications SET state_version = state_version + 1 WHERE id = $1`,
			`UPDATE verifications SET revision = revision + 1 WHERE id = $1`,
			`UPDATE verifications SET ended_at = NULL WHERE id = $1`,
			`UPDATE verifications SET redacted_at = 1 WHERE id = $1`,
			`UPDATE verifications SET mac = NULL WHERE id = $1`,
			`UPDATE verifications SET mac = (SELECT mac FROM verifications WHERE id = 'ver_another') WHERE id = $1`,
			`UPDATE events SET decision = 'approved' WHERE verification_id = $1`,
			`UPDATE events SET sequence = 7 WHERE verification_id = $1 AND sequence = 2`,
			`UPDATE events SET client = 'other' WHERE verification_id = $1`,
		} {
			s := open(t, dsn, keySet(t, 1, 2))
			r := row()
			r.ID = fmt.Sprintf("ver_changed%d", i)
			inserted(t, s, r)
			require.NoError(t, s.Finish(t.Context(), r.ID, ended(5)))
			another := row()
			another.ID = "ver_another"
			_, _, err := s.Insert(t.Context(), another)
			require.NoError(t, err)
			_, err = raw(t, dsn).Exec(change, r.ID)
			require.NoError(t, err)

			owner, told := client, error(nil)
			if i == 2 {
				owner = "other"
			}
			if i >= 10 {
				_, told = s.Events(t.Context(), r.ID)
				require.ErrorIs(t, told, store.ErrChanged, change)
				continue
			}
			_, err = s.Get(t.Context(), owner, r.ID)
			require.ErrorIs(t, err, store.ErrChanged, change)
			_, err = s.Load(t.Context(), r.ID)
			require.ErrorIs(t, err, store.ErrChanged, change)
			require.ErrorIs(t, s.Amend(t.Context(), r.ID, ended(9)), store.ErrChanged, "%s: bound anew by the next write", change)
		}
	})
}

// A list is the newest first, in pages without a gap or a double while rows
// come and go, and of one client only.
func TestList(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i := range 7 {
			r := row()
			r.ID, r.CreatedAt = fmt.Sprintf("ver_%d", i), noon.Add(time.Duration(i/2)*time.Microsecond)
			if i == 6 {
				r.Client = "other"
			}
			inserted(t, s, r)
		}
		require.NoError(t, s.Finish(t.Context(), "ver_1", ended(5)))
		require.NoError(t, store.Redact(t.Context(), s, "ver_0"))

		var ids []string
		for after := (store.Place{}); ; {
			page, err := s.List(t.Context(), store.Query{Clients: []string{client, "nobody"}, Status: verification.Processing, After: after, Limit: 2})
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				ids = append(ids, r.ID)
				after = store.Place{CreatedAt: r.CreatedAt, ID: r.ID}
			}
		}
		require.Equal(t, []string{"ver_5", "ver_4", "ver_3", "ver_2"}, ids)
	})
}

// What is other than its waiter knows is told, with its revision, and nothing else.
func TestChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i := range 3 {
			r := row()
			r.ID = fmt.Sprintf("ver_%d", i)
			inserted(t, s, r)
		}
		require.NoError(t, s.Publish(t.Context(), "ver_1", state(2, verification.RequiresInput, 1)))
		for range 3 { // as a statement that is kept
			got, err := s.Changed(t.Context(), `{"ver_0":1,"ver_1":1,"ver_2":3,"ver_unknown":1}`)
			require.NoError(t, err)
			require.Equal(t, map[string]int{"ver_1": 2, "ver_2": 1, "ver_unknown": 0}, got)
		}
		got, err := s.Changed(t.Context(), `{"ver_0":1,"ver_1":2}`)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

// SQLite does not look through the rows that are waited for again and again while
// nobody writes, and finds what is written meanwhile, by whatever process.
func TestChangedLooksAgainOnlyAfterAWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s, other := open(t, dsn, keySet(t, 1, 2)), open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		id := row().ID
		quiet := strings.HasPrefix(dsn, "sqlite:")
		for revision, writer := range []store.Store{1: other, 2: s, 3: other} {
			if writer == nil {
				continue
			}
			known := fmt.Sprintf(`{%q:%d}`, id, revision)
			for range 2 {
				got, err := s.Changed(t.Context(), known)
				require.NoError(t, err)
				require.Empty(t, got)
				require.Equal(t, quiet, store.Quiet(t.Context(), s, known))
			}
			require.False(t, store.Quiet(t.Context(), s, `{"another":1}`), "somebody else waits, too")
			require.NoError(t, writer.Publish(t.Context(), id, state(revision+1, verification.RequiresInput, 1)))
			require.False(t, store.Quiet(t.Context(), s, known))
			got, err := s.Changed(t.Context(), known)
			require.NoError(t, err)
			require.Equal(t, map[string]int{id: revision + 1}, got)
		}
	})
}

// Every started row without an end is found once, page by page.
func TestUnended(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for _, name := range []string{"ver_c", "ver_a", "ver_ended", "ver_b", "ver_unstarted"} {
			r := row()
			r.ID = name
			inserted(t, s, r)
			if name != "ver_unstarted" {
				require.NoError(t, s.MarkStarted(t.Context(), name, noon))
			}
		}
		require.NoError(t, s.Finish(t.Context(), "ver_ended", ended(1)))
		ids, err := s.Unended(t.Context(), "", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_a", "ver_b"}, ids)
		ids, err = s.Unended(t.Context(), "ver_b", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_c"}, ids)
	})
}

// Rows past all their clocks are found, reopened ones by their review's clock.
func TestOverdue(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i, name := range []string{"ver_late", "ver_later", "ver_running", "ver_ended", "ver_reopened"} {
			r := row()
			r.ID, r.OverdueAt = name, noon.Add(time.Duration(i)*time.Second)
			if name == "ver_running" {
				r.OverdueAt = noon.Add(time.Hour)
			}
			inserted(t, s, r)
		}
		require.NoError(t, s.Finish(t.Context(), "ver_ended", ended(1)))
		require.NoError(t, s.Finish(t.Context(), "ver_reopened", ended(1)))
		review := ended(2)
		review.Status = verification.InReview
		until := noon.Add(30 * time.Minute)
		review.ExpiresAt = &until
		require.NoError(t, s.Amend(t.Context(), "ver_reopened", review))

		ids, err := s.Overdue(t.Context(), noon.Add(time.Minute), 10)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_late", "ver_later"}, ids)
		ids, err = s.Overdue(t.Context(), noon.Add(31*time.Minute), 10)
		require.NoError(t, err)
		require.Equal(t, []string{"ver_late", "ver_later", "ver_reopened"}, ids)
	})
}

// A clock that an operator extended has its event, and what ends with it moves: the
// run is not overdue before, the page's browsers may go on, and a review's age is
// still told from its begin.
func TestPublishAnExtension(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		r := row()
		r.OverdueAt = noon.Add(24 * time.Hour)
		inserted(t, s, r)
		cookie := []byte("cookie")
		_, err := s.AddVisit(t.Context(), cookie, id, noon.Add(time.Hour))
		require.NoError(t, err)
		until := noon.Add(time.Hour).UTC()
		st := state(2, verification.RequiresInput, 1)
		st.ExpiresAt = &until
		require.NoError(t, s.Publish(t.Context(), id, st))
		st.Extend(noon, noon.Add(49*time.Hour).UTC())
		require.NoError(t, s.Publish(t.Context(), id, st))
		require.Equal(t, []told{{1, 1, "verification.created"}, {2, 2, "verification.requires_input"}, {3, 3, "verification.requires_input"}}, events(t, s, id))
		got, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, noon.Add(72*time.Hour).UTC(), got.OverdueAt)
		require.True(t, got.State.ExpiresAt.Equal(*got.State.NextAction.ExpiresAt))
		who, err := s.VisitOf(t.Context(), cookie, noon.Add(48*time.Hour))
		require.NoError(t, err)
		require.Equal(t, id, who)

		review := state(9, verification.InReview, 1)
		review.ExpiresAt = &until
		require.NoError(t, s.Publish(t.Context(), id, review))
		since := time.Now()
		review.Extend(noon, noon.Add(300*time.Hour).UTC())
		require.NoError(t, s.Publish(t.Context(), id, review))
		o, err := s.Overview(t.Context(), time.Now().Add(25*time.Hour), 5)
		require.NoError(t, err)
		require.Len(t, o.Review, 1)
		require.False(t, o.Review[0].At.After(since), "since it came to review, not since it was extended")
	})
}

// So is the review of a reopened case: it has the event of a review, not that of
// another reopening, from which its age would be told.
func TestAmendAnExtension(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		until := noon.Add(time.Hour).UTC()
		review := verification.State{Status: verification.InReview, Version: 10, ExpiresAt: &until}
		require.NoError(t, s.Amend(t.Context(), id, review))
		since := time.Now()
		review.Extend(noon, noon.Add(300*time.Hour).UTC())
		require.NoError(t, s.Amend(t.Context(), id, review))
		require.Equal(t, []told{{1, 1, "verification.created"}, {2, 2, "verification.completed"}, {3, 3, "verification.reopened"}, {4, 4, "verification.in_review"}},
			events(t, s, id))
		got, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, noon.Add(300*time.Hour).UTC(), got.OverdueAt)
		o, err := s.Overview(t.Context(), time.Now().Add(25*time.Hour), 5)
		require.NoError(t, err)
		require.Len(t, o.Review, 1)
		require.False(t, o.Review[0].At.After(since))
	})
}
