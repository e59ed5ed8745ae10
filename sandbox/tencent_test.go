package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

func TestASessionGoesFromInitToFinishedAndItsResultIsRead(t *testing.T) {
	w := start(t, nil)
	token, link := w.eidToken(nil)
	require.Regexp(t, `^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`, token)
	require.Equal(t, w.url+"/page/tencent/"+token, link)
	require.Equal(t, "init", w.status(token))

	require.NoError(t, w.Begin(token))
	require.Equal(t, "doing", w.status(token))
	require.NoError(t, w.End(token, "0"))
	require.Equal(t, "finished", w.status(token))

	r, text := w.result(token, "1")
	require.Equal(t, 0, *text.ErrCode)
	require.Equal(t, 0, *text.LiveStatus)
	require.Equal(t, 0, *text.Comparestatus)
	require.Equal(t, "91.07", *text.Sim)
	require.Equal(t, "att_1", *text.Extra)
	require.Empty(t, *text.Name, "the identity is never in Text")
	require.Empty(t, *text.IdCard)
	require.Len(t, text.LivenessDetail, 2)
	require.Equal(t, 1003, text.LivenessDetail[0].Errcode, "the first try is not the outcome")
	require.False(t, text.LivenessDetail[0].IsNeedCharge)
	require.Equal(t, 0, text.LivenessDetail[1].Errcode)
	ms, err := strconv.ParseInt(text.LivenessDetail[1].ReqTime, 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now(), time.UnixMilli(ms), time.Minute)
	require.JSONEq(t, `null`, string(r["BestFrame"]))
	require.JSONEq(t, `null`, string(r["IdCardData"]))
	require.JSONEq(t, `false`, string(r["IsVerifyIntention"]))
	require.Contains(t, string(r["EidInfo"]), `"DesKey":""`, "no merchant key, no identity")
}

func TestEveryEndingKeepsItsCodeAndOnlyThreeAreCharged(t *testing.T) {
	for _, c := range []struct {
		outcome       string
		code          int
		live, compare any
		sim           any
		charged       int
	}{
		{"0", 0, 0, 0, "91.07", 1},
		{"2016", 2016, 0, 2016, "41.20", 1},
		{"2006", 2006, 0, 2006, "0.00", 1},
		{"1003", 1003, 1003, nil, nil, 0},
		{"1002", 1002, 1002, nil, nil, 0},
		{"2004", 2004, 0, 2004, "0.00", 0},
		{"2005", 2005, 0, 2005, "0.00", 0},
		{"2007", 2007, 0, 2007, "0.00", 0},
		{"1001", 1001, 1001, nil, nil, 0},
		{"1008", 1008, 1008, nil, nil, 0},
		{"16", 16, nil, nil, nil, 0},
		{"31999", 31999, nil, nil, nil, 0},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			w := start(t, nil)
			token, _ := w.eidToken(nil)
			require.NoError(t, w.Begin(token))
			require.NoError(t, w.End(token, c.outcome))
			r := w.tencent("GetEidResult", map[string]any{"EidToken": token})
			var text map[string]any
			require.NoError(t, json.Unmarshal(r["Text"], &text))
			number := func(v any) any {
				if n, ok := v.(int); ok {
					return float64(n)
				}
				return v
			}
			require.Equal(t, float64(c.code), text["ErrCode"])
			require.Equal(t, number(c.live), text["LiveStatus"])
			require.Equal(t, number(c.compare), text["Comparestatus"])
			require.Equal(t, c.sim, text["Sim"])
			require.Equal(t, c.charged, w.Ledger().Charged(Query{Vendor: Tencent}))
			if c.code != 0 {
				require.JSONEq(t, `null`, string(r["EidInfo"]))
			}
		})
	}
}

func TestATokenTimesOutAfterTenMinutesWhetherBegunOrNot(t *testing.T) {
	w := start(t, nil)
	untouched, _ := w.eidToken(nil)
	begun, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(begun))
	w.clock.Add(600*time.Second - 1)
	require.Equal(t, "init", w.status(untouched))
	require.Equal(t, "doing", w.status(begun))
	w.clock.Add(1)
	require.Equal(t, "timeout", w.status(untouched))
	require.Equal(t, "timeout", w.status(begun))
	require.ErrorIs(t, w.End(begun, "0"), ErrState, "what has run out cannot be passed")
}

