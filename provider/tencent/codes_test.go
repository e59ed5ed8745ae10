package tencent

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

func TestTheIntentionCheckIsHalfOfTheVerdict(t *testing.T) {
	spoken := func(code any) members {
		return members{"IsVerifyIntention": true, "IntentionVerifyType": "2", "IntentionVerifyData": members{"ErrorCode": code}}
	}
	asked := func(code any) members {
		return members{"IsVerifyIntention": true, "IntentionVerifyType": "0", "IntentionQuestionResult": members{"FinalResultDetailCode": code}}
	}
	nodded := func(code any) members {
		return members{"IsVerifyIntention": true, "IntentionVerifyType": "1", "IntentionActionResult": members{"FinalResultDetailCode": code}}
	}
	for _, answer := range []members{spoken(0), asked(0), nodded(0)} {
		require.Equal(t, verification.EndedPassed, resultOf(t, pass(answer)).Ending(), "%v", answer)
	}
	final := func(code string) members {
		return members{"IsVerifyIntention": true, "IntentionVerifyType": "0", "IntentionQuestionResult": members{"FinalResultDetailCode": nil, "FinalResultCode": code}}
	}
	require.Equal(t, verification.EndedPassed, resultOf(t, pass(final("0"))).Ending())

	unjudged, retry := verification.EndedUnjudged, verification.EndedRetryable
	for _, row := range []struct {
		answer members
		ending verification.Ending
		reason verification.ReasonCode
	}{
		{spoken(-1), unjudged, verification.SessionInterrupted}, {spoken(-2), unjudged, verification.ProviderMisconfigured},
		{spoken(-3), unjudged, verification.SessionInterrupted}, {spoken(-11), unjudged, verification.SessionInterrupted},
		{spoken(-15), unjudged, verification.SessionVendorLimit}, {spoken(-17), retry, verification.FaceNotLive},
		{spoken(3001), retry, verification.FacePoorCapture}, {spoken(3011), retry, verification.FaceNoMatch},
		{spoken(-801), unjudged, verification.DeviceCameraDenied},
		{asked(-1), unjudged, verification.ProviderMisconfigured}, {asked(-2), unjudged, verification.SessionInterrupted}, {nodded(-998), unjudged, verification.SessionInterrupted},
		{asked(-101), retry, verification.FacePoorCapture}, {nodded(-107), retry, verification.FacePoorCapture},
		{asked(-201), retry, verification.FaceNoMatch}, {asked(-301), retry, verification.FaceNotLive}, {asked(-302), retry, verification.FaceNotLive},
		{asked(-800), unjudged, verification.DeviceUnsupported}, {asked(-803), unjudged, verification.SessionCanceled}, {asked(-804), unjudged, verification.SessionInterrupted},
		{final("-1"), retry, verification.FaceNotLive}, {final("-2"), unjudged, verification.DeviceUnsupported},
	} {
		r := resultOf(t, pass(row.answer))
		require.Equal(t, row.ending, r.Ending(), "%v", row.answer)
		require.Equal(t, row.reason, r.Reason, "%v", row.answer)
		require.Contains(t, r.ProviderCode, "intention_")
	}
	for _, answer := range []members{
		spoken(nil), asked(nil), nodded(nil), spoken(-999), asked(7), final("passed"),
		{"IsVerifyIntention": true}, {"IsVerifyIntention": true, "IntentionVerifyType": "7", "IntentionVerifyData": members{"ErrorCode": 0}},
		// The other mode's object says 0, as the vendor's own sample does.
		{"IsVerifyIntention": true, "IntentionVerifyType": "0", "IntentionVerifyData": members{"ErrorCode": 0}},
		// Which mode it was is not told.
		{"IsVerifyIntention": true, "IntentionVerifyType": "", "IntentionVerifyData": members{"ErrorCode": 0}},
		// The detail says 0, and the word beside it no.
		{"IsVerifyIntention": true, "IntentionVerifyType": "0", "IntentionQuestionResult": members{"FinalResultDetailCode": 0, "FinalResultCode": "-1"}},
	} {
		requireUndecided(t, resultOf(t, pass(answer)), answer)
	}
}

// A session that asked for the intention passes only on proof of it: the vendor
// says that the step was used, in the mode that was asked for, and that mode's
// result is 0. The vendor's own sample holds a 0 of a step that was not used.
func TestAnIntentionThatWasAskedForPassesOnlyOnProof(t *testing.T) {
	spoken, asked, nodded := members{"ErrorCode": 0}, members{"FinalResultDetailCode": 0, "FinalResultCode": "0"}, members{"FinalResultDetailCode": 0}
	all := members{"IntentionVerifyData": spoken, "IntentionQuestionResult": asked, "IntentionActionResult": nodded}
	with := func(changes ...members) members { return pass(append([]members{all}, changes...)...) }
	result := func(mode string, answer members) verification.FaceResult {
		s := session
		s.Handle = []byte(`{"token":"` + eidToken + `","intention":"` + mode + `"}`)
		v := newVendor(t)
		v.on("GetEidResult", envelopeOf(answer))
		c, _ := v.client()
		r, err := c.Result(t.Context(), s)
		require.NoError(t, err)
		return r
	}
	told := map[string]string{"1": "2", "2": "0", "3": "1"}
	results := map[string]string{"1": "IntentionVerifyData", "2": "IntentionQuestionResult", "3": "IntentionActionResult"}
	for mode, kind := range told {
		require.Equal(t, verification.EndedPassed, result(mode, pass(members{"IsVerifyIntention": true, "IntentionVerifyType": kind, results[mode]: all[results[mode]]})).Ending(), mode)
		require.Equal(t, verification.EndedPassed, result(mode, pass(members{"IsVerifyIntention": true, "IntentionVerifyType": nil, results[mode]: all[results[mode]]})).Ending(), mode)
		for _, answer := range []members{
			pass(), with(members{"IsVerifyIntention": false, "IntentionVerifyType": kind}), with(members{"IsVerifyIntention": nil, "IntentionVerifyType": kind}),
			with(members{"IsVerifyIntention": missing, "IntentionVerifyType": kind}), with(members{"IsVerifyIntention": true, "IntentionVerifyType": kind, results[mode]: nil}),
			with(members{"IsVerifyIntention": true, "IntentionVerifyType": told[map[string]string{"1": "2", "2": "3", "3": "1"}[mode]]}),
			with(members{"IsVerifyIntention": true, "IntentionVerifyType": "9"}),
		} {
			requireUndecided(t, result(mode, answer), answer)
		}
	}
	// Not asked for and not used: the results mean nothing.
	require.Equal(t, verification.EndedPassed, resultOf(t, pass(members{"IntentionVerifyData": members{"ErrorCode": -1}})).Ending())
}

func TestANumberInPlaceOfACodeIsNotShown(t *testing.T) {
	r := resultOf(t, ended(110101199003070011, 0))
	requireUndecided(t, r, r)
	require.Equal(t, "unrecognized", r.ProviderCode)
}

func TestEveryCodeOfEveryTableHasAReasonOfTheCatalogue(t *testing.T) {
	for _, table := range []map[int64]meaning{flowCodes, guidedIntentionCodes, spokenIntentionCodes} {
		require.NotContains(t, table, int64(0))
		for _, code := range slices.Sorted(maps.Keys(table)) {
			m := table[code]
			e, known := m.reason.Describe()
			require.True(t, known, code)
			require.Equal(t, m.answers == nothing, m.status == "", code)
			if m.answers == nothing && !m.next {
				require.Equal(t, verification.Session, e.Class, code)
			}
			require.NotEqual(t, verification.Passed, m.status, code)
		}
	}
}
