package tencent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// resultOf lets a client of the configuration read one answer.
func resultOf(t *testing.T, answer members, change ...func(*Config)) verification.FaceResult {
	t.Helper()
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(answer))
	c, _ := v.client(change...)
	r, err := c.Result(t.Context(), session)
	require.NoError(t, err)
	return r
}

// requireUndecided: neither a pass nor a failure.
func requireUndecided(t *testing.T, r verification.FaceResult, about any) {
	t.Helper()
	require.True(t, r.Judged, "%v", about)
	require.Equal(t, verification.EndedInconclusive, r.Ending(), "%v", about)
	require.Equal(t, verification.ProviderContractViolation, r.Reason, "%v", about)
	for _, c := range r.Checks {
		require.Contains(t, []verification.CheckStatus{verification.Inconclusive}, c.Status, "%v", about)
	}
}

func TestAPassedFlowPassesLivenessAndFace(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(pass()))
	c, slept := v.client()
	r, err := c.Result(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, verification.FaceResult{
		Judged: true, Begun: true, ProviderCode: "0",
		Checks: []verification.Check{
			{Type: verification.Liveness, Status: verification.Passed, Provider: "tencent_eid", ProviderCode: "0", Billable: verification.BillableYes},
			{Type: verification.FaceMatch, Status: verification.Passed, Provider: "tencent_eid", ProviderCode: "0", Billable: verification.BillableYes},
			{Type: verification.HolderMatch, Status: verification.Skipped, Provider: "tencent_eid", ProviderCode: "0", Billable: verification.BillableNo},
		},
	}, r)
	require.Equal(t, verification.EndedPassed, r.Ending())
	require.Empty(t, *slept)
	require.Len(t, v.requests(), 1)
	require.Equal(t, map[string]any{"EidToken": eidToken, "InfoType": "1"}, v.requests()[0].body)
}

func TestEveryBusinessCodeHasItsMeaning(t *testing.T) {
	const final, retry, suspicion, open, unjudged = verification.EndedFinally, verification.EndedRetryable,
		verification.EndedSuspicious, verification.EndedInconclusive, verification.EndedUnjudged
	type row struct {
		ending verification.Ending
		reason verification.ReasonCode
		check  verification.CheckType
	}
	face, live, none := verification.FaceMatch, verification.Liveness, verification.CheckType("")
	want := map[int]row{
		15: {unjudged, verification.SessionExpired, none}, 16: {unjudged, verification.SessionVendorLimit, none},
		301: {final, verification.IdentityMismatch, face}, 302: {final, verification.DocumentExpired, face},
		1002: {suspicion, verification.FaceSpoofSuspected, live},
		2002: {open, verification.IdentityNameMalformed, face}, 2003: {open, verification.IdentityNumberMalformed, face},
		2005: {open, verification.RecordsNotFound, face}, 2006: {final, verification.IdentityMismatch, face},
		2011: {suspicion, verification.FaceSpoofSuspected, face}, 2016: {retry, verification.FaceNoMatch, face},
		// Of no table: review.
		5: {open, verification.ProviderContractViolation, face}, -1: {open, verification.ProviderContractViolation, face},
		18: {open, verification.ProviderContractViolation, face}, 2018: {open, verification.ProviderContractViolation, face},
		1300: {open, verification.ProviderContractViolation, face}, 1009: {open, verification.ProviderContractViolation, face},
	}
	for _, c := range []int{1, 2, 3, 203, 204} {
		want[c] = row{unjudged, verification.ProviderMisconfigured, none}
	}
	for _, c := range []int{4, 8, 10, 12, 13, 201, 202, 1001, 1006, 1007, 1008, 2001, 2017} {
		want[c] = row{unjudged, verification.SessionInterrupted, none}
	}
	for _, c := range []int{1003, 1004, 1005, 1100, 1101, 1199, 1200, 1201, 1299} {
		want[c] = row{retry, verification.FaceNotLive, live}
	}
	for _, c := range []int{303, 2004, 2010, 2012, 2013, 2014, 2015} {
		want[c] = row{retry, verification.FacePoorCapture, face}
	}
	for _, c := range []int{2007, 2008, 2009} {
		want[c] = row{open, verification.FaceNoReferencePhoto, face}
	}
	for code := range flowCodes {
		if code != 14 && code != 17 { // have their own test
			require.Contains(t, want, int(code), "the table has a code that no row expects")
		}
	}
	for code, w := range want {
		r := resultOf(t, ended(code, 0))
		require.Equal(t, w.ending, r.Ending(), code)
		require.Equal(t, w.ending != unjudged, r.Judged, code)
		require.Equal(t, w.reason, r.Reason, code)
		require.Equal(t, fmt.Sprint(code), r.ProviderCode)
		require.Equal(t, w.reason == verification.ProviderMisconfigured, r.NextProvider, code)
		require.True(t, r.Begun, code)
		_, known := r.Reason.Describe()
		require.True(t, known, code)
		if w.check == none {
			require.Empty(t, r.Checks, code)
			continue
		}
		check := find(t, r, w.check)
		require.Equal(t, []verification.Reason{verification.ReasonOf(w.reason)}, check.Reasons, code)
		require.Equal(t, w.ending == retry, check.Retryable, code)
		require.Equal(t, "tencent_eid", check.Provider)
		charged := map[bool]verification.Billable{true: verification.BillableYes, false: verification.BillableNo}[code == 2006 || code == 2016]
		for _, c := range r.Checks {
			require.Equal(t, charged, c.Billable, code)
			require.Equal(t, fmt.Sprint(code), c.ProviderCode)
		}
	}
}

