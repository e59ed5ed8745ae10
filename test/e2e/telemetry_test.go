package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/yanzhen-id/yanzhen/verification"
)

// span is a line of the file of traces.
type span struct {
	Name        string
	SpanContext struct{ TraceID, SpanID string }
	Parent      struct{ TraceID, SpanID string }
	SpanKind    int
	Attributes  []struct {
		Key   string
		Value struct{ Value any }
	}
	Links []struct {
		SpanContext struct{ TraceID, SpanID string }
	}
	Status struct{ Code string }
}

func (s span) attribute(key string) any {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.Value
		}
	}
	return nil
}

func readSpans(t *testing.T, path string) (all []span) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s span
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s), "%s", lines.Bytes())
		all = append(all, s)
	}
	return all
}

// collector takes what is exported by OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   map[string]int // names, and how often
	metrics map[string]bool
	raw     bytes.Buffer
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string]int{}, metrics: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		var err error
		switch r.URL.Path {
		case "/v1/traces":
			var in coltrace.ExportTraceServiceRequest
			err = proto.Unmarshal(body, &in)
			for _, from := range in.ResourceSpans {
				for _, scope := range from.ScopeSpans {
					for _, s := range scope.Spans {
						c.spans[s.Name]++
					}
				}
			}
		case "/v1/metrics":
			var in colmetrics.ExportMetricsServiceRequest
			err = proto.Unmarshal(body, &in)
			for _, from := range in.ResourceMetrics {
				for _, scope := range from.ScopeMetrics {
					for _, m := range scope.Metrics {
						c.metrics[m.Name] = true
					}
				}
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		if err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// has reports whether all these spans and metrics came.
func (c *collector) has(spans, metrics []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.ContainsFunc(spans, func(name string) bool { return c.spans[name] == 0 }) &&
		!slices.ContainsFunc(metrics, func(name string) bool { return !c.metrics[name] })
}

// callerTrace is a trace that a caller says its request is part of.
const callerTrace, callerSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

// One verification is one tree, whichever processes took part, from the request that
// created it through vendors' calls to the webhooks; it holds nothing of the person,
// and a caller's own trace is linked to and decides nothing.
func TestAVerificationIsOneTrace(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "traces.jsonl")
	r, otlp := newReceiver(t), newCollector(t)
	s := newChipStack(t, options{webhooks: "[" + r.yaml("main") + "]", env: reaching("0s,1s", "YANZHEN_TRACES=file:"+file,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_BSP_SCHEDULE_DELAY=500", "OTEL_METRIC_EXPORT_INTERVAL=1000")})
	p := s.plant("cn-chip", "")
	reqid := s.scan(p.Person, "")
	p.secrets["scan"] = reqid
	p.request["nfc_reqid"] = reqid
	delete(p.request, "subject") // the chip tells who it is
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": p.key, "traceparent": "00-" + callerTrace + "-" + callerSpan + "-01"}, p.request)
	require.Less(t, a.status, 300, "%s", a.body)
	v := s.untilLink(a.view.ID, 20*time.Second)
	s.learn(p, v)
	s.comeBack(v, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	events := s.whole(20*time.Second, r)

	// Every way that a verification takes, by its spans' names and parents; how
	// often a session was polled is chance, and a poll under way may find what the
	// callback hints at.
	want := map[string]string{
		"POST /v1/verifications":                 "",
		"UpdateWithStartWorkflow launch":         "POST /v1/verifications",
		"Begin":                                  "POST /v1/verifications",
		"ReadChip":                               "POST /v1/verifications",
		"sino_connect read":                      "ReadChip",
		"CheckRecords":                           "POST /v1/verifications",
		"acedata check":                          "CheckRecords",
		"OpenSession":                            "POST /v1/verifications",
		"tencent_eid open":                       "OpenSession",
		"Publish":                                "POST /v1/verifications",
		"GET /callbacks/:provider/:kind/:ticket": "POST /v1/verifications",
		"SignalWorkflow hint":                    "GET /callbacks/:provider/:kind/:ticket",
		"LookAtSession":                          "POST /v1/verifications",
		"Finish":                                 "POST /v1/verifications",
		"StartWorkflow WebhookDelivery":          "POST /v1/verifications",
		"webhook":                                "POST /v1/verifications",
		"GET /v1/verifications/:id":              "POST /v1/verifications",
	}
	tree := func() (all []span, byName map[string][]span) {
		byName = map[string][]span{}
		for _, one := range readSpans(t, file) {
			if one.attribute("yanzhen.verification.id") == v.ID {
				all, byName[one.Name] = append(all, one), append(byName[one.Name], one)
			}
		}
		return all, byName
	}
	if !assert.Eventually(t, func() bool {
		_, byName := tree()
		if len(byName["PollSession"]) > 0 {
			byName["LookAtSession"] = append(byName["LookAtSession"], byName["PollSession"]...)
		}
		return len(missing(want, byName)) == 0 && len(byName["webhook"]) == len(events)
	}, 20*time.Second, 300*time.Millisecond) {
		_, byName := tree()
		t.Fatalf("spans are missing: %v, and of %d webhooks there are %d", missing(want, byName), len(events), len(byName["webhook"]))
	}

	all, byName := tree()
	byID := map[string]span{}
	for _, one := range all {
		require.NotContains(t, byID, one.SpanContext.SpanID, "%s: an id of its own", one.Name)
		byID[one.SpanContext.SpanID] = one
	}
	var roots []span
	for _, one := range all {
		require.Equal(t, all[0].SpanContext.TraceID, one.SpanContext.TraceID, "%s: one trace", one.Name)
		parent, there := byID[one.Parent.SpanID]
		if strings.Trim(one.Parent.SpanID, "0") == "" {
			roots = append(roots, one)
			continue
		}
		require.True(t, there, "%s hangs under a span that is not there", one.Name)
		if under, ok := want[one.Name]; ok {
			require.Equal(t, under, parent.Name, "what %s hangs under", one.Name)
		}
		require.NotEqual(t, "Error", one.Status.Code, "%s: nothing failed", one.Name)
	}
	require.Len(t, roots, 1, "one tree")
	root := roots[0]
	require.Equal(t, "POST /v1/verifications", root.Name)
	require.Len(t, root.Links, 1)
	require.Equal(t, callerTrace, root.Links[0].SpanContext.TraceID)
	require.NotEqual(t, callerTrace, root.SpanContext.TraceID)
	require.Equal(t, "cn-chip", byName["Begin"][0].attribute("yanzhen.policy"))
	require.Equal(t, "approved", byName["Finish"][0].attribute("yanzhen.outcome"))
	vendor := byName["acedata check"][0]
	require.Equal(t, []any{"127.0.0.1", "ok", "yes"}, []any{vendor.attribute("server.address"), vendor.attribute("yanzhen.class"), vendor.attribute("yanzhen.charged")})

	require.Eventually(t, func() bool {
		return otlp.has([]string{"POST /v1/verifications", "acedata check", "webhook"},
			[]string{"yanzhen_outcomes_total", "http_server_request_duration_seconds", "temporal_request_total"})
	}, 20*time.Second, 200*time.Millisecond, "the collector has them, too")

	text := readFiles(t, file)
	findAll(t, "the file of traces", text, secrets{"an id": v.ID, "a caller's trace": callerTrace})
	findNone(t, "the file of traces", text, p.secrets)
	otlp.mu.Lock()
	exported := otlp.raw.Bytes()
	otlp.mu.Unlock()
	findAll(t, "what was exported", exported, secrets{"an id": v.ID})
	findNone(t, "what was exported", exported, p.secrets)

	for _, line := range strings.Split(string(s.logs()), "\n") {
		if strings.Contains(line, `"msg":"request"`) && strings.Contains(line, v.ID) {
			require.Contains(t, line, `"trace_id":"`+root.SpanContext.TraceID+`"`)
		}
	}
}

func missing(want map[string]string, have map[string][]span) (names []string) {
	for name := range want {
		if len(have[name]) == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
