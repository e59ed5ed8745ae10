package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const verA, verB = "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa", "ver_bbbbbbbbbbbbbbbbbbbbbbbbbb"

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func exporting(t *testing.T, log io.Writer, to string) (*Traces, func(context.Context), *Metrics) {
	t.Helper()
	m := NewMetrics()
	logger, err := NewLogger(log, "debug", "json")
	require.NoError(t, err)
	traces, stop, err := Export(t.Context(), ExportOptions{TracesTo: to, Process: "worker", Version: "v1", Metrics: m, Log: logger})
	require.NoError(t, err)
	return traces, stop, m
}

// Without an endpoint or a file nothing is made, and nothing of it fails.
func TestWithoutAnEndpointNothingIsTraced(t *testing.T) {
	traces, stop, _ := exporting(t, io.Discard, "")
	require.Nil(t, traces)
	ctx, r := traces.Begin(t.Context(), http.Header{})
	r.About(verA)
	ctx, end := traces.Step(ctx, "Begin", verA, 1, nil)
	traces.Sent(ctx, Sent{Name: "x"})
	end("", false)
	r.End(Answer{Status: 200})
	require.NotEmpty(t, r.ID)
	stop(t.Context())
}

// Processes that share nothing put what they do for a verification into the same
// tree, and keep or drop the whole of it.
func TestProcessesMakeOneTree(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
	kept := 0
	for range 40 {
		dir := t.TempDir()
		id := "ver_" + strings.ToLower(strings.NewReplacer("0", "a", "1", "b", "8", "c", "9", "d").Replace(NewRequestID()[4:30]))
		require.Equal(t, id, VerificationIn("erasure:"+id))
		one, stopOne, _ := exporting(t, io.Discard, "file:"+filepath.Join(dir, "t"))
		two, stopTwo, _ := exporting(t, io.Discard, "file:"+filepath.Join(dir, "t"))
		_, r := one.Begin(t.Context(), http.Header{})
		r.About(id)
		r.Created()
		r.End(Answer{Method: "POST", Route: "/v1/verifications", Status: 201})
		ctx, end := two.Step(t.Context(), "OpenSession", id, 1, map[string]string{"provider": "p"})
		two.Sent(ctx, Sent{Name: "p open", Class: "ok", Host: "h:1", Began: time.Now()})
		end("", false)
		_, later := one.Begin(t.Context(), http.Header{})
		later.About(id)
		later.End(Answer{Method: "GET", Route: "/v1/verifications/:id", Status: 200})
		stopOne(t.Context())
		stopTwo(t.Context())
		text, err := os.ReadFile(filepath.Join(dir, "t"))
		require.NoError(t, err)
		n := strings.Count(string(text), "\n")
		if n == 0 {
			continue
		}
		kept++
		require.Equal(t, 4, n, "all of it, or nothing")
		parents, ids, traces := map[string]string{}, map[string]string{}, map[string]bool{}
		for line := range strings.Lines(string(text)) {
			var s struct {
				Name                string
				SpanContext, Parent struct{ TraceID, SpanID string }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &s))
			ids[s.SpanContext.SpanID], parents[s.Name] = s.Name, s.Parent.SpanID
			traces[s.SpanContext.TraceID] = true
		}
		require.Len(t, traces, 1)
		require.Equal(t, "0000000000000000", parents["POST /v1/verifications"])
		require.Equal(t, "POST /v1/verifications", ids[parents["OpenSession"]])
		require.Equal(t, "OpenSession", ids[parents["p open"]])
		require.Equal(t, "POST /v1/verifications", ids[parents["GET /v1/verifications/:id"]])
	}
	require.Greater(t, kept, 5)
	require.Less(t, kept, 35)
}

// A collector that is away holds nothing up, is told in the log once, and stops no
// process; what came meanwhile is dropped.
func TestACollectorThatIsAwayHoldsNothingUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+address)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "100")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "100")
	var log lockedBuffer
	traces, stop, m := exporting(t, &log, "")
	began := time.Now()
	for i := range 10_000 {
		_, end := traces.Step(t.Context(), "Begin", verA, int32(i), nil)
		end("", false)
	}
	require.Less(t, time.Since(began), 2*time.Second)
	failed := func(signal string) int {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		_, rest, _ := strings.Cut(w.Body.String(), `yanzhen_export_errors_total{signal="`+signal+`"} `)
		n, _ := strconv.Atoi(strings.SplitN(rest, "\n", 2)[0])
		return n
	}
	require.Eventually(t, func() bool { return failed("traces") >= 3 && failed("metrics") >= 3 }, 20*time.Second, 10*time.Millisecond, "exports fail again and again")
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "once a signal: %s", log.String())
	require.NotContains(t, log.String(), address, "an error's text may quote what a collector answers")
	began = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	stop(ctx)
	require.Less(t, time.Since(began), 3*time.Second)
}

