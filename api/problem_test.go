package api

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
)

// A misspelt property is named, so that its caller finds it; what may be
// somebody's data is not.
func TestUnknownPropertiesAreNamed(t *testing.T) {
	for body, want := range map[string][]string{
		goodBody(`,"polcy":1`):                              {"polcy"},
		goodBody(`,"returnUrl":"x","client-reference":"y"`): {"client-reference", "returnUrl"},
		goodBody(`,"consents":[{"purpose":"face","given_at":"2026-11-23T00:00:00Z","text":""}]`): {"consents.0.text"},
		`{"policy":"p","subject":{"name":"a","id_number":"1","idNumber":"2","id_validity":{"from":"a","to":"b","until":"c"}}}`: {
			"subject.idNumber", "subject.id_validity.until"},
		goodBody(`,"` + plantedNumber + `":1`):           {""},
		goodBody(`,"n` + plantedNumber + `":1`):          {""},
		goodBody(`,"phone13800138000":1`):                {""},
		goodBody(`,"` + plantedName + `":1`):             {""},
		goodBody(`,"":1`):                                {""},
		goodBody(`,"a b":1`):                             {""},
		goodBody(`,"<script>":1`):                        {""},
		goodBody(`,"` + strings.Repeat("a", 41) + `":1`): {""},
	} {
		r := newRig(t)
		p := problemIn(t, r.post(body), 422, "invalid_request")
		var fields []string
		for _, e := range p.Errors {
			require.Equal(t, "property.unknown", e.Code)
			require.NotEmpty(t, e.Message)
			fields = append(fields, e.Field)
		}
		require.Equal(t, want, fields, body)
		require.NotContains(t, r.logs.String(), "polcy", "a name stays between the caller and us")
	}
}

// What Go's types do not hold is named, too.
func TestANumberInAnUnusualFormIsNamed(t *testing.T) {
	r := newRig(t)
	w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: `{"session":1.0}`})
	p := problemIn(t, w, 422, "invalid_request")
	require.Equal(t, "session", p.Errors[0].Field)
	require.Equal(t, "value.format", p.Errors[0].Code)
}

// A header of the contract that is given twice means two things.
func TestAHeaderThatIsGivenTwiceIsNamed(t *testing.T) {
	for _, name := range []string{"If-None-Match", "If-Match"} {
		r := newRig(t)
		c := operationsOn(knownID)["retry"]
		if name == "If-None-Match" {
			c = operationsOn(knownID)["read"]
		}
		req := newRequest(c.method, c.path, c.body, r.shop)
		req.Header[name] = []string{`"v1"`, `"v2"`}
		p := problemIn(t, r.serve(req), 422, "invalid_request")
		require.Equal(t, name, p.Errors[0].Field)
		require.Equal(t, "value.repeated", p.Errors[0].Code)
		require.Empty(t, r.fake.calls)
	}
}

// served answers over a real connection, as the command does.
func served(t *testing.T, r *rig) *httptest.Server {
	srv := httptest.NewUnstartedServer(r.handler)
	srv.Listener = Problems(srv.Listener, slog.New(slog.NewJSONHandler(r.logs, nil)))
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

func raw(t *testing.T, srv *httptest.Server, request string) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, body
}

// Requests that net/http refuses before any handler sees them get a problem
// document like all others.
func TestAPathThatIsNoneIsAProblem(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", running())
	srv := served(t, r)
	auth := "\r\nHost: x\r\nAuthorization: Bearer " + r.shop + "\r\n\r\n"
	for request, want := range map[string]struct {
		status int
		code   string
	}{
		"GET /v1/verifications/% HTTP/1.1" + auth:                                                {400, "malformed_request"},
		"GET /v1/verifications/%zz HTTP/1.1" + auth:                                              {400, "malformed_request"},
		"POST /v1/verifications/%/cancel HTTP/1.1" + auth:                                        {400, "malformed_request"},
		"GET /" + plantedName + "% HTTP/1.1" + auth:                                              {400, "malformed_request"},
		"GET /v1/providers HTTP/1.1\r\n\r\n":                                                     {400, "malformed_request"},
		"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":          {501, "malformed_request"},
		"GET /v1/providers HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n": {431, "headers_too_large"},
	} {
		res, body := raw(t, srv, request)
		require.Equal(t, want.status, res.StatusCode, string(body))
		require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
		var p problem
		require.NoError(t, json.Unmarshal(body, &p), string(body))
		require.Equal(t, want.code, p.Code)
		require.Equal(t, want.status, p.Status)
		require.Equal(t, res.Header.Get("X-Request-Id"), p.RequestID)
		require.Contains(t, r.logs.String(), p.RequestID)
		require.NotContains(t, string(body)+r.logs.String(), plantedName)
	}
	require.Empty(t, r.fake.calls)
	res, body := raw(t, srv, "GET /v1/verifications/"+knownID+" HTTP/1.1"+auth)
	require.Equal(t, 200, res.StatusCode, "other answers go through as they are: %s", body)
	require.Contains(t, string(body), knownID)
}

func TestHEADWorksWhereGETDoes(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", running())
	r.fake.list = func(starter.ListQuery, int, string) (starter.Page, error) { return starter.Page{}, nil }
	r.fake.provide = func() ([]starter.Provider, error) { return nil, nil }
	r.fake.hint = func(string, int) (starter.HintResult, error) { return starter.HintSent, nil }
	r.fake.landing = func(string) (starter.ReturnTarget, error) {
		return starter.ReturnTarget{Client: "shop", ReturnURL: "https://shop.example/back"}, nil
	}
	srv := served(t, r)
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ask := func(method, path, tag string) *http.Response {
		req, err := http.NewRequest(method, srv.URL+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+r.shop)
		if tag != "" {
			req.Header.Set("If-None-Match", tag)
		}
		res, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.False(t, method == "HEAD" && len(body) > 0)
		return res
	}
	callback := "/callbacks/tencent_eid/return/" + r.ticket(nil)
	for path, status := range map[string]int{
		"/v1/verifications/" + knownID: 200, "/v1/verifications?status=in_review": 200, "/v1/providers": 200, "/openapi.yaml": 200,
		"/v1/verifications/unknown": 404, "/v1/verifications?status=x": 422, "/nowhere": 404, callback: 303, "/callbacks/tencent_eid/return/x": 404,
		"/v1/verifications/" + knownID + "/retry": 405,
	} {
		get, head := ask("GET", path, ""), ask("HEAD", path, "")
		require.Equal(t, status, get.StatusCode, path)
		require.Equal(t, status, head.StatusCode, path)
		for _, name := range []string{"Content-Type", "ETag", "Location", "Cache-Control", "Allow"} {
			require.Equal(t, get.Header.Get(name), head.Header.Get(name), "%s of %s", name, path)
		}
	}
	require.Equal(t, 304, ask("HEAD", "/v1/verifications/"+knownID, `"v3"`).StatusCode)
	hints := 0
	for _, c := range r.fake.calls {
		if c == "hint" {
			hints++
		}
	}
	require.Equal(t, 1, hints, "nobody comes back by HEAD")
	require.Contains(t, r.logs.String(), `"method":"HEAD"`)
	res := ask("DELETE", "/v1/verifications/"+knownID, "")
	require.Equal(t, 405, res.StatusCode)
	require.Equal(t, "GET, HEAD", res.Header.Get("Allow"))
}
