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

// briefPolicy gives up on a vendor within seconds.
const briefPolicy = `policies:
  - name: cn-resident
    version: 2
    start_patience: 3s
    records_patience: 10s
    last_look_patience: 3s
    retry_window: 2s
    review_deadline: 60s
`

// An answer that is not what the vendor's contract says proves nothing about
// the person: that check is inconclusive or unavailable, never passed, never
// failed. The person of each run would pass everything.
func TestAnAnswerThatBreaksTheContractIsNoVerdict(t *testing.T) {
	for _, kind := range []string{
		sandbox.FaultHTML502, sandbox.FaultEmpty, sandbox.FaultHalfJSON,
		sandbox.FaultMissingMembers, sandbox.FaultWrongTypes, sandbox.FaultHuge,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, options{policies: briefPolicy, tokenTTL: 8 * time.Second})
			s.recordsAnswer(kind)
			s.resultAnswer(kind)
			s.tokenAndStatusAnswers(kind)
		})
	}
}

// recordsAnswer spoils check-2e while the face passes.
func (s *stack) recordsAnswer(kind string) {
	t := s.t
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Operation: "check-2e", Kind: kind})
	p := s.person()
	a := s.begin(p)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	s.play(s.untilLink(a.view.ID, 10*time.Second), "0")
	v := s.until(a.view.ID, 30*time.Second, "review", func(v view) bool { return v.Status == verification.InReview || v.Status.Ended() })
	require.Equal(t, verification.InReview, v.Status, "%s: %+v", kind, v)
	require.Empty(t, v.Decision)
	require.Contains(t, neither, checkOf(v, verification.IdentityRecords).Status)
	require.Equal(t, verification.Passed, checkOf(v, verification.FaceMatch).Status, "the face is untouched by it")
	require.LessOrEqual(t, s.chargedFor(p), 2)
	s.vendors.ClearFaults()
}

// resultAnswer spoils GetEidResult of a passed session.
func (s *stack) resultAnswer(kind string) {
	t := s.t
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidResult", Kind: kind})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	s.play(a.view, "0")
	s.noVerdict(kind+" as the result", a.view.ID)
	require.Positive(t, s.asked("GetEidResult"))
	s.vendors.ClearFaults()
}

// tokenAndStatusAnswers spoil CheckEidTokenStatus of a passed session, and
// then GetEidToken.
func (s *stack) tokenAndStatusAnswers(kind string) {
	t := s.t
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Kind: kind}) // the status, and every other answer
	s.play(a.view, "0")
	asked := s.asked("GetEidToken")
	b := s.begin(s.person())
	require.Less(t, b.status, 300, "%s", b.body)
	v := s.noVerdict(kind+" as the token", b.view.ID)
	require.Equal(t, verification.Error, v.Status)
	require.Contains(t, []verification.ReasonCode{verification.ProviderUnavailable, verification.ProviderContractViolation}, v.LastError.Code)
	require.Greater(t, s.asked("GetEidToken"), asked)
	v = s.noVerdict(kind+" as the status", a.view.ID)
	require.Equal(t, verification.Expired, v.Status)
}

// neither is what a check may be after an answer that is none.
var neither = []verification.CheckStatus{verification.Inconclusive, verification.Unavailable}

// noVerdict waits for the verification's end or review, and holds it to be
// undecided: no face check passed or failed.
func (s *stack) noVerdict(what, id string) view {
	s.t.Helper()
	v := s.until(id, 40*time.Second, what, func(v view) bool { return v.Status.Ended() || v.Status == verification.InReview })
	require.Empty(s.t, v.Decision, "%s: %+v", what, v)
	require.Nil(s.t, v.Verdict, what)
	require.NotNil(s.t, v.LastError, what)
	for _, c := range []verification.CheckType{verification.Liveness, verification.FaceMatch} {
		require.NotContains(s.t, []verification.CheckStatus{verification.Passed, verification.Failed}, checkOf(v, c).Status, what)
	}
	return v
}

func checkOf(v view, t verification.CheckType) verification.Check {
	i := slices.IndexFunc(v.Checks, func(c verification.Check) bool { return c.Type == t })
	if i < 0 {
		return verification.Check{}
	}
	return v.Checks[i]
}
