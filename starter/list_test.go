package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// A list is the client's own, the newest first, in pages; a reopened case tells
// since when it is.
func TestList(t *testing.T) {
	r := newRig(t)
	var ids []string
	for _, key := range []string{"a", "b", "c"} {
		id := r.keys.VerificationID("shop", key)
		r.engine.launch = func(context.Context) error { r.state = verification.State{}; r.run(id, 1); return nil }
		_, _, err := r.s.Start(t.Context(), "shop", key, request())
		require.NoError(t, err)
		ids = append(ids, id)
		r.now = r.now.Add(time.Minute)
	}
	r.engine.launch = func(context.Context) error {
		r.state = verification.State{}
		r.run(r.keys.VerificationID("other", "a"), 1)
		return nil
	}
	_, _, err := r.s.Start(t.Context(), "other", "a", request())
	require.NoError(t, err)
	r.engine.calls = nil

	page, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Status: verification.RequiresInput}, 2, "")
	require.NoError(t, err)
	require.Equal(t, []string{ids[2], ids[1]}, []string{page.Items[0].ID, page.Items[1].ID})
	first := page.Items[0]
	require.Equal(t, Item{ID: ids[2], Client: "shop", Status: verification.RequiresInput, Policy: verification.PolicyRef{Name: "cn-resident", Version: 2},
		ClientReferenceID: request().ClientReferenceID, CreatedAt: r.now.Add(-time.Minute), UpdatedAt: first.UpdatedAt}, first)
	for outcome, n := range map[verification.Outcome]int{"": 2, verification.OutcomeApproved: 0, verification.OutcomeExpired: 0} {
		page, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Outcome: outcome, Reference: request().ClientReferenceID}, 2, "")
		require.NoError(t, err)
		require.Len(t, page.Items, n, outcome)
	}
	unknown, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Reference: "another"}, 2, "")
	require.NoError(t, err)
	require.Empty(t, unknown.Items)
	rest, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Status: verification.RequiresInput}, 2, page.Next)
	require.NoError(t, err)
	require.Len(t, rest.Items, 1)
	require.Equal(t, ids[0], rest.Items[0].ID)
	require.Empty(t, rest.Next)

	all, err := r.s.List(t.Context(), ListQuery{Clients: []string{"other", "shop"}, Status: verification.RequiresInput}, 20, "")
	require.NoError(t, err)
	require.Len(t, all.Items, 4)
	require.Equal(t, "other", all.Items[0].Client)
	none, err := r.s.List(t.Context(), ListQuery{Clients: nil, Status: verification.RequiresInput}, 20, "")
	require.NoError(t, err)
	require.Empty(t, none.Items)

	v := r.completed()
	r.engine.review = r.reopens
	_, err = r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	page, err = r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Status: verification.InReview}, 2, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, v.ID, page.Items[0].ID)
	page, err = r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Outcome: verification.OutcomeReview}, 2, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	page, err = r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Outcome: verification.OutcomeReview, Status: verification.Completed}, 2, "")
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// A cursor that is none, is cut, or answered another question, is refused.
func TestListRefusesOtherCursors(t *testing.T) {
	r := newRig(t)
	place := store.Place{CreatedAt: r.now, ID: "ver_a"}
	good := r.s.cursor(ListQuery{Clients: []string{"shop"}, Status: verification.InReview}, place)
	other := "A" // another first character than the good one's
	if good[0] == 'A' {
		other = "B"
	}
	for _, cursor := range []string{"not base64!", "AQI", "x", good[:len(good)-1], good + "A", other + good[1:],
		r.s.cursor(ListQuery{Clients: []string{"shop", "other"}, Status: verification.InReview}, place), r.s.cursor(ListQuery{Clients: []string{"shop"}, Status: verification.Processing}, place)} {
		_, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Status: verification.InReview}, 20, cursor)
		require.Equal(t, "cursor", requireCode(t, err, InvalidRequest).Fields[0].Field, cursor)
	}
	_, err := r.s.List(t.Context(), ListQuery{Clients: []string{"shop"}, Status: verification.InReview}, 20, good)
	require.NoError(t, err)
	require.Empty(t, r.engine.calls)
}

func TestOfTwoSwitchesTheStricterOneIsShown(t *testing.T) {
	for _, tc := range []struct {
		configured, thrown, want store.SwitchState
		told                     bool
	}{
		{"", "", store.SwitchOn, false},
		{store.SwitchDrain, "", store.SwitchDrain, false},
		{store.SwitchDrain, store.SwitchOn, store.SwitchDrain, false},
		{store.SwitchDrain, store.SwitchOff, store.SwitchOff, true},
		{store.SwitchOff, store.SwitchDrain, store.SwitchOff, false},
		{"", store.SwitchOff, store.SwitchOff, true},
		{"", store.SwitchOn, store.SwitchOn, true},
	} {
		r := newRig(t)
		r.s.switches = map[string]store.SwitchState{"toy": tc.configured}
		if tc.thrown != "" {
			require.NoError(t, r.store.SetSwitch(t.Context(), store.Switch{Provider: "toy", State: tc.thrown, Reason: "outage", By: "ops", At: r.now}))
		}
		list, err := r.s.Providers(t.Context())
		require.NoError(t, err)
		want := []Provider{
			{Name: "books", Kinds: []string{"records"}, Abroad: true, State: store.SwitchOn},
			{Name: "toy", Kinds: []string{"face"}, Abroad: true, State: tc.want},
		}
		if tc.told {
			want[1].Reason, want[1].Since = "outage", r.now
		}
		require.Equal(t, want, list)
	}
}
