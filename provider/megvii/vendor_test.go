package megvii

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	key    = "sandbox-api-key"
	secret = "sandbox-api-secret"
	// A biz_id has a comma in it.
	bizID = "1751328000,0f8fad5b-d9cb-469f-a165-70867728950e"
	token = "9f2c4b7a1d3e5f60718293a4b5c6d7e8"
	id    = "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	// bizNo is of the first session of the verification; lostNo too, of a call
	// whose answer was lost.
	bizNo  = id + "-1-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lostNo = id + "-1-ZYXWVUTSRQPONMLKJIHGFEDCBA"
)

var subject = verification.Subject{Name: "测试甲", IDNumber: "110199199003070017"}

// request is what the vendor was sent.
type request struct {
	method, path, contentType, from string
	form                            url.Values
}

// vendor is Megvii as its documents describe it: a record of what was asked,
// and one answer.
type vendor struct {
	*httptest.Server
	answer http.HandlerFunc
	mu     sync.Mutex
	asked  []request
}

func newVendor(t *testing.T, answer http.HandlerFunc) *vendor {
	v := &vendor{answer: answer}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v.mu.Lock()
		v.asked = append(v.asked, request{r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.RemoteAddr, r.Form})
		v.mu.Unlock()
		v.answer(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) calls() []request {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func (v *vendor) client(t *testing.T, change ...func(*Config)) *Client {
	return newClient(t, append([]func(*Config){func(c *Config) { c.BaseURL = v.URL }}, change...)...)
}

func newClient(t testing.TB, change ...func(*Config)) *Client {
	cfg := Config{APIKey: key, APISecret: secret, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// opens answers get_token as the vendor does, with members changed.
func opens(change map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := map[string]any{
			"request_id": "1751328000,6d2f7c4e", "time_used": 84, "token": token, "biz_id": bizID,
			"biz_no": r.FormValue("biz_no"), "expired_time": time.Now().Add(50 * time.Minute).Unix(),
		}
		for k, v := range change {
			a[k] = v
			if v == nil {
				delete(a, k)
			}
		}
		if err := json.NewEncoder(w).Encode(a); err != nil {
			panic(err)
		}
	}
}

func opening() provider.Opening {
	return provider.Opening{
		VerificationID: id, Session: 1, Subject: subject,
		ReturnURL: "https://verify.example/callbacks/megvii_faceid/return/T1", NotifyURL: "https://verify.example/callbacks/megvii_faceid/notify/T2",
	}
}

// session is an open session; change changes its handle.
func session(change ...func(*handle)) provider.FaceSession {
	h := handle{BizNo: bizNo, BizID: bizID}
	for _, f := range change {
		f(&h)
	}
	text, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return provider.FaceSession{VerificationID: id, Session: 1, Handle: text, Subject: subject}
}

// lostSession is one whose get_token was never answered.
func lostSession() provider.FaceSession {
	return provider.FaceSession{VerificationID: id, Session: 1, Subject: subject}
}

const passedRest = `"liveness_result":{"result":"PASS","procedure_type":"video","details":{"UPLOAD_TIMES":1,"FACE_NOT_FOUND":0},
   "face_genuineness":{"synthetic_face_confidence":0.02,"synthetic_face_threshold":0.5,"mask_confidence":0.01,"mask_threshold":0.5,"screen_replay_confidence":0.0,"screen_replay_threshold":0.5}},
 "verify_result":{"verify_time":1751328290,
   "result_faceid":{"confidence":83.412,"thresholds":{"1e-3":62.169,"1e-4":69.315,"1e-5":74.399,"1e-6":78.038}},
   "id_exceptions":{"id_attacked":0,"id_photo_monochrome":0}}`

// answerOf is get_result's answer, or a callback's data: of the session, with
// a status and whatever else it holds.
func answerOf(status, rest string) string { return answerFor(bizNo, bizID, status, rest) }

func answerFor(bizNo, bizID, status, rest string) string {
	text := fmt.Sprintf(`{"request_id":"1751328300,b1d0","time_used":93,"status":%q,"biz_info":{"biz_id":%q,"biz_no":%q,"biz_extra_data":"订单"}`, status, bizID, bizNo)
	if rest != "" {
		text += "," + rest
	}
	return text + "}"
}

var passed = answerOf("OK", passedRest)

// with is the answer of a pass in which old is new.
func with(t testing.TB, old, now string) string {
	require.Equal(t, 1, strings.Count(passed, old), old)
	return strings.Replace(passed, old, now, 1)
}

func sign(secret, data string) string {
	sum := sha1.Sum([]byte(secret + data))
	return hex.EncodeToString(sum[:])
}

func signed(data string) url.Values { return url.Values{"data": {data}, "sign": {sign(secret, data)}} }

func failureOf(t testing.TB, err error) *provider.Error {
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, verification.BillableNo, e.Billable)
	return e
}
