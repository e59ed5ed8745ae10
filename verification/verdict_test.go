package verification_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	. "github.com/yanzhen-id/yanzhen/verification"
)

var checkStatuses = []CheckStatus{Pending, Passed, Failed, Inconclusive, Skipped, Unavailable}

// drawPolicy draws a policy's requirements and its rule for suspicions.
func drawPolicy(t *rapid.T) Policy {
	p := DefaultPolicy()
	p.Name, p.Version = "drawn", rapid.IntRange(1, 9).Draw(t, "version")
	p.Checks = map[CheckType]Requirement{}
	for _, c := range CheckTypes {
		want := rapid.SampledFrom([]Requirement{"", Required, IfAvailable, Off}).Draw(t, "want "+string(c))
		if want != "" {
			p.Checks[c] = want
		}
	}
	p.Suspicion = rapid.SampledFrom([]SuspicionRule{SuspicionReview, SuspicionDecline}).Draw(t, "suspicion")
	return p
}

// drawChecks draws at most one check of each type, in any order, with any
// status and any reasons, also such as no provider gives.
func drawChecks(t *rapid.T) []Check {
	codes := rapid.SliceOfN(rapid.Map(rapid.SampledFrom(Catalogue), func(e CatalogueEntry) ReasonCode { return e.Code }), 0, 3)
	var checks []Check
	for _, c := range rapid.Permutation(CheckTypes).Draw(t, "order") {
		if rapid.IntRange(0, 5).Draw(t, "present") > 0 {
			// Passed more often than the rest, or nobody would be approved.
			status := rapid.SampledFrom(append([]CheckStatus{Passed, Passed, Passed, Failed}, checkStatuses...)).Draw(t, "status")
			checks = append(checks, NewCheck(c, status, codes.Draw(t, "reasons")...))
		}
	}
	return checks
}

// mayDecline says, in the words of the first law, whether a check may decline.
func mayDecline(p Policy, c Check) bool {
	return p.Wants(c.Type) && c.Status == Failed && slices.ContainsFunc(c.Reasons, func(r Reason) bool {
		return r.Code.Class() == Final || r.Code.Class() == Suspicion && p.Suspicion == SuspicionDecline
	})
}

func TestLaw1OnlyAFinalFailureOrASuspicionByPolicyDeclines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		may := slices.ContainsFunc(checks, func(c Check) bool { return mayDecline(p, c) })
		if declined := Judge(p, checks).Outcome == OutcomeDeclined; declined != may {
			t.Fatalf("declined: %v, a check that may decline: %v", declined, may)
		}
	})
}

func TestLaw1UnavailableAndInconclusiveNeverDeclineAloneOrTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		for i := range checks {
			checks[i].Status = rapid.SampledFrom([]CheckStatus{Unavailable, Inconclusive}).Draw(t, "status")
		}
		if Judge(p, checks).Outcome == OutcomeDeclined {
			t.Fatal("declined without a failure")
		}
	})
}

func TestLaw2ApprovedNeedsEveryRequiredCheckPassed(t *testing.T) {
	approved := 0
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		if Judge(p, checks).Outcome != OutcomeApproved {
			return
		}
		approved++
		for _, ct := range CheckTypes {
			c, ok := Find(checks, ct)
			switch p.Requirement(ct) {
			case Required:
				if !ok || c.Status != Passed {
					t.Fatalf("approved, and %s is required and not passed", ct)
				}
			case IfAvailable:
				if ok && !slices.Contains([]CheckStatus{Passed, Skipped, Unavailable}, c.Status) {
					t.Fatalf("approved against what %s says", ct)
				}
			}
			if p.Wants(ct) && c.Suspicious() {
				t.Fatalf("approved in spite of a suspicion of %s", ct)
			}
		}
	})
	require.NotZero(t, approved, "nothing was approved, so nothing was tested")
}

func TestLaw2TakingAPassedRequiredCheckAwayTakesTheApprovalAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		spoiled := rapid.SampledFrom(CheckTypes).Draw(t, "spoiled")
		p.Checks[spoiled] = Required
		var checks []Check
		for _, ct := range CheckTypes {
			checks = append(checks, NewCheck(ct, Passed))
		}
		if Judge(p, checks).Outcome != OutcomeApproved {
			t.Fatal("everything passed and not approved")
		}
		status := rapid.SampledFrom([]CheckStatus{Pending, Failed, Inconclusive, Skipped, Unavailable}).Draw(t, "status")
		if got := Judge(p, Replace(checks, NewCheck(spoiled, status))).Outcome; got != OutcomeReview {
			t.Fatalf("%s: %s", status, got)
		}
		without := slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return c.Type == spoiled })
		if got := Judge(p, without).Outcome; got != OutcomeReview {
			t.Fatalf("absent: %s", got)
		}
	})
}

