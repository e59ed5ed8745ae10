package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

type contextKey int

const (
	callerKey contextKey = iota
	methodKey
)

// refusalKey is where gin's context keeps the code of a refusal for the log.
const refusalKey = "yanzhen-refusal"

// noteVerification names the verification for the request's line in the log and its
// span.
func noteVerification(ctx context.Context, id string) { telemetry.RequestOf(ctx).About(id) }

// verificationOf is the verification that a request is about, empty for none.
func verificationOf(ctx context.Context) string { return telemetry.RequestOf(ctx).Verification() }

// ourID is the form of a verification's id. What else stands in its place in a path
// is a caller's own word, a person's number perhaps, and is not logged.
var ourID = regexp.MustCompile(`^ver_[a-z2-7]{26}$`)

// cameWithKey is where gin's context keeps the context that the request came with:
// the one that handlers see ends with them, too.
const cameWithKey = "yanzhen-context"

// left reports whether the caller has hung up.
func left(c *gin.Context) bool {
	ctx, ok := c.Value(cameWithKey).(context.Context)
	return ok && telemetry.Left(ctx)
}

func noteRefusal(c *gin.Context, code string) { c.Set(refusalKey, code) }

func requestID(ctx context.Context) string {
	if r := telemetry.RequestOf(ctx); r != nil {
		return r.ID
	}
	return ""
}

// plain returns the request's own context. gin's is recycled after the
// request, while an engine call may still look at what it was given.
func plain(ctx context.Context) context.Context {
	if c, ok := ctx.(*gin.Context); ok {
		return c.Request.Context()
	}
	return ctx
}

// methodOf returns the method that the caller used.
func methodOf(r *http.Request) string {
	if m, ok := r.Context().Value(methodKey).(string); ok {
		return m
	}
	return r.Method
}

// route is the route's template: the path itself holds ids and tickets.
func route(c *gin.Context) string {
	if p := c.FullPath(); p != "" {
		return p
	}
	return "unmatched"
}

// observe names the request, logs it and counts it: route, never path, query
// or body.
func (s *server) observe(c *gin.Context) {
	began := time.Now()
	ctx, request := s.Traces.Begin(c.Request.Context(), c.Request.Header)
	if inPath := c.Param("id"); ourID.MatchString(inPath) {
		request.About(inPath)
	}
	c.Request = c.Request.WithContext(ctx)
	c.Set(cameWithKey, ctx)
	c.Header("X-Request-Id", request.ID)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	c.Next()
	s.observed(c, telemetry.Told(ctx, c.Writer.Status()), request, time.Since(began))
}

// observed logs, counts and traces an answer.
func (s *server) observed(c *gin.Context, status int, request *telemetry.Request, took time.Duration) {
	method := telemetry.KnownMethod(methodOf(c.Request))
	s.Metrics.Request(method, route(c), status, took)
	answered := telemetry.Answer{Method: method, Route: route(c), Status: status}
	if who := callerOf(c.Request.Context()); who != nil && who.client != nil {
		answered.Client = who.client.ID
	}
	request.End(answered)
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("route", route(c)), slog.Int("status", status),
		slog.Duration("took", took), slog.String("request_id", request.ID),
	}
	if who := callerOf(c.Request.Context()); who != nil && who.client != nil {
		attrs = append(attrs, slog.String("client", who.client.ID))
	} else if who != nil {
		attrs = append(attrs, slog.Bool("reviewer", true))
	}
	if code := c.GetString(refusalKey); code != "" {
		attrs = append(attrs, slog.String("code", code))
	}
	if id := request.Verification(); id != "" {
		attrs = append(attrs, slog.String("verification_id", id))
	}
	s.Logger.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// recovered turns a panic into a 500. It logs where, not what: a panic's value
// may quote the data that it broke on.
func (s *server) recovered(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		s.Metrics.Panicked(telemetry.HTTP)
		s.Logger.ErrorContext(c.Request.Context(), "panic", "request_id", requestID(c.Request.Context()),
			"route", route(c), "type", typeName(p), "at", callers())
		s.refuse(c, errInternal)
	}()
	c.Next()
}

// callers lists the functions and lines that led to a panic.
func callers() []string {
	var pcs [24]uintptr
	n := runtime.Callers(4, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	var at []string
	for {
		f, more := frames.Next()
		at = append(at, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return at
		}
	}
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// bounded ends a request's context when its answer is overdue.
func (s *server) bounded(c *gin.Context) {
	limit := answerTime
	if s.operations[operationKey(c.Request.Method, c.FullPath())].waits {
		limit += MaxWait
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// admit lets a request through to its handler: who it is, whether they may,
// and whether what they sent is what the contract says.
func (s *server) admit(c *gin.Context) {
	op, ok := s.operations[operationKey(c.Request.Method, c.FullPath())]
	if !ok {
		// gin asks for middleware on unknown routes too; those answer
		// themselves.
		c.Next()
		return
	}
	if op.scope != "" {
		who := s.keys.Load().find(c.Request.Header.Values("Authorization"), s.Now())
		if who == nil {
			s.refuse(c, errUnauthenticated)
			return
		}
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), callerKey, who))
		if err := who.limit.admit(c, s.Now()); err != nil {
			s.refuse(c, err)
			return
		}
		if !who.has(op.scope) {
			s.refuse(c, errScope(op.scope))
			return
		}
	}
	if op.idempotent {
		if err := checkIdempotencyKey(c.Request.Header.Values("Idempotency-Key")); err != nil {
			s.refuse(c, err)
			return
		}
	}
	if !plainID(c.Param("id")) {
		s.refuse(c, errNotFound)
		return
	}
	if faults := op.admitParameters(c.Request); len(faults) > 0 {
		s.refuse(c, errParameters(faults))
		return
	}
	if op.body != nil {
		if err := op.admitBody(c.Writer, c.Request); err != nil {
			s.refuse(c, err)
			return
		}
	}
	c.Next()
}

// maxID is the contract's, above the length of every id of ours.
const maxID = 64

// plainID reports whether a path's id may be one of ours, or is none: what no
// database would take as text names nothing.
func plainID(id string) bool {
	if len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
