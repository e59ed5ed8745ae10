package tencentcloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/provider"
)

type request struct {
	*tchttp.BaseRequest
	Word string
}

type answer struct{ Word string }

func call(t *testing.T, handler http.HandlerFunc) (string, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	c := New(Settings{
		SecretID: "AKIDsandbox0123", SecretKey: "planted-key", Endpoint: strings.TrimPrefix(server.URL, "http://"), Scheme: "http",
		Timeout: 5 * time.Second, Service: "iai", Version: "2020-03-03",
		Meaning: func(code string) Meaning {
			return Codes{"Aa": {Class: provider.Gone}}.Of(code, Meaning{Class: provider.Misconfigured})
		},
	})
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, *c, c), "planted-key")
	req := &request{BaseRequest: &tchttp.BaseRequest{}, Word: "<测>"}
	var a answer
	err := c.Call(t.Context(), "op", "Action", req, req.BaseRequest, &a)
	return a.Word, err
}

func respond(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheBytesThatAreSentAreTheOnesThatAreSigned(t *testing.T) {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	word, err := call(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, _ := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
		date := time.Unix(at, 0).UTC().Format(time.DateOnly)
		canonical := "POST\n/\n\ncontent-type:" + r.Header.Get("Content-Type") + "\nhost:" + r.Host + "\n\ncontent-type;host\n" + sum(body)
		key := mac(mac(mac([]byte("TC3planted-key"), date), "iai"), "tc3_request")
		want := fmt.Sprintf("TC3-HMAC-SHA256 Credential=AKIDsandbox0123/%s/iai/tc3_request, SignedHeaders=content-type;host, Signature=%x",
			date, mac(key, fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/iai/tc3_request\n%s", at, date, sum([]byte(canonical)))))
		if r.Header.Get("Authorization") != want {
			t.Errorf("signature: %s", r.Header.Get("Authorization"))
		}
		respond(200, `{"Response":{"Word":"heard","RequestId":"x"}}`)(w, r)
	})
	require.NoError(t, err)
	require.Equal(t, "heard", word)
}

func TestEveryFailureIsOneOfOursAndHoldsNothingOfTheBody(t *testing.T) {
	type want struct {
		class provider.Class
		code  string
	}
	for name, one := range map[string]struct {
		handler http.HandlerFunc
		want    want
	}{
		"a code":             {respond(200, `{"Response":{"Error":{"Code":"Aa.Bb","Message":"planted"}}}`), want{provider.Gone, "Aa.Bb"}},
		"a code under 500":   {respond(500, `{"Response":{"Error":{"Code":"Aa.Bb","Message":"planted"}}}`), want{provider.Gone, "Aa.Bb"}},
		"an unknown code":    {respond(200, `{"Response":{"Error":{"Code":"Zz","Message":"planted"}}}`), want{provider.Misconfigured, "Zz"}},
		"a code that is not": {respond(200, `{"Response":{"Error":{"Code":"planted 110199199003070017","Message":""}}}`), want{provider.Misconfigured, "unrecognized"}},
		"HTML":               {respond(200, "<html>planted"), want{provider.ContractViolation, "not_json"}},
		"null":               {respond(200, "null"), want{provider.ContractViolation, "not_json"}},
		"a gateway":          {respond(502, "<html>planted"), want{provider.Unavailable, "http_502"}},
		"JSON under 503":     {respond(503, `{"planted":1}`), want{provider.Unavailable, "http_503"}},
		"no Response":        {respond(200, `{"planted":1}`), want{provider.ContractViolation, "response"}},
		"two Responses":      {respond(200, `{"Response":{"Word":"a"},"Response":{"Word":"b"}}`), want{provider.ContractViolation, "response"}},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/planted", http.StatusTemporaryRedirect)
		}, want{provider.ContractViolation, "http_307"}},
		"megabytes": {respond(200, `{"Response":{"Word":"`+strings.Repeat("planted", 1<<18)+`"}}`), want{provider.ContractViolation, "too_large"}},
		"dropped":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want{provider.Unavailable, "ClientError.NetworkError"}},
	} {
		_, err := call(t, one.handler)
		e, ok := errors.AsType[*provider.Error](err)
		require.True(t, ok, name)
		require.Equal(t, one.want, want{e.Class, e.Code}, name)
		for ; err != nil; err = errors.Unwrap(err) {
			require.NotContains(t, err.Error(), "planted", name)
			require.NotContains(t, err.Error(), "127.0.0.1", name)
		}
	}
}

func TestACodeIsReadBeforeItsFamilyAndItsFamilyBeforeItsBeginning(t *testing.T) {
	codes := Codes{"Aa.Bb": {Class: "exact"}, "Aa": {Class: "family"}, "InternalError": {Class: "beginning"}}
	for code, want := range map[string]provider.Class{
		"Aa.Bb": "exact", "Aa.Cc": "family", "Aa": "family", "InternalErrorX": "beginning", "InternalError.X": "beginning", "": "unknown", "AaB": "unknown",
		"RequestLimitExceededX": "unknown",
	} {
		require.Equal(t, want, codes.Of(code, Meaning{Class: "unknown"}).Class, code)
	}
}
