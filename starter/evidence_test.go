package starter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Evidence tells of an ended verification, from the store alone, and names nobody.
// It is checked with the published keys, also once the person is erased; after that
// no new one is made.
func TestEvidenceOutlivesTheErasure(t *testing.T) {
	r := newRig(t)
	open := r.launched()
	_, err := r.s.Evidence(t.Context(), shopKey, open.ID)
	require.Equal(t, verification.RequiresInput, requireCode(t, err, InvalidState).Status)
	r.state.Decision = verification.Declined
	r.state.Verdict = &verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy,
		Reasons: []verification.Reason{verification.ReasonOf(verification.IdentityMismatch)}}
	r.end(open.ID, verification.Completed)
	calls := len(r.engine.calls)
	signed, err := r.s.Evidence(t.Context(), shopKey, open.ID)
	require.NoError(t, err)
	require.Len(t, r.engine.calls, calls)
	lines, err := r.store.Audited(t.Context(), open.ID)
	require.NoError(t, err)
	require.Len(t, lines, 1, "given out once; asked for while it was open, nothing was")
	require.Equal(t, []string{"evidence.read", "shop", "first", "req_1"}, []string{lines[0].Act, lines[0].Client, lines[0].By, lines[0].RequestID})
	_, err = r.s.Evidence(t.Context(), Caller{Client: "other"}, open.ID)
	requireCode(t, err, NotFound)

	_, err = r.s.Redact(t.Context(), "shop", open.ID, RedactRequest{Cause: CauseRequest})
	require.NoError(t, err)
	_, err = r.s.Evidence(t.Context(), shopKey, open.ID)
	requireCode(t, err, Redacted)
	public, err := r.keys.PublicKeys()
	require.NoError(t, err)
	said, err := statement.Verify(signed, statement.TypeEvidence, public)
	require.NoError(t, err)
	require.NotContains(t, string(said), request().Subject.IDNumber)
	require.NotContains(t, string(said), request().Subject.Name)
	require.NotContains(t, string(said), "order-17")
	var e statement.Evidence
	require.NoError(t, json.Unmarshal(said, &e))
	require.Equal(t, []any{open.ID, "shop", "https://kyc.example", "cn-resident", 2}, []any{e.VerificationID, e.Client, e.Issuer, e.Policy.Name, e.Policy.Version})
	require.Equal(t, verification.IdentityMismatch, e.Verdict.Reasons[0].Code)
}

// A search finds the client's own of a person, is on record with each that was
// found, and finds none that was erased.
func TestSearchFindsAPersonOnRecord(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	asked := Reading{Client: "shop", By: "first", Purpose: "audit", RequestID: "req_1"}
	ids, err := r.s.Search(t.Context(), asked, " "+request().Subject.IDNumber)
	require.NoError(t, err)
	require.Equal(t, []string{v.ID}, ids)
	lines, err := r.store.Audited(t.Context(), v.ID)
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.Equal(t, []string{"person.found", "first", "audit"}, []string{lines[0].Act, lines[0].By, lines[0].Purpose})
	lines, err = r.store.Audited(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, lines, 1, "that somebody searched is on record where nothing is found, too")

	// A mistyped number would be answered that nothing is held, which is wrong.
	for typed, code := range map[string]string{"110199 19900307 0017": "id_number.length", "110199199003070018": "id_number.check_digit"} {
		_, err = r.s.Search(t.Context(), asked, typed)
		e := requireCode(t, err, InvalidRequest)
		require.Equal(t, "id_number", e.Fields[0].Field)
		require.Equal(t, code, e.Fields[0].Code)
	}
	theirs := asked
	theirs.Client = "other"
	ids, err = r.s.Search(t.Context(), theirs, request().Subject.IDNumber)
	require.NoError(t, err)
	require.Empty(t, ids)
	_, err = r.s.Redact(t.Context(), "shop", v.ID, RedactRequest{Cause: CauseRequest})
	require.NoError(t, err)
	ids, err = r.s.Search(t.Context(), asked, request().Subject.IDNumber)
	require.NoError(t, err)
	require.Empty(t, ids)
}
