package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// NewRequestID names a request in its answer, in the log and in traces.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "req_" + hex.EncodeToString(b[:])
}

// Request is a request that is being answered. A nil one is about nothing.
type Request struct {
	// ID names it.
	ID string

	traces  *Traces
	began   time.Time
	about   atomic.Pointer[string]
	created atomic.Bool
	// own is its span, as long as it is about no verification; caller is the span
	// that its caller says it comes from.
	own    trace.SpanContext
	caller trace.SpanContext
}

type requestKey struct{}

// Begin names a request; t may be nil.
func (t *Traces) Begin(ctx context.Context, header http.Header) (context.Context, *Request) {
	r := &Request{ID: NewRequestID(), traces: t, began: time.Now()}
	if t != nil {
		r.own = t.in(newTraceID(), newSpanID())
		r.caller = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(header)))
	}
	return context.WithValue(ctx, requestKey{}, r), r
}

// RequestOf is the request that a context belongs to; nil: none.
func RequestOf(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// About notes which verification it turned out to be about.
func (r *Request) About(verification string) {
	if r != nil && verification != "" {
		r.about.Store(&verification)
	}
}

// Created notes that it created the verification that it is about.
func (r *Request) Created() {
	if r != nil {
		r.created.Store(true)
	}
}

// Verification is the one that it is about; empty: none, as far as is known.
func (r *Request) Verification() string {
	if r == nil {
		return ""
	}
	if id := r.about.Load(); id != nil {
		return *id
	}
	return ""
}

// span is the request's, as far as is known: its trace is that of the verification.
func (r *Request) span() trace.SpanContext {
	switch {
	case r == nil || r.traces == nil:
		return trace.SpanContext{}
	case r.Verification() == "":
		return r.own
	case r.created.Load():
		return r.traces.of(r.Verification())
	}
	return r.traces.of(r.Verification()).WithSpanID(r.own.SpanID())
}

// Answer is how a request was answered. Route is the route's template, never the
// path, which holds ids and tickets.
type Answer struct {
	Method, Route string
	Status        int
	// Client is who asked, if that is known.
	Client string
}

// End adds the request's span: at the root of the verification that it created,
// under the root of one that was there. A caller's trace is linked to, and decides
// nothing here.
func (r *Request) End(a Answer) {
	if r == nil || r.traces == nil {
		return
	}
	span := r.span()
	ctx := context.WithValue(context.Background(), chosenKey{}, chosen{span.TraceID(), span.SpanID()})
	if id := r.Verification(); id != "" && !r.created.Load() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, r.traces.of(id))
	}
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", a.Method), attribute.String("http.route", a.Route),
		attribute.Int("http.response.status_code", a.Status), attrRequest.String(r.ID),
	}
	if id := r.Verification(); id != "" {
		attrs = append(attrs, attrVerification.String(id))
	}
	if a.Client != "" {
		attrs = append(attrs, attrClient.String(a.Client))
	}
	o := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...)}
	if r.caller.IsValid() && random(r.caller.TraceID().String()) && random(r.caller.SpanID().String()) {
		// Of what the caller says, its ids and no state.
		o = append(o, trace.WithLinks(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: r.caller.TraceID(), SpanID: r.caller.SpanID(), TraceFlags: r.caller.TraceFlags(), Remote: true})}))
	}
	class := ""
	if a.Status >= 500 {
		class = http.StatusText(a.Status)
	}
	r.traces.add(ctx, a.Method+" "+a.Route, r.began, time.Now(), class, a.Status >= 500, o...)
}

// number is what a caller writes for an id who writes a person's number: chance makes
// so many decimal digits in a row in one id of hundreds.
var number = regexp.MustCompile(`[0-9]{16}`)

func random(id string) bool { return !number.MatchString(id) }

// StatusLeft is what stands in logs, metrics and traces for an answer that nobody
// waited for any more: callers and browsers hang up all the time, in the middle of a
// wait above all, and no fault of ours comes of it. It is never sent.
const StatusLeft = 499

// Left reports whether whoever sent the request has hung up. ctx is the one that
// the request came with.
func Left(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// Told is the status by which an answer is told of.
func Told(ctx context.Context, status int) int {
	if status >= 500 && Left(ctx) {
		return StatusLeft
	}
	return status
}

// KnownMethod keeps a caller from writing words of their own into logs and
// metrics.
func KnownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return m
	}
	return "OTHER"
}
