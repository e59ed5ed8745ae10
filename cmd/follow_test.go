package cmd

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted answers one request after the other, the last for ever.
func scripted(t *testing.T, answers ...func(http.ResponseWriter)) *caller {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answers[0](w)
		answers = answers[min(1, len(answers)-1):]
	}))
	t.Cleanup(srv.Close)
	c, err := newCaller(srv.URL+"/", "yz_test_key")
	require.NoError(t, err)
	return c
}

func answers(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const (
	waiting  = `{"id":"ver_a","status":"processing","policy":{"name":"cn-resident","version":1}}`
	finished = `{"id":"ver_a","status":"completed","decision":"approved","outcome":"approved","policy":{"name":"cn-resident","version":1}}`
)

// An API that is away for longer than the client's own tries ends no following:
// the person at the terminal is told, once, and sees the end all the same.
func TestFollowingOutlastsAnAPIThatIsAway(t *testing.T) {
	t.Parallel()
	away := answers(http.StatusServiceUnavailable, `{"code":"engine_unavailable","status":503,"title":"The engine did not answer."}`)
	c := scripted(t, answers(200, waiting), away, away, away, away, away, answers(200, finished))
	var out bytes.Buffer
	began := time.Now()
	require.NoError(t, runStatus(t.Context(), c, "ver_a", true, &out))
	require.Contains(t, out.String(), "APPROVED")
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("the API does not answer; asking again")), out.String())
	require.Less(t, time.Since(began), 30*time.Second)
}

// What the API says ends a command with a code that scripts can act on.
func TestAnswersEndACommandByTheirKind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		code   int
		text   string
	}{
		"refused": {404, `{"status":404,"code":"not_found","title":"Not found."}`, exitRefused, "the API refused: Not found. (not_found, HTTP 404)"},
		"fields": {422, `{"status":422,"code":"invalid_request","title":"No.","errors":[{"field":"policy","code":"unknown","message":"m"}]}`, exitRefused,
			"the API refused: No. (invalid_request, HTTP 422)\n  policy: m (unknown)"},
		"no document": {403, "<html>", exitRefused, "the API answered HTTP 403 without a problem document"},
		"a gateway's": {502, "<html>", exitNoReply, "the API could not answer (HTTP 502)"},
		"a fault":     {500, `{"status":500,"code":"internal","title":"Internal server error."}`, exitNoReply, "the API could not answer: Internal server error. (internal, HTTP 500)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := runStatus(t.Context(), scripted(t, answers(tc.status, tc.body)), "ver_a", false, &bytes.Buffer{})
			require.EqualError(t, err, tc.text)
			e, ok := errors.AsType[*exitError](err)
			require.True(t, ok)
			require.Equal(t, tc.code, e.code)
		})
	}
}
