package megvii

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestASessionIsOpenedByAFormOfOurNameAndNumber(t *testing.T) {
	v := newVendor(t, opens(nil))
	opened, err := v.client(t).Open(t.Context(), opening())
	require.NoError(t, err)
	require.Equal(t, v.URL+"/faceid/lite/do?token="+token, opened.Link)
	require.WithinDuration(t, time.Now().Add(50*time.Minute), opened.ExpiresAt, 5*time.Second, "the vendor's own expiry")
	require.NotContains(t, string(opened.Handle), token, "a handle holds no more than finding the session needs")

	require.Len(t, v.calls(), 1)
	r := v.calls()[0]
	require.Equal(t, "POST /faceid/lite/get_token application/x-www-form-urlencoded", r.method+" "+r.path+" "+r.contentType)
	no := r.form.Get("biz_no")
	require.Regexp(t, `^`+id+`-1-[A-Z2-7]{26}$`, no)
	require.LessOrEqual(t, len(no), 128)
	require.Equal(t, url.Values{
		"api_key": {key}, "api_secret": {secret}, "return_url": {opening().ReturnURL}, "notify_url": {opening().NotifyURL}, "biz_no": {no},
		"comparison_type": {"1"}, "idcard_mode": {"0"}, "idcard_name": {"测试甲"}, "idcard_number": {"110199199003070017"},
		"fmp_mode": {"0"}, "get_fail_reason": {"1"},
	}, r.form)
}

func TestSettingsOfTheSceneAreSentWhereTheyAreSet(t *testing.T) {
	v := newVendor(t, opens(nil))
	_, err := v.client(t, func(c *Config) {
		c.SceneID, c.WebTitle, c.ProcedureType, c.ProcedurePriority = "scene-1", "实名核验", "will", "still"
		c.LivenessPreferences, c.FMPMode, c.ReturnMethod, c.GetFailReason = "video_strict", "1", "GET", "0"
		c.TokenPath = "/other/get_token"
	}).Open(t.Context(), opening())
	require.NoError(t, err)
	r := v.calls()[0]
	require.Equal(t, "/other/get_token", r.path)
	for field, want := range map[string]string{
		"scene_id": "scene-1", "web_title": "实名核验", "procedure_type": "will", "procedure_priority": "still",
		"liveness_preferences": "video_strict", "fmp_mode": "1", "action_http_method": "GET", "get_fail_reason": "0",
	} {
		require.Equal(t, want, r.form.Get(field), field)
	}
}

func TestARepeatedOpeningHasABizNoOfItsOwn(t *testing.T) {
	v := newVendor(t, opens(nil))
	c := v.client(t)
	for range 2 {
		_, err := c.Open(t.Context(), opening())
		require.NoError(t, err)
	}
	require.NotEqual(t, v.calls()[0].form.Get("biz_no"), v.calls()[1].form.Get("biz_no"))
}

func TestAnOpeningWithoutTokenBizIDOrExpiryIsNoSession(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"no token": {"token": nil}, "empty token": {"token": ""}, "odd token": {"token": []string{token}},
		"no biz_id": {"biz_id": nil}, "another biz_no": {"biz_no": "another"},
		"no expiry": {"expired_time": nil}, "expired": {"expired_time": time.Now().Add(-time.Second).Unix()},
		"in milliseconds": {"expired_time": time.Now().Add(time.Hour).UnixMilli()}, "no number": {"expired_time": "soon"},
		"infinite": {"expired_time": "1e99"}, "days away": {"expired_time": time.Now().Add(25 * time.Hour).Unix()},
	} {
		_, err := newVendor(t, opens(change)).client(t).Open(t.Context(), opening())
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
	}
	for _, body := range []string{"", "<html>", `{"error_message":"x"}`, `[]`, `null`, `{"token":"a","token":"b"}`, `{"token":"a"} x`} {
		_, err := newVendor(t, says(200, body)).client(t).Open(t.Context(), opening())
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, body)
	}
}

func TestAnExpiryIsTakenAsStringOrNumber(t *testing.T) {
	at := time.Now().Add(time.Hour)
	opened, err := newVendor(t, opens(map[string]any{"expired_time": fmt.Sprint(at.Unix()), "biz_no": nil})).client(t).Open(t.Context(), opening())
	require.NoError(t, err)
	require.Equal(t, at.Unix(), opened.ExpiresAt.Unix())
}

