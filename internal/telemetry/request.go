package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

// NewRequestID names a request in its answer and in the log.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "req_" + hex.EncodeToString(b[:])
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