func TestLaw3EverythingElseIsReviewAndSilenceIsNoDecline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := Judge(drawPolicy(t), drawChecks(t))
		if !slices.Contains([]Outcome{OutcomeApproved, OutcomeDeclined, OutcomeReview}, j.Outcome) {
			t.Fatalf("%q is no judgement", j.Outcome)
		}
	})
	for _, d := range []Decision{"", Approved, Declined} {
		require.Equal(t, OutcomeExpired, OutcomeOf(Expired, d), "who was not decided upon is not declined")
	}
}

func TestLaw4JudgingChangesNothingThatStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		before := asJSON(t, p) + asJSON(t, checks)
		j := Judge(p, checks)
		for i := range j.Reasons {
			j.Reasons[i] = Reason{Code: "changed"}
		}
		Exhausted(checks)
		Replace(checks, NewCheck(Liveness, Failed, FaceNotLive))
		if asJSON(t, p)+asJSON(t, checks) != before {
			t.Fatal("the policy or the checks were changed")
		}
	})
}

func TestLaw5SamePolicyAndChecksGiveTheSameVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		want := asJSON(t, Judge(p, checks))
		if asJSON(t, Judge(p, checks)) != want {
			t.Fatal("a second judgement differs")
		}
		if asJSON(t, Judge(p, rapid.Permutation(checks).Draw(t, "again"))) != want {
			t.Fatal("the order of the checks matters")
		}
		// The way through the engine is as JSON.
		var pinned Policy
		var kept []Check
		require.NoError(t, json.Unmarshal([]byte(asJSON(t, p)), &pinned))
		require.NoError(t, json.Unmarshal([]byte(asJSON(t, checks)), &kept))
		if asJSON(t, Judge(pinned, kept)) != want {
			t.Fatal("the way through the engine matters")
		}
		// What the policy does not ask for says nothing.
		asked := slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return !p.Wants(c.Type) })
		if asJSON(t, Judge(p, asked)) != want {
			t.Fatal("a check that is off matters")
		}
	})
}

func TestAJudgementNamesWhatStoodInTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, checks := drawPolicy(t), drawChecks(t)
		j := Judge(p, checks)
		grave := false
		for i, r := range j.Reasons {
			if slices.Contains(j.Reasons[:i], r) {
				t.Fatal("a reason is listed twice")
			}
			class := r.Code.Class()
			grave = grave || class == Final || class == Suspicion
			if class == Note {
				t.Fatal("a note stands in nobody's way")
			}
			if !slices.ContainsFunc(checks, func(c Check) bool { return slices.Contains(c.Reasons, r) }) {
				t.Fatal("a reason that no check has")
			}
		}
		if j.Outcome == OutcomeApproved && len(j.Reasons) > 0 || j.Outcome == OutcomeDeclined && !grave {
			t.Fatalf("%s with reasons %v", j.Outcome, j.Reasons)
		}
	})
}

// What two checks share, as the end of all attempts, is told once.
func TestAReasonIsListedOnce(t *testing.T) {
	p := Policy{Name: "p", Version: 1, Checks: map[CheckType]Requirement{Liveness: Required, FaceMatch: Required}}
	j := Judge(p, Exhausted([]Check{NewCheck(Liveness, Failed, FaceNotLive), NewCheck(FaceMatch, Failed, FaceNoMatch, FaceNoMatch)}))
	require.Equal(t, OutcomeDeclined, j.Outcome)
	require.Equal(t, []Reason{{Code: FaceNotLive}, {Code: SessionAttemptsExhausted}, {Code: FaceNoMatch}}, j.Reasons)
	require.Equal(t, []Reason{ReasonOf(FaceSpoofSuspected)}, NewCheck(Liveness, Failed, FaceSpoofSuspected, FaceSpoofSuspected).Reasons)
}

