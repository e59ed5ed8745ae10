package tencent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

func recordSleep(slept *[]time.Duration) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		*slept = append(*slept, d)
		return ctx.Err()
	}
}

var opening = provider.Opening{
	VerificationID: "ver_abc", Session: 2, Subject: subject,
	ReturnURL: "https://kyc.example.com/callbacks/tencent_eid/return/ticket",
}

func TestOpeningSendsNameNumberAndTheBindingOfTheSession(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidToken", envelopeOf(members{"EidToken": eidToken, "Url": pageURL}))
	c, _ := v.client()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return at }

	opened, err := c.Open(t.Context(), opening)
	require.NoError(t, err)
	require.Equal(t, pageURL, opened.Link)
	require.Equal(t, at.Add(600*time.Second), opened.ExpiresAt)
	require.JSONEq(t, `{"token":"`+eidToken+`"}`, string(opened.Handle))

	got := v.requests()
	require.Len(t, got, 1)
	require.Equal(t, map[string]any{
		"MerchantId": merchantID, "IdCard": "110101199003070011", "Name": "测试甲", "Extra": "ver_abc/2",
		"Config": map[string]any{"InputType": "4"}, "RedirectUrl": opening.ReturnURL,
	}, got[0].body)
	require.Equal(t, "2018-03-01", got[0].header.Get("X-TC-Version"))
	require.Empty(t, got[0].header.Get("X-TC-Region"))
}

func TestTheIntentionCheckIsAskedForAsConfigured(t *testing.T) {
	for _, one := range []struct {
		change func(*Config)
		mode   string
		config map[string]any
	}{
		{func(c *Config) { c.Intention, c.IntentionText = IntentionReadAloud, "我同意" }, "1", map[string]any{"IntentionVerifyText": "我同意"}},
		{func(c *Config) {
			c.Intention, c.IntentionQuestions = IntentionQuestions, "您是否自愿？=是|我自愿; 是否本人？ = 是"
		}, "2",
			map[string]any{"IntentionQuestions": []any{
				map[string]any{"Question": "您是否自愿？", "Answers": []any{"是", "我自愿"}}, map[string]any{"Question": "是否本人？", "Answers": []any{"是"}}}}},
		{func(c *Config) { c.Intention, c.IntentionText = IntentionNod, "本人自愿 | 已读条款" }, "3",
			map[string]any{"IntentionActions": []any{map[string]any{"Text": "本人自愿"}, map[string]any{"Text": "已读条款"}}}},
	} {
		v := newVendor(t)
		v.on("GetEidToken", envelopeOf(members{"EidToken": eidToken, "Url": pageURL}))
		c, _ := v.client(one.change)
		opened, err := c.Open(t.Context(), opening)
		require.NoError(t, err)
		require.JSONEq(t, `{"token":"`+eidToken+`","intention":"`+one.mode+`"}`, string(opened.Handle))
		want := map[string]any{"InputType": "4", "UseIntentionVerify": true, "IntentionMode": one.mode}
		maps.Copy(want, one.config)
		require.Equal(t, want, v.requests()[0].body["Config"])
		require.Equal(t, "156", c.cfg.infoType())
	}
}

// A text or question that the vendor refuses, or an InfoType that brings no
// proof, is found at the start and not at the first person's result.
func TestAnIntentionCheckThatCannotBeAskedOrProvedIsRefused(t *testing.T) {
	long := strings.Repeat("读", 121)
	for field, refused := range map[string][]Config{
		"INTENTION": {{Intention: "aloud"}, {IntentionText: "我同意"}, {IntentionQuestions: "问=是"}},
		"INFO_TYPE": {
			{Intention: IntentionReadAloud, IntentionText: "我同意", InfoType: "1"}, {Intention: IntentionReadAloud, IntentionText: "我同意", InfoType: "16"},
			{Intention: IntentionNod, IntentionText: "我同意", InfoType: "15"}, {Intention: IntentionQuestions, IntentionQuestions: "问=是", InfoType: "15"},
		},
		"INTENTION_TEXT": {
			{Intention: IntentionReadAloud}, {Intention: IntentionReadAloud, IntentionText: long}, {Intention: IntentionNod},
			{Intention: IntentionNod, IntentionText: "一|"}, {Intention: IntentionNod, IntentionText: "一|" + long + long},
			{Intention: IntentionNod, IntentionText: strings.Repeat("一|", 10) + "一"},
		},
		"INTENTION_QUESTIONS": {
			{Intention: IntentionQuestions}, {Intention: IntentionQuestions, IntentionQuestions: "问"}, {Intention: IntentionQuestions, IntentionQuestions: "问="},
			{Intention: IntentionQuestions, IntentionQuestions: "=是"}, {Intention: IntentionQuestions, IntentionQuestions: "问=是|"},
			{Intention: IntentionQuestions, IntentionQuestions: "问=" + strings.Repeat("是", 11)}, {Intention: IntentionQuestions, IntentionQuestions: long + long + long + "=是"},
			{Intention: IntentionQuestions, IntentionQuestions: "问=" + strings.Repeat("是|", 50) + "是"},
			{Intention: IntentionQuestions, IntentionQuestions: strings.Repeat("问=是;", 10) + "问=是"},
		},
	} {
		for _, c := range refused {
			c.SecretID, c.SecretKey, c.MerchantID = secretID, secretKey, merchantID
			require.ErrorContains(t, validate(c), "YANZHEN_TENCENT_"+field+" ", "%#v", c)
		}
	}
	for _, c := range []Config{
		{Intention: IntentionReadAloud, IntentionText: "我同意", InfoType: "15"}, {Intention: IntentionReadAloud, IntentionText: "我同意", InfoType: "0"},
		{Intention: IntentionNod, IntentionText: strings.Repeat("一|", 9) + "一", InfoType: "16"},
	} {
		c.SecretID, c.SecretKey, c.MerchantID = secretID, secretKey, merchantID
		require.NoError(t, validate(c))
	}
}