func TestLivenessIsToldByItsOwnCode(t *testing.T) {
	require.Equal(t, verification.Passed, find(t, resultOf(t, ended(2016, 0)), verification.Liveness).Status)
	for _, live := range []any{nil, 1003} {
		_, told := verification.Find(resultOf(t, ended(2006, live)).Checks, verification.Liveness)
		require.False(t, told, "a liveness that was not reached is not passed")
	}
	_, told := verification.Find(resultOf(t, ended(1003, 1003)).Checks, verification.FaceMatch)
	require.False(t, told, "a comparison that was not reached says nothing")
}

func TestAnExpiredTokenSaysWhetherThePersonHadBegun(t *testing.T) {
	require.True(t, resultOf(t, ended(15, nil)).Begun)
	require.False(t, resultOf(t, pass(members{"Text.ErrCode": 15, "Text.LivenessDetail": nil})).Begun)
	require.False(t, resultOf(t, pass(members{"Text.ErrCode": 15, "Text.LivenessDetail": []any{}})).Begun)
}

func TestAPassThatContradictsItselfIsNone(t *testing.T) {
	for _, change := range []members{
		{"Text.Sim": "69.99"}, {"Text.Sim": "0"}, {"Text.Sim": "-1"}, {"Text.Sim": "NaN"}, {"Text.Sim": "Inf"}, {"Text.Sim": "high"}, {"Text.Sim": "100.5"}, {"Text.Sim": "9107"},
		{"Text.LiveStatus": 1003}, {"Text.LiveStatus": nil}, {"Text.LiveStatus": missing},
		{"Text.Comparestatus": 2016}, {"Text.Comparestatus": nil}, {"Text.Comparestatus": missing},
		{"Text.Extra": "ver_abc/1"}, {"Text.Extra": "ver_other/2"}, {"Text.Extra": "ver_abc/22"},
	} {
		requireUndecided(t, resultOf(t, pass(change)), change)
	}
	for _, change := range []members{
		{"Text.Sim": "70"}, {"Text.Sim": "70.00"}, {"Text.Sim": "100.00"}, {"Text.Sim": nil}, {"Text.Sim": ""}, {"Text.Sim": missing},
		{"Text.Extra": nil}, {"Text.Extra": ""}, {"Text.Extra": missing}, {"Text.LivenessDetail": nil}, {"EidInfo": nil}, {"IsVerifyIntention": nil},
	} {
		require.Equal(t, verification.EndedPassed, resultOf(t, pass(change)).Ending(), "%v", change)
	}
}

func TestAnotherSessionsFailureIsNotThisPersons(t *testing.T) {
	answer := ended(2006, 0)
	answer["Text"].(members)["Extra"] = "ver_other/2"
	requireUndecided(t, resultOf(t, answer), answer)
}

func TestMembersOfAnotherTypeAreNoAnswer(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client(withKey)
	for _, change := range []members{
		{"Text.ErrCode": "0"}, {"Text.ErrCode": 0.5}, {"Text.ErrCode": true}, {"Text.ErrCode": []int{0}}, {"Text.Sim": 91.07}, {"Text.LiveStatus": "0"},
		{"Text.Extra": 7}, {"Text": "0"}, {"Text": []any{}}, {"EidInfo": "x"}, {"EidInfo": members{"DesKey": 1}}, {"IsVerifyIntention": "false"},
		{"IsVerifyIntention": true, "IntentionVerifyType": 2}, {"IntentionVerifyData": members{"ErrorCode": "0"}}, {"Text.errcode": 0},
	} {
		v.on("GetEidResult", envelopeOf(pass(change)))
		_, err := c.Result(t.Context(), session)
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, "%v", change)
	}
}

