package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What another client's verification holds, and no answer may.
const (
	theirName      = "欧阳他人"
	theirNumber    = "990101199003070010"
	theirReference = "their-reference-7"
	theirID        = "ver_theirstheirstheirstheirsaa"
)

type fuzzer struct {
	t       *testing.T
	r       *rand.Rand
	doc     *openapi3.T
	handler http.Handler
	engine  *calmEngine
	store   store.Store
	keys    map[string]string
	ids     []string
	targets []target
	logs    *bytes.Buffer
	// done counts answers by their status.
	done map[int]int
}

type target struct {
	method, path string
	op           *openapi3.Operation
}

func newFuzzer(t *testing.T, seed uint64) *fuzzer {
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "fuzz.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	f := &fuzzer{t: t, r: rand.New(rand.NewPCG(seed, seed)), doc: contractDocument(t), store: s, keys: map[string]string{}, logs: &bytes.Buffer{},
		engine: &calmEngine{store: s, started: map[string]bool{}, touched: map[string]bool{}}, done: map[int]int{}}

	policy := verification.DefaultPolicy()
	policy.Name, policy.Checks = "cn-resident", map[verification.CheckType]verification.Requirement{verification.DocumentValidity: verification.Required}
	log := slog.New(slog.NewJSONHandler(f.logs, nil))
	st := starter.New(starter.Deps{Engine: f.engine, Store: s, Keys: keys, Registry: &provider.Registry{}, Logger: log, Patience: 2 * time.Second, Signer: keys,
		Policies: map[string]verification.Policy{policy.Name: policy}})
	stopping := make(chan struct{})
	close(stopping) // nobody waits for a change
	var clients []Client
	for _, id := range []string{"shop", "other"} {
		key, hash := NewKey()
		f.keys[id] = key
		clients = append(clients, Client{ID: id, SelfReview: true, Purposes: []string{"account_opening"}, ReturnURLs: []string{"https://shop.example/back"},
			Keys: []Key{{Name: "k", Hash: hash, Scopes: scopes}}})
	}
	reviewer, hash := NewKey()
	f.keys["reviewer"] = reviewer
	f.handler, err = New(Deps{Verifications: st, Outbox: st, Tickets: keys, Signatures: keys, Clients: clients, Logger: log, Stopping: stopping,
		Reviewers: []Reviewer{{Name: "wang", Hash: hash, Clients: []string{"shop"}}}})
	require.NoError(t, err)

	for i, status := range verification.Statuses {
		f.insert(fmt.Sprintf("ver_%026d", i), "shop", status)
		f.ids = append(f.ids, fmt.Sprintf("ver_%026d", i))
	}
	f.insert(theirID, "other", verification.Completed)
	for path, item := range f.doc.Paths.Map() {
		for method, op := range item.Operations() {
			f.targets = append(f.targets, target{method, path, op})
		}
	}
	slices.SortFunc(f.targets, func(a, b target) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return f
}

func (f *fuzzer) insert(id, owner string, status verification.Status) {
	now := time.Now()
	ref := verification.PolicyRef{Name: "cn-resident", Version: 1}
	row := store.Row{ID: id, Client: owner, Policy: ref, CreatedAt: now, State: verification.State{Status: verification.Processing, Policy: ref, CreatedAt: now, UpdatedAt: now},
		Request: verification.Request{Policy: ref.Name, Subject: &verification.Subject{Name: "测试甲", IDNumber: "110199199003070017"}}}
	if owner == "other" {
		row.Request.Subject = &verification.Subject{Name: theirName, IDNumber: theirNumber}
		row.Request.ClientReferenceID = theirReference
	}
	_, _, err := f.store.Insert(f.t.Context(), row)
	require.NoError(f.t, err)
	require.NoError(f.t, f.store.MarkStarted(f.t.Context(), id, now))
	st := row.State
	st.Status, st.Version = status, 3
	if status == verification.Completed {
		st.Decision = verification.Approved
		st.Verdict = &verification.Verdict{Version: 1, Decision: st.Decision, DecidedBy: verification.ByPolicy, Policy: ref, DecidedAt: now}
	}
	if status.Ended() {
		require.NoError(f.t, f.store.Finish(f.t.Context(), id, st))
		return
	}
	require.NoError(f.t, f.store.Publish(f.t.Context(), id, st))
}

func pick[T any](f *fuzzer, from ...T) T { return from[f.r.IntN(len(from))] }

func (f *fuzzer) chance(percent int) bool { return f.r.IntN(100) < percent }

