package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// recordsOnly is a policy that asks for nothing but the records.
const recordsOnly = `
  - name: records-only
    version: 1
    checks: {document_validity: required, identity_records: required, holder_match: "off", liveness: "off", face_match: "off"}
    face_providers: []
    records_providers: [acedata]
    records_patience: 20s
    review_deadline: 60s
`

// twice are the stand-ins' people whose names the records hold in other code
// points than their cards.
func twice() []sandbox.Person {
	return slices.DeleteFunc(sandbox.Fixtures(), func(p sandbox.Person) bool { return p.CardName == "" })
}

// carded is the person with the name as on their card.
func carded(p sandbox.Person) sandbox.Person {
	p.Name = p.CardName
	return p
}

// A name that the records hold in its other spelling passes by a second call; one
// that agrees in no spelling is for a human, and nobody is declined.
func TestANameInAnotherSpellingIsNoDeclineByTheRecords(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: quickPolicy + recordsOnly})
	for _, p := range twice() {
		t.Run(p.ID, func(t *testing.T) {
			a := s.beginUnder("records-only", carded(p))
			require.Less(t, a.status, 300, "%s", a.body)
			if p.ID == "N4" { // its character stands in no table
				v := s.untilReview(a.view.ID, 20*time.Second)
				records := find(t, v, verification.IdentityRecords)
				require.Equal(t, verification.Inconclusive, records.Status)
				require.Equal(t, "["+string(verification.IdentityNameRare)+"]", reasonsOf(records.Reasons))
				require.Equal(t, 1, s.chargedFor(p))
				return
			}
			v := s.untilEnd(a.view.ID, 20*time.Second)
			require.Equal(t, verification.OutcomeApproved, v.Outcome, "%+v", v)
			require.Equal(t, 2, s.chargedFor(p), "each spelling is a call of its own")
		})
	}
}

// The chip's spelling and the claim's are one holder.
func TestAChipInAnotherSpellingIsTheClaimedHolders(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	for _, p := range twice() {
		t.Run(p.ID, func(t *testing.T) {
			reqid := s.scan(carded(p), "")
			a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()},
				with(with(s.request(p), "policy", "cn-chip"), "nfc_reqid", reqid))
			require.Less(t, a.status, 300, "%s", a.body)
			v := s.untilLink(a.view.ID, 20*time.Second)
			s.play(v, "0")
			if p.ID == "N4" { // nobody can read its character
				v = s.untilReview(v.ID, 20*time.Second)
				require.Equal(t, "["+string(verification.IdentityNameRare)+"]", reasonsOf(find(t, v, verification.HolderMatch).Reasons))
				return
			}
			v = s.untilEnd(v.ID, 20*time.Second)
			require.Equal(t, verification.Passed, find(t, v, verification.HolderMatch).Status)
			require.Equal(t, verification.OutcomeApproved, v.Outcome, "%+v", v)
			require.Equal(t, 1, s.chargedFor(p))
		})
	}
}

// A face vendor that finds a rare name to differ ends the face side inconclusive:
// a human looks, no second session is offered, and nobody is declined.
func TestANameInAnotherSpellingIsNoDeclineByAFaceVendor(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	p := twice()[0]
	reviewed := func(t *testing.T, id string) {
		v := s.untilReview(id, 30*time.Second)
		face := find(t, v, verification.FaceMatch)
		require.Equal(t, verification.Inconclusive, face.Status)
		require.Equal(t, "["+string(verification.IdentityNameRare)+"]", reasonsOf(face.Reasons))
		require.Equal(t, 1, v.Attempt.Session)
		require.Nil(t, v.NextAction)
	}
	for _, outcome := range []string{"0", "301"} { // the records differ: 2006; and so does a scanned card
		t.Run("tencent_eid "+outcome, func(t *testing.T) {
			a := s.begin(carded(p))
			require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
			s.play(a.view, outcome)
			reviewed(t, a.view.ID)
		})
	}
	t.Run("megvii_faceid", func(t *testing.T) {
		q := twice()[1]
		a := s.beginUnder(onlyMegvii, carded(q))
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		s.endMegvii(a.view, sandbox.MegviiPass, sandbox.NotifyOptions{})
		reviewed(t, a.view.ID)
	})
}