func TestOnlyAddressesThatTheVendorCallsAreSent(t *testing.T) {
	v := newVendor(t, opens(nil))
	for address, want := range map[string]string{
		"https://verify.example/x": "", "https://verify.example:443/x": "", "https://verify.example:5000/x": "",
		"https://verify.example:16003/x": "", "https://verify.example:8883/x": "", "https://verify.example:8028/x": "",
		"http://127.0.0.1:7080/x": "", "http://localhost/x": "",
		"https://verify.example:8443/x": "notify_url_port", "https://verify.example:80/x": "notify_url_port",
		"http://verify.example:5000/x": "notify_url_scheme", "": "notify_url", "://": "notify_url", "/callbacks": "notify_url",
	} {
		o := opening()
		o.NotifyURL = address
		before := len(v.calls())
		_, err := v.client(t).Open(t.Context(), o)
		if want == "" {
			require.NoError(t, err, address)
			continue
		}
		require.Equal(t, provider.Misconfigured, failureOf(t, err).Class, address)
		require.Equal(t, want, failureOf(t, err).Code, address)
		require.Len(t, v.calls(), before, "nothing is sent")
	}
}

func TestWhatGetTokenCannotTakeIsNotSent(t *testing.T) {
	v := newVendor(t, opens(nil))
	for want, change := range map[provider.Class]func(*provider.Opening){
		provider.Refused:       func(o *provider.Opening) { o.Subject.Name = strings.Repeat("甲", 33) },
		provider.Misconfigured: func(o *provider.Opening) { o.VerificationID = strings.Repeat("v", 128) },
	} {
		o := opening()
		change(&o)
		_, err := v.client(t).Open(t.Context(), o)
		require.Equal(t, want, failureOf(t, err).Class)
	}
	o := opening()
	o.ReturnURL = ""
	_, err := v.client(t).Open(t.Context(), o)
	require.Equal(t, provider.Misconfigured, failureOf(t, err).Class)
	require.Empty(t, v.calls())
}

func TestALookIsOneGetOfTheResultWithoutPictures(t *testing.T) {
	v := newVendor(t, says(200, passed))
	look, err := v.client(t).Look(t.Context(), session())
	require.NoError(t, err)
	require.Equal(t, provider.Finished, look.Phase)
	require.Equal(t, verification.EndedPassed, look.Result.Ending())
	require.Len(t, v.calls(), 1)
	r := v.calls()[0]
	require.Equal(t, "GET /faceid/lite/get_result", r.method+" "+r.path)
	require.Equal(t, url.Values{"api_key": {key}, "api_secret": {secret}, "biz_id": {bizID}, "return_image": {"0"}}, r.form)
}

func TestALookTellsHowFarTheSessionIs(t *testing.T) {
	for status, want := range map[string]provider.Phase{
		"NOT_STARTED": provider.Untouched, "PROCESSING": provider.Begun, "TIMEOUT": provider.RanOut,
		"FAILED": provider.Finished, "CANCELLED": provider.Finished, "WEBRTC_UNSUPPORTED": provider.Finished, "OK": provider.Finished, "NEW": provider.Finished,
	} {
		look, err := newVendor(t, says(200, answerOf(status, ""))).client(t).Look(t.Context(), session())
		require.NoError(t, err)
		require.Equal(t, want, look.Phase, status)
		require.Equal(t, want == provider.Finished, look.Result != nil, status)
	}
}

func TestAResultIsReadLikeALook(t *testing.T) {
	v := newVendor(t, says(200, passed))
	result, err := v.client(t).Result(t.Context(), session())
	require.NoError(t, err)
	require.Equal(t, verification.EndedPassed, result.Ending())

	v.answer = says(200, answerOf("TIMEOUT", ""))
	result, err = v.client(t).Result(t.Context(), session())
	require.NoError(t, err)
	require.Equal(t, verification.FaceResult{Reason: verification.SessionExpired, ProviderCode: "TIMEOUT"}, result)

	v.answer = says(200, answerOf("PROCESSING", ""))
	_, err = v.client(t).Result(t.Context(), session())
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
}

func TestALookBelievesNoAnswerOfAnotherSession(t *testing.T) {
	for name, body := range map[string]string{
		"another biz_id": answerFor(bizNo, "1751328000,other", "OK", passedRest), "another biz_no": answerFor(lostNo, bizID, "OK", passedRest),
		"no biz_info": `{"status":"OK",` + passedRest + `}`, "no status": `{"biz_info":{}}`, "HTML": "<html>", "an error under 200": `{"error_message":"INTERNAL_ERROR"}`,
		"two statuses": `{"status":"FAILED","Status":"OK"}`, "trailing": passed + "x", "nothing": "",
	} {
		_, err := newVendor(t, says(200, body)).client(t).Look(t.Context(), session())
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
	}
}