// By gRPC, as by HTTP, spans arrive as they were made.
func TestTracesGoByGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, got := grpc.NewServer(), make(chan *coltrace.ExportTraceServiceRequest, 10)
	coltrace.RegisterTraceServiceServer(server, spanTaker{got: got})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"+l.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
	traces, stop, _ := exporting(t, io.Discard, "")
	_, end := traces.Step(t.Context(), "CheckRecords", verA, 2, map[string]string{"provider": "acedata"})
	end("unavailable", true)
	stop(t.Context())
	select {
	case in := <-got:
		text := in.String()
		for _, want := range []string{"CheckRecords", verA, "acedata", "unavailable", "yanzhen-worker", "STATUS_CODE_ERROR"} {
			require.Contains(t, text, want)
		}
		require.NotEmpty(t, proto.Size(in))
	case <-time.After(10 * time.Second):
		t.Fatal("no span came")
	}
}

type spanTaker struct {
	coltrace.UnimplementedTraceServiceServer
	got chan *coltrace.ExportTraceServiceRequest
}

func (s spanTaker) Export(_ context.Context, in *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	s.got <- in
	return &coltrace.ExportTraceServiceResponse{}, nil
}

// What is wrong with a variable is told by its name, and no value of it.
func TestWrongSettingsOfOpenTelemetryAreNamed(t *testing.T) {
	for _, c := range []struct{ to, name, value, says string }{
		{"elsewhere-secret", "OTEL_SERVICE_NAME", "x", "YANZHEN_TRACES"},
		{"", "OTEL_EXPORTER_OTLP_ENDPOINT", "secret:4317", "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"},
		{"", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "secret", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not a URL"},
		{"file:/nowhere/secret/t", "OTEL_SERVICE_NAME", "x", "YANZHEN_TRACES"},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			_, _, err := Export(t.Context(), ExportOptions{TracesTo: c.to, Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
			require.ErrorContains(t, err, c.says)
		})
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_TRACES_SAMPLER": "jaeger_remote"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, _, err := Export(t.Context(), ExportOptions{Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), value)
		})
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "half")
	_, _, err := Export(t.Context(), ExportOptions{Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "OTEL_TRACES_SAMPLER_ARG")
	t.Setenv("OTEL_SDK_DISABLED", "true")
	traces, _, err := Export(t.Context(), ExportOptions{Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Nil(t, traces)
}

// Each line names what its context is about, once, where it does not say so itself.
func TestEveryLineNamesWhatItIsAbout(t *testing.T) {
	var out lockedBuffer
	log, err := NewLogger(&out, "info", "json")
	require.NoError(t, err)
	traces, stop, _ := exporting(t, io.Discard, "file:"+filepath.Join(t.TempDir(), "t"))
	defer stop(t.Context())
	line := func(ctx context.Context, l *slog.Logger, attrs ...any) map[string]any {
		before := len(out.String())
		l.InfoContext(ctx, "x", attrs...)
		text := out.String()[before:]
		for _, key := range []string{"verification_id", "request_id", "trace_id"} {
			require.LessOrEqual(t, strings.Count(text, `"`+key+`"`), 1, text)
		}
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &fields))
		return fields
	}
	require.NotContains(t, line(t.Context(), log), "verification_id")
	step, end := traces.Step(t.Context(), "Begin", verA, 1, nil)
	defer end("", false)
	got := line(step, log)
	require.Equal(t, verA, got["verification_id"])
	require.Equal(t, traces.of(verA).TraceID().String(), got["trace_id"])
	require.Equal(t, verB, line(step, log, "verification_id", verB)["verification_id"], "it says so itself")
	require.Equal(t, verB, line(step, log.With("verification_id", verB))["verification_id"])

	ctx, r := traces.Begin(t.Context(), http.Header{})
	own := line(ctx, log)["trace_id"]
	require.Equal(t, r.ID, line(ctx, log)["request_id"])
	require.NotEmpty(t, own)
	r.About(verA)
	got = line(ctx, log)
	require.Equal(t, verA, got["verification_id"])
	require.Equal(t, traces.of(verA).TraceID().String(), got["trace_id"])

	var none *Traces
	ctx, r = none.Begin(t.Context(), http.Header{})
	got = line(ctx, log)
	require.Equal(t, r.ID, got["request_id"])
	require.NotContains(t, got, "trace_id")
}
