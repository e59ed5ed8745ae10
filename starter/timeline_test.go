package starter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// A timeline tells events and reviewers' acts in their order, to the client only,
// and neither the note nor the person.
func TestTimeline(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch, Note: "a note", By: "wang"})
	require.NoError(t, err)
	list, err := r.s.Timeline(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	var types []string
	for _, m := range list {
		types = append(types, m.Type)
	}
	require.Subset(t, types, []string{"verification.created", "verification.completed", "verification.reopened", "review.reopened"})
	text, err := json.Marshal(list)
	require.NoError(t, err)
	for _, kept := range []string{"a note", "wang", request().Subject.Name, request().Subject.IDNumber, "order-17"} {
		require.NotContains(t, string(text), kept)
	}
	_, err = r.s.Timeline(t.Context(), "other", v.ID)
	requireCode(t, err, NotFound)
}