func TestJudgeByExample(t *testing.T) {
	policy := func(s SuspicionRule) Policy {
		return Policy{Name: "p", Version: 1, Suspicion: s, Checks: map[CheckType]Requirement{
			DocumentValidity: Required, IdentityRecords: Required, HolderMatch: IfAvailable, Liveness: Required, FaceMatch: Required,
		}}
	}
	allPassed := []Check{
		NewCheck(DocumentValidity, Passed), NewCheck(IdentityRecords, Passed), NewCheck(HolderMatch, Passed),
		NewCheck(Liveness, Passed), NewCheck(FaceMatch, Passed),
	}
	for _, c := range []struct {
		what      string
		suspicion SuspicionRule
		changed   []Check
		want      Outcome
		reasons   []ReasonCode
	}{
		{"all passed", SuspicionReview, nil, OutcomeApproved, nil},
		{"a note changes nothing", SuspicionReview, []Check{NewCheck(DocumentValidity, Passed, DocumentExpiring)}, OutcomeApproved, nil},
		{"no holder to compare", SuspicionReview, []Check{NewCheck(HolderMatch, Skipped)}, OutcomeApproved, nil},
		{"holder not available", SuspicionReview, []Check{NewCheck(HolderMatch, Unavailable, ProviderUnavailable)}, OutcomeApproved, nil},
		{"holder inconclusive", SuspicionReview, []Check{NewCheck(HolderMatch, Inconclusive, ProviderContractViolation)}, OutcomeReview, []ReasonCode{ProviderContractViolation}},
		{"another holder", SuspicionReview, []Check{NewCheck(HolderMatch, Failed, HolderMismatch)}, OutcomeDeclined, []ReasonCode{HolderMismatch}},
		{"name and number differ", SuspicionReview, []Check{NewCheck(IdentityRecords, Failed, IdentityMismatch)}, OutcomeDeclined, []ReasonCode{IdentityMismatch}},
		{"expired card, nothing else asked", SuspicionReview, []Check{NewCheck(DocumentValidity, Failed, DocumentExpired, DocumentSequenceZero), NewCheck(IdentityRecords, Skipped), NewCheck(Liveness, Skipped), NewCheck(FaceMatch, Skipped)}, OutcomeDeclined, []ReasonCode{DocumentExpired}},
		{"records down", SuspicionReview, []Check{NewCheck(IdentityRecords, Unavailable, ProviderUnavailable)}, OutcomeReview, []ReasonCode{ProviderUnavailable}},
		{"everything down", SuspicionDecline, []Check{NewCheck(IdentityRecords, Unavailable, ProviderUnavailable), NewCheck(Liveness, Unavailable), NewCheck(FaceMatch, Inconclusive, FaceNotCompared)}, OutcomeReview, []ReasonCode{ProviderUnavailable, FaceNotCompared}},
		{"not found", SuspicionReview, []Check{NewCheck(IdentityRecords, Inconclusive, RecordsNotFound)}, OutcomeReview, []ReasonCode{RecordsNotFound}},
		{"not alike, tries left", SuspicionReview, []Check{NewCheck(FaceMatch, Failed, FaceNoMatch)}, OutcomeReview, []ReasonCode{FaceNoMatch}},
		{"not alike, the last try", SuspicionReview, Exhausted([]Check{NewCheck(FaceMatch, Failed, FaceNoMatch)}), OutcomeDeclined, []ReasonCode{FaceNoMatch, SessionAttemptsExhausted}},
		{"spoof, review", SuspicionReview, []Check{NewCheck(Liveness, Failed, FaceSpoofSuspected)}, OutcomeReview, []ReasonCode{FaceSpoofSuspected}},
		{"spoof, decline", SuspicionDecline, []Check{NewCheck(Liveness, Failed, FaceSpoofSuspected)}, OutcomeDeclined, []ReasonCode{FaceSpoofSuspected}},
		{"spoof in a session that passed", SuspicionDecline, []Check{NewCheck(Liveness, Passed, FaceSpoofSuspected)}, OutcomeReview, []ReasonCode{FaceSpoofSuspected}},
		{"failed for an unknown reason", SuspicionDecline, []Check{NewCheck(Liveness, Failed, "face.unheard_of")}, OutcomeReview, []ReasonCode{"face.unheard_of"}},
		{"failed without a reason", SuspicionDecline, []Check{NewCheck(Liveness, Failed)}, OutcomeReview, nil},
		{"a check that is off fails", SuspicionReview, []Check{NewCheck(DocumentChip, Failed, HolderMismatch)}, OutcomeApproved, nil},
		{"a decline outweighs what is open", SuspicionReview, []Check{NewCheck(Liveness, Pending), NewCheck(IdentityRecords, Failed, IdentityMismatch)}, OutcomeDeclined, []ReasonCode{IdentityMismatch}},
	} {
		j := Judge(policy(c.suspicion), Replace(allPassed, c.changed...))
		require.Equal(t, c.want, j.Outcome, c.what)
		var codes []ReasonCode
		for _, r := range j.Reasons {
			codes = append(codes, r.Code)
		}
		require.Equal(t, c.reasons, codes, c.what)
	}
}

func asJSON(t require.TestingT, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
