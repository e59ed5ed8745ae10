package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
)

// exchange is one request that the stand-in API got.
type exchange struct {
	method, path, body string
	header             http.Header
}

// script answers one request after the other as it says, the last one for ever.
type script struct {
	t       *testing.T
	answers []http.HandlerFunc
	got     []exchange
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	require.NoError(s.t, err)
	s.got = append(s.got, exchange{r.Method, r.URL.RequestURI(), string(body), r.Header})
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	next(w, r)
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func scripted(t *testing.T, answers ...http.HandlerFunc) (*client.Client, *script) {
	t.Helper()
	s := &script{t: t, answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "yz_test_key")
	require.NoError(t, err)
	return c, s
}

var request = client.StartRequest{Policy: "cn-resident"}

const (
	running = `{"id":"ver_a","status":"processing"}`
	linked  = `{"id":"ver_a","status":"requires_input","next_action":{"type":"redirect","url":"https://vendor.example/x"}}`
	ended   = `{"id":"ver_a","status":"completed","decision":"approved","outcome":"approved"}`
	busy    = `{"type":"urn:yanzhen:problem:engine_unavailable","title":"The engine or the store did not answer in time.","status":503,"code":"engine_unavailable","request_id":"req_1"}`
)

// A start is repeated under its one key, with its whole body, after 503, 429 and
// a connection that broke: the verification may have been started.
func TestStartIsRepeatedUnderOneKey(t *testing.T) {
	broken := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	c, s := scripted(t, answer(503, busy), broken, answer(429, `{}`), answer(201, linked))
	v, err := c.Start(t.Context(), "", request)
	require.NoError(t, err)
	require.Equal(t, "https://vendor.example/x", client.Link(v))
	require.Len(t, s.got, 4)
	key := s.got[0].header.Get("Idempotency-Key")
	require.GreaterOrEqual(t, len(key), 20, "a key is generated")
	for _, e := range s.got {
		require.Equal(t, key, e.header.Get("Idempotency-Key"))
		require.JSONEq(t, `{"policy":"cn-resident"}`, e.body)
		require.Equal(t, "Bearer yz_test_key", e.header.Get("Authorization"))
		require.Regexp(t, `^yanzhen-go/\S+$`, e.header.Get("User-Agent"))
	}
	c, s = scripted(t, answer(201, linked))
	_, err = c.Start(t.Context(), "order-17", request)
	require.NoError(t, err)
	require.Equal(t, "order-17", s.got[0].header.Get("Idempotency-Key"))
}

// The API says when to come back. A pause that is longer than a minute is the
// caller's to wait.
func TestRetryAfterIsHonoured(t *testing.T) {
	c, s := scripted(t, answer(503, busy, "Retry-After", "1"), answer(200, ended))
	began := time.Now()
	_, err := c.Get(t.Context(), "ver_a")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	require.Len(t, s.got, 2)

	c, s = scripted(t, answer(429, `{"status":429,"code":"rate_limited"}`, "Retry-After", "120"))
	_, err = c.Get(t.Context(), "ver_a")
	var e *client.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, 2*time.Minute, e.RetryAfter)
	require.Len(t, s.got, 1)
}

