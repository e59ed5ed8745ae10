package page

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

const (
	// answerTime bounds a request; it is above the starter's patience with the
	// engine, so that the starter's answer comes first.
	answerTime = 15 * time.Second
	// waitTime is how long a browser is kept waiting for a change. In-app browsers
	// give up after half a minute.
	waitTime = 25 * time.Second
	// maxForm is far above the largest form of ours.
	maxForm = 16 << 10
)

// policy lets a page show its own script, style and pictures, send its own forms,
// and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func requestID(r *http.Request) string {
	if n := telemetry.RequestOf(r.Context()); n != nil {
		return n.ID
	}
	return ""
}

// about names the verification for the request's line in the log and its span.
func about(r *http.Request, id string) { telemetry.RequestOf(r.Context()).About(id) }

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// observed bounds, logs, counts and traces requests: the route, never the path, the query
// or a form, which hold codes. Every answer, an error's too, carries the headers.
func (h *Handler) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, n := h.Traces.Begin(r.Context(), r.Header)
		ctx, cancel := context.WithTimeout(ctx, answerTime+waitTime)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		safe(w.Header(), n.ID)
		out := &statusWriter{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				h.panicked(out, r, p)
			}
			h.answered(r, telemetry.Told(r.Context(), out.status), n, time.Since(began))
		}()
		next.ServeHTTP(out, r)
	})
}

// safe sets what every answer says. Older web views send no Sec-Fetch-Site: with
// the referrer of our own site they still say where a form comes from.
func safe(header http.Header, id string) {
	header.Set("X-Request-Id", id)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Robots-Tag", "noindex, nofollow")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

// panicked answers and logs where, not what: a panic's value may quote the data
// that it broke on.
func (h *Handler) panicked(w *statusWriter, r *http.Request, p any) {
	h.Metrics.Panicked(telemetry.HTTP)
	h.Logger.ErrorContext(r.Context(), "panic", "request_id", requestID(r), "route", route(r), "type", fmt.Sprintf("%T", p), "at", string(debug.Stack()))
	if w.status == 0 {
		h.message(w, r, http.StatusInternalServerError, "fault.busy")
	}
}

func (h *Handler) answered(r *http.Request, status int, n *telemetry.Request, took time.Duration) {
	h.Metrics.Request(telemetry.KnownMethod(r.Method), route(r), status, took)
	n.End(telemetry.Answer{Method: telemetry.KnownMethod(r.Method), Route: route(r), Status: status})
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("method", telemetry.KnownMethod(r.Method)), slog.String("route", route(r)), slog.Int("status", status),
		slog.Duration("took", took), slog.String("request_id", n.ID),
	}
	if id := n.Verification(); id != "" {
		attrs = append(attrs, slog.String("verification_id", id))
	}
	h.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// route is the pattern that the request met.
func route(r *http.Request) string {
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		return "unmatched"
	}
	return path
}
