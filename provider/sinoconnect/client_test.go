package sinoconnect

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	clientID     = "client-0001"
	clientSecret = "planted-client-secret"
	// faceJWT has the form of the contract's example and nobody's signature.
	faceJWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZXNzaW9uSWQiOiIwMTIzIiwiaWF0IjoxNzAwMDAwMDAwfQ.c2lnbmF0dXJl"
	reqID   = "sim-ok-7c1f0b92"
)

// asked is one request as the vendor got it.
type asked struct {
	path   string
	header http.Header
	body   map[string]any
}

// vendor is Sino Connect as its contract describes it: for every path the next
// of its answers, the last one for ever. It records what was asked.
type vendor struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	asked   []asked
	log     bytes.Buffer
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{answers: map[string][]http.HandlerFunc{}}
	v.Server = httptest.NewServer(http.HandlerFunc(v.serve))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	a := asked{path: r.URL.Path, header: r.Header}
	_ = json.Unmarshal(raw, &a.body)
	v.mu.Lock()
	v.asked = append(v.asked, a)
	answer := status(500, "")
	if list := v.answers[a.path]; len(list) > 0 {
		answer = list[0]
		v.answers[a.path] = list[min(1, len(list)-1):]
	}
	v.mu.Unlock()
	answer(w, r)
}

func (v *vendor) on(path string, answers ...http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[path], v.asked = answers, nil
}

