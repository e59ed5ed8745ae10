package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The person that every test plants; no answer and no log may hold any of it.
const (
	plantedName   = "欧阳测试丁"
	plantedNumber = "110199199003070017"
)

const knownID = "ver_aaaabbbbccccddddeeeeffff22"

// fakeVerifications answers what a test says and counts what it is asked.
type fakeVerifications struct {
	mu    sync.Mutex
	calls []string

	validate func(verification.Request) []starter.FieldError
	start    func(client, key string, req verification.Request) (starter.View, starter.Started, error)
	policies []verification.Policy
	read     func(client, id string) (starter.View, error)
	wait     func(client, id string, known int, d time.Duration) (starter.View, error)
	waited   *starter.View
	same     bool // what Wait says of it
	retry    func(client, id string, session int) (starter.View, error)
	retried  []starter.RetryRequest
	consent  func(client, id string, c starter.ConsentChange) (starter.Consents, error)
	decide   func(client, id string, w starter.ReviewRequest) (starter.View, error)
	reopen   func(client, id string, w starter.ReviewRequest) (starter.View, error)
	acts     func(client, id string) ([]starter.Act, error)
	timeline func(client, id string) ([]starter.Moment, error)
	outputs  func(starter.Reading) (verification.Subject, error)
	redact   func(client, id string) (starter.Erasure, error)
	evidence func(c starter.Caller, id string) (string, error)
	search   func(r starter.Reading, number string) ([]string, error)
	// redactions are what was asked for.
	redactions []starter.RedactRequest
	owner      func(clients []string, id string) (string, error)
	list       func(q starter.ListQuery, limit int, cursor string) (starter.Page, error)
	provide    func() ([]starter.Provider, error)
	notify     func(n starter.Notice) (starter.NoticeResult, error)
	cancel     func(client, id string, reason verification.ReasonCode) (starter.View, error)
	canceled   []int // the versions
	hint       func(id string, session int) (starter.HintResult, error)
	landing    func(id string) (starter.ReturnTarget, error)
}

func (f *fakeVerifications) note(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeVerifications) Validate(req verification.Request) []starter.FieldError {
	if f.validate == nil {
		return nil
	}
	return f.validate(req)
}

// Policies returns what the test says.
func (f *fakeVerifications) Policies() []verification.Policy { return f.policies }

// Start refuses as the starter does what breaks a rule.
func (f *fakeVerifications) Start(_ context.Context, client, key string, req verification.Request, refused ...starter.FieldError) (starter.View, starter.Started, error) {
	if len(refused) > 0 {
		return starter.View{}, starter.Started{}, &starter.Error{Code: starter.InvalidRequest, Fields: append(refused, f.Validate(req)...)}
	}
	f.note("start")
	return f.start(client, key, req)
}

func (f *fakeVerifications) Read(_ context.Context, client, id string) (starter.View, error) {
	if v := f.waited; v != nil {
		f.waited = nil
		return *v, nil
	}
	f.note("read")
	return f.read(client, id)
}

// Wait is over when wait returns; what that returned is read next, but where
// nothing changed.
func (f *fakeVerifications) Wait(_ context.Context, client, id string, known int, d time.Duration, _ <-chan struct{}) (same bool, err error) {
	f.note("wait")
	v, err := f.wait(client, id, known, d)
	if err == nil && !f.same {
		f.waited = &v
	}
	return f.same, err
}

func (f *fakeVerifications) Retry(_ context.Context, client, id string, q starter.RetryRequest) (starter.View, error) {
	f.note("retry")
	f.retried = append(f.retried, q)
	return f.retry(client, id, q.Session)
}

func (f *fakeVerifications) Consent(_ context.Context, client, id string, c starter.ConsentChange) (starter.Consents, error) {
	f.note("consent")
	return f.consent(client, id, c)
}

func (f *fakeVerifications) Decide(_ context.Context, client, id string, w starter.ReviewRequest) (starter.View, error) {
	f.note("decide")
	return f.decide(client, id, w)
}

func (f *fakeVerifications) Reopen(_ context.Context, client, id string, w starter.ReviewRequest) (starter.View, error) {
	f.note("reopen")
	return f.reopen(client, id, w)
}