func TestAResultIsKeptThreeDaysFromTheTokensCreation(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	w.clock.Add(3*24*time.Hour - time.Second)
	_, text := w.result(token, "")
	require.Equal(t, 0, *text.ErrCode)
	w.clock.Add(time.Second)
	r, _ := w.result(token, "")
	require.Equal(t, "InvalidParameterValue.BizTokenExpired", r.errorCode())
	r, _ = w.result("7B0C1D2E-3F40-4A5B-8C6D-7E8F90A1B2C3", "")
	require.Equal(t, "InvalidParameterValue.BizTokenIllegal", r.errorCode())
	require.Equal(t, "InvalidParameterValue.BizTokenIllegal",
		w.tencent("CheckEidTokenStatus", map[string]string{"EidToken": "nope"}).errorCode())
}

func TestAnEarlyLookIsAnsweredInEitherOfTheTwoPossibleWays(t *testing.T) {
	t.Run("nulls", func(t *testing.T) {
		w := start(t, nil)
		token, _ := w.eidToken(nil)
		r, text := w.result(token, "")
		require.Nil(t, text)
		require.Contains(t, r, "EidInfo", "members are there, at null")
	})
	t.Run("code 17", func(t *testing.T) {
		w := start(t, func(c *Config) { c.Tencent.EarlyResult = EarlyCode17 })
		token, _ := w.eidToken(nil)
		_, text := w.result(token, "")
		require.Equal(t, 17, *text.ErrCode)
		require.Nil(t, text.LiveStatus)
	})
	for variant, want := range map[string]string{TimedOutExpired: "InvalidParameterValue.BizTokenExpired", TimedOutCode15: "15", TimedOutEarly: "null"} {
		t.Run("timed out, "+variant, func(t *testing.T) {
			w := start(t, func(c *Config) { c.Tencent.TimedOutResult = variant })
			token, _ := w.eidToken(nil)
			require.NoError(t, w.Expire(token))
			r, text := w.result(token, "")
			got := r.errorCode()
			switch {
			case text != nil:
				got = strconv.Itoa(*text.ErrCode)
			case got == "":
				got = "null"
			}
			require.Equal(t, want, got)
		})
	}
}

func TestGetEidTokenRefusesWhatTheContractForbids(t *testing.T) {
	w := start(t, nil)
	for name, c := range map[string]struct {
		change map[string]any
		want   string
	}{
		"no merchant":            {map[string]any{"MerchantId": nil}, "MissingParameter"},
		"unknown merchant":       {map[string]any{"MerchantId": "0NSJ9"}, "InvalidParameterValue.RuleIdNotExist"},
		"InputType 4, no name":   {map[string]any{"Name": ""}, "InvalidParameter"},
		"InputType 4, no number": {map[string]any{"IdCard": ""}, "InvalidParameter"},
		"unknown InputType":      {map[string]any{"Config": map[string]string{"InputType": "5"}}, "InvalidParameter"},
		"long name":              {map[string]any{"Name": strings.Repeat("测", 33)}, "InvalidParameter"},
		"long number":            {map[string]any{"IdCard": strings.Repeat("1", 33)}, "InvalidParameter"},
		"strange number":         {map[string]any{"IdCard": "1101-99"}, "InvalidParameter"},
		"long extra":             {map[string]any{"Extra": strings.Repeat("x", 1025)}, "InvalidParameter"},
		"long redirect":          {map[string]any{"RedirectUrl": "https://a.example/" + strings.Repeat("x", 1024)}, "InvalidParameter"},
		"redirect is no address": {map[string]any{"RedirectUrl": "javascript:alert(1)"}, "InvalidParameter"},
		"wrong type":             {map[string]any{"Name": 7}, "InvalidParameter"},
		"sealed without a key":   {map[string]any{"Encryption": map[string]any{"EncryptList": []string{"Name"}}}, "FailedOperation.DecryptSystemError"},
	} {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{"MerchantId": DefaultMerchantID, "Name": "测试甲", "IdCard": "110199199003070017", "Config": map[string]string{"InputType": "4"}}
			for k, v := range c.change {
				body[k] = v
			}
			r := w.tencent("GetEidToken", body)
			require.Equal(t, c.want, r.errorCode())
			require.Empty(t, r.text("EidToken"))
		})
	}
	require.Zero(t, w.Ledger().Count(Query{Outcome: "ok"}))
}