// odd is text that callers send by mistake or in bad faith.
func (f *fuzzer) odd() string {
	return pick(f, "", " ", "0", "-1", "null", "true", "[]", "{}", "\x00", "\r\nX-Evil: 1", "' OR 1=1 --", "../../etc/passwd", "%s%n", "\u202e", "\ufeff", "\xff\xfe",
		"测试", "😀", "1e999", "99999999999999999999", "NaN", theirNumber, theirName, theirID, "2026-02-30T00:00:00Z", "2026-11-28T23:59:60Z", "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999+23:59", "2026-11-28t10:00:00z", strings.Repeat("a", 300), strings.Repeat("长", 3000), `"`, `\`, "<script>", "${jndi:x}", "W/\"v1\"", "*", "\"v99999999999999999999\"")
}

// value makes what a schema asks for, or nearly.
func (f *fuzzer) value(s *openapi3.Schema, depth int) any {
	if f.chance(8) || depth > 6 {
		return pick[any](f, nil, true, -1, 1.5, 1e308, "", f.odd(), []any{}, map[string]any{}, []any{map[string]any{"a": []any{nil}}}, strings.Repeat("x", 70000)[:f.r.IntN(70000)])
	}
	if len(s.Enum) > 0 {
		return s.Enum[f.r.IntN(len(s.Enum))]
	}
	if len(s.Examples) > 0 && f.chance(60) {
		return s.Examples[0]
	}
	switch {
	case s.Type.Includes("object"):
		out := map[string]any{}
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) && !f.chance(5) || f.chance(40) {
				out[name] = f.value(p.Value, depth+1)
			}
		}
		if f.chance(10) {
			out[pick(f, "unknown", theirNumber, theirName, "__proto__", "", strings.Repeat("k", 100), "a.b")] = f.odd()
		}
		return out
	case s.Type.Includes("array"):
		var out []any
		for range f.r.IntN(25) {
			out = append(out, f.value(s.Items.Value, depth+1))
		}
		return out
	case s.Type.Includes("integer"), s.Type.Includes("number"):
		return pick[any](f, 0, 1, -1, 2, 1000, 1001, 1.0, 1.5, 1<<31, 1<<53, 1e19)
	case s.Type.Includes("boolean"):
		return f.chance(50)
	}
	if s.MaxLength != nil && f.chance(30) {
		return strings.Repeat(pick(f, "a", "长", "7"), int(*s.MaxLength)+f.r.IntN(3)-1)
	}
	return f.odd()
}

// parameter makes a query's or a header's text.
func (f *fuzzer) parameter(p *openapi3.Parameter) string {
	if f.chance(40) {
		return f.odd()
	}
	if p.Example != nil && f.chance(50) {
		return fmt.Sprint(p.Example)
	}
	return fmt.Sprint(f.value(p.Schema.Value, 5))
}

func (f *fuzzer) body(op *openapi3.Operation) (body, contentType string) {
	contentType = "application/json"
	if op.RequestBody == nil {
		if f.chance(90) {
			return "", ""
		}
		return f.odd(), pick(f, contentType, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
	}
	media := op.RequestBody.Value.Content["application/json"]
	value := f.value(media.Schema.Value, 0)
	if f.chance(20) {
		for _, example := range examplesOf(media) {
			value = example
			break
		}
	}
	text, err := json.Marshal(value)
	require.NoError(f.t, err)
	body = string(text)
	switch f.r.IntN(20) {
	case 0:
		body = body[:f.r.IntN(len(body)+1)]
	case 1:
		body = strings.Repeat("[", 20000)
	case 2:
		body = strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	case 3:
		body = strings.Replace(body, "{", `{"policy":"a","policy":"b",`, 1)
	case 4:
		body = "\xef\xbb\xbf" + body
	case 5:
		body += pick(f, "{}", "x", "\x00", "\n\n", ",")
	case 6:
		body = strings.ReplaceAll(body, "a", "\xff")
	case 7:
		body = `{"policy":"` + strings.Repeat("p", 70000) + `"}`
	}
	if f.chance(10) {
		contentType = pick(f, "", "text/plain", "application/json; charset=utf-16", "application/json; charset=UTF-8", "application/xml", "application/json, text/html", "\x01", "multipart/form-data")
	}
	return body, contentType
}

// request is the next one, and the operation that it is for; nil: none.
func (f *fuzzer) request() (*http.Request, *openapi3.Operation, string) {
	to := f.targets[f.r.IntN(len(f.targets))]
	method, path := to.method, to.path
	for _, name := range []string{"id", "provider", "kind", "ticket"} {
		value := pick(f, append(slices.Clone(f.ids), theirID, "ver_unknownunknownunknownunkn")...)
		if name != "id" || f.chance(10) {
			value = pick(f, "tencent_eid", "return", "notify", "x", strings.NewReplacer("/", "", "\x00", "").Replace(f.odd()))
		}
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	op := to.op
	if f.chance(4) {
		method, op = pick(f, "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "FROB"), nil
	} else if f.chance(2) {
		path, op = path+pick(f, "/", "/x", ".json", "%2f"), nil
	}
	query := url.Values{}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "api.example"}
	for _, p := range to.op.Parameters {
		switch {
		case p.Value.In == "query" && f.chance(35):
			for range 1 + f.r.IntN(20)/19 {
				query.Add(p.Value.Name, f.parameter(p.Value))
			}
		case p.Value.In == "header" && f.chance(80):
			for range 1 + f.r.IntN(20)/19 {
				r.Header.Add(p.Value.Name, f.parameter(p.Value))
			}
		}
	}
	r.URL.RawQuery = query.Encode()
	if f.chance(5) {
		r.URL.RawQuery += pick(f, "&%zz", "&;", "&a=b&a=b", "&limit=%ff", "&"+url.QueryEscape(theirNumber)+"=1", "&"+strings.Repeat("x=1&", 500))
	}
	body, contentType := f.body(to.op)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	if who := pick(f, "shop", "shop", "shop", "shop", "shop", "reviewer", ""); who != "" {
		r.Header.Set("Authorization", "Bearer "+f.keys[who])
	} else if f.chance(50) {
		r.Header.Set("Authorization", f.odd())
	}
	return r.WithContext(f.t.Context()), op, fmt.Sprintf("%s %s?%s %q %.300q", method, path, r.URL.RawQuery, r.Header, body)
}

// hold holds an answer to the contract.
func (f *fuzzer) hold(op *openapi3.Operation, w *httptest.ResponseRecorder, said string) {
	t := f.t
	f.done[w.Code]++
	require.Less(t, w.Code, 500, "%s\n%s\n%.2000s", said, w.Body, f.logs)
	contract := strings.Contains(said, " /openapi.")
	for _, planted := range []string{theirName, theirNumber, theirReference} {
		require.NotContains(t, w.Body.String(), planted, said)
		require.NotContains(t, fmt.Sprint(w.Header()), planted, said)
		require.NotContains(t, f.logs.String(), planted, said)
	}
	require.NotContains(t, f.logs.String(), "110199199003070017", said)
	f.logs.Reset()
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	if op == nil {
		if !contract && w.Code >= 400 && kind == problemType {
			f.schema("Problem", w.Body.Bytes(), said)
		}
		return
	}
	response := op.Responses.Value(strconv.Itoa(w.Code))
	require.NotNil(t, response, "%d is not in the contract: %s\n%s", w.Code, said, w.Body)
	if len(response.Value.Content) == 0 || w.Body.Len() == 0 {
		return
	}
	media := response.Value.Content[kind]
	require.NotNil(t, media, "%d %s is not in the contract: %s", w.Code, kind, said)
	if kind == "application/json" || kind == problemType {
		var value any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &value), said)
		require.NoError(t, media.Schema.Value.VisitJSON(value, openapi3.EnableFormatValidation()), "%s\n%s", said, w.Body)
	}
	if kind == problemType && !strings.Contains(said, "/callbacks/") {
		var p problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Contains(t, *response.Value.Description, "`"+p.Code+"`", "%d: %s", w.Code, said)
	}
}

func (f *fuzzer) schema(name string, body []byte, said string) {
	var value any
	require.NoError(f.t, json.Unmarshal(body, &value), said)
	require.NoError(f.t, f.doc.Components.Schemas[name].Value.VisitJSON(value), said)
}

// Of 10,000 requests that the contract's own words lead to, right and wrong, none
// is answered with a fault of ours or otherwise than the contract says, none tells
// of another client's verification or touches it, and nothing is started but by
// what was answered as a start.
func TestTheContractHoldsAgainstAFuzzer(t *testing.T) {
	f := newFuzzer(t, 20261128)
	answered := map[string]bool{}
	for range 10_000 {
		r, op, said := f.request()
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		f.hold(op, w, said)
		if op != nil && op.OperationID == "startVerification" && w.Code < 300 {
			var v struct{ ID string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
			answered[v.ID] = true
		}
	}
	require.Equal(t, answered, f.engine.started)
	require.NotEmpty(t, answered, "some requests are right")
	require.False(t, f.engine.touched[theirID])
	row, err := f.store.Load(t.Context(), theirID)
	require.NoError(t, err)
	require.Equal(t, 2, row.Revision)
	for _, status := range []int{200, 400, 401, 403, 404, 409, 412, 413, 415, 422, 428} {
		require.Positive(t, f.done[status], "nothing was answered %d: %v", status, f.done)
	}
}