func (f *fakeVerifications) Owner(_ context.Context, clients []string, id string) (string, error) {
	f.note("owner")
	return f.owner(clients, id)
}

func (f *fakeVerifications) List(_ context.Context, q starter.ListQuery, limit int, cursor string) (starter.Page, error) {
	f.note("list")
	return f.list(q, limit, cursor)
}

func (f *fakeVerifications) Outputs(_ context.Context, r starter.Reading) (verification.Subject, error) {
	f.note("outputs")
	return f.outputs(r)
}

func (f *fakeVerifications) Redact(_ context.Context, client, id string, q starter.RedactRequest) (starter.Erasure, error) {
	f.note("redact")
	f.redactions = append(f.redactions, q)
	return f.redact(client, id)
}

func (f *fakeVerifications) Evidence(_ context.Context, c starter.Caller, id string) (string, error) {
	f.note("evidence")
	return f.evidence(c, id)
}

func (f *fakeVerifications) Search(_ context.Context, r starter.Reading, number string) ([]string, error) {
	f.note("search")
	return f.search(r, number)
}

func (f *fakeVerifications) Receipt(_ context.Context, client, id string) (starter.Erasure, error) {
	f.note("receipt")
	return f.redact(client, id)
}

func (f *fakeVerifications) Timeline(_ context.Context, client, id string) ([]starter.Moment, error) {
	f.note("timeline")
	return f.timeline(client, id)
}

func (f *fakeVerifications) Decisions(_ context.Context, client, id string) ([]starter.Act, error) {
	f.note("decisions")
	return f.acts(client, id)
}

func (f *fakeVerifications) Providers(context.Context) ([]starter.Provider, error) {
	f.note("providers")
	return f.provide()
}

func (f *fakeVerifications) Notify(_ context.Context, n starter.Notice) (starter.NoticeResult, error) {
	f.note("notify")
	if f.notify == nil {
		return starter.NoticeUnsupported, &starter.Error{Code: starter.NotFound}
	}
	return f.notify(n)
}

func (f *fakeVerifications) Cancel(_ context.Context, client, id string, reason verification.ReasonCode, version int) (starter.View, error) {
	f.note("cancel")
	f.canceled = append(f.canceled, version)
	return f.cancel(client, id, reason)
}

func (f *fakeVerifications) Hint(_ context.Context, id string, session int) (starter.HintResult, error) {
	f.note("hint")
	return f.hint(id, session)
}

func (f *fakeVerifications) ReturnTarget(_ context.Context, id string) (starter.ReturnTarget, error) {
	f.note("landing")
	return f.landing(id)
}

// owned answers for the verification of one client only, as the starter does.
func owned(client string, v starter.View) func(string, string) (starter.View, error) {
	return func(asking, id string) (starter.View, error) {
		if asking != client || id != v.ID {
			return starter.View{}, &starter.Error{Code: starter.NotFound}
		}
		return v, nil
	}
}

type rig struct {
	t       *testing.T
	handler http.Handler
	fake    *fakeVerifications
	outbox  *fakeOutbox
	keys    *sealing.Keys
	logs    *bytes.Buffer
	metrics *telemetry.Metrics
	now     time.Time
	// API keys: shop may do all, reader reads only, other is another client;
	// reviewer is for shop and reader.
	// limited may send two requests a second, under the policy cn-chip only.
	shop, reader, other, reviewer, limited string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	r := &rig{t: t, fake: &fakeVerifications{}, outbox: &fakeOutbox{}, keys: keys, logs: &bytes.Buffer{}, metrics: telemetry.NewMetrics(),
		now: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)}
	var clients []Client
	add := func(id string, returns []string, scopes ...string) string {
		key, hash := NewKey()
		clients = append(clients, Client{ID: id, SelfReview: true, ReturnURLs: returns, Purposes: []string{"account_opening", "audit"},
			Keys: []Key{{Name: id + "-key", Hash: hash, Scopes: scopes}}})
		return key
	}
	r.shop = add("shop", []string{"https://shop.example/back", "shopapp://done"}, ScopeWrite, ScopeRead, ScopeReviewRead, ScopeReview, ScopeEvents, ScopeWebhooks, ScopeOutputs, ScopePrivacy, ScopeSearch, ScopeEvidence)
	r.reader = add("reader", nil, ScopeRead)
	r.other = add("other", nil, ScopeWrite, ScopeRead, ScopeReviewRead, ScopeReview)
	limited, hash := NewKey()
	r.limited = limited
	clients = append(clients, Client{ID: "limited", Policies: []string{"cn-chip"},
		Keys: []Key{{Name: "k", Hash: hash, Scopes: []string{ScopeWrite, ScopeRead}, RateLimit: 2}}})
	var reviewerHash string
	r.reviewer, reviewerHash = NewKey()
	r.handler, err = New(Deps{
		Reviewers:     []Reviewer{{Name: "wang", Hash: reviewerHash, Clients: []string{"shop", "reader"}}},
		Verifications: r.fake, Outbox: r.outbox, Tickets: keys, Signatures: keys, Clients: clients, Metrics: r.metrics,
		Logger: slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    func() time.Time { return r.now },
	})
	require.NoError(t, err)
	return r
}