func TestThirtyTwoHanCharactersAreANameOfThirtyTwo(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(map[string]any{"Name": strings.Repeat("测", 32)})
	require.NotEmpty(t, token)
}

func TestAForcedPersonOverridesAPassAndCanBeRefusedAToken(t *testing.T) {
	w := start(t, nil)
	p := Fixtures()[1]
	p.TencentOutcome = "2006"
	require.NoError(t, w.AddPerson(p))
	token, _ := w.eidToken(map[string]any{"Name": p.Name, "IdCard": p.IDNumber})
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	_, text := w.result(token, "1")
	require.Equal(t, 2006, *text.ErrCode)

	p.TencentOutcome = "FailedOperation.UnregisteredEid"
	require.NoError(t, w.AddPerson(p))
	r := w.tencent("GetEidToken", map[string]any{"MerchantId": DefaultMerchantID, "Name": p.Name, "IdCard": p.IDNumber, "Config": map[string]string{"InputType": "4"}})
	require.Equal(t, "FailedOperation.UnregisteredEid", r.errorCode())
}

// intentionOf is what GetEidToken needs for the intention step of a mode.
func intentionOf(mode string) map[string]any {
	return map[string]any{"InputType": "4", "UseIntentionVerify": true, "IntentionMode": mode, "IntentionVerifyText": "我同意",
		"IntentionQuestions": []any{map[string]any{"Question": "您是否自愿？", "Answers": []string{"是"}}},
		"IntentionActions":   []any{map[string]any{"Text": "本人自愿"}}}
}

func TestTheIntentionStepHasAVerdictOfItsOwn(t *testing.T) {
	for mode, member := range map[string]string{"1": "IntentionVerifyData", "2": "IntentionQuestionResult", "3": "IntentionActionResult"} {
		for outcome, c := range map[string]struct{ zero, used bool }{
			"0": {true, true}, OutcomePassIntentionRefused: {false, true}, OutcomePassIntentionUnused: {true, false},
		} {
			w := start(t, nil)
			token, _ := w.eidToken(map[string]any{"Config": intentionOf(mode)})
			require.NoError(t, w.Begin(token))
			require.NoError(t, w.End(token, outcome))
			r, text := w.result(token, "156")
			require.Equal(t, 0, *text.ErrCode, "the face passed either way")
			require.Equal(t, c.used, string(r["IsVerifyIntention"]) == "true")
			var verdict struct{ ErrorCode, FinalResultDetailCode int }
			require.NoError(t, json.Unmarshal(r[member], &verdict))
			require.Equal(t, c.zero, verdict.ErrorCode == 0 && verdict.FinalResultDetailCode == 0, "mode %s, outcome %s", mode, outcome)
			without, _ := w.result(token, "1")
			require.NotContains(t, string(without[member]), "{", "not asked for by InfoType")
		}
	}
}

func TestTheIntentionStepEndsWithAnyCode(t *testing.T) {
	for mode, member := range map[string]string{"1": "IntentionVerifyData", "2": "IntentionQuestionResult", "3": "IntentionActionResult"} {
		w := start(t, nil)
		token, _ := w.eidToken(map[string]any{"Config": intentionOf(mode)})
		require.NoError(t, w.Begin(token))
		require.ErrorIs(t, w.End(token, OutcomeIntention+"no"), ErrOutcome)
		require.NoError(t, w.End(token, OutcomeIntention+"-803"))
		r, text := w.result(token, "156")
		require.Equal(t, 0, *text.ErrCode)
		require.Contains(t, string(r[member]), "-803")
	}
}

// The vendor's own sample: a 0 of a step that nobody was asked to take.
func TestAnIntentionStepThatWasNotAskedForSaysZeroNevertheless(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	r, _ := w.result(token, "0")
	require.JSONEq(t, `false`, string(r["IsVerifyIntention"]))
	require.Contains(t, string(r["IntentionVerifyData"]), `"ErrorCode":0`)
}