func TestASessionWithoutTokenOrSafeLinkIsNone(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	c.loopback = false
	for _, answer := range []members{
		{}, {"EidToken": eidToken}, {"Url": pageURL}, {"EidToken": "", "Url": pageURL}, {"EidToken": eidToken, "Url": nil},
		{"EidToken": eidToken, "Url": "http://open.weixin.qq.com/"}, {"EidToken": eidToken, "Url": "javascript:alert(1)"},
		{"EidToken": eidToken, "Url": "/relative"}, {"EidToken": eidToken, "Url": "https://"}, {"EidToken": 7, "Url": pageURL},
		{"EidToken": eidToken, "Url": "https://user@open.weixin.qq.com/"}, {"EidToken": eidToken, "Url": "://"},
	} {
		v.on("GetEidToken", envelopeOf(answer))
		_, err := c.Open(t.Context(), opening)
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, "%v", answer)
	}
	c.loopback = true
	v.on("GetEidToken", envelopeOf(members{"EidToken": eidToken, "Url": "http://127.0.0.1:1/page"}))
	_, err := c.Open(t.Context(), opening)
	require.NoError(t, err)
}

func TestANameThatTheVendorCannotTakeGoesToAnotherOne(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	o := opening
	o.Subject.Name = strings.Repeat("阿", 33)
	_, err := c.Open(t.Context(), o)
	require.Equal(t, provider.Refused, failureOf(t, err).Class)
	require.Equal(t, verification.ProviderHolderUnregistered, failureOf(t, err).Reason)
	require.Empty(t, v.requests())
}

func TestALookTellsHowFarTheSessionIs(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	for status, phase := range map[string]provider.Phase{
		"init": provider.Untouched, "doing": provider.Begun, "finished": provider.Finished, "timeout": provider.RanOut,
	} {
		v.on("CheckEidTokenStatus", envelopeOf(members{"Status": status}))
		look, err := c.Look(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, provider.Look{Phase: phase}, look)
		require.Equal(t, map[string]any{"EidToken": eidToken}, v.requests()[0].body)
	}
	v.on("CheckEidTokenStatus", apiFailure("InvalidParameterValue.BizTokenExpired"))
	look, err := c.Look(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, provider.RanOut, look.Phase)

	v.on("CheckEidTokenStatus", apiFailure("InvalidParameterValue.BizTokenIllegal"))
	_, err = c.Look(t.Context(), session)
	require.Equal(t, provider.Gone, failureOf(t, err).Class)
	for _, answer := range []members{{"Status": "passed"}, {"Status": "FINISHED"}, {}, {"Status": nil}, {"Status": 3}, {"Status": []string{"finished"}}} {
		v.on("CheckEidTokenStatus", envelopeOf(answer))
		_, err := c.Look(t.Context(), session)
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, "%v", answer)
	}
	s := session
	s.Handle = []byte("{")
	_, err = c.Look(t.Context(), s)
	require.Equal(t, provider.Gone, failureOf(t, err).Class)
}

func TestTheSignatureHoldsBehindAPathToo(t *testing.T) {
	v := newVendor(t)
	v.on("CheckEidTokenStatus", envelopeOf(members{"Status": "init"}))
	c, _ := v.client(func(c *Config) { c.Endpoint += "/faceid/" })
	_, err := c.Look(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, "/faceid/", v.requests()[0].path)
}