func TestAResultThatIsNotThereIsLookedAtThreeTimesMore(t *testing.T) {
	notThere := []members{
		{}, {"Text": nil}, pass(members{"Text.ErrCode": nil}), pass(members{"Text.ErrCode": missing}), ended(17, nil), ended(14, nil),
	}
	for _, answer := range notThere {
		v := newVendor(t)
		c, slept := v.client()
		v.on("GetEidResult", envelopeOf(answer))
		r, err := c.Result(t.Context(), session)
		require.NoError(t, err)
		requireUndecided(t, r, answer)
		require.Equal(t, lookAgainAfter, *slept)
		require.Len(t, v.requests(), 4)

		v.on("GetEidResult", envelopeOf(answer), envelopeOf(answer), envelopeOf(answer), envelopeOf(pass()))
		r, err = c.Result(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, verification.EndedPassed, r.Ending())

		v.on("GetEidResult", envelopeOf(answer), apiFailure("InternalError"))
		_, err = c.Result(t.Context(), session)
		require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	}
	var total time.Duration
	for _, d := range lookAgainAfter {
		total += d
	}
	require.Less(t, total, lookAgainFor)
}

// A vendor whose every answer is slow would else never be heard to the end: what
// it has said so far is its word.
func TestASlowVendorsResultThatIsNotThereIsUndecided(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(ended(17, nil)))
	c, _ := v.client()
	c.sleep = sleep
	defer func(d time.Duration) { lookAgainFor = d }(lookAgainFor)
	lookAgainFor = 50 * time.Millisecond
	r, err := c.Result(t.Context(), session)
	require.NoError(t, err)
	requireUndecided(t, r, ended(17, nil))
}

func TestWaitingForAResultEndsWithItsContext(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(ended(17, nil)))
	c, _ := v.client()
	c.sleep = sleep
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := c.Result(ctx, session)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	require.Less(t, time.Since(began), 900*time.Millisecond)
}

func TestAResultThatIsNoLongerKeptIsGone(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	for _, code := range []string{"InvalidParameterValue.BizTokenExpired", "InvalidParameterValue.BizTokenIllegal"} {
		v.on("GetEidResult", apiFailure(code))
		_, err := c.Result(t.Context(), session)
		require.Equal(t, provider.Gone, failureOf(t, err).Class)
	}
}

func TestTheHolderIsComparedWithTheIdentityThatTheVendorSaw(t *testing.T) {
	for _, user := range []string{user01, user00} {
		r := resultOf(t, pass(members{"EidInfo": identity(user)}), withKey)
		require.Equal(t, verification.Passed, find(t, r, verification.HolderMatch).Status)
		require.Equal(t, verification.EndedPassed, r.Ending())
		require.Empty(t, r.Reason)
	}
	for text, same := range map[string]bool{
		`{"name":"测试甲","idtype":"01","idnum":"110101199003070011"}`: true,
		`{"name":" 测试甲","idnum":"110101199003070011 "}`:             true,
		`{"name":"测试乙","idnum":"110101199003070011"}`:               false,
		`{"name":"测试甲","idnum":"110199199003070017"}`:               false,
		`{"name":"样例乙","idnum":"110199199003070017"}`:               false,
		`{"name":"測試甲","idnum":"110101199003070011"}`:               false,
	} {
		r := resultOf(t, pass(members{"EidInfo": sealUser(t, text, 0)}), withKey)
		holder := find(t, r, verification.HolderMatch)
		if same {
			require.Equal(t, verification.Passed, holder.Status, text)
			continue
		}
		require.Equal(t, verification.HolderMismatch, r.Reason)
		require.True(t, holder.FailedFinally(), text)
		require.Equal(t, verification.EndedFinally, r.Ending())
		require.Equal(t, verification.Passed, find(t, r, verification.FaceMatch).Status)
	}
	for seen, status := range map[string]verification.CheckStatus{
		"王\uE863": verification.Passed, "王䶮": verification.Passed, "王龑": verification.Failed, "王\uE123": verification.Inconclusive,
	} {
		rare := session
		rare.Subject.Name = "王䶮"
		v := newVendor(t)
		v.on("GetEidResult", envelopeOf(pass(members{"EidInfo": sealUser(t, `{"name":"`+seen+`","idnum":"110101199003070011"}`, 1)})))
		c, _ := v.client(withKey)
		r, err := c.Result(t.Context(), rare)
		require.NoError(t, err)
		holder := find(t, r, verification.HolderMatch)
		require.Equal(t, status, holder.Status, "%+q", seen)
		require.Equal(t, Name, holder.Provider)
		require.Equal(t, "0", holder.ProviderCode)
	}
	s := session
	s.Subject.Name = "阿测•买样例"
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(pass(members{"EidInfo": sealUser(t, `{"name":"阿测·买样例","idnum":"110101199003070011"}`, 1)})))
	c, _ := v.client(withKey)
	r, err := c.Result(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, find(t, r, verification.HolderMatch).Status)
}

