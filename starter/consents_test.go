package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func (r *rig) gives(id string, purposes ...verification.Purpose) Consents {
	r.t.Helper()
	var given []verification.Consent
	for _, p := range purposes {
		given = append(given, verification.Consent{Purpose: p, TextVersion: "1", GivenAt: r.now, Channel: verification.ChannelCaller})
	}
	got, err := r.s.Consent(r.t.Context(), "shop", id, ConsentChange{Given: given})
	require.NoError(r.t, err)
	return got
}

func (r *rig) withdraws(id string, purposes ...verification.Purpose) (Consents, error) {
	return r.s.Consent(r.t.Context(), "shop", id, ConsentChange{Withdrawn: purposes, By: "first", RequestID: "req_1"})
}

// erased: the person is, for the reason that a consent was withdrawn.
func (r *rig) erased(id, by string) {
	r.t.Helper()
	_, err := r.s.Read(r.t.Context(), "shop", id)
	requireCode(r.t, err, Redacted)
	e, err := r.store.Erasure(r.t.Context(), id)
	require.NoError(r.t, err)
	require.Equal(r.t, []string{CauseConsent, by}, []string{e.Cause, e.By})
	require.Contains(r.t, r.engine.calls, "execute "+workflows.ErasureID(id), "the rest of the erasure is begun")
}

// What is said of consents is checked before any of it is noted.
func TestAConsentThatCannotBeIsRefused(t *testing.T) {
	r, v := waiting(t)
	consent := func(c verification.Consent) []FieldError {
		_, err := r.s.Consent(t.Context(), "shop", v.ID, ConsentChange{Given: []verification.Consent{faceConsent, c}})
		return requireCode(t, err, InvalidRequest).Fields
	}
	for code, c := range map[string]verification.Consent{
		"purpose.unknown":    {Purpose: "fingers", GivenAt: r.now},
		"given_at.future":    {Purpose: verification.PurposeFace, GivenAt: r.now.Add(time.Hour)},
		"given_at.too_early": {Purpose: verification.PurposeFace, GivenAt: time.Date(2021, 10, 31, 15, 59, 0, 0, time.UTC)},
		// What names a text rests in the open, and outlives an erasure.
		"value.personal_data": {Purpose: verification.PurposeFace, GivenAt: r.now, TextVersion: "2026-11 for 110199199003070017"},
	} {
		fields := consent(c)
		require.Equal(t, code, fields[len(fields)-1].Code)
	}
	require.Equal(t, "given_at.too_early", consent(verification.Consent{Purpose: verification.PurposeFace})[0].Code, "a time that nobody set")
	given, err := r.store.Consents(t.Context(), v.ID)
	require.NoError(t, err)
	require.Empty(t, given)
}

// Whoever withdraws a consent ends an open verification and is erased; a repeat
// gets the same answer, and nobody else's word changes anything.
func TestAWithdrawnConsentEndsAndErases(t *testing.T) {
	r, v := waiting(t)
	r.gives(v.ID, verification.PurposeFace, verification.PurposeIdentityRecords)
	_, err := r.s.Consent(t.Context(), "other", v.ID, ConsentChange{Withdrawn: []verification.Purpose{verification.PurposeFace}})
	requireCode(t, err, NotFound)
	_, err = r.withdraws(v.ID, verification.PurposeFace, verification.PurposeVendorAbroad)
	require.Equal(t, []FieldError{{Field: "withdrawn.1", Code: "consent.not_given", Message: "No consent to it is on record."}}, requireCode(t, err, InvalidRequest).Fields)
	require.Empty(t, r.engine.calls)
	page, err := r.s.Page(t.Context(), v.ID)
	require.NoError(t, err)
	require.Empty(t, page.Missing, "what cannot be withdrawn as a whole is not withdrawn in part")

	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, []any{workflows.CancelRequest{Reason: verification.ConsentWithdrawn}}, o.Args)
		r.end(v.ID, verification.Canceled)
		return nil
	}
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Canceled, got.Status)
	require.Equal(t, r.now, got.RedactedAt)
	require.NotNil(t, got.All[0].WithdrawnAt)
	require.Nil(t, got.All[1].WithdrawnAt)
	r.erased(v.ID, "first")

	r.now = r.now.Add(time.Hour)
	again, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, got, again)
	_, err = r.withdraws(v.ID, verification.PurposeIdentityRecords)
	requireCode(t, err, Redacted)
	_, err = r.s.Consent(t.Context(), "shop", v.ID, ConsentChange{Given: []verification.Consent{{Purpose: verification.PurposeFace, GivenAt: r.now}}})
	requireCode(t, err, Redacted)
	_, err = r.s.Consent(t.Context(), "other", v.ID, ConsentChange{Withdrawn: []verification.Purpose{verification.PurposeFace}})
	requireCode(t, err, NotFound)
}

