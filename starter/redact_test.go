package starter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// The person is gone from the store when Redact answers, whatever the engine does:
// where it is away the sweeper has the rest done later, by the same run.
func TestRedactErasesAtOnceAndTheRestIsNotForgotten(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.erasureErr = errors.New("away")
	e, err := r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, By: "first"})
	require.NoError(t, err)
	require.Empty(t, e.Receipt)
	_, err = r.s.Read(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Outputs(t.Context(), Reading{Client: "shop", ID: v.ID, By: "first", Purpose: "audit"})
	requireCode(t, err, Redacted)
	_, err = r.s.Timeline(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Decisions(t.Context(), "shop", v.ID)
	requireCode(t, err, Redacted)
	_, err = r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, 0)
	requireCode(t, err, Redacted)
	_, err = r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	requireCode(t, err, Redacted)

	r.engine.erasureErr = nil
	n, err := r.s.SweepErasures(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "its caller may be at it")
	r.now = r.now.Add(2 * time.Minute)
	n, err = r.s.SweepErasures(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	o := r.engine.options[len(r.engine.options)-1]
	require.Equal(t, workflows.ErasureID(v.ID), o.ID)
	require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY, o.WorkflowIDReusePolicy, "a run that was terminated is taken up again, one that ended is not")

	require.NoError(t, r.store.SignErasure(t.Context(), v.ID, "a.b.c", r.now))
	starts := len(r.engine.options)
	again, err := r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, By: "second"})
	require.NoError(t, err)
	require.Equal(t, Erasure{ID: v.ID, ErasedAt: e.ErasedAt, Receipt: "a.b.c"}, again)
	require.Len(t, r.engine.options, starts, "nothing is started for what is done")
	_, err = r.s.Redact(t.Context(), "other", v.ID, RedactRequest{Cause: CauseRequest})
	requireCode(t, err, NotFound)
	_, err = r.s.Receipt(t.Context(), "other", v.ID)
	requireCode(t, err, NotFound)
}

// A reopened case is in review, so it is open: it is erased once its review is
// ended, and the old verdict stands in what is left.
func TestRedactEndsTheReviewOfAReopenedCaseWhereAsked(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	_, err = r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest})
	fault := requireCode(t, err, InvalidState)
	require.Equal(t, verification.InReview, fault.Status)

	r.engine.cancel = func(id string) error {
		require.Equal(t, workflows.ReviewID(v.ID, 2), id)
		row, err := r.store.Load(context.Background(), v.ID)
		require.NoError(t, err)
		row.State.CloseReview(r.now)
		return r.store.Amend(context.Background(), v.ID, row.State)
	}
	_, err = r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest, End: true})
	require.NoError(t, err)
	events, err := r.store.Events(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, "verification.redacted", events[len(events)-1].Type)
	require.Equal(t, verification.Declined, events[len(events)-1].Decision)
}

// A person is erased with all clients, by a number as it is written on the card or
// not; others are left; one that is open is told, and keeps none from being erased.
func TestRedactAllErasesAPersonAndTellsWhatIsLeft(t *testing.T) {
	r := newRig(t)
	ended := r.completed()
	before, err := r.store.Load(t.Context(), ended.ID)
	require.NoError(t, err)
	other := request()
	other.Subject = &verification.Subject{Name: "测试乙", IDNumber: "11010519491231002X", IDValidity: other.Subject.IDValidity}
	insert := func(client, id string, req verification.Request) string {
		row := before
		row.ID, row.Client, row.Request, row.ReqIDHash, row.ReferenceHash = id, client, req, nil, nil
		row.NumberHash = r.keys.Hash(verification.PurposeNumber, req.Subject.IDNumber)
		_, created, err := r.store.Insert(t.Context(), row)
		require.NoError(t, err)
		require.True(t, created)
		return id
	}
	theirs := insert("other", "ver_theirs", other)
	require.NoError(t, r.store.Finish(t.Context(), theirs, verification.State{Status: verification.Expired, Version: 3}))
	open := insert("shop", "ver_open", other)

	sel := Selection{Number: " 11010519491231002x"}
	n, err := r.s.Selected(t.Context(), sel)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	told := map[string]Code{}
	each := func(id string, err error) { told[id] = CodeOf(err) }
	require.NoError(t, r.s.RedactAll(t.Context(), sel, RedactRequest{Cause: CausePerson, By: "root"}, each))
	require.Equal(t, map[string]Code{theirs: "", open: InvalidState}, told)
	_, err = r.s.Read(t.Context(), "shop", ended.ID)
	require.NoError(t, err, "another person")
	e, err := r.store.Erasure(t.Context(), theirs)
	require.NoError(t, err)
	require.Equal(t, []string{"other", CausePerson, "root"}, []string{e.Client, e.Cause, e.By})

	told = map[string]Code{}
	require.NoError(t, r.s.RedactAll(t.Context(), Selection{Client: "shop"}, RedactRequest{Cause: CauseClient}, each))
	require.Equal(t, map[string]Code{ended.ID: "", open: InvalidState}, told)
	told = map[string]Code{}
	require.NoError(t, r.s.RedactAll(t.Context(), Selection{IDs: []string{theirs, "ver_none"}}, RedactRequest{Cause: CauseRequest}, each))
	require.Equal(t, map[string]Code{theirs: "", "ver_none": NotFound}, told, "a repeat is no error")
}
