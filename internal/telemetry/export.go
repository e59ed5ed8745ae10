package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// ExportOptions say who exports what.
type ExportOptions struct {
	// TracesTo is file:PATH, or empty: no file. By OTLP traces and metrics go where
	// OpenTelemetry's own variables name an endpoint.
	TracesTo string
	// Process is api, worker or dev; Version is the binary's.
	Process, Version string
	Metrics          *Metrics
	Log              *slog.Logger
}

// Export begins to export what the environment says, by OpenTelemetry's variables
// (OTEL_EXPORTER_OTLP_ENDPOINT and its kin). A collector that is away is told in the
// log once, and holds nothing up: what cannot be sent is dropped. stop sends what
// is left. Without anything to export Traces is nil.
func Export(ctx context.Context, o ExportOptions) (t *Traces, stop func(context.Context), err error) {
	set, err := readOTel(o.TracesTo)
	if err != nil {
		return nil, nil, err
	}
	// What the libraries say goes the way of our own log, by exported.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	otel.SetLogger(logr.Discard())
	var stops []func(context.Context) error
	stop = func(ctx context.Context) {
		for _, s := range stops {
			_ = s(ctx) // told by exported
		}
	}
	from, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "yanzhen-"+o.Process), attribute.String("service.version", o.Version),
		attribute.String("service.instance.id", uuid.NewString())), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, nil, errors.New("OTEL_RESOURCE_ATTRIBUTES is not a list such as deployment.environment.name=production,team=kyc")
	}
	to := []sdktrace.TracerProviderOption{sdktrace.WithResource(from)}
	if set.path != "" {
		spans, err := fileExporter(set.path)
		if err != nil {
			return nil, nil, fmt.Errorf("YANZHEN_TRACES: %w", err)
		}
		to = append(to, sdktrace.WithBatcher(exportedSpans{spans, o.exported("traces")}, sdktrace.WithBatchTimeout(fileEvery)))
	}
	if set.traces != "" {
		spans, err := spanExporter(ctx, set)
		if err != nil {
			return nil, nil, err
		}
		to = append(to, sdktrace.WithBatcher(exportedSpans{spans, o.exported("traces")}))
	}
	if len(to) > 1 {
		traces, provider := newTraces(set.sampler, to...)
		t, stops = traces, append(stops, provider.Shutdown)
	}
	if set.metrics != "" {
		metrics, err := metricExporter(ctx, set)
		if err != nil {
			return nil, nil, err
		}
		reader := sdkmetric.NewPeriodicReader(exportedMetrics{metrics, o.exported("metrics")},
			sdkmetric.WithProducer(prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(o.Metrics.registry))))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(from))
		stops = append(stops, provider.Shutdown)
	}
	return t, stop, nil
}

// CheckExport returns what is wrong with the settings of Export.
func CheckExport(tracesTo string) error {
	_, err := readOTel(tracesTo)
	return err
}

// Ways to export.
const (
	toHTTP = "http/protobuf"
	toGRPC = "grpc"
)

// otelSettings are what OpenTelemetry's variables say, as far as its own libraries do
// not read them.
type otelSettings struct {
	// traces and metrics are ways to export; empty: they are not. path is the file to
	// which traces go besides.
	traces, metrics, path string
	sampler               sdktrace.Sampler
}

