package sandbox

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var megviiReturnTo = "https://kyc.example.com/cb/megvii?sid=s1#top"

// megviiFields are those of a good get_token request for A1.
func megviiFields(more map[string]string) url.Values {
	a1 := Fixtures()[0]
	f := url.Values{"api_key": {DefaultMegviiKey}, "api_secret": {DefaultMegviiSecret}, "return_url": {megviiReturnTo},
		"notify_url": {"http://127.0.0.1:1/notify"}, "biz_no": {"ord-" + strconv.Itoa(int(random(4)[0])) + string(b64.EncodeToString(random(6)))},
		"biz_extra_data": {"att&<1>=订单"}, "comparison_type": {"1"}, "idcard_mode": {"0"}, "idcard_name": {a1.Name}, "idcard_number": {a1.IDNumber}}
	for name, value := range more {
		if value == "-" {
			f.Del(name)
		} else {
			f.Set(name, value)
		}
	}
	return f
}

func (w *world) megviiPost(contentType, body string) (int, map[string]any, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.url+"/megvii/faceid/lite/get_token", strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", contentType)
	status, answer, err := w.do(req)
	require.NoError(w.t, err)
	var decoded map[string]any
	_ = json.Unmarshal(answer, &decoded)
	return status, decoded, string(answer)
}

func (w *world) getToken(more map[string]string) (int, map[string]any) {
	w.t.Helper()
	status, body, _ := w.megviiPost("application/x-www-form-urlencoded", megviiFields(more).Encode())
	return status, body
}

// flow opens a flow.
func (w *world) flow(more map[string]string) (token, bizID string) {
	w.t.Helper()
	status, body := w.getToken(more)
	require.Equal(w.t, 200, status, body)
	return body["token"].(string), body["biz_id"].(string)
}

// played opens a flow and plays it to an outcome.
func (w *world) played(outcome string, more map[string]string) (token, bizID string) {
	w.t.Helper()
	token, bizID = w.flow(more)
	require.NoError(w.t, w.MegviiBegin(token))
	_, err := w.MegviiEnd(token, outcome)
	require.NoError(w.t, err)
	return token, bizID
}

func (w *world) lookUp(bizID string, more map[string]string) (int, map[string]any) {
	w.t.Helper()
	q := url.Values{"api_key": {DefaultMegviiKey}, "api_secret": {DefaultMegviiSecret}, "biz_id": {bizID}}
	for name, value := range more {
		q.Set(name, value)
	}
	req, err := http.NewRequest(http.MethodGet, w.url+"/megvii/faceid/lite/get_result?"+q.Encode(), nil)
	require.NoError(w.t, err)
	status, answer, err := w.do(req)
	require.NoError(w.t, err)
	var decoded map[string]any
	_ = json.Unmarshal(answer, &decoded)
	return status, decoded
}

// at walks into decoded JSON; nil where there is nothing.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// quiet are options for tests that look at something else.
func quiet(c *Config) { c.Megvii.Notify.Never = true }

