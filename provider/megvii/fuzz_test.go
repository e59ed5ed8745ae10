package megvii

import (
	"encoding/json"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// FuzzCall: whatever a call is answered with, a session is opened only with
// all that it needs, and an error shows nothing but a code.
func FuzzCall(f *testing.F) {
	for status, bodies := range map[int][]string{
		200: {`{"request_id":"1751328000,6d2f7c4e-0b1a-4e57-9c1f-2f4b8a1d3e55","time_used":84,"token":"9f2c4b7a1d3e5f60718293a4b5c6d7e8","biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"ord-0001","expired_time":1751331600}`,
			`{"token":"t","biz_id":"b","expired_time":"1751331600"}`, `{}`, `<html>`},
		400: {`{"request_id":"x","time_used":4,"error_message":"BAD_ARGUMENTS:scene_id"}`, `{"ERROR":"MISSING_ARGUMENTS: key"}`},
		403: {`{"error_message":"DATA_DESTROYED"}`, `{"error":"AUTHORIZATION_ERROR:Denied."}`, `测试甲`}, 413: {"Request Entity Too Large"}, 502: {"<html>"},
	} {
		for _, body := range bodies {
			f.Add(status, []byte(body))
		}
	}
	c := newClient(f)
	c.now = func() time.Time { return time.Unix(1751328000, 0) }
	shown := regexp.MustCompile(`^([A-Z][A-Z_]{1,63}(:[a-z_]{1,24})?|http_-?[0-9]+|unrecognized)$`)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status != 200 {
			if e, code := c.cfg.failureOf(status, failureText(body)); e.class == "" || e.reason == "" || !shown.MatchString(code) {
				t.Fatalf("%v %q", e, code)
			}
			return
		}
		var a tokenAnswer
		if strictjson.CheckFolded(body) != nil || json.Unmarshal(body, &a) != nil {
			return
		}
		o, err := c.opened(a, "ord-0001")
		if err != nil {
			return
		}
		u, err := url.Parse(o.Link)
		h, unread := openHandle(provider.FaceSession{Handle: o.Handle})
		if err != nil || u.Host != "api.megvii.com" || u.Path != "/faceid/lite/do" || len(u.Query()) != 1 || u.Query().Get("token") == "" ||
			unread != nil || h.BizNo != "ord-0001" || !o.ExpiresAt.After(c.now()) || o.ExpiresAt.After(c.now().Add(maxLife)) {
			t.Fatalf("opened %q until %s", o.Link, o.ExpiresAt)
		}
	})
}

// FuzzResult: whatever an answer holds, it passes only by what is in it, of
// the contract's form and good enough.
func FuzzResult(f *testing.F) {
	for _, seed := range []string{
		passed, answerOf("NOT_STARTED", ""), answerOf("CANCELLED", ""), answerOf("WEBRTC_UNSUPPORTED", `"fail_reason":"PERMISSIONS_ERROR"`),
		`{"request_id":"1751328300,b1d1","time_used":40,"status":"OK","biz_info":{"biz_id":"1751328000,aa","biz_no":"ord-0002","biz_extra_data":""},
 "liveness_result":{"result":"PASS","procedure_type":"video"},"verify_result":{"error_message":"ID_NUMBER_NAME_NOT_MATCH"}}`,
		`{"status":"OK","liveness_result":{"result":"PASS"},"will_result":[{"result":"PASS","will_error_message":""}],"verify_result":{"error_message":null,"result_ref1":{"confidence":99,"thresholds":{"1e-4":69.3}}}}`,
		`{"status":"OK","liveness_result":{"result":"PASS","face_genuineness":{"face_replaced":1,"mask_confidence":"0.9","mask_threshold":0.5}},"verify_result":{"id_exceptions":{"id_attacked":1}}}`,
		`{"request_id":"1751328000,6d2f7c4e","time_used":4,"error_message":"BAD_ARGUMENTS:scene_id"}`, `{`, `null`, `[]`, `<html>`,
	} {
		f.Add([]byte(seed), uint8(0), false, false)
		f.Add([]byte(seed), uint8(1), true, true)
	}
	f.Fuzz(func(t *testing.T, text []byte, refs uint8, will, scoresOnly bool) {
		a, err := parseAnswer(text)
		if err != nil {
			return
		}
		q := asked{Refs: int(refs % 4), Will: will, ScoresOnly: scoresOnly}
		result := a.judge(q, "1e-4")
		if !result.Judged && (len(result.Checks) > 0 || result.Reason == "") {
			t.Fatalf("no judgement, and %+v", result)
		}
		for _, c := range result.Checks {
			if c.Status == verification.Passed && len(c.Reasons) > 0 || c.Status != verification.Passed && len(c.Reasons) == 0 {
				t.Fatalf("%s with reasons %v", c.Status, c.Reasons)
			}
			if c.Suspicious() && c.Status != verification.Failed {
				t.Fatal("a suspicion that is no failure")
			}
			if len(c.ProviderCode) > 80 {
				t.Fatalf("%q is shown", c.ProviderCode)
			}
		}
		if result.Ending() == verification.EndedPassed && !deserves(t, text, q) {
			t.Fatal("passed without what a pass needs")
		}
	})
}

