package tencent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	secretID   = "AKIDsandbox0123"
	secretKey  = "sandbox-secret-key"
	merchantID = "0NSJ000000000000000001"
	eidToken   = "7B0C1D2E-3F40-4A5B-8C6D-7E8F90A1B2C3"
	pageURL    = "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0&state=#wechat_redirect"
	// The published sample key of GB/T 32918.5-2017: for tests only.
	sm2Hex = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	desKey = "BBVbu+fYdW+qW56Q55alNDtNLKSJKIwS1R9UtkZwNKe3rC89tPyy6NDZui/GzmsNjvFmYecWKuQnLRV/R55+mFHJ/qS4p22IGGa/oB0verACWX3G3LmCW3+wQTp5BcrlCwNkEc06AJapm6f6mWc2sbg="
	user01 = "9mwsfTSyAVn2RC3/PiwePiMlzPORlsZh2XoJfaD2zT1bAjmvCj8EKTfAWM1IsjcE4Ah5gh1r8Ri84Bfei/M4OA=="
	user00 = "9mwsfTSyAVn2RC3/PiwePiMlzPORlsZh2XoJfaD2zT1bAjmvCj8EKTfAWM1IsjcEL2XOG5UpELQCo8k5/sxi4A=="
)

var subject = verification.Subject{
	Name: "测试甲", IDNumber: "110101199003070011",
	IDValidity: verification.Validity{From: "20200115", To: "20400115"},
}

// session is the one that every test is about.
var session = provider.FaceSession{
	VerificationID: "ver_abc", Session: 2, Subject: subject,
	Handle: []byte(`{"token":"` + eidToken + `"}`),
}

// asked is one request as the vendor got it.
type asked struct {
	action string
	header http.Header
	host   string
	path   string
	body   map[string]any
}

// vendor is Tencent as its contract describes it: for every action the next of
// its answers, the last one for ever. It records what was asked.
type vendor struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	asked   []asked
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{t: t, answers: map[string][]http.HandlerFunc{}}
	v.Server = httptest.NewServer(http.HandlerFunc(v.serve))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	if err := verifyTC3(r, raw); err != nil {
		v.t.Errorf("signature: %v", err)
	}
	a := asked{action: r.Header.Get("X-TC-Action"), header: r.Header, host: r.Host, path: r.URL.RequestURI()}
	_ = json.Unmarshal(raw, &a.body)
	v.mu.Lock()
	v.asked = append(v.asked, a)
	list := v.answers[a.action]
	answer := list[0]
	if len(list) > 1 {
		v.answers[a.action] = list[1:]
	}
	v.mu.Unlock()
	answer(w, r)
}

// on sets the answers to an action.
func (v *vendor) on(action string, answers ...http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[action], v.asked = answers, nil
}

func (v *vendor) requests() []asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func (v *vendor) config() Config {
	return Config{
		SecretID: secretID, SecretKey: secretKey, MerchantID: merchantID,
		Endpoint: strings.TrimPrefix(v.URL, "http://"), Scheme: "http", Timeout: 5 * time.Second,
	}
}

// client makes a client that does not really sleep; what it would have slept
// is in the returned slice.
func (v *vendor) client(change ...func(*Config)) (*Client, *[]time.Duration) {
	cfg := v.config()
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(v.t, err)
	slept := &[]time.Duration{}
	c.sleep = recordSleep(slept)
	return c, slept
}

func withKey(c *Config) { c.SM2PrivateKey = sm2Hex }

// envelopeOf answers with the members in an envelope.
func envelopeOf(members any) http.HandlerFunc {
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	b = append([]byte(`{"RequestId":"c0ffee00-0000-4000-8000-000000000001",`), b[1:]...)
	return status(200, `{"Response":`+strings.Replace(string(b), ",}", "}", 1)+`}`)
}

