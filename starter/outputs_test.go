package starter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Of a completed verification its client is told the person, and the line that
// says so names the key, the purpose and the request.
func TestOutputs(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	asked := Reading{Client: "shop", ID: v.ID, By: "first", Purpose: "account_opening", RequestID: "req_1"}
	got, err := r.s.Outputs(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, request().Subject.IDNumber, got.IDNumber)
	lines, err := r.store.Audited(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.Equal(t, []string{"first", "account_opening", "req_1"}, []string{lines[0].By, lines[0].Purpose, lines[0].RequestID})

	asked.Client = "other"
	_, err = r.s.Outputs(t.Context(), asked)
	requireCode(t, err, NotFound)

	r.engine.review = r.reopens
	_, err = r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	asked.Client = "shop"
	_, err = r.s.Outputs(t.Context(), asked)
	fault := requireCode(t, err, InvalidState)
	require.Equal(t, []any{verification.InReview, []verification.Status{verification.Completed}}, []any{fault.Status, fault.Allowed})
	lines, err = r.store.Audited(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, "review.reopened", lines[1].Act, "what was refused was not read")
}