// deserves states once more, in the plainest of words, what a pass needs.
// Nothing of the package reads the text here; letters' case is no matter.
func deserves(t *testing.T, text []byte, q asked) bool {
	type likeness struct {
		Confidence json.RawMessage            `json:"confidence"`
		Thresholds map[string]json.RawMessage `json:"thresholds"`
	}
	var a struct {
		Status   string `json:"status"`
		Liveness struct {
			Result string `json:"result"`
			Scores *struct {
				Mask      json.RawMessage `json:"mask_confidence"`
				MaskLimit json.RawMessage `json:"mask_threshold"`
				Synthetic json.RawMessage `json:"synthetic_face_confidence"`
				Swapped   json.RawMessage `json:"face_replaced"`
			} `json:"face_genuineness"`
		} `json:"liveness_result"`
		Verify struct {
			Error      any       `json:"error_message"`
			FaceID     *likeness `json:"result_faceid"`
			Ref1       *likeness `json:"result_ref1"`
			Exceptions *struct {
				Attacked json.RawMessage `json:"id_attacked"`
			} `json:"id_exceptions"`
		} `json:"verify_result"`
		Will []struct {
			Result string `json:"result"`
		} `json:"will_result"`
	}
	if json.Unmarshal(text, &a) != nil || a.Status != "OK" || a.Liveness.Result != "PASS" || a.Verify.Error != nil && a.Verify.Error != "" {
		return false
	}
	number := func(raw json.RawMessage) (n float64) {
		var quoted string
		if json.Unmarshal(raw, &quoted) == nil {
			raw = json.RawMessage(quoted)
		}
		if json.Unmarshal(raw, &n) != nil {
			return -1
		}
		return n
	}
	if q.Will && len(a.Will) == 0 {
		return false
	}
	for _, w := range a.Will {
		if w.Result != "PASS" {
			return false
		}
	}
	if s := a.Liveness.Scores; s != nil {
		if number(s.Swapped) == 1 || number(s.Mask) > 0 && number(s.Mask) >= number(s.MaskLimit) {
			return false
		}
	}
	if q.ScoresOnly && (a.Liveness.Scores == nil || len(a.Liveness.Scores.Synthetic) == 0) {
		return false
	}
	face := a.Verify.FaceID
	if q.Refs > 0 {
		face = a.Verify.Ref1
	} else if e := a.Verify.Exceptions; e != nil && number(e.Attacked) == 1 {
		return false
	}
	if face == nil {
		return false
	}
	limit := number(face.Thresholds["1e-4"])
	return limit > 0 && number(face.Confidence) >= limit
}
