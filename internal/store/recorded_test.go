package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// manyEnded fills a store with n ended verifications, as a mixed month leaves them,
// each a second after the one before.
func manyEnded(t *testing.T, s store.Store, n int) {
	t.Helper()
	rows := make([]store.Row, n)
	for i := range rows {
		r := row()
		r.ID, r.CreatedAt = fmt.Sprintf("ver_%026d", i), noon.Add(time.Duration(i)*time.Second)
		st := ended(5)
		c := func(t verification.CheckType, s verification.CheckStatus, codes ...verification.ReasonCode) verification.Check {
			c := verification.NewCheck(t, s, codes...)
			c.Provider, c.ProviderCode, c.Billable, c.CompletedAt = "acedata", "0", verification.BillableYes, &st.UpdatedAt
			return c
		}
		st.Checks = []verification.Check{c(verification.DocumentValidity, verification.Passed), c(verification.IdentityRecords, verification.Passed),
			c(verification.HolderMatch, verification.Skipped), c(verification.Liveness, verification.Passed), c(verification.FaceMatch, verification.Passed)}
		switch i % 4 {
		case 0:
			st.Checks[1] = c(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
		case 1:
			st.Checks[3] = c(verification.Liveness, verification.Failed, verification.FaceSpoofSuspected)
		}
		j := verification.Judge(resident(), st.Checks)
		st.Decision = verification.Decision(j.Outcome)
		st.Verdict = &verification.Verdict{Version: 1, Decision: st.Decision, DecidedBy: verification.ByPolicy, Reasons: j.Reasons}
		if j.Outcome == verification.OutcomeReview {
			st.ReviewReasons, st.Decision = j.Reasons, verification.Declined
			st.Verdict.Decision, st.Verdict.DecidedBy = verification.Declined, verification.ByReviewer
		}
		r.State = st
		rows[i] = r
	}
	require.NoError(t, store.InsertMany(t.Context(), s, rows))
}

func resident() verification.Policy {
	p := verification.DefaultPolicy()
	p.Checks = map[verification.CheckType]verification.Requirement{
		verification.DocumentValidity: verification.Required, verification.IdentityRecords: verification.Required, verification.HolderMatch: verification.IfAvailable,
		verification.Liveness: verification.Required, verification.FaceMatch: verification.Required,
	}
	return p
}

func recorded(t *testing.T, s store.Store, q store.RecordedQuery) (ids []string) {
	t.Helper()
	require.NoError(t, s.Recorded(t.Context(), q, func(r store.Recorded) error {
		ids = append(ids, r.ID)
		return nil
	}))
	n, _, err := s.CountRecorded(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, ids, n)
	return ids
}

// Ended verifications are handed over by the time of their ends, each once, also
// where many ended in one moment; open ones are not, erased ones are counted apart,
// and of one that was changed past yanzhen nothing is told.
func TestRecordedHandsOverWhatHasEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		manyEnded(t, s, 1100)
		inserted(t, s, row()) // is open
		ids := recorded(t, s, store.RecordedQuery{})
		require.Len(t, ids, 1100)
		for i, id := range ids {
			require.Equal(t, fmt.Sprintf("ver_%026d", i), id)
		}
		at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
		require.Equal(t, ids[10:20], recorded(t, s, store.RecordedQuery{Since: at(10), Until: at(20)}))
		require.Len(t, recorded(t, s, store.RecordedQuery{Client: client, Policy: "cn-resident"}), 1100)
		require.Empty(t, recorded(t, s, store.RecordedQuery{Client: "other"}))
		require.Empty(t, recorded(t, s, store.RecordedQuery{Policy: "other"}))

		require.NoError(t, store.Redact(t.Context(), s, ids[3]))
		_, err := raw(t, dsn).Exec(`UPDATE verifications SET decision = 'approved' WHERE id = $1`, ids[4])
		require.NoError(t, err)
		changed := 0
		require.NoError(t, s.Recorded(t.Context(), store.RecordedQuery{}, func(r store.Recorded) error {
			require.NotEqual(t, ids[3], r.ID)
			if r.Changed {
				changed++
				require.Equal(t, ids[4], r.ID)
				require.Zero(t, r.State)
			}
			return nil
		}))
		require.Equal(t, 1, changed)
		left, gone, err := s.CountRecorded(t.Context(), store.RecordedQuery{})
		require.NoError(t, err)
		require.Equal(t, []int{1099, 1}, []int{left, gone})

		stop, seen := errors.New("enough"), 0
		require.ErrorIs(t, s.Recorded(t.Context(), store.RecordedQuery{}, func(store.Recorded) error { seen++; return stop }), stop)
		require.Equal(t, 1, seen)
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, s.Recorded(canceled, store.RecordedQuery{}, func(store.Recorded) error { return nil }), context.Canceled)
	})
}
