package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces makes spans; nil makes none, and costs nothing.
//
// All that is done for a verification, in whatever process and after however many
// days, is one trace: its id, and that of the span at its root, which is the
// request that created the verification, are a digest of the verification's id. So
// nothing carries them: neither a run's history, which must not depend on a
// tracer, nor a row, nor what is sent to vendors and receivers.
//
// Attributes are ids of ours, names from code and configuration, and classes of
// errors, never their texts.
type Traces struct {
	tracer trace.Tracer
	// root decides which traces are kept, by their ids alone: so every process
	// keeps the same.
	root sdktrace.Sampler
}

// Attributes of our spans, beside those of OpenTelemetry's conventions.
const (
	attrVerification = attribute.Key("yanzhen.verification.id")
	attrRequest      = attribute.Key("yanzhen.request.id")
	attrClient       = attribute.Key("yanzhen.client")
	attrAttempt      = attribute.Key("yanzhen.attempt")
	attrClass        = attribute.Key("yanzhen.class")
	attrErrorType    = attribute.Key("error.type")
)

// newTraces makes spans by a provider whose ids are those that a context names.
func newTraces(root sdktrace.Sampler, o ...sdktrace.TracerProviderOption) (*Traces, *sdktrace.TracerProvider) {
	o = append(o, sdktrace.WithSampler(sdktrace.ParentBased(root)), sdktrace.WithIDGenerator(chosenIDs{}))
	p := sdktrace.NewTracerProvider(o...)
	return &Traces{tracer: p.Tracer("github.com/yanzhen-id/yanzhen"), root: root}, p
}

// of is the span at the root of a verification's trace.
func (t *Traces) of(verification string) trace.SpanContext {
	sum := sha256.Sum256([]byte("yanzhen trace\x00" + verification))
	return t.in(trace.TraceID(sum[:16]), trace.SpanID(sum[16:24]))
}

// in is a span of a trace, which is kept as the trace is.
func (t *Traces) in(id trace.TraceID, span trace.SpanID) trace.SpanContext {
	c := trace.SpanContextConfig{TraceID: id, SpanID: span, Remote: true}
	if t.root.ShouldSample(sdktrace.SamplingParameters{TraceID: id, ParentContext: context.Background()}).Decision == sdktrace.RecordAndSample {
		c.TraceFlags = trace.FlagsSampled
	}
	return trace.NewSpanContext(c)
}

// chosen are the ids of the next span that is made with a context.
type chosen struct {
	trace trace.TraceID
	span  trace.SpanID
}

type chosenKey struct{}

// chosenIDs gives a span the ids that its context names, else random ones.
type chosenIDs struct{}

// NewIDs implements sdktrace.IDGenerator.
func (chosenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if c, ok := ctx.Value(chosenKey{}).(chosen); ok {
		return c.trace, c.span
	}
	return newTraceID(), newSpanID()
}

// NewSpanID implements sdktrace.IDGenerator.
func (chosenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if c, ok := ctx.Value(chosenKey{}).(chosen); ok {
		return c.span
	}
	return newSpanID()
}

func newTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

func newSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// underWay ends a span: class is empty for what worked, fault says whether it is a
// fault, as many an answer that is no success is not.
type underWay func(class string, fault bool, more ...attribute.KeyValue)

// start begins a span under the one of the context. The context that it returns
// carries it.
func (t *Traces) start(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, underWay) {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	return ctx, func(class string, fault bool, more ...attribute.KeyValue) {
		end(span, time.Now(), class, fault, more...)
	}
}

// add adds a span that is over.
func (t *Traces) add(ctx context.Context, name string, began, ended time.Time, class string, fault bool, o ...trace.SpanStartOption) {
	_, span := t.tracer.Start(ctx, name, append(o, trace.WithTimestamp(began))...)
	end(span, ended, class, fault)
}

func end(span trace.Span, at time.Time, class string, fault bool, more ...attribute.KeyValue) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(more...)
	switch {
	case fault:
		span.SetAttributes(attrErrorType.String(class))
		span.SetStatus(codes.Error, "")
	case class != "":
		span.SetAttributes(attrClass.String(class))
	}
	span.End(trace.WithTimestamp(at))
}

// verificationPattern is the form of a verification's id.
var verificationPattern = regexp.MustCompile(`\bver_[a-z2-7]{26}\b`)

// VerificationIn returns the verification's id in a workflow's, empty without one.
func VerificationIn(workflowID string) string { return verificationPattern.FindString(workflowID) }
