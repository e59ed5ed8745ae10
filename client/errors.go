package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer of the API that is no success: an RFC 9457 problem
// document. Find it with errors.As, and act on its Code.
type Error struct {
	Problem
	// RetryAfter is how long the API asked to wait before another try, or 0.
	RetryAfter time.Duration
}

// Error names each field at fault, what to do, and the call's request, by which
// operators find it in their logs. Nothing in it was sent by the caller, but at most
// the name of an unknown property.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "yanzhen: %d %s: %s", e.Status, e.Code, e.Title)
	if e.Detail != nil {
		b.WriteString(" " + *e.Detail)
	}
	if e.Errors != nil {
		for _, f := range *e.Errors {
			fmt.Fprintf(&b, " %s (%s): %s", cmp.Or(f.Field, "body"), f.Code, f.Message)
		}
	}
	fmt.Fprintf(&b, " (request %s)", e.RequestId)
	return b.String()
}

// Codes that callers act on; openapi.yaml lists all of them.
const (
	CodeInvalidRequest       = "invalid_request"
	CodeIdempotencyKeyReused = "idempotency_key_reused"
	CodeNotFound             = "not_found"
	CodeInvalidState         = "invalid_state"
	CodeSessionReplaced      = "session_replaced"
	CodeReqIDReused          = "reqid_reused"
	CodeAlreadyOpen          = "already_open"
	CodeConsentRequired      = "consent_required"
	CodeLinkExpiring         = "link_expiring"
	CodeRedacted             = "redacted"
	CodeCursorExpired        = "cursor_expired"
	CodeEngineUnavailable    = "engine_unavailable"
	// CodeUnknown: the answer is no problem document of the API's.
	CodeUnknown = "unknown"
)

// errorOf reads a refusal. Something between here and the API may have answered
// in its place: then the status is all there is.
func errorOf(r *http.Response, body []byte) error {
	e := &Error{RetryAfter: retryAfter(r.Header, time.Now())}
	if json.Unmarshal(body, &e.Problem) != nil || e.Code == "" {
		e.Problem = Problem{Status: r.StatusCode, Code: CodeUnknown, Title: http.StatusText(r.StatusCode), RequestId: r.Header.Get("X-Request-Id")}
	}
	return e
}

// retryAfter reads Retry-After, in seconds or as a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