func TestASessionWithoutAHandleIsGone(t *testing.T) {
	v := newVendor(t, says(200, passed))
	for _, h := range []string{"", "{}", "x", `{"biz_no":"a"}`} {
		_, err := v.client(t).Look(t.Context(), provider.FaceSession{VerificationID: id, Session: 1, Handle: []byte(h)})
		require.Equal(t, provider.Gone, failureOf(t, err).Class, h)
	}
	require.Empty(t, v.calls(), "no look-up is burnt")
}

func TestAFailedCallHasTheClassOfItsError(t *testing.T) {
	type want struct {
		class provider.Class
		code  string
	}
	for _, c := range []struct {
		status int
		body   string
		want   want
	}{
		{400, `{"request_id":"x","time_used":4,"error_message":"MISSING_ARGUMENTS: api_key"}`, want{provider.Misconfigured, "MISSING_ARGUMENTS:api_key"}},
		{400, `{"error_message":"BAD_ARGUMENTS:scene_id"}`, want{provider.Misconfigured, "BAD_ARGUMENTS:scene_id"}},
		{400, `{"error":"BAD_ARGUMENTS: 测试甲"}`, want{provider.Misconfigured, "BAD_ARGUMENTS"}},
		{400, `{"ERROR":"SOMETHING_NEW"}`, want{provider.Misconfigured, "SOMETHING_NEW"}},
		{400, `{"error_message":"INVALID_NAME_FORMAT"}`, want{provider.Refused, "INVALID_NAME_FORMAT"}},
		{400, `{"error_message":"INVALID_IDCARD_NUMBER"}`, want{provider.Refused, "INVALID_IDCARD_NUMBER"}},
		{400, `{"error_message":"BAD_ARGUMENTS:idcard_number"}`, want{provider.Refused, "BAD_ARGUMENTS:idcard_number"}},
		{400, `{"error_message":"RESULT_NOT_FOUND"}`, want{provider.Gone, "RESULT_NOT_FOUND"}},
		{400, "<html>", want{provider.Unavailable, "http_400"}},
		{401, `{}`, want{provider.Misconfigured, "http_401"}},
		{403, `{"error_message":"AUTHENTICATION_ERROR"}`, want{provider.Misconfigured, "AUTHENTICATION_ERROR"}},
		{403, `{"error_message":"AUTHORIZATION_ERROR:Denied."}`, want{provider.Misconfigured, "AUTHORIZATION_ERROR"}},
		{403, `{"error_message":"AUTHORIZATION_ERROR: Limit reached."}`, want{provider.Misconfigured, "AUTHORIZATION_ERROR"}},
		{403, `{"error_message":"CONCURRENCY_LIMIT_EXCEEDED"}`, want{provider.RateLimited, "CONCURRENCY_LIMIT_EXCEEDED"}},
		{403, `{"error_message":"DATA_DESTROYED"}`, want{provider.Gone, "DATA_DESTROYED"}},
		{403, `{"error_message":"TOO_OLD"}`, want{provider.Unavailable, "TOO_OLD"}},
		{403, `{"error_message":"110199199003070017"}`, want{provider.Unavailable, "unrecognized"}},
		{403, "Forbidden", want{provider.Unavailable, "http_403"}},
		{404, `{"error_message":"API_NOT_FOUND"}`, want{provider.Misconfigured, "API_NOT_FOUND"}},
		{404, "<html>", want{provider.Unavailable, "http_404"}},
		{413, "Request Entity Too Large", want{provider.Misconfigured, "http_413"}},
		{429, "", want{provider.RateLimited, "http_429"}},
		{500, `{"error_message":"INTERNAL_ERROR"}`, want{provider.Unavailable, "INTERNAL_ERROR"}},
		{500, `{"error_message":"DATA_DESTROYED"}`, want{provider.Unavailable, "DATA_DESTROYED"}},
		{502, "<html><body>bad gateway", want{provider.Unavailable, "http_502"}},
		{302, "", want{provider.ContractViolation, "http_302"}},
		{204, "", want{provider.ContractViolation, "http_204"}},
	} {
		v := newVendor(t, says(c.status, c.body))
		_, err := v.client(t).Look(t.Context(), session())
		e := failureOf(t, err)
		require.Equal(t, c.want, want{e.Class, e.Code}, "%d %s", c.status, c.body)
		require.NotEmpty(t, e.Reason)
		_, err = v.client(t).Open(t.Context(), opening())
		require.Equal(t, c.want, want{failureOf(t, err).Class, failureOf(t, err).Code}, "%d %s", c.status, c.body)
	}
}

func TestTheWordForADestroyedResultIsASetting(t *testing.T) {
	v := newVendor(t, says(403, `{"error_message":"TOO_OLD"}`))
	_, err := v.client(t, func(c *Config) { c.DataDestroyed = "TOO_OLD" }).Look(t.Context(), session())
	require.Equal(t, provider.Gone, failureOf(t, err).Class)
}

