package verification_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	. "github.com/yanzhen-id/yanzhen/verification"
)

func TestReplaceKeepsOneCheckOfEachTypeInTheOrderShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, news := drawChecks(t), drawChecks(t)
		got := Replace(Replace(nil, list...), news...)
		at := -1
		for _, c := range got {
			place := indexOf(c.Type)
			if place <= at {
				t.Fatal("out of order or twice")
			}
			at = place
			want, ok := Find(news, c.Type)
			if !ok {
				want, _ = Find(list, c.Type)
			}
			if asJSON(t, want) != asJSON(t, c) {
				t.Fatal("the newest check of a type must stand")
			}
		}
		for _, c := range append(list, news...) {
			if _, ok := Find(got, c.Type); !ok {
				t.Fatal("a check was lost")
			}
		}
	})
}

func indexOf(ct CheckType) int {
	for i, o := range CheckTypes {
		if o == ct {
			return i
		}
	}
	return -1
}

func TestAFailureIsRetryableOnlyIfEveryReasonIs(t *testing.T) {
	require.True(t, NewCheck(FaceMatch, Failed, FaceNoMatch).Retryable)
	require.True(t, NewCheck(FaceMatch, Failed, FaceNoMatch, FacePoorCapture).Retryable)
	require.False(t, NewCheck(FaceMatch, Failed, FaceNoMatch, FaceSpoofSuspected).Retryable)
	require.False(t, NewCheck(FaceMatch, Failed).Retryable)
	require.False(t, NewCheck(FaceMatch, Inconclusive, FaceNoMatch).Retryable)
	require.False(t, NewCheck(HolderMatch, Failed, HolderMismatch).Retryable)
}

func TestTheGravestCheckDecidesHowASessionEnded(t *testing.T) {
	passed := NewCheck(FaceMatch, Passed)
	skipped := NewCheck(HolderMatch, Skipped)
	final := NewCheck(HolderMatch, Failed, HolderMismatch)
	retryable := NewCheck(FaceMatch, Failed, FaceNoMatch)
	suspicious := NewCheck(Liveness, Failed, FaceSpoofSuspected)
	inconclusive := NewCheck(FaceMatch, Inconclusive, FaceNoReferencePhoto)
	unavailable := NewCheck(HolderMatch, Unavailable, ProviderUnavailable)
	for _, c := range []struct {
		want   Ending
		checks []Check
	}{
		{EndedUnjudged, nil},
		{EndedPassed, []Check{passed}},
		{EndedPassed, []Check{passed, skipped}},
		{EndedRetryable, []Check{passed, retryable, skipped}},
		{EndedInconclusive, []Check{passed, inconclusive, retryable}},
		{EndedInconclusive, []Check{passed, unavailable}},
		{EndedSuspicious, []Check{passed, retryable, inconclusive, suspicious}},
		{EndedFinally, []Check{passed, retryable, inconclusive, suspicious, final}},
		{EndedFinally, Exhausted([]Check{passed, retryable})},
	} {
		rapid.Check(t, func(t *rapid.T) {
			order := c.checks
			if len(order) > 0 {
				order = rapid.Permutation(order).Draw(t, "order")
			}
			if got := (FaceResult{Judged: true, Checks: order}).Ending(); got != c.want {
				t.Fatalf("%s instead of %s", got, c.want)
			}
			if got := (FaceResult{Checks: order, Reason: SessionCanceled}).Ending(); got != EndedUnjudged {
				t.Fatalf("unjudged, but %s", got)
			}
		})
	}
}

func TestTheLastAttemptTurnsRetryableFailuresFinalAndNothingElse(t *testing.T) {
	got := Exhausted([]Check{
		NewCheck(Liveness, Passed),
		NewCheck(FaceMatch, Failed, FaceNoMatch, FacePoorCapture),
		NewCheck(HolderMatch, Inconclusive, ProviderContractViolation),
		NewCheck(IdentityRecords, Failed, FaceSpoofSuspected),
	})
	require.Equal(t, []Check{
		NewCheck(Liveness, Passed),
		{Type: FaceMatch, Status: Failed, Reasons: []Reason{{Code: FaceNoMatch}, {Code: FacePoorCapture}, {Code: SessionAttemptsExhausted}}},
		NewCheck(HolderMatch, Inconclusive, ProviderContractViolation),
		NewCheck(IdentityRecords, Failed, FaceSpoofSuspected),
	}, got)
	require.True(t, got[1].FailedFinally())
	require.Equal(t, got, Exhausted(got), "exhausted once is exhausted")
}

func TestOutcomeIsOneWordForStatusAndDecision(t *testing.T) {
	for _, s := range Statuses {
		for _, d := range []Decision{"", Approved, Declined} {
			got := State{Status: s, Decision: d}.Outcome()
			switch s {
			case RequiresInput, Processing:
				require.Empty(t, got)
				require.False(t, s.Ended())
			case InReview:
				require.Equal(t, OutcomeReview, got)
				require.False(t, s.Ended())
			case Completed:
				require.Equal(t, Outcome(d), got)
				require.True(t, s.Ended())
			default:
				require.Equal(t, Outcome(s), got)
				require.True(t, s.Ended())
			}
		}
	}
}