// Nothing is tried for ever: after the fourth time the answer is the caller's,
// and a context that ends is obeyed at once.
func TestRetriesEnd(t *testing.T) {
	c, s := scripted(t, answer(503, busy))
	_, err := c.Cancel(t.Context(), "ver_a")
	var e *client.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, client.CodeEngineUnavailable, e.Code)
	require.ErrorContains(t, err, "req_1")
	require.Len(t, s.got, 4)

	c, s = scripted(t, answer(503, busy, "Retry-After", "50"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Get(ctx, "ver_a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Len(t, s.got, 1)
}

// A refusal is not repeated, and tells its code and fields; what is no problem
// document, a proxy's page say, is an error all the same.
func TestRefusalIsAnError(t *testing.T) {
	c, s := scripted(t, answer(422, `{"status":422,"code":"invalid_request","title":"t","request_id":"r",
		"errors":[{"field":"subject.id_number","code":"id_number.check_digit","message":"m"}]}`), answer(502, "<html>"))
	_, err := c.Start(t.Context(), "", request)
	var e *client.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, "id_number.check_digit", (*e.Errors)[0].Code)
	require.EqualError(t, e, "yanzhen: 422 invalid_request: t subject.id_number (id_number.check_digit): m (request r)", "a log says what to mend")
	require.Len(t, s.got, 1)

	_, err = c.Get(t.Context(), "ver_a")
	require.True(t, errors.As(err, &e))
	require.Equal(t, 502, e.Status)
	require.Equal(t, "unknown", e.Code)
}

// Wait reads at once and then waits at the API, on from what it has seen.
func TestWaitGoesOnFromTheETag(t *testing.T) {
	c, s := scripted(t, answer(200, running, "ETag", `"v1"`), answer(304, ""), answer(200, linked, "ETag", `"v2"`), answer(200, ended, "ETag", `"v3"`))
	v, err := c.Wait(t.Context(), "ver_a", client.Ended)
	require.NoError(t, err)
	require.Equal(t, client.StatusCompleted, v.Status)
	var asked []string
	for _, e := range s.got {
		asked = append(asked, e.path+" "+e.header.Get("If-None-Match"))
	}
	require.Equal(t, []string{"/v1/verifications/ver_a ", `/v1/verifications/ver_a?wait=30s "v1"`,
		`/v1/verifications/ver_a?wait=30s "v1"`, `/v1/verifications/ver_a?wait=30s "v2"`}, asked)
}

// Changes gives each state that was seen once, and ends with the error.
func TestChangesGivesEachStateOnce(t *testing.T) {
	c, s := scripted(t, answer(200, running, "ETag", `"v1"`), answer(304, ""), answer(200, linked, "ETag", `"v2"`), answer(404, `{"status":404,"code":"not_found"}`))
	var seen []client.Status
	var last error
	for v, err := range c.Changes(t.Context(), "ver_a") {
		if last = err; err == nil {
			seen = append(seen, v.Status)
		}
	}
	require.Equal(t, []client.Status{client.StatusProcessing, client.StatusRequiresInput}, seen)
	var e *client.Error
	require.True(t, errors.As(last, &e))
	require.Equal(t, client.CodeNotFound, e.Code)
	require.Len(t, s.got, 4)
}

// A list goes over its pages, and stops to ask where its reader stops.
func TestListsGoOverTheirPages(t *testing.T) {
	c, s := scripted(t, answer(200, `{"verifications":[{"id":"a"},{"id":"b"}],"next_cursor":"n1"}`), answer(200, `{"verifications":[{"id":"c"}],"next_cursor":null}`))
	status := client.StatusInReview
	var ids []string
	for v, err := range c.Verifications(t.Context(), client.ListVerificationsParams{Status: &status}) {
		require.NoError(t, err)
		ids = append(ids, v.Id)
	}
	require.Equal(t, []string{"a", "b", "c"}, ids)
	require.Equal(t, "/v1/verifications?status=in_review&cursor=n1", s.got[1].path)

	c, s = scripted(t, answer(200, `{"verifications":[{"id":"a"}],"next_cursor":"n1"}`))
	for range c.Verifications(t.Context(), client.ListVerificationsParams{}) {
		break
	}
	require.Len(t, s.got, 1)

	c, _ = scripted(t, answer(403, `{"status":403,"code":"insufficient_scope"}`))
	for _, err := range c.Verifications(t.Context(), client.ListVerificationsParams{}) {
		require.Error(t, err)
	}
}

// The cursor of the feed moves on once a page was taken whole, so that a reader
// who fails on the way misses nothing.
func TestCursorOfEventsMovesOnPageByPage(t *testing.T) {
	page := func(id, next string, more bool) http.HandlerFunc {
		text, err := json.Marshal(map[string]any{"events": []map[string]any{{"id": id, "type": "verification.created",
			"timestamp": "2026-11-28T10:00:00Z", "data": map[string]any{}}}, "next_cursor": next, "more": more})
		require.NoError(t, err)
		return answer(200, string(text))
	}
	c, s := scripted(t, page("e1", "n1", true), page("e2", "n2", false))
	cursor := ""
	for e, err := range c.Events(t.Context(), &cursor) {
		require.NoError(t, err)
		if e.Id == "e2" {
			require.Equal(t, "n1", cursor)
			break
		}
	}
	require.Equal(t, "n1", cursor, "the second page was not taken whole")
	for _, err := range c.Events(t.Context(), &cursor) {
		require.NoError(t, err)
	}
	require.Equal(t, "n2", cursor)
	require.True(t, strings.HasSuffix(s.got[2].path, "after=n1"), s.got[2].path)
}

// A withdrawal is one call, and says when the person was erased.
func TestConsentsAreWithdrawn(t *testing.T) {
	c, s := scripted(t, answer(200, `{"status":"canceled","redacted_at":"2026-11-28T09:05:01Z","consents":[
		{"purpose":"face","text_version":null,"text_hash":null,"language":null,"channel":"caller","given_at":"2026-11-28T09:00:00Z","withdrawn_at":"2026-11-28T09:05:00Z"}]}`))
	list, err := c.Consents(t.Context(), "ver_a", client.ConsentsRequest{Withdrawn: &[]client.Purpose{client.PurposeFace}})
	require.NoError(t, err)
	require.NotNil(t, list.RedactedAt)
	require.Equal(t, client.PurposeFace, list.Consents[0].Purpose)
	require.Equal(t, "/v1/verifications/ver_a/consents", s.got[0].path)
	require.JSONEq(t, `{"withdrawn":["face"]}`, s.got[0].body)
}
