package starter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// What is due is counted first and then erased, by the spans of its client and
// policy: the person at once, the verdict later, and never what is in review.
func TestRetainErasesWhatIsDue(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	keeping := Keeping{Personal: time.Hour, Verdict: 3 * time.Hour, Events: 100 * 24 * time.Hour}
	of := func(client, policy string) Keeping {
		require.Equal(t, "shop cn-resident", client+" "+policy)
		return keeping
	}
	due := func() Retention {
		n, err := r.s.Due(t.Context(), of)
		require.NoError(t, err)
		done, err := r.s.Retain(t.Context(), of)
		require.NoError(t, err)
		require.Equal(t, n, done, "what is done is what was due")
		return n
	}
	require.Equal(t, Retention{}, due())
	start := r.now
	r.now = start.Add(2 * time.Hour)
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	require.Equal(t, Retention{}, due(), "in review")
	row, err := r.store.Load(t.Context(), v.ID)
	require.NoError(t, err)
	row.State.CloseReview(r.now)
	require.NoError(t, r.store.Amend(t.Context(), v.ID, row.State))

	require.Equal(t, Retention{Personal: 1}, due())
	_, err = r.s.Read(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	e, err := r.store.Erasure(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, CauseRetention, e.Cause)
	require.Equal(t, Retention{}, due())
	r.now = start.Add(4 * time.Hour)
	require.Equal(t, Retention{Verdicts: 1}, due())
	_, err = r.s.Read(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	require.Equal(t, Retention{}, due())
}