func TestAFlowsTokenAndBizIDHaveTheVendorsShapes(t *testing.T) {
	w := start(t, quiet)
	status, body := w.getToken(map[string]string{"biz_no": "ord-1"})
	require.Equal(t, 200, status)
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{32}$`), body["token"])
	shape := regexp.MustCompile(`^[0-9]{10},[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	require.Regexp(t, shape, body["biz_id"])
	require.Regexp(t, shape, body["request_id"])
	require.Equal(t, "ord-1", body["biz_no"])
	require.Equal(t, float64(w.clock.Now().Add(time.Hour).Unix()), body["expired_time"])
	require.IsType(t, 1.0, body["time_used"])
	calls := w.Ledger().Select(Query{Vendor: Megvii, Operation: "get_token"}).Calls
	require.Len(t, calls, 1)
	require.Equal(t, TokenKey(body["token"].(string)), calls[0].Token)
	require.Equal(t, SubjectKey(person("A1").IDNumber), calls[0].Subject)
	require.Equal(t, []string{body["token"].(string)}, w.MegviiTokens(person("A1").IDNumber))
}

func TestGetTokenTakesMultipartWithPictures(t *testing.T) {
	w := start(t, quiet)
	post := func(pictures map[string][]byte, more map[string]string) (int, map[string]any, string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		for name, values := range megviiFields(more) {
			require.NoError(t, m.WriteField(name, values[0]))
		}
		for name, picture := range pictures {
			part, err := m.CreateFormFile(name, name+".jpg")
			require.NoError(t, err)
			_, err = part.Write(picture)
			require.NoError(t, err)
		}
		require.NoError(t, m.Close())
		return w.megviiPost(m.FormDataContentType(), b.String())
	}
	face, _ := Capture("x", "y")
	own := map[string]string{"comparison_type": "0", "uuid": "user-1", "idcard_mode": "-"}
	status, body, _ := post(map[string][]byte{"image_ref1": face, "image_ref2": face}, own)
	require.Equal(t, 200, status)
	token, bizID := body["token"].(string), body["biz_id"].(string)
	require.NoError(t, w.MegviiBegin(token))
	_, err := w.MegviiEnd(token, MegviiPass)
	require.NoError(t, err)
	_, result := w.lookUp(bizID, nil)
	require.NotNil(t, at(result, "verify_result", "result_ref1", "confidence"))
	require.NotNil(t, at(result, "verify_result", "result_ref2", "thresholds", "1e-4"))
	require.Nil(t, at(result, "verify_result", "result_faceid"), "the source was not asked")

	_, body, _ = post(nil, own)
	require.Equal(t, "MISSING_ARGUMENTS: image_ref1", body["error_message"])
	_, body, _ = post(map[string][]byte{"image_ref1": []byte("no picture")}, own)
	require.Equal(t, "IMAGE_ERROR_UNSUPPORTED_FORMAT: image_ref1", body["error_message"])
	status, body, text := post(map[string][]byte{"image_ref1": bytes.Repeat([]byte{7}, 2<<20)}, own)
	require.Equal(t, 413, status)
	require.Nil(t, body)
	require.Equal(t, "Request Entity Too Large", text, "plain text, no JSON")
}

func TestEveryFieldOfGetTokenIsChecked(t *testing.T) {
	w := start(t, quiet)
	long := func(n int) string { return strings.Repeat("a", n) }
	for i, c := range []struct {
		more map[string]string
		want string
	}{
		{map[string]string{"api_key": "-"}, "MISSING_ARGUMENTS: api_key"},
		{map[string]string{"api_secret": "-"}, "MISSING_ARGUMENTS: api_secret"},
		{map[string]string{"api_secret": "x"}, "AUTHENTICATION_ERROR"},
		{map[string]string{"api_key": "x"}, "AUTHENTICATION_ERROR"},
		{map[string]string{"return_url": "-"}, "MISSING_ARGUMENTS: return_url"},
		{map[string]string{"notify_url": "-"}, "MISSING_ARGUMENTS: notify_url"},
		{map[string]string{"biz_no": "-"}, "MISSING_ARGUMENTS: biz_no"},
		{map[string]string{"comparison_type": "-"}, "MISSING_ARGUMENTS: comparison_type"},
		{map[string]string{"comparison_type": "2"}, "BAD_ARGUMENTS:comparison_type"},
		{map[string]string{"idcard_mode": "-"}, "MISSING_ARGUMENTS: idcard_mode"},
		{map[string]string{"idcard_mode": "4"}, "BAD_ARGUMENTS:idcard_mode"},
		{map[string]string{"idcard_mode": "9"}, "BAD_ARGUMENTS:idcard_mode"},
		{map[string]string{"idcard_name": "-"}, "MISSING_ARGUMENTS: idcard_name"},
		{map[string]string{"idcard_number": "-"}, "MISSING_ARGUMENTS: idcard_number"},
		{map[string]string{"idcard_name": strings.Repeat("测", 33)}, "BAD_ARGUMENTS:idcard_name"},
		{map[string]string{"idcard_name": "Zhang"}, "INVALID_NAME_FORMAT"},
		{map[string]string{"idcard_number": "110199900307001"}, "BAD_ARGUMENTS:idcard_number"},
		{map[string]string{"idcard_number": "110199199003070011"}, "INVALID_IDCARD_NUMBER"},
		{map[string]string{"biz_no": long(129)}, "BAD_ARGUMENTS:biz_no"},
		{map[string]string{"biz_extra_data": long(4097)}, "BAD_ARGUMENTS:biz_extra_data"},
		{map[string]string{"web_title": strings.Repeat("证", 11)}, "BAD_ARGUMENTS:web_title"},
		{map[string]string{"uuid": long(513)}, "BAD_ARGUMENTS:uuid"},
		{map[string]string{"scene_id": "nobody's"}, "BAD_ARGUMENTS:scene_id"},
		{map[string]string{"procedure_type": "will"}, "BAD_ARGUMENTS:procedure_type"},
		{map[string]string{"procedure_type": "dance"}, "BAD_ARGUMENTS:procedure_type"},
		{map[string]string{"procedure_priority": "dance"}, "BAD_ARGUMENTS:procedure_priority"},
		{map[string]string{"liveness_preferences": "x"}, "BAD_ARGUMENTS:liveness_preferences"},
		{map[string]string{"fmp_mode": "2"}, "BAD_ARGUMENTS:fmp_mode"},
		{map[string]string{"action_http_method": "post"}, "BAD_ARGUMENTS:action_http_method"},
		{map[string]string{"encryption_type": "1"}, "BAD_ARGUMENTS:encryption_type"},
		{map[string]string{"maximum_shooting_time": "9"}, "BAD_ARGUMENTS:maximum_shooting_time"},
		{map[string]string{"return_url": "app://x"}, "BAD_ARGUMENTS:return_url"},
		{map[string]string{"notify_url": "/x"}, "BAD_ARGUMENTS:notify_url"},
		{map[string]string{"comparison_type": "0"}, "MISSING_ARGUMENTS: uuid"},
		{map[string]string{"biz_no": long(128), "web_title": "十个汉字的标题十个", "scene_id": DefaultMegviiScene, "procedure_type": "still", "fmp_mode": "0",
			"get_fail_reason": "1", "return_multifaces_tag": "1", "action_http_method": "GET", "maximum_shooting_time": "60"}, ""},
	} {
		status, body := w.getToken(c.more)
		text, _ := body["error_message"].(string)
		require.Equal(t, c.want, text, "case %d", i)
		require.NotEmpty(t, body["request_id"])
		switch {
		case c.want == "":
			require.Equal(t, 200, status)
		case c.want == "AUTHENTICATION_ERROR":
			require.Equal(t, 403, status, "not 401")
		default:
			require.Equal(t, 400, status)
		}
	}
	status, body, _ := w.megviiPost("application/json", `{"api_key":"`+DefaultMegviiKey+`"}`)
	require.Equal(t, 400, status)
	require.Equal(t, "MISSING_ARGUMENTS: api_key", body["error_message"], "a JSON body is no form")

	w = start(t, func(c *Config) {
		c.Megvii.WillLicence, c.Megvii.Lite2, c.Megvii.ErrorKey, c.Megvii.Notify.Never = true, true, "error", true
	})
	w.flow(map[string]string{"procedure_type": "will", "idcard_mode": "4"})
	_, body = w.getToken(map[string]string{"biz_no": "-"})
	require.Equal(t, "MISSING_ARGUMENTS: biz_no", body["error"])
}

func TestOtherPathsAndMethodsAreNotFound(t *testing.T) {
	w := start(t, quiet)
	for _, c := range []struct{ method, path string }{{"GET", "get_token"}, {"POST", "get_result"}, {"POST", "get_biz_token"}, {"POST", ""}} {
		req, err := http.NewRequest(c.method, w.url+"/megvii/faceid/lite/"+c.path, nil)
		require.NoError(t, err)
		status, body, err := w.do(req)
		require.NoError(t, err)
		require.Equal(t, 404, status)
		require.Contains(t, string(body), "API_NOT_FOUND")
	}
}

func TestABizNoIsGoodForOneFlow(t *testing.T) {
	w := start(t, quiet)
	w.flow(map[string]string{"biz_no": "ord-1"})
	status, body := w.getToken(map[string]string{"biz_no": "ord-1"})
	require.Equal(t, 400, status)
	require.Equal(t, "BAD_ARGUMENTS:biz_no", body["error_message"])
	w = start(t, func(c *Config) { c.Megvii.AcceptDuplicateBizNo = true; quiet(c) })
	first, _ := w.flow(map[string]string{"biz_no": "ord-1"})
	second, _ := w.flow(map[string]string{"biz_no": "ord-1"})
	require.NotEqual(t, first, second)
}

func TestNotifyPortsAreHeldAgainstTheListExceptOnThisMachine(t *testing.T) {
	for _, c := range []struct {
		ports, address string
		good           bool
	}{
		{PortsLocal, "http://127.0.0.1:39211/n", true}, {PortsLocal, "http://localhost:8080/n", true}, {PortsLocal, "http://[::1]:8080/n", true},
		{PortsLocal, "https://a.example/n", true}, {PortsLocal, "https://a.example:8443/n", false}, {PortsLocal, "http://a.example/n", false},
		{PortsLocal, "http://a.example:5000/n", true}, {PortsStrict, "http://127.0.0.1:39211/n", false}, {PortsStrict, "http://127.0.0.1:8028/n", true},
		{PortsStrict, "https://a.example:16003/n", true}, {PortsStrict, "https://a.example:8883/n", true}, {PortsAny, "http://api:8080/n", true},
	} {
		w := start(t, func(cfg *Config) { cfg.Megvii.Ports = c.ports; quiet(cfg) })
		status, _ := w.getToken(map[string]string{"notify_url": c.address})
		require.Equal(t, c.good, status == 200, "%s %s", c.ports, c.address)
	}
}

func TestThereAreThreeLookUpsInADay(t *testing.T) {
	w := start(t, quiet)
	token, bizID := w.flow(nil)
	for _, want := range []string{"NOT_STARTED", "PROCESSING", "OK"} {
		status, body := w.lookUp(bizID, nil)
		require.Equal(t, 200, status)
		require.Equal(t, want, body["status"])
		require.Equal(t, want != "OK", body["liveness_result"] == nil)
		switch want {
		case "NOT_STARTED":
			require.NoError(t, w.MegviiBegin(token))
		case "PROCESSING":
			_, err := w.MegviiEnd(token, MegviiPass)
			require.NoError(t, err)
		}
	}
	for range 2 {
		status, body := w.lookUp(bizID, nil)
		require.Equal(t, 403, status)
		require.Equal(t, "DATA_DESTROYED", body["error_message"])
	}
	require.Equal(t, 5, w.Ledger().Count(Query{Operation: "get_result", Token: TokenKey(token)}))

	_, bizID = w.played(MegviiPass, nil)
	w.clock.Add(24 * time.Hour)
	status, _ := w.lookUp(bizID, nil)
	require.Equal(t, 403, status, "a day is over")

	w = start(t, func(c *Config) {
		c.Megvii.SpentAnswer, c.Megvii.Lookups, c.Megvii.PendingIsFree = SpentNotFound, 1, true
		quiet(c)
	})
	token, bizID = w.flow(nil)
	for range 4 {
		status, _ = w.lookUp(bizID, nil)
		require.Equal(t, 200, status, "not over, not counted")
	}
	require.NoError(t, w.MegviiExpire(token))
	status, _ = w.lookUp(bizID, nil)
	require.Equal(t, 200, status)
	status, body := w.lookUp(bizID, nil)
	require.Equal(t, 400, status)
	require.Equal(t, "RESULT_NOT_FOUND", body["error_message"])
}

func TestLookUpsAreChecked(t *testing.T) {
	w := start(t, func(c *Config) { c.Megvii.Keys = append(c.Megvii.Keys, MegviiKey{"other", "secret"}); quiet(c) })
	_, bizID := w.flow(nil)
	for want, more := range map[string]map[string]string{
		"MISSING_ARGUMENTS: biz_id": {"biz_id": ""}, "RESULT_NOT_FOUND": {"biz_id": "1751328000,aa"}, "AUTHENTICATION_ERROR": {"api_secret": "x"},
		"MISSING_ARGUMENTS: api_key": {"api_key": ""}, "BAD_ARGUMENTS:return_image": {"return_image": "7"},
	} {
		_, body := w.lookUp(bizID, more)
		require.Equal(t, want, body["error_message"])
	}
	_, body := w.lookUp(bizID, map[string]string{"api_key": "other", "api_secret": "secret"})
	require.Equal(t, "RESULT_NOT_FOUND", body["error_message"], "another merchant's flow")
}

func TestFaultsOfMegvii(t *testing.T) {
	w := start(t, quiet)
	for code, want := range map[string]int{"CONCURRENCY_LIMIT_EXCEEDED": 403, "INTERNAL_ERROR": 500, "AUTHORIZATION_ERROR:Limit reached.": 403,
		"BAD_ARGUMENTS:scene_id": 400, "DATA_DESTROYED": 403} {
		require.NoError(t, w.Fault(Fault{Vendor: Megvii, Operation: "get_token", Kind: FaultErrorCode, Code: code, Times: 1}))
		status, body := w.getToken(nil)
		require.Equal(t, want, status)
		require.Equal(t, code, body["error_message"])
	}
	require.NoError(t, w.Fault(Fault{Vendor: Megvii, Kind: FaultErrorCode, Code: "Request Entity Too Large", Times: 1}))
	status, body, text := w.megviiPost("application/x-www-form-urlencoded", megviiFields(nil).Encode())
	require.Equal(t, 413, status)
	require.Nil(t, body)
	require.Equal(t, "Request Entity Too Large", text)
	require.NoError(t, w.Fault(Fault{Vendor: Megvii, Kind: FaultErrorCode, Code: "NEW", Status: 409, Times: 1}))
	status, _ = w.getToken(nil)
	require.Equal(t, 409, status)

	_, bizID := w.played(MegviiPass, nil)
	require.NoError(t, w.Fault(Fault{Vendor: Megvii, Operation: "get_result", Kind: FaultHTML502, Times: 2, Processed: true}))
	for _, want := range []int{502, 502, 200, 403} {
		status, _ = w.lookUp(bizID, nil)
		require.Equal(t, want, status, "a spoilt exchange burns a look-up")
	}
}

func TestTooManyCallsAtATimeAreRefused(t *testing.T) {
	w := start(t, func(c *Config) { c.Megvii.Concurrency = 1; quiet(c) })
	require.NoError(t, w.Fault(Fault{Vendor: Megvii, Kind: FaultDelay, DelayMS: 1500, Times: 1, Processed: true}))
	slow := make(chan int, 1)
	go func() { status, _ := w.getToken(nil); slow <- status }()
	require.Eventually(t, func() bool { return w.Ledger().Count(Query{Vendor: Megvii}) == 1 }, 10*time.Second, time.Millisecond)
	status, body := w.getToken(nil)
	require.Equal(t, 403, status)
	require.Equal(t, "CONCURRENCY_LIMIT_EXCEEDED", body["error_message"])
	require.Equal(t, 200, <-slow)
	require.Eventually(t, func() bool { status, _ := w.getToken(nil); return status == 200 }, 10*time.Second, 5*time.Millisecond)
}