func TestEveryCallIsSentOnceOnAConnectionOfItsOwn(t *testing.T) {
	v := newVendor(t, says(200, passed))
	c := v.client(t)
	from := map[string]bool{}
	for range 3 {
		_, err := c.Look(t.Context(), session())
		require.NoError(t, err)
	}
	for _, r := range v.calls() {
		from[r.from] = true
	}
	require.Len(t, from, 3, "on a kept connection that died, net/http sends a GET twice")

	v.answer = func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}
	_, err := c.Look(t.Context(), session())
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	_, err = c.Open(t.Context(), opening())
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	require.Len(t, v.calls(), 5)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := newVendor(t, says(200, passed))
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	})
	_, err := v.client(t).Look(t.Context(), session())
	require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
	require.Empty(t, elsewhere.calls())
}

func TestASlowOrCanceledCallSaysSo(t *testing.T) {
	release := make(chan struct{})
	v := newVendor(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	_, err := v.client(t, func(c *Config) { c.Timeout = 50 * time.Millisecond }).Look(t.Context(), session())
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = v.client(t).Open(ctx, opening())
	require.ErrorIs(t, err, context.Canceled)
}

func TestMegabytesAreNoAnswer(t *testing.T) {
	v := newVendor(t, says(200, `{"status":"`+strings.Repeat("x", 2<<20)+`"}`))
	_, err := v.client(t).Look(t.Context(), session())
	require.Equal(t, "too_large", failureOf(t, err).Code)
	v.answer = says(500, strings.Repeat("x", 2<<20))
	_, err = v.client(t).Look(t.Context(), session())
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
}

func TestNoSecretAndNobodyIsInAnError(t *testing.T) {
	planted := []string{key, secret, "previous-secret", subject.Name, subject.IDNumber, bizID, "0f8fad5b", "/callbacks/"}
	leak := fmt.Sprintf(`{"error_message":%q}`, strings.Join(planted, " "))
	v := newVendor(t, nil)
	c := v.client(t, func(c *Config) { c.PreviousSecret = "previous-secret" })
	var errs []error
	try := func() {
		_, err := c.Look(t.Context(), session())
		errs = append(errs, err)
		_, err = c.Result(t.Context(), session())
		errs = append(errs, err)
		_, err = c.Open(t.Context(), opening())
		errs = append(errs, err)
	}
	for _, answer := range []http.HandlerFunc{
		says(200, leak), says(400, leak), says(403, leak), says(500, leak), says(502, strings.Join(planted, " ")),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://x.example/?"+secret)
			w.WriteHeader(302)
		},
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			w.Write([]byte("x"))
		},
	} {
		v.answer = answer
		try()
	}
	v.Close()
	try()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := l.Addr().String()
	require.NoError(t, l.Close())
	c = newClient(t, func(c *Config) { c.BaseURL, c.PreviousSecret = "http://"+refused, "previous-secret" })
	try()
	require.ErrorIs(t, errs[len(errs)-1], syscall.ECONNREFUSED)
	c = newClient(t, func(c *Config) { c.BaseURL = "https://megvii.invalid" })
	try()

	for _, err := range errs {
		require.Error(t, err)
		for ; err != nil; err = errors.Unwrap(err) {
			for _, p := range planted {
				require.NotContains(t, fmt.Sprintf("%s %v %+v %#v", err, err, err, err), p)
			}
		}
	}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cfg := c.cfg
	cfg.PreviousSecret = "previous-secret"
	h, err := openHandle(session())
	require.NoError(t, err)
	logger.Info("x", "cfg", cfg, "client", c, "clientValue", *c, "handle", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "client", c)
	fmt.Fprintf(&log, "%v %+v %#v %s %v %+v %#v %v %+v %#v %+v %#v", c, c, c, c, *c, *c, *c, cfg, cfg, cfg, h, h)
	for _, p := range planted {
		require.NotContains(t, log.String(), p)
	}
}

func TestTheEntryInTheRegistryIsNeverPolled(t *testing.T) {
	c := newClient(t)
	v := c.entry()
	require.Equal(t, provider.FaceVendor{
		Name: "megvii_faceid", Provider: c, Open: provider.Queue{Name: "megvii", PerSecond: 5},
		Watch: provider.Queue{Name: "megvii-result", PerSecond: 5}, Grace: 30 * time.Second, Callback: c, TellsBegun: true,
	}, v)
	require.Equal(t, 2*time.Second, newClient(t, func(c *Config) { c.LookAfter = 2 * time.Second }).entry().Grace)
}