func TestARefusalIsReadByItsCode(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	for code, class := range map[string]provider.Class{
		"RequestLimitExceeded": provider.RateLimited, "RequestLimitExceeded.UinLimitExceeded": provider.RateLimited,
		"RequestLimitExceeded.IPLimitExceeded": provider.RateLimited, "RequestLimitExceeded.GlobalRegionUinLimitExceeded": provider.RateLimited,
		"FailedOperation.RequestLimitExceeded": provider.RateLimited,
		"InternalError":                        provider.Unavailable, "InternalError.UnKnown": provider.Unavailable, "InternalError.EncryptSystemError": provider.Unavailable,
		"InternalErrorOfANewKind": provider.Unavailable, "ServiceUnavailable": provider.Unavailable,
		"FailedOperation.UnKnown": provider.Unavailable, "FailedOperation.DbError": provider.Unavailable,
		"FailedOperation.DecryptSystemError": provider.Misconfigured, "FailedOperation.StsUnAuthErrError": provider.Misconfigured,
		"FailedOperation.SomethingNew":    provider.Misconfigured,
		"FailedOperation.UnregisteredEid": provider.Refused,
		"InvalidParameter":                provider.Misconfigured, "InvalidParameter.UnsupportEncryptField": provider.Misconfigured,
		"InvalidParameterValue.RuleIdNotExist": provider.Misconfigured, "InvalidParameterValue.RuleIdDisabled": provider.Misconfigured,
		"InvalidParameterValue.BizTokenIllegal": provider.Gone, "InvalidParameterValue.BizTokenExpired": provider.Gone,
		"UnauthorizedOperation.Arrears": provider.Misconfigured, "UnauthorizedOperation.NonAuthorize": provider.Misconfigured, "UnauthorizedOperation.Nonactivated": provider.Misconfigured,
		"AuthFailure.SignatureExpire": provider.Misconfigured, "AuthFailure.SignatureFailure": provider.Misconfigured, "AuthFailure.SecretIdNotFound": provider.Misconfigured,
		"InvalidAction": provider.Misconfigured, "LimitExceeded": provider.Misconfigured, "SomethingNew": provider.Misconfigured,
	} {
		v.on("GetEidToken", apiFailure(code))
		_, err := c.Open(t.Context(), opening)
		e := failureOf(t, err)
		require.Equal(t, class, e.Class, code)
		require.Equal(t, code, e.Code)
		require.Equal(t, verification.BillableNo, e.Billable)
		_, known := e.Reason.Describe()
		require.True(t, known, code)
		require.Len(t, v.requests(), 1, "%s: no call is repeated here", code)
	}
	v.on("GetEidToken", apiFailure("FailedOperation.UnregisteredEid"))
	_, err := c.Open(t.Context(), opening)
	require.Equal(t, verification.ProviderHolderUnregistered, failureOf(t, err).Reason)
}