// After the end the verdict stands, and the person is erased.
func TestAConsentWithdrawnAfterTheEndErases(t *testing.T) {
	r, v := waiting(t)
	r.gives(v.ID, verification.PurposeFace)
	st := r.state
	st.Complete(r.now, verification.Verdict{Version: 1, Decision: verification.Approved, DecidedBy: verification.ByPolicy, DecidedAt: r.now})
	require.NoError(t, r.store.Finish(t.Context(), v.ID, st))
	_, err := r.s.Consent(t.Context(), "shop", v.ID, ConsentChange{Given: []verification.Consent{{Purpose: verification.PurposeIdentityRecords, GivenAt: r.now}}})
	requireCode(t, err, InvalidState)
	r.engine.calls = nil
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Completed, got.Status)
	r.erased(v.ID, "first")
	events, err := r.store.Events(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.Approved, events[len(events)-1].Decision)
}

// A withdrawal that comes while another end is being written waits for it.
func TestAConsentWithdrawnInTheMiddleOfAnEndErases(t *testing.T) {
	r, v := waiting(t)
	r.gives(v.ID, verification.PurposeFace)
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		ending := r.state
		ending.Status = verification.Completed
		time.AfterFunc(100*time.Millisecond, func() { r.end(v.ID, verification.Expired) })
		return temporal.NewApplicationErrorWithOptions("the verification has ended", workflows.RefusedState,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{ending}})
	}
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Expired, got.Status)
	r.erased(v.ID, "first")
}

// With the review of a reopened case the old verdict stands, and the person goes.
func TestAConsentWithdrawnInAReopenedReviewErases(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.gives(v.ID, verification.PurposeFace)
	st := r.state
	st.Complete(r.now, verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy, DecidedAt: r.now})
	require.NoError(t, r.store.Finish(t.Context(), v.ID, st))
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	r.engine.cancel = func(id string) error {
		require.Equal(t, workflows.ReviewID(v.ID, 2), id)
		row, err := r.store.Load(context.Background(), v.ID)
		require.NoError(t, err)
		row.State.CloseReview(r.now)
		return r.store.Amend(context.Background(), v.ID, row.State)
	}
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Completed, got.Status)
	r.erased(v.ID, "first")
}

