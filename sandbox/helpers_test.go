package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// world is a sandbox behind a real listener.
type world struct {
	*Sandbox
	t     *testing.T
	url   string
	clock *clock
	http  *http.Client
}

func start(t *testing.T, edit func(*Config)) *world {
	t.Helper()
	cfg := DefaultConfig()
	c := &clock{now: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	cfg.Clock = c.Now
	if edit != nil {
		edit(&cfg)
	}
	return serving(t, New(cfg), c)
}

// serving puts a sandbox behind a listener.
func serving(t *testing.T, s *Sandbox, c *clock) *world {
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &world{Sandbox: s, t: t, url: srv.URL, clock: c, http: client}
}

// signer signs as the vendor's page on signature v3 says. It is written apart
// from the verifier, and shares nothing with it.
type signer struct {
	id, key, service, action string
	signAction               bool
	at                       time.Time
}

func (s signer) sign(req *http.Request, body string) {
	mac := func(key, text string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text))
		return string(h.Sum(nil))
	}
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	contentType, host := req.Header.Get("Content-Type"), req.Host
	headers, list := "content-type:"+contentType+"\nhost:"+host+"\n", "content-type;host"
	if s.signAction {
		headers += "x-tc-action:" + strings.ToLower(s.action) + "\n"
		list += ";x-tc-action"
	}
	canonical := fmt.Sprintf("POST\n/\n\n%s\n%s\n%s", headers, list, sum(body))
	date, stamp := s.at.UTC().Format("2006-01-02"), strconv.FormatInt(s.at.Unix(), 10)
	scope := date + "/" + s.service + "/tc3_request"
	toSign := fmt.Sprintf("TC3-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, sum(canonical))
	derived := mac(mac(mac("TC3"+s.key, date), s.service), "tc3_request")
	signature := hex.EncodeToString([]byte(mac(derived, toSign)))
	req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", s.id, scope, list, signature))
	req.Header.Set("X-TC-Timestamp", stamp)
	req.Header.Set("X-TC-Action", s.action)
}

func (w *world) signer(action string) signer {
	return signer{id: DefaultSecretID, key: DefaultSecretKey, service: "faceid", action: action, at: w.clock.Now()}
}

// tencentRequest builds a signed request; edits come after the signature.
func (w *world) tencentRequest(s signer, body string, edit func(*http.Request)) *http.Request {
	req, err := http.NewRequest(http.MethodPost, w.url+"/tencent", strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-TC-Version", "2018-03-01")
	s.sign(req, body)
	if edit != nil {
		edit(req)
	}
	return req
}

func (w *world) do(req *http.Request) (int, []byte, error) {
	res, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// response is Response of Tencent's envelope, members undecoded.
type response map[string]json.RawMessage

func (r response) text(member string) string {
	var text string
	_ = json.Unmarshal(r[member], &text)
	return text
}

func (r response) errorCode() string {
	var e struct{ Code string }
	_ = json.Unmarshal(r["Error"], &e)
	return e.Code
}

func (w *world) send(req *http.Request) response {
	w.t.Helper()
	status, body, err := w.do(req)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, status, "HTTP is 200 whatever the answer says")
	var envelope struct{ Response response }
	require.NoError(w.t, json.Unmarshal(body, &envelope))
	require.NotEmpty(w.t, envelope.Response.text("RequestId"))
	return envelope.Response
}

func (w *world) tencent(action string, body any) response {
	w.t.Helper()
	return w.send(w.tencentRequest(w.signer(action), mustJSON(body), nil))
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// eidToken opens a session for the first fixture.
func (w *world) eidToken(more map[string]any) (token, link string) {
	w.t.Helper()
	a1 := Fixtures()[0]
	body := map[string]any{"MerchantId": DefaultMerchantID, "Name": a1.Name, "IdCard": a1.IDNumber, "Extra": "att_1",
		"Config": map[string]any{"InputType": "4"}, "RedirectUrl": "https://kyc.example.com/cb/tencent?sid=s1#top"}
	for k, v := range more {
		body[k] = v
	}
	r := w.tencent("GetEidToken", body)
	require.Empty(w.t, r.errorCode())
	return r.text("EidToken"), r.text("Url")
}

func (w *world) status(token string) string {
	w.t.Helper()
	return w.tencent("CheckEidTokenStatus", map[string]string{"EidToken": token}).text("Status")
}

type detectText struct {
	ErrCode, LiveStatus, Comparestatus *int
	Sim                                *string
	Name, IdCard, Extra                *string
	LivenessDetail                     []struct {
		ReqTime, Seq string
		IsNeedCharge bool
		Errcode      int
		Livestatus   *int
	}
}

func (w *world) result(token, infoType string) (response, *detectText) {
	w.t.Helper()
	r := w.tencent("GetEidResult", map[string]any{"EidToken": token, "InfoType": infoType})
	var text *detectText
	if len(r["Text"]) > 0 {
		require.NoError(w.t, json.Unmarshal(r["Text"], &text))
	}
	return r, text
}

// form posts to a page, as a browser would.
func (w *world) form(path, body string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.browse(req)
}

func (w *world) get(address string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(w.t, err)
	return w.browse(req)
}

func (w *world) browse(req *http.Request) (*http.Response, string) {
	w.t.Helper()
	res, err := w.http.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(w.t, err)
	return res, b.String()
}

// check2e calls AceData's endpoint.
func (w *world) check2e(p Person, edit func(*http.Request)) (int, map[string]any, error) {
	w.t.Helper()
	body := mustJSON(map[string]string{"name": p.Name, "id_card": p.IDNumber, "validity_begin": p.ValidFrom, "validity_end": p.ValidTo})
	req, err := http.NewRequest(http.MethodPost, w.url+"/acedata/identity/idcard/check-2e", strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+DefaultAceDataToken)
	req.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(req)
	}
	status, answer, err := w.do(req)
	if err != nil {
		return 0, nil, err
	}
	var decoded map[string]any
	_ = json.Unmarshal(answer, &decoded)
	return status, decoded, nil
}

// admin calls a path under /sandbox.
func (w *world) admin(method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	var reader io.Reader
	if body != nil {
		reader = strings.NewReader(mustJSON(body))
	}
	req, err := http.NewRequest(method, w.url+path, reader)
	require.NoError(w.t, err)
	status, answer, err := w.do(req)
	require.NoError(w.t, err)
	var decoded map[string]any
	_ = json.Unmarshal(answer, &decoded)
	return status, decoded
}
