package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type aboutKey struct{}

// About says in a context which verification a step is about, for what is logged
// and traced with it. A request is a Request, which learns it later.
func About(ctx context.Context, verification string) context.Context {
	if verification == "" {
		return ctx
	}
	return context.WithValue(ctx, aboutKey{}, verification)
}

// aboutOf is the verification that a context is about, empty without one.
func aboutOf(ctx context.Context) string {
	if id, ok := ctx.Value(aboutKey{}).(string); ok {
		return id
	}
	return RequestOf(ctx).Verification()
}

// traceOf is the id of the trace that a context's span is kept in, empty without one.
func traceOf(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		return span.TraceID().String()
	}
	if span := RequestOf(ctx).span(); span.IsSampled() {
		return span.TraceID().String()
	}
	return ""
}

// named adds to every line the ids that its context knows and the line does not
// name itself.
type named struct {
	slog.Handler
	// has are those that the logger brings.
	has map[string]bool
}

// Handle implements slog.Handler.
func (h named) Handle(ctx context.Context, line slog.Record) error {
	has := map[string]bool{}
	line.Attrs(func(a slog.Attr) bool { has[a.Key] = true; return true })
	add := func(key, value string) {
		if value != "" && !has[key] && !h.has[key] {
			line.AddAttrs(slog.String(key, value))
		}
	}
	add("verification_id", aboutOf(ctx))
	if r := RequestOf(ctx); r != nil {
		add("request_id", r.ID)
	}
	add("trace_id", traceOf(ctx))
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h named) WithAttrs(attrs []slog.Attr) slog.Handler {
	has := map[string]bool{}
	for key := range h.has {
		has[key] = true
	}
	for _, a := range attrs {
		has[a.Key] = true
	}
	return named{h.Handler.WithAttrs(attrs), has}
}

// WithGroup implements slog.Handler.
func (h named) WithGroup(name string) slog.Handler { return named{h.Handler.WithGroup(name), h.has} }
