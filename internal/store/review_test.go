package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestAnEndedVerificationIsAmendedByAHigherVersionOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		review := verification.State{Status: verification.InReview, Version: 10}
		require.Error(t, s.Amend(t.Context(), id, review), "it runs")
		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		require.NoError(t, s.Amend(t.Context(), id, review))
		got, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, verification.InReview, got.State.Status)
		require.True(t, got.Ended)
		require.NoError(t, s.Amend(t.Context(), id, ended(10)))
		got, err = s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, verification.InReview, got.State.Status, "not by an equal one")
		require.NoError(t, s.Finish(t.Context(), id, ended(11)), "no end is written twice")
		require.NoError(t, s.Amend(t.Context(), id, ended(11)))
		got, err = s.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, verification.Completed, got.State.Status)
	})
}

func TestDecisionsStandWithTheirSealedNotes(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		first := store.Decision{VerificationID: id, Version: 1, Act: "declined", Reason: verification.ReviewRejected, Note: "about " + holder, By: "shop", At: noon.UTC()}
		require.NoError(t, s.AddDecision(t.Context(), first))
		other := first
		other.Note = "another"
		require.NoError(t, s.AddDecision(t.Context(), other))
		got, err := s.Decisions(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []store.Decision{first}, got)
		var note []byte
		require.NoError(t, raw(t, dsn).QueryRow(`SELECT note FROM decisions`).Scan(&note))
		require.NotContains(t, string(note), holder)
	})
}

// Two reviewers' words at the same time are both kept, each with its own name:
// which of them a verdict rests on is told by what the verdict says.
func TestEveryReviewersWordIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		words := []store.Decision{
			{VerificationID: id, Version: 1, Act: "approved", Reason: verification.ReviewApproved, By: "wang", At: noon.UTC()},
			{VerificationID: id, Version: 1, Act: "approved", Reason: verification.ReviewApproved, By: "li", Note: "I too", At: noon.UTC().Add(time.Second)},
			{VerificationID: id, Version: 1, Act: "declined", Reason: verification.HolderMismatch, By: "wang", At: noon.UTC().Add(2 * time.Second)},
			{VerificationID: id, Version: 2, Act: "declined", Reason: verification.HolderMismatch, By: "wang", At: noon.UTC().Add(3 * time.Second)},
		}
		for _, i := range []int{3, 1, 0, 2, 0} {
			require.NoError(t, s.AddDecision(t.Context(), words[i]))
		}
		got, err := s.Decisions(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, words, got)
	})
}

// Who decided cannot be changed past us.
func TestAChangedDecisionIsNeverAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		for i, change := range []string{
			`UPDATE decisions SET decided_by = 'li' WHERE verification_id = $1`,
			`UPDATE decisions SET act = 'approved' WHERE verification_id = $1`,
			`UPDATE decisions SET reason = 'review.rejected' WHERE verification_id = $1`,
			`UPDATE decisions SET version = 2 WHERE verification_id = $1`,
			`UPDATE decisions SET decided_at = decided_at + 1 WHERE verification_id = $1`,
			`UPDATE decisions SET mac = (SELECT mac FROM verifications WHERE id = $1) WHERE verification_id = $1`,
		} {
			s := open(t, dsn, keySet(t, 1, 2))
			r := row()
			r.ID = fmt.Sprintf("ver_decided%d", i)
			inserted(t, s, r)
			require.NoError(t, s.AddDecision(t.Context(), store.Decision{VerificationID: r.ID, Version: 1, Act: "declined",
				Reason: verification.HolderMismatch, By: "wang", Note: "x", At: noon}))
			_, err := s.Decisions(t.Context(), r.ID)
			require.NoError(t, err)
			_, err = raw(t, dsn).Exec(change, r.ID)
			require.NoError(t, err)
			_, err = s.Decisions(t.Context(), r.ID)
			require.ErrorIs(t, err, store.ErrChanged, change)
		}
	})
}

func TestEveryChangeOfASwitchIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		want := []store.Switch{
			{Provider: "megvii_faceid", State: store.SwitchOff, Reason: "outage", By: "root", At: noon.UTC()},
			{Provider: "tencent_eid", State: store.SwitchDrain, Reason: "maintenance", By: "root", At: noon.UTC()},
			{Provider: "tencent_eid", State: store.SwitchOn, Reason: "over", By: "root", At: noon.UTC()},
		}
		for _, i := range []int{1, 0, 2} {
			require.NoError(t, s.SetSwitch(t.Context(), want[i]))
		}
		got, err := s.Switches(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}