// readOTel reads and checks the variables: the libraries would log what is wrong
// with one, and go on without it.
func readOTel(tracesTo string) (s otelSettings, err error) {
	if off, _ := strconv.ParseBool(os.Getenv("OTEL_SDK_DISABLED")); off {
		return s, nil
	}
	if s.traces, err = wayOf("TRACES"); err != nil {
		return s, err
	}
	if s.metrics, err = wayOf("METRICS"); err != nil {
		return s, err
	}
	if tracesTo != "" {
		path, ok := strings.CutPrefix(tracesTo, "file:")
		if !ok || path == "" {
			return s, errors.New("YANZHEN_TRACES is not file:PATH; by OTLP traces go where OTEL_EXPORTER_OTLP_ENDPOINT says")
		}
		s.path = path
	}
	if s.traces != "" || s.path != "" {
		s.sampler, err = samplerOf(os.Getenv("OTEL_TRACES_SAMPLER"), os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
	}
	return s, err
}

// wayOf is how a signal is exported; empty: nobody named an endpoint for it, or it
// is switched off.
func wayOf(signal string) (string, error) {
	one := "OTEL_EXPORTER_OTLP_" + signal
	exporter := "OTEL_" + signal + "_EXPORTER"
	if list := os.Getenv(exporter); list != "" && !slices.Contains(strings.Split(list, ","), "otlp") {
		return "", nil // none, or Prometheus alone
	}
	named := false
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", one + "_ENDPOINT"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", fmt.Errorf("%s is not a URL such as http://collector:4318", name)
		}
		named = true
	}
	if !named {
		return "", nil
	}
	switch way := cmp.Or(os.Getenv(one+"_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), toHTTP); way {
	case toHTTP, toGRPC:
		return way, nil
	}
	return "", fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL, or %s_PROTOCOL, is neither %s nor %s", one, toHTTP, toGRPC)
}

// samplerOf decides by a trace's id alone. Nothing here has a parent that another
// process chose, so what is based on one is the same.
func samplerOf(name, arg string) (sdktrace.Sampler, error) {
	switch strings.TrimPrefix(name, "parentbased_") {
	case "", "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		ratio, err := strconv.ParseFloat(cmp.Or(arg, "1"), 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, errors.New("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1")
		}
		return sdktrace.TraceIDRatioBased(ratio), nil
	}
	return nil, errors.New("OTEL_TRACES_SAMPLER is none of always_on, always_off, traceidratio, with or without parentbased_ in front")
}

// fileEvery is how often a file is written to.
const fileEvery = 500 * time.Millisecond

func fileExporter(path string) (sdktrace.SpanExporter, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	e, err := stdouttrace.New(stdouttrace.WithWriter(f))
	return closing{e, f}, err
}

func spanExporter(ctx context.Context, s otelSettings) (sdktrace.SpanExporter, error) {
	if s.traces == toGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

func metricExporter(ctx context.Context, s otelSettings) (sdkmetric.Exporter, error) {
	if s.metrics == toGRPC {
		return otlpmetricgrpc.New(ctx)
	}
	return otlpmetrichttp.New(ctx)
}

// closing closes the file behind an exporter.
type closing struct {
	sdktrace.SpanExporter
	file io.Closer
}

// Shutdown implements sdktrace.SpanExporter.
func (c closing) Shutdown(ctx context.Context) error {
	return errors.Join(c.SpanExporter.Shutdown(ctx), c.file.Close())
}

// exported hears of each export of a signal: it counts those that failed, and logs
// when that begins and when it is over. An error's text may quote what a collector
// answered.
func (o ExportOptions) exported(signal string) func(error) {
	var failing atomic.Bool
	return func(err error) {
		if err != nil && o.Metrics != nil {
			o.Metrics.unsent.WithLabelValues(signal).Inc()
		}
		switch was := failing.Swap(err != nil); {
		case err != nil && !was:
			o.Log.Warn("telemetry export fails; retrying, and dropping what exceeds the buffer", "signal", signal, "error_type", fmt.Sprintf("%T", err))
		case err == nil && was:
			o.Log.Info("telemetry export recovered", "signal", signal)
		}
	}
}

type exportedSpans struct {
	sdktrace.SpanExporter
	note func(error)
}

// ExportSpans implements sdktrace.SpanExporter.
func (e exportedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.note(err)
	return err
}

type exportedMetrics struct {
	sdkmetric.Exporter
	note func(error)
}

// Export implements sdkmetric.Exporter.
func (e exportedMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	err := e.Exporter.Export(ctx, m)
	e.note(err)
	return err
}