func apiFailure(code string) http.HandlerFunc {
	return envelopeOf(map[string]any{"Error": map[string]any{"Code": code, "Message": "some message"}})
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

type members map[string]any

// pass is the contract's sample of a passed flow, changed member by member.
func pass(changes ...members) members {
	text := members{
		"ErrCode": 0, "ErrMsg": "成功", "LiveStatus": 0, "LiveMsg": "成功", "Comparestatus": 0, "Comparemsg": "成功",
		"Sim": "91.07", "Name": "", "IdCard": "", "Extra": "ver_abc/2", "LivenessMode": 4, "CompareLibType": "权威库",
		"LivenessDetail": []members{{"ReqTime": "1751328042123", "Seq": "5f6d0c1e-1", "Sim": "91.07", "IsNeedCharge": true, "Errcode": 0}},
	}
	all := members{
		"Text": text, "IdCardData": nil, "BestFrame": nil, "EidInfo": members{"EidCode": "b3BlbmlkLWRlbW8=", "EidSign": "MEQCIA==", "DesKey": "", "UserInfo": ""},
		"IntentionVerifyData": nil, "IntentionQuestionResult": nil, "IntentionActionResult": nil, "IsVerifyIntention": false, "IntentionVerifyType": "",
	}
	for _, c := range changes {
		for k, value := range c {
			if name, inText := strings.CutPrefix(k, "Text."); inText {
				text[name] = value
				if value == missing {
					delete(text, name)
				}
				continue
			}
			all[k] = value
			if value == missing {
				delete(all, k)
			}
		}
	}
	return all
}

// missing, as a value in changes, takes the member away.
const missing = "\x00missing"

// ended is a flow that ended with a code, with the stages as they would be.
func ended(code int, live any) members {
	return pass(members{"Text.ErrCode": code, "Text.LiveStatus": live, "Text.Comparestatus": code, "Text.Sim": nil})
}

func identity(user string) members { return members{"DesKey": desKey, "UserInfo": user} }

func failureOf(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok, "%v", err)
	return e
}

func find(t *testing.T, r verification.FaceResult, c verification.CheckType) verification.Check {
	t.Helper()
	check, ok := verification.Find(r.Checks, c)
	require.True(t, ok, "%s in %v", c, r)
	return check
}

// verifyTC3 rebuilds the signature from what the request says it signed
// (https://cloud.tencent.com/document/api/213/30654).
func verifyTC3(r *http.Request, body []byte) error {
	credential, rest, ok1 := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "TC3-HMAC-SHA256 Credential="), ", SignedHeaders=")
	signed, signature, ok2 := strings.Cut(rest, ", Signature=")
	at, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if !ok1 || !ok2 || err != nil {
		return errors.New("no header of the right form")
	}
	date := time.Unix(at, 0).UTC().Format(time.DateOnly)
	if credential != secretID+"/"+date+"/faceid/tc3_request" {
		return errors.New("another credential")
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(signed, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.ToLower(strings.TrimSpace(value)))
	}
	if !strings.Contains(headers.String(), "content-type:") || !strings.Contains(headers.String(), "host:") {
		return errors.New("content-type and host are not signed")
	}
	if signature != tc3(secretKey, at, "POST\n/\n\n"+headers.String()+"\n"+signed+"\n"+hexSum(body)) {
		return errors.New("it does not hold")
	}
	return nil
}

func tc3(key string, at int64, canonical string) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	date := time.Unix(at, 0).UTC().Format(time.DateOnly)
	k := mac(mac(mac([]byte("TC3"+key), date), "faceid"), "tc3_request")
	return hex.EncodeToString(mac(k, fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/faceid/tc3_request\n%s", at, date, hexSum([]byte(canonical)))))
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestTheVerifierOfSignaturesKnowsItsVector(t *testing.T) {
	body := []byte(`{"MerchantId":"0NSJ000000000000000001"}`)
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:faceid.tencentcloudapi.com\n\ncontent-type;host\n" + hexSum(body)
	require.Equal(t, "b0e03763bf3bd01343d349299de4f72c05de2f3a00af984bb3829964b902c636", hexSum([]byte(canonical)))
	require.Equal(t, "3ce4f64a35c67561e9b2ba85e38f66c8ccd61c4515c4379fddb5e3aaf9933791", tc3(secretKey, 1751328000, canonical))
}