// Who was lost, or found the engine away, after the withdrawal was noted, leaves
// the rest to the sweeper, which no other one's trouble holds up.
func TestTheSweeperEndsAndErasesWhoWithdrewAConsent(t *testing.T) {
	r, v := waiting(t)
	r.gives(v.ID, verification.PurposeFace)
	r.engine.update = func(client.UpdateWorkflowOptions) error { return context.DeadlineExceeded }
	_, err := r.withdraws(v.ID, verification.PurposeFace)
	requireCode(t, err, EngineUnavailable)
	page, err := r.s.Page(t.Context(), v.ID)
	require.NoError(t, err)
	require.Contains(t, page.Missing, verification.PurposeFace, "from the withdrawal on it is missing")
	_, err = r.s.Open(t.Context(), v.ID, 1, []verification.Consent{faceConsent, recordsConsent})
	require.Len(t, requireCode(t, err, ConsentRequired).Fields, 1, "who has withdrawn does not agree by a press in another tab")

	n, err := r.s.SweepWithdrawn(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "its caller may be at it")
	r.now = r.now.Add(withdrawnAge + time.Second)
	n, err = r.s.SweepWithdrawn(t.Context())
	requireCode(t, err, EngineUnavailable)
	require.Zero(t, n)

	r.engine.update = func(client.UpdateWorkflowOptions) error { r.end(v.ID, verification.Canceled); return nil }
	n, err = r.s.SweepWithdrawn(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	r.erased(v.ID, bySweeper)
	n, err = r.s.SweepWithdrawn(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Canceled, got.Status)
}

// A run that is gone from the engine ends as such, and holds no erasure up.
func TestAConsentWithdrawnFromALostRunErases(t *testing.T) {
	r, v := waiting(t)
	r.gives(v.ID, verification.PurposeFace)
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	got, err := r.withdraws(v.ID, verification.PurposeFace)
	require.NoError(t, err)
	require.Equal(t, verification.Error, got.Status)
	r.erased(v.ID, "first")
}

// On the page all that was agreed to is withdrawn at once; what is noted is done,
// also where the engine is away, and without a consent it is a "no".
func TestAPersonWithdrawsOnThePage(t *testing.T) {
	r, v := waiting(t)
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, []any{workflows.CancelRequest{Reason: verification.CanceledByPerson}}, o.Args)
		return context.DeadlineExceeded
	}
	requireCode(t, r.s.Withdraw(t.Context(), v.ID, "req_1"), EngineUnavailable)

	r.gives(v.ID, verification.PurposeFace, verification.PurposeIdentityRecords)
	r.engine.update = func(client.UpdateWorkflowOptions) error { return context.DeadlineExceeded }
	require.NoError(t, r.s.Withdraw(t.Context(), v.ID, "req_1"))
	row, err := r.store.Load(t.Context(), v.ID)
	require.NoError(t, err)
	require.True(t, row.Withdrawn)

	r.engine.update = func(client.UpdateWorkflowOptions) error { r.end(v.ID, verification.Canceled); return nil }
	require.NoError(t, r.s.Withdraw(t.Context(), v.ID, "req_1"))
	r.erased(v.ID, byPerson)
	all, err := r.store.Consents(t.Context(), v.ID)
	require.NoError(t, err)
	for _, c := range all {
		require.NotNil(t, c.WithdrawnAt)
	}
	requireCode(t, r.s.Withdraw(t.Context(), v.ID, "req_1"), Redacted)
}

// Before there is a run nothing can be ended: the withdrawal stands, nobody waits,
// and others are swept meanwhile.
func TestAConsentWithdrawnBeforeThereIsARunHoldsNobodyUp(t *testing.T) {
	r := newRig(t)
	r.engine.launch = func(context.Context) error { return context.DeadlineExceeded }
	_, _, err := r.s.Start(t.Context(), "shop", "k", request())
	requireCode(t, err, EngineUnavailable)
	id := r.keys.VerificationID("shop", "k")
	r.gives(id, verification.PurposeFace)
	r.engine.update = func(client.UpdateWorkflowOptions) error { return serviceerror.NewNotFound("workflow not found for ID") }
	r.s.patience = time.Minute
	began := time.Now()
	_, err = r.withdraws(id, verification.PurposeFace)
	requireCode(t, err, EngineUnavailable)
	r.now = r.now.Add(time.Hour)
	_, err = r.s.SweepWithdrawn(t.Context())
	requireCode(t, err, EngineUnavailable)
	require.Less(t, time.Since(began), 20*time.Second)
	row, err := r.store.Load(t.Context(), id)
	require.NoError(t, err)
	require.True(t, row.Withdrawn, "its first task will find it")
}