func TestTroubleOnTheWayIsUnavailable(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client(func(c *Config) { c.Timeout = 200 * time.Millisecond })
	for name, answer := range map[string]http.HandlerFunc{
		"HTML 502":  status(502, "<html>bad gateway</html>"),
		"empty 503": status(503, ""),
		"JSON 500":  status(500, `{"Response":{"EidToken":"x","Url":"https://x.example"}}`),
		"dropped": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"Response":{"EidToken":"x"`)
		},
		"slow":                    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an error under HTTP 500": status(500, `{"Response":{"Error":{"Code":"InternalError","Message":"x"},"RequestId":"y"}}`),
		"an event stream under 502": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(502)
			fmt.Fprint(w, "data: x\n\n")
		},
	} {
		v.on("GetEidToken", answer)
		_, err := c.Open(t.Context(), opening)
		require.Equal(t, provider.Unavailable, failureOf(t, err).Class, name)
		require.Len(t, v.requests(), 1, "%s: no call is repeated here", name)
		if name == "slow" {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Open(ctx, opening)
	require.ErrorIs(t, err, context.Canceled)
	v.Close()
	_, err = c.Look(t.Context(), session)
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
}

func TestARedirectDoesNotCarryThePersonElsewhere(t *testing.T) {
	elsewhere := newVendor(t)
	v := newVendor(t)
	v.on("GetEidToken", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	c, _ := v.client()
	_, err := c.Open(t.Context(), opening)
	require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
	require.Empty(t, elsewhere.requests())
}

func TestNobodyIsInAnError(t *testing.T) {
	planted := []string{subject.Name, subject.IDNumber, eidToken, secretKey, secretID, "some message", "ticket"}
	all := strings.Join(planted, " ")
	v := newVendor(t)
	c, _ := v.client(withKey)
	for _, answer := range []http.HandlerFunc{
		status(502, all), status(200, all), status(200, `{"Response":{"Error":{"Code":"InternalError","Message":"`+all+`"}}}`),
		status(200, `{"Response":{"Error":{"Code":"`+all+`","Message":"`+all+`"}}}`), status(500, `{"Response":{"Sim":"`+all+`"}}`),
		status(200, `{"Response":{"Text":{"ErrCode":"`+all+`"},"EidToken":7,"Status":"`+all+`"}}`), status(200, `{"Response":"`+all+`"}`),
		status(200, `{"code":7,"codeDesc":"`+all+`","message":"`+all+`"}`), status(200, `{"Response":{"EidToken":"`+all),
	} {
		for _, action := range []string{"GetEidToken", "CheckEidTokenStatus", "GetEidResult"} {
			v.on(action, answer)
		}
		_, err := c.Open(t.Context(), opening)
		requireNobody(t, planted, err)
		_, err = c.Look(t.Context(), session)
		requireNobody(t, planted, err)
		_, err = c.Result(t.Context(), session)
		requireNobody(t, planted, err)
	}
	v.Close()
	_, err := c.Open(t.Context(), opening)
	requireNobody(t, append(planted, strings.TrimPrefix(v.URL, "http://")), err)

	shown := fmt.Sprintf("%v %+v %#v %s %+v %#v %v %+v %#v", c, c, c, c, *c, *c, c.cfg, c.cfg, c.cfg) +
		fmt.Sprintf("%+v %#v %+v %#v", handle{EidToken: eidToken}, handle{EidToken: eidToken}, userInfo{Name: subject.Name}, userInfo{Name: subject.Name})
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", c.cfg, "client", c)
	for _, secret := range append(planted, sm2Hex) {
		require.NotContains(t, shown+log.String(), secret)
	}
}

// requireNobody looks for what was planted in an error and everything that it
// wraps.
func requireNobody(t *testing.T, planted []string, err error) {
	t.Helper()
	require.Error(t, err)
	for ; err != nil; err = errors.Unwrap(err) {
		for _, p := range planted {
			require.NotContains(t, fmt.Sprintf("%s %v %+v %#v", err, err, err, err), p)
		}
	}
}

func validate(c Config) error {
	c = settings.WithDefaults(c)
	return c.Validate()
}

// Everything at once, by the settings' names and without a value.
func TestAConfigurationReportsAllItsErrors(t *testing.T) {
	err := validate(Config{
		SecretKey: "with space-4711", Endpoint: "https://faceid.tencentcloudapi.com", InfoType: "x",
		TokenTTL: -1, Timeout: -1, SM2PrivateKey: "4711", Intention: IntentionReadAloud,
	})
	for _, want := range []string{
		"SECRET_ID is not set", "SECRET_KEY must be printable", "MERCHANT_ID is not set", "ENDPOINT must be a host", "INFO_TYPE must be digits", "TOKEN_TTL must be more than 0",
		"TIMEOUT must be more than 0 and at most 11s", "SM2_PRIVATE_KEY is not an SM2 key", "INTENTION_TEXT must have",
	} {
		require.ErrorContains(t, err, "YANZHEN_TENCENT_"+want)
	}
	require.NotContains(t, err.Error(), "4711")
	good := Config{SecretID: secretID, SecretKey: secretKey, MerchantID: merchantID}
	require.NoError(t, validate(good))
	for change, ok := range map[string]bool{"127.0.0.1:8081": true, "localhost:8081/x": true, "[::1]:8081": true, "faceid.tencentcloudapi.com": false, "127.0.0.1.evil.example": false} {
		cfg := good
		cfg.Endpoint, cfg.Scheme = change, "http"
		require.Equal(t, ok, validate(cfg) == nil, change)
		if !ok {
			require.ErrorContains(t, validate(cfg), "YANZHEN_TENCENT_SCHEME must be https")
		}
	}
	for _, infoType := range []string{"2", "56"} {
		cfg := good
		cfg.InfoType = infoType
		require.ErrorContains(t, validate(cfg), "YANZHEN_TENCENT_INFO_TYPE must contain 1")
	}
	_, err = New(Config{})
	require.Error(t, err)
}

func TestTheEntryInTheRegistryStaysBelowTheVendorsLimits(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	f := c.entry()
	require.Equal(t, "tencent_eid", f.Name)
	require.Same(t, c, f.Provider)
	require.Equal(t, provider.Queue{Name: "tencent", PerSecond: 80}, f.Open)
	require.Equal(t, provider.Queue{Name: "tencent-status", PerSecond: 1500}, f.Watch)
	require.Equal(t, []time.Duration{time.Second, 10 * time.Second}, []time.Duration{f.PollFirst, f.PollMax})
	require.Equal(t, "wechat", f.OpenIn)
}
