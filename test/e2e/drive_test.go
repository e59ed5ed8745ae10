package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

var discard = slog.New(slog.DiscardHandler)

// view is the API's answer, as far as the tests read it.
type view struct {
	ID         string                `json:"id"`
	Status     verification.Status   `json:"status"`
	Decision   verification.Decision `json:"decision"`
	Outcome    verification.Outcome  `json:"outcome"`
	NextAction *struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	} `json:"next_action"`
	Subject struct {
		IDNumber string `json:"id_number"`
	} `json:"subject"`
	Attempt   verification.Attempt    `json:"attempt"`
	LastError *verification.LastError `json:"last_error"`
	Checks    []verification.Check    `json:"checks"`
	Verdict   *verification.Verdict   `json:"verdict"`
}

// problem is the API's refusal.
type problem struct {
	Code   string `json:"code"`
	Errors []struct {
		Field string `json:"field"`
		Code  string `json:"code"`
	} `json:"errors"`
}

// answer is an HTTP answer of the API.
type answer struct {
	status int
	header http.Header
	body   []byte
	view   view
	problem
}

// call calls the API as a client; body nil: none.
func (s *stack) call(client, method, path string, header map[string]string, body any) answer {
	s.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(s.t, err)
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.apiURL+path, r)
	require.NoError(s.t, err)
	if client != "" {
		req.Header.Set("Authorization", "Bearer "+s.keys[client])
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(res.Body)
	require.NoError(s.t, err)
	if strings.Contains(res.Header.Get("Content-Type"), "problem+json") {
		require.NoError(s.t, json.Unmarshal(a.body, &a.problem))
	} else if strings.Contains(res.Header.Get("Content-Type"), "json") {
		require.NoError(s.t, json.Unmarshal(a.body, &a.view))
	}
	if s.heard != nil {
		s.heard(method, path, a)
	}
	return a
}

// person invents a person whom the stand-ins know.
func (s *stack) person() sandbox.Person {
	s.t.Helper()
	p := sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	require.NoError(s.t, s.vendors.AddPerson(p))
	return p
}

// request is a start request for a person.
func (s *stack) request(p sandbox.Person) map[string]any {
	return map[string]any{
		"policy": "cn-resident", "presentation": "vendor", // what the tests play are the vendors' pages
		"subject": map[string]any{"name": p.Name, "id_number": p.IDNumber,
			"id_validity": map[string]any{"from": p.ValidFrom, "to": p.ValidTo}},
		"return_url": s.vendorsURL + "/shop/back",
	}
}

// begin starts a verification of the person as the client "shop".
func (s *stack) begin(p sandbox.Person) answer {
	s.t.Helper()
	return s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, s.request(p))
}

// beginAgain starts as a caller does who repeats what a busy engine did not answer.
func (s *stack) beginAgain(body map[string]any) answer {
	s.t.Helper()
	key := map[string]string{"Idempotency-Key": freshKey()}
	for tries := 6; ; tries-- {
		a := s.call("shop", "POST", "/v1/verifications", key, body)
		if a.status != http.StatusServiceUnavailable || tries == 0 {
			return a
		}
	}
}

// freshKey is an Idempotency-Key that no other call has.
func freshKey() string {
	key := []byte("key-")
	for range 20 {
		key = append(key, byte('a'+rand.IntN(26)))
	}
	return string(key)
}

func (s *stack) read(id string) view {
	s.t.Helper()
	a := s.call("shop", "GET", "/v1/verifications/"+id, nil, nil)
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	return a.view
}

// until reads until the condition holds.
func (s *stack) until(id string, d time.Duration, what string, ok func(view) bool) view {
	s.t.Helper()
	deadline := time.Now().Add(d)
	for {
		a := s.call("shop", "GET", "/v1/verifications/"+id, nil, nil)
		if a.status == http.StatusOK && ok(a.view) {
			return a.view
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s; last answer %d %s", d, what, a.status, a.body)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *stack) untilEnd(id string, d time.Duration) view {
	s.t.Helper()
	return s.until(id, d, "an end", func(v view) bool { return v.Status.Ended() })
}

func (s *stack) untilLink(id string, d time.Duration) view {
	s.t.Helper()
	return s.until(id, d, "a link", func(v view) bool { return v.NextAction != nil && v.NextAction.URL != "" })
}

// tokenOf is the session's token in the stand-in's link.
func (s *stack) tokenOf(v view) string {
	s.t.Helper()
	require.NotNil(s.t, v.NextAction)
	u, err := url.Parse(v.NextAction.URL)
	require.NoError(s.t, err)
	token, ok := strings.CutPrefix(u.Path, "/page/tencent/")
	require.True(s.t, ok)
	return token
}

// play ends the session with an outcome of the stand-in's page, without a
// browser: nobody comes back by the redirect.
func (s *stack) play(v view, outcome string) {
	s.t.Helper()
	token := s.tokenOf(v)
	require.NoError(s.t, s.vendors.Begin(token))
	require.NoError(s.t, s.vendors.End(token, outcome))
}

// history is the verification's run as the engine keeps it.
func (s *stack) history(id string) *historypb.History {
	s.t.Helper()
	var h historypb.History
	it := s.temporal.GetWorkflowHistory(s.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		require.NoError(s.t, err)
		h.Events = append(h.Events, e)
	}
	return &h
}

// asked counts a vendor operation in the ledger.
func (s *stack) asked(operation string) int {
	return s.vendors.Ledger().Count(sandbox.Query{Operation: operation})
}

// chargedFor counts the record checks charged for a person.
func (s *stack) chargedFor(p sandbox.Person) int {
	return s.vendors.Ledger().Charged(sandbox.Query{Operation: "check-2e", Subject: sandbox.SubjectKey(p.IDNumber)})
}