type call struct {
	method, path, key, body string
	header                  map[string]string
}

func (r *rig) do(c call) *httptest.ResponseRecorder {
	r.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	req := httptest.NewRequest(c.method, c.path, body)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	for k, v := range c.header {
		if v == "" {
			req.Header.Del(k)
			continue
		}
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	r.nothingPlanted(w)
	return w
}

// nothingPlanted holds the promise of every answer and log line.
func (r *rig) nothingPlanted(w *httptest.ResponseRecorder) {
	r.t.Helper()
	var headers strings.Builder
	require.NoError(r.t, w.Result().Header.Write(&headers))
	for where, text := range map[string]string{"body": w.Body.String(), "headers": headers.String(), "logs": r.logs.String()} {
		for _, planted := range []string{plantedName, plantedNumber, plantedNumber[:17]} {
			require.NotContains(r.t, text, planted, "a planted value is in the %s", where)
		}
	}
}

func (r *rig) post(body string) *httptest.ResponseRecorder {
	return r.do(call{method: "POST", path: "/v1/verifications", key: r.shop, body: body,
		header: map[string]string{"Idempotency-Key": "order-17"}})
}

type problem struct {
	Type      string `json:"type"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
	Errors    []struct {
		Field   string `json:"field"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	CurrentStatus   string   `json:"current_status"`
	AllowedStatuses []string `json:"allowed_statuses"`
	CurrentSession  int      `json:"current_session"`
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder, status int, code string) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, code, p.Code)
	require.Equal(t, status, p.Status)
	require.Equal(t, "urn:yanzhen:problem:"+code, p.Type)
	require.Equal(t, w.Header().Get("X-Request-Id"), p.RequestID)
	require.NotEmpty(t, p.RequestID)
	return p
}

func goodBody(extra string) string {
	return `{"policy":"cn-resident","subject":{"name":"` + plantedName + `","id_number":"` + plantedNumber +
		`","id_validity":{"from":"20200115","to":"20400115"}}` + extra + `}`
}

func running() starter.View {
	created := time.Date(2026, 11, 23, 3, 59, 0, 0, time.UTC)
	expires := created.Add(10 * time.Minute)
	return starter.View{
		ID: knownID, ClientReferenceID: "order-17", Metadata: map[string]string{"branch": "north"},
		Subject: &starter.MaskedSubject{Name: "欧****", IDNumber: "110*************17"},
		Link:    "https://vendor.example/page",
		State: verification.State{
			Status: verification.RequiresInput, Policy: verification.PolicyRef{Name: "cn-resident", Version: 1},
			NextAction: &verification.NextAction{Type: verification.ActionRedirect, OpenIn: "wechat", ExpiresAt: &expires},
			Attempt:    verification.Attempt{Number: 1, Max: 3, Session: 1},
			LastError:  &verification.LastError{Code: verification.FaceNoMatch, Retryable: true},
			Checks:     []verification.Check{verification.NewCheck(verification.FaceMatch, verification.Pending)},
			CreatedAt:  created, UpdatedAt: created, ExpiresAt: &expires, Version: 7,
		},
		Revision: 3,
	}
}

func newRequest(method, path, body, key string) *http.Request {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	return req
}

func (r *rig) serve(req *http.Request) *httptest.ResponseRecorder {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	r.nothingPlanted(w)
	return w
}