func TestAnIdentityThatIsNotThereIsAskedForOnceWithEverything(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client(withKey)
	absent := []members{pass(), pass(members{"EidInfo": nil}), pass(members{"EidInfo": missing}), pass(members{"EidInfo": members{"DesKey": desKey, "UserInfo": ""}})}
	for _, answer := range absent {
		v.on("GetEidResult", envelopeOf(answer), envelopeOf(pass(members{"EidInfo": identity(user01), "BestFrame": members{"BestFrame": "AAAA"}})))
		r, err := c.Result(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, verification.Passed, find(t, r, verification.HolderMatch).Status)
		require.Len(t, v.requests(), 2)
		require.Equal(t, "1", v.requests()[0].body["InfoType"])
		require.Equal(t, "0", v.requests()[1].body["InfoType"])

		v.on("GetEidResult", envelopeOf(answer))
		r, err = c.Result(t.Context(), session)
		require.NoError(t, err)
		require.Len(t, v.requests(), 2)
		holder := find(t, r, verification.HolderMatch)
		require.Equal(t, verification.Inconclusive, holder.Status)
		require.Equal(t, verification.ProviderContractViolation, holder.Reasons[0].Code)
		require.Equal(t, verification.ProviderContractViolation, r.Reason)
		require.Equal(t, verification.EndedInconclusive, r.Ending())
	}
	for _, second := range []http.HandlerFunc{
		apiFailure("InvalidParameter"), status(200, "<html>"), envelopeOf(pass(members{"EidInfo": identity(user01), "Text.Extra": "ver_other/1"})),
	} {
		v.on("GetEidResult", envelopeOf(pass()), second)
		r, err := c.Result(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, verification.Inconclusive, find(t, r, verification.HolderMatch).Status)
	}
	v.on("GetEidResult", envelopeOf(pass()), apiFailure("RequestLimitExceeded"))
	_, err := c.Result(t.Context(), session)
	require.Equal(t, provider.RateLimited, failureOf(t, err).Class)
}

func TestAFailedFlowAsksForNoIdentity(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidResult", envelopeOf(ended(2016, 0)))
	c, _ := v.client(withKey)
	r, err := c.Result(t.Context(), session)
	require.NoError(t, err)
	_, told := verification.Find(r.Checks, verification.HolderMatch)
	require.False(t, told)
	require.Len(t, v.requests(), 1)
}

// canned answers every request with the same body.
type canned []byte

func (b canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

func FuzzNothingButAnExplicitZeroPasses(f *testing.F) {
	for _, seed := range []members{pass(), ended(2016, 0), ended(17, nil), pass(members{"EidInfo": identity(user01)}), {"Text": nil},
		pass(members{"IsVerifyIntention": true, "IntentionVerifyType": "2", "IntentionVerifyData": members{"ErrorCode": 0}})} {
		b, err := json.Marshal(members{"Response": seed})
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("null"))
	f.Add([]byte(`{"code":7}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		// What a client does, without the goroutines of net/http, whose timing
		// would lead the fuzzer astray.
		req, err := http.NewRequest(http.MethodPost, "https://faceid.tencentcloudapi.com/", nil)
		require.NoError(t, err)
		res, err := tencentcloud.Transport{Base: canned(body)}.RoundTrip(req)
		if err != nil {
			return
		}
		e := tencentcloud.NewEnvelope()
		var a resultAnswer
		if tchttp.ParseFromHttpResponse(res, e) != nil || !e.Decode(&a) {
			return
		}
		result, passed := a.judge(session, handle{EidToken: eidToken})
		if passed != (result.Ending() == verification.EndedPassed) {
			t.Fatalf("%v is passed: %t", result, passed)
		}
		if passed && (a.Text == nil || a.Text.ErrCode == nil || *a.Text.ErrCode != 0 || !bytes.Contains(body, []byte("0"))) {
			t.Fatalf("passed: %q", body)
		}
	})
}