func (v *vendor) requests() []asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func (v *vendor) client(t *testing.T, with ...func(*Config)) *Client {
	t.Helper()
	cfg := loadFixtures(t).config(func(c *Config) {
		c.BaseURL, c.ClientID, c.ClientSecret, c.Timeout = v.URL, clientID, clientSecret, 5*time.Second
		c.Logger = slog.New(slog.NewTextHandler(&v.log, nil))
	})
	for _, w := range with {
		w(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func status(code int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func answer(members map[string]any) http.HandlerFunc {
	text, _ := json.Marshal(members)
	return status(200, string(text))
}

// dropped ends the connection after the question was read.
func dropped(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// halved promises more than it sends.
func halved(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"message":`)
}

func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(5 * time.Second):
	}
}

func failureOf(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok, "%v", err)
	return e
}

func TestEveryCallCarriesBothCredentialsAndNothingThatIsNotDocumented(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	v.on(pathChip, status(202, ""))
	v.on(pathFaceOpen, answer(map[string]any{"message": "Success", "token": faceJWT, "url": "https://h5.example/face?s=1"}))
	v.on(pathFaceLook, status(202, ""))
	_, _ = c.Read(t.Context(), reqID)
	_, err := c.Open(t.Context(), opening)
	require.NoError(t, err)
	_, err = c.Look(t.Context(), session)
	require.NoError(t, err)
	got := v.requests()
	require.Len(t, got, 3)
	for i, want := range []map[string]any{{"reqid": reqID}, {"redirect": opening.ReturnURL}, {"token": faceJWT}} {
		require.Equal(t, want, got[i].body)
		require.Equal(t, clientID, got[i].header.Get("x-client-id"))
		require.Equal(t, clientSecret, got[i].header.Get("x-client-secret"))
		require.Equal(t, "application/json", got[i].header.Get("Content-Type"))
		require.Equal(t, "application/json", got[i].header.Get("Accept"))
	}
}

func TestAChipIsReadOnceItsTokenOpens(t *testing.T) {
	v := newVendor(t)
	f := loadFixtures(t)
	c := v.client(t)
	for _, message := range []any{"Success", "Pending", nil, 7} {
		v.on(pathChip, answer(map[string]any{"message": message, "token": f.tokens["RSA-OAEP-256 A256GCM kid"]}))
		card, err := c.Read(t.Context(), reqID)
		require.NoError(t, err)
		require.NotEmpty(t, card.Portrait)
		card.Portrait = nil
		require.Equal(t, holder, card)
	}
}

func TestAnAnswerAboutAChipIsClassified(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	type want struct {
		class provider.Class
		code  string
		after time.Duration
	}
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		want   want
	}{
		"202":                     {status(202, `{"message":"x"}`), want{provider.Unavailable, "pending", 2500 * time.Millisecond}},
		"200 pending":             {status(200, `{"message":"Not yet ready"}`), want{provider.Unavailable, "pending", 2500 * time.Millisecond}},
		"200 without a token":     {status(200, `{"message":"Success"}`), want{provider.Unreadable, "no_token", 0}},
		"200 with a null token":   {status(200, `{"message":"Success","token":null}`), want{provider.Unreadable, "no_token", 0}},
		"200 with a list":         {status(200, `{"message":"Success","token":[]}`), want{provider.Unreadable, "no_token", 0}},
		"200 with no JWE":         {status(200, `{"message":"Success","token":"abc"}`), want{provider.Unreadable, "chip_token_refused", 0}},
		"400 gone":                {status(400, `{"error":"reqid expired"}`), want{provider.Unreadable, "http_400", 0}},
		"400 of unknown words":    {status(400, `{"error":"?"}`), want{provider.Unreadable, "http_400", 0}},
		"400 pending":             {status(400, `{"error":"pending"}`), want{provider.Unreadable, "http_400", 0}},
		"401":                     {status(401, ``), want{provider.Misconfigured, "http_401", 0}},
		"403":                     {status(403, ``), want{provider.Misconfigured, "http_403", 0}},
		"404":                     {status(404, ``), want{provider.Misconfigured, "http_404", 0}},
		"405":                     {status(405, ``), want{provider.Misconfigured, "http_405", 0}},
		"408":                     {status(408, ``), want{provider.Unavailable, "http_408", 0}},
		"425":                     {status(425, ``), want{provider.Unavailable, "http_425", 0}},
		"429":                     {status(429, ``, "Retry-After", "7"), want{provider.RateLimited, "http_429", 7 * time.Second}},
		"500":                     {status(500, `{"error":"x"}`), want{provider.Unavailable, "http_500", 0}},
		"502":                     {status(502, `<html>`), want{provider.Unavailable, "http_502", 0}},
		"503 for a year":          {status(503, ``, "Retry-After", "31536000"), want{provider.Unavailable, "http_503", time.Hour}},
		"a redirect":              {status(302, ``, "Location", "https://evil.example/"), want{provider.ContractViolation, "http_302", 0}},
		"201":                     {status(201, `{}`), want{provider.ContractViolation, "http_201", 0}},
		"200 of HTML":             {status(200, `<html>`), want{provider.ContractViolation, "not_json", 0}},
		"200 of nothing":          {status(200, ``), want{provider.ContractViolation, "not_json", 0}},
		"200 of a list":           {status(200, `[]`), want{provider.ContractViolation, "not_json", 0}},
		"200 saying things twice": {status(200, `{"token":"a","token":"b"}`), want{provider.ContractViolation, "not_json", 0}},
		"200 over 8 MiB":          {status(200, `{"token":"`+strings.Repeat("a", maxBody)+`"}`), want{provider.ContractViolation, "too_large", 0}},
		"dropped":                 {dropped, want{provider.Unavailable, "no_answer", 0}},
		"half":                    {halved, want{provider.Unavailable, "no_answer", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			v.on(pathChip, one.answer)
			card, err := c.Read(t.Context(), reqID)
			e := failureOf(t, err)
			require.Equal(t, one.want, want{e.Class, e.Code, e.RetryAfter})
			require.Empty(t, card)
			require.False(t, e.Lost, "a scan can be fetched again")
			require.Len(t, v.requests(), 1, "nothing here repeats a request")
		})
	}
}

func TestAReqidOfAnotherFormIsNeverSent(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	v.on(pathChip, status(500, ""))
	for _, bad := range []string{"", " ", "a b", "a\n", "测试", strings.Repeat("a", 129), "../x", `","x":"`} {
		_, err := c.Read(t.Context(), bad)
		require.Equal(t, provider.Unreadable, failureOf(t, err).Class)
		require.Equal(t, "reqid", failureOf(t, err).Code)
	}
	require.Empty(t, v.requests())
	c = v.client(t, func(c *Config) { c.ReqIDPattern = "[0-9]+|x" })
	v.on(pathChip, status(202, ""))
	for reqid, sent := range map[string]int{"12": 1, "x": 1, "12x": 0, "1 2": 0} {
		v.on(pathChip, status(202, ""))
		_, _ = c.Read(t.Context(), reqid)
		require.Len(t, v.requests(), sent, reqid)
	}
}

func TestEveryRefusalOfATokenLooksAlikeToTheOutsideAndLogsItsStage(t *testing.T) {
	v := newVendor(t)
	f := loadFixtures(t)
	c := v.client(t)
	o := c.opener
	planted := "kid-" + strings.Repeat("k", 100) + "\x1b[2J\n测试甲"
	for name, one := range map[string]struct {
		token string
		log   string
	}{
		"another key":        {f.tokens["wrong key"], `alg=RSA-OAEP-256 enc=A256GCM kid=rsa-1 stage=key why="no key opens it"`},
		"RSA1_5":             {reheaded(f.tokens["wrong key"], with("alg", "RSA1_5")), `alg=RSA1_5 enc=A256GCM kid=rsa-1 stage=header why="its alg RSA1_5 is not allowed"`},
		"not JSON":           {sealed(t, o, []byte("测试甲 110199199003070017"), noOptions, "RSA-OAEP-256"), `alg=RSA-OAEP-256 enc=A256GCM kid="" stage=plaintext why="its plaintext is no JSON object, or has a property twice"`},
		"incomplete":         {sealed(t, o, []byte(`{"name":"测试甲"}`), noOptions, "RSA-OAEP-256"), `alg=RSA-OAEP-256 enc=A256GCM kid="" stage=member why="its plaintext lacks a required property: id_number"`},
		"a long name":        {sealed(t, o, chipJSON(t, map[string]any{"name": strings.Repeat("测", 5000)}), noOptions, "RSA-OAEP-256"), `alg=RSA-OAEP-256 enc=A256GCM kid="" stage=member why="a property of its plaintext has an unknown form: name"`},
		"cut":                {f.tokens["dir A256GCM"][:80], `alg="" enc="" kid="" stage=token why="it has not five parts of base64url"`},
		"nested":             {f.tokens["nested RS256"], `alg=RSA-OAEP-256 enc=A256GCM kid=rsa-1 stage=signature why="it holds a signed token, and no key to verify one is configured"`},
		"a number for a kid": {reheaded(f.tokens["dir A256GCM"], with("kid", "card 110199-19900307-0017")), `alg=dir enc=A256GCM kid=unrecognized stage=key why="no key opens it"`},
		"a planted kid":      {reheaded(f.tokens["dir A256GCM"], with("kid", planted)), `alg=dir enc=A256GCM kid=kid-` + strings.Repeat("k", 60) + ` stage=key why="no key opens it"`},
	} {
		t.Run(name, func(t *testing.T) {
			v.log.Reset()
			v.on(pathChip, answer(map[string]any{"message": "Success", "token": one.token}))
			_, err := c.Read(t.Context(), reqID)
			require.Equal(t, &provider.Error{
				Op: "sinoconnect.nfc", Class: provider.Unreadable, Code: "chip_token_refused",
				Reason: verification.DocumentUnreadable, Billable: verification.BillableNo,
			}, err)
			_, line, _ := strings.Cut(v.log.String(), " level")
			require.Equal(t, `=WARN msg="chip token refused" `+one.log+"\n", line)
		})
	}
}

// A card whose end is not understood is read, and the log tells the form alone.
func TestDatesThatAreNotUnderstoodAreLoggedByTheirShape(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	token := sealed(t, c.opener, chipJSON(t, map[string]any{"endTime": "测试甲 19900307"}), noOptions, "RSA-OAEP-256")
	v.on(pathChip, answer(map[string]any{"message": "Success", "token": token}))
	card, err := c.Read(t.Context(), reqID)
	require.NoError(t, err)
	require.Equal(t, verification.Validity{From: "20200115"}, card.Validity)
	_, line, _ := strings.Cut(v.log.String(), " level")
	require.Equal(t, "=WARN msg=\"chip dates not understood\" members=\"[valid_to \\\"aaa 99999999\\\"]\"\n", line)
}

func TestNothingPersonalIsInAnErrorOrALog(t *testing.T) {
	v := newVendor(t)
	c := v.client(t, func(c *Config) { c.Timeout = 300 * time.Millisecond })
	planted := `{"error":"测试甲 110199199003070017 ` + faceJWT + `","message":"测试甲 110199199003070017","token":"` + faceJWT + `","faceImage":7}`
	for _, one := range []http.HandlerFunc{
		status(200, planted), status(200, planted+"x"), status(201, planted), status(302, planted, "Location", "https://x.example/"+faceJWT),
		status(400, planted), status(401, planted), status(404, planted), status(500, planted), status(502, planted), dropped, halved, slow,
	} {
		for _, path := range []string{pathChip, pathFaceOpen, pathFaceLook} {
			v.on(path, one)
		}
		_, chip := c.Read(t.Context(), reqID)
		_, open := c.Open(t.Context(), opening)
		_, look := c.Look(t.Context(), session)
		for _, err := range []error{chip, open, look} {
			for err != nil {
				text := fmt.Sprintf("%s %+v", err, err)
				for _, secret := range []string{"测试", "110199", "eyJ", clientSecret, reqID, "ticket", "127.0.0.1"} {
					require.NotContains(t, text, secret)
				}
				err = errors.Unwrap(err)
			}
		}
	}
	for _, secret := range []string{"测试", "110199", "eyJ", clientSecret, reqID} {
		require.NotContains(t, v.log.String(), secret)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", *c), fmt.Sprint(handle{faceJWT}), fmt.Sprintf("%#v", handle{faceJWT})} {
		for _, secret := range []string{clientSecret, clientID, faceJWT, loadFixtures(t).keys.Shared, `"kty"`} {
			require.NotContains(t, text, secret)
		}
	}
}

func TestNoRedirectIsFollowedAndNothingIsSentTwice(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for _, path := range []string{pathChip, pathFaceOpen, pathFaceLook} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			v.on(path, status(code, "", "Location", v.URL+path))
			_, _ = c.Read(t.Context(), reqID)
			_, _ = c.Open(t.Context(), opening)
			_, _ = c.Look(t.Context(), session)
			n := 0
			for _, a := range v.requests() {
				if a.path == path {
					n++
				}
			}
			require.Equal(t, 1, n)
		}
	}
}

func TestACanceledCallSaysSo(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Read(ctx, reqID)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "no_connection", failureOf(t, err).Code)
}

var imageOf = base64.StdEncoding.EncodeToString
