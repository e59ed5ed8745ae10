package starter

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/verification"
)

// A verdict is told with the name of the key that gave it; the engine hears of
// no name.
func TestAReviewersVerdictNamesTheKey(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	require.Empty(t, v.Deciders)
	r.engine.update = func(client.UpdateWorkflowOptions) error { r.decided(v.ID, word(inReviewRevision)); return nil }
	got, err := r.s.Decide(t.Context(), "shop", v.ID, word(inReviewRevision))
	require.NoError(t, err)
	require.Equal(t, map[int]string{1: "wang"}, got.Deciders)
	got, err = r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, map[int]string{1: "wang"}, got.Deciders)
	for _, u := range r.engine.updates {
		for _, arg := range u.Args {
			require.NotContains(t, marshalled(t, arg), "wang")
		}
	}
	row, err := r.store.Load(t.Context(), v.ID)
	require.NoError(t, err)
	require.NotContains(t, marshalled(t, row.State), "wang", "events are made of the state")

	acts, err := r.s.Decisions(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, []Act{{Version: 1, Act: "approved", Reason: verification.ReviewApproved, By: "wang", At: r.now, Note: plantedNote, Held: true}}, acts)
	_, err = r.s.Decisions(t.Context(), "other", v.ID)
	requireCode(t, err, NotFound)
}

// Of reviewers who speak at the same time the verdict names the one whose word
// it is, not the one who was written down first.
func TestAVerdictNamesWhoseWordItIs(t *testing.T) {
	r := newRig(t)
	v := r.inReview()
	taken := ReviewRequest{Decision: verification.Declined, Reason: verification.FaceSpoofSuspected, By: "li", Version: inReviewRevision}
	say := func(w ReviewRequest, code Code) {
		t.Helper()
		_, err := r.s.Decide(t.Context(), "shop", v.ID, w)
		if code != "" {
			requireCode(t, err, code)
			return
		}
		require.NoError(t, err)
	}
	// All read the same revision; the engine takes li's, and gives the others its answer.
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(t.Context().Err())
	}
	say(ReviewRequest{Decision: verification.Declined, Reason: verification.HolderMismatch, By: "wang", Version: inReviewRevision}, EngineUnavailable)
	r.now = r.now.Add(time.Second)
	say(word(inReviewRevision), EngineUnavailable)
	r.now = r.now.Add(time.Second)
	r.engine.update = func(client.UpdateWorkflowOptions) error { r.decided(v.ID, taken); return nil }
	say(taken, "")
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, map[int]string{1: "li"}, got.Deciders)
	acts, err := r.s.Decisions(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	var held []string
	for _, a := range acts {
		require.Equal(t, a.By == "li", a.Held, a.By)
		held = append(held, a.By)
	}
	require.Equal(t, []string{"wang", "wang", "li"}, held, "every word is kept")
}

// Each version of a reopened case keeps the name of its own reviewer.
func TestEveryVersionNamesItsReviewer(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	reopen := ReviewRequest{Reason: verification.HolderMismatch, By: "li", Note: "the person called"}
	got, err := r.s.Reopen(t.Context(), "shop", v.ID, reopen)
	require.NoError(t, err)
	require.Empty(t, got.Deciders, "the policy gave version 1")
	reopening := Act{Version: 1, Act: "reopened", Reason: verification.HolderMismatch, By: "li", At: r.now, Note: "the person called"}
	acts, err := r.s.Decisions(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, []Act{reopening}, acts)

	r.engine.update = func(client.UpdateWorkflowOptions) error {
		st := got.State
		st.PreviousVerdicts = []verification.Verdict{*st.Verdict}
		st.Status, st.Decision, st.Verdict, st.Version = verification.Completed, verification.Approved, r.verdict(2, word(0)), 11
		return r.store.Amend(t.Context(), v.ID, st)
	}
	done, err := r.s.Decide(t.Context(), "shop", v.ID, word(completedRevision+1))
	require.NoError(t, err)
	require.Equal(t, map[int]string{2: "wang"}, done.Deciders)
	acts, err = r.s.Decisions(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, []Act{reopening, {Version: 2, Act: "approved", Reason: verification.ReviewApproved, By: "wang", At: r.now, Note: plantedNote, Held: true}}, acts)
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