func TestAnIntentionStepThatCannotBeShownIsRefused(t *testing.T) {
	w := start(t, nil)
	for name, change := range map[string]map[string]any{
		"another mode": {"IntentionMode": "4"}, "a long text": {"IntentionVerifyText": strings.Repeat("读", 121)},
		"no question":     {"IntentionMode": "2", "IntentionQuestions": nil},
		"no answer":       {"IntentionQuestions": []any{map[string]any{"Question": "问"}}},
		"a long answer":   {"IntentionQuestions": []any{map[string]any{"Question": "问", "Answers": []string{strings.Repeat("是", 11)}}}},
		"nothing to nod":  {"IntentionMode": "3", "IntentionActions": nil},
		"a long nod text": {"IntentionActions": []any{map[string]any{"Text": strings.Repeat("点", 151)}}},
	} {
		config := intentionOf("1")
		maps.Copy(config, change)
		r := w.tencent("GetEidToken", map[string]any{"MerchantId": DefaultMerchantID, "Name": "测试甲", "IdCard": "110199199003070017", "Config": config})
		require.Equal(t, "InvalidParameter", r.errorCode(), name)
	}
}

func TestMediaComesOnlyWhenAskedFor(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	r, text := w.result(token, "3")
	require.Nil(t, text)
	var frame struct{ BestFrame string }
	require.NoError(t, json.Unmarshal(r["BestFrame"], &frame))
	require.NotEmpty(t, frame.BestFrame)
	for _, bad := range []string{"4", "x", "13a"} {
		r, _ := w.result(token, bad)
		require.Equal(t, "InvalidParameter", r.errorCode())
	}
}

func TestRateLimitsAnswerRequestLimitExceededAndRecover(t *testing.T) {
	w := start(t, func(c *Config) { c.Tencent.StatusRate = 5 })
	token, _ := w.eidToken(nil)
	for range 5 {
		require.Equal(t, "init", w.status(token))
	}
	r := w.tencent("CheckEidTokenStatus", map[string]string{"EidToken": token})
	require.Equal(t, "RequestLimitExceeded", r.errorCode())
	_, other := w.result(token, "")
	require.Nil(t, other, "another action has a limit of its own")
	w.clock.Add(time.Second)
	require.Equal(t, "init", w.status(token))
}

// TestTencentsOwnSDKWorksAgainstIt keeps us honest about the signature, the
// endpoint with a path, and the envelope.
func TestTencentsOwnSDKWorksAgainstIt(t *testing.T) {
	w := start(t, func(c *Config) { c.Clock = time.Now })
	for _, key := range []string{DefaultSecretKey, "wrong"} {
		p := profile.NewClientProfile()
		p.HttpProfile.Scheme = "HTTP"
		p.HttpProfile.Endpoint = strings.TrimPrefix(w.url, "http://") + "/tencent"
		client := common.NewCommonClient(common.NewCredential(DefaultSecretID, key), "", p)
		request := tchttp.NewCommonRequest("faceid", "2018-03-01", "GetEidToken")
		require.NoError(t, request.SetActionParameters(map[string]any{"MerchantId": DefaultMerchantID, "Name": "测试甲", "IdCard": "110199199003070017",
			"RedirectUrl": "https://a.example/?a=1&b=<2>", "Config": map[string]string{"InputType": "4"}}))
		reply := tchttp.NewCommonResponse()
		err := client.Send(request, reply)
		if key == DefaultSecretKey {
			require.NoError(t, err)
			require.Contains(t, string(reply.GetBody()), `"EidToken"`)
			continue
		}
		var apiErr *tcerrors.TencentCloudSDKError
		require.ErrorAs(t, err, &apiErr)
		require.Equal(t, "AuthFailure.SignatureFailure", apiErr.Code)
		require.NotEmpty(t, apiErr.RequestId)
	}
}

func TestTheTrailingSlashMakesNoDifference(t *testing.T) {
	w := start(t, nil)
	req := w.tencentRequest(w.signer("CheckEidTokenStatus"), `{"EidToken":"x"}`, func(r *http.Request) { r.URL.Path = "/tencent/" })
	require.Equal(t, "InvalidParameterValue.BizTokenIllegal", w.send(req).errorCode())
}
