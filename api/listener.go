package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// Problems makes problem documents of what net/http itself answers to requests
// that never reach a handler, such as one for /v1/verifications/%.
func Problems(l net.Listener, log *slog.Logger) net.Listener { return problemListener{l, log} }

type problemListener struct {
	net.Listener
	log *slog.Logger
}

func (l problemListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return problemConn{tcp, l.log}, err
	}
	return c, err
}

// problemConn embeds the connection's own type: net/http looks for more than
// net.Conn.
type problemConn struct {
	*net.TCPConn
	log *slog.Logger
}

// serverHeaders are those of the answers that net/http gives by itself, in one
// write. No handler's answer has them: all of ours name a request first.
var serverHeaders = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

func (c problemConn) Write(b []byte) (int, error) {
	line, _, own := bytes.Cut(b, serverHeaders)
	if !own || bytes.Contains(line, []byte("\r\n")) {
		return c.TCPConn.Write(b)
	}
	fields := strings.Fields(string(line))
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/") {
		return c.TCPConn.Write(b)
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		return c.TCPConn.Write(b)
	}
	id := telemetry.NewRequestID()
	c.log.Info("request refused", "status", status, "request_id", id)
	if _, err := c.TCPConn.Write(refusalOf(status, id)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// refusalOf is the whole answer to a request that is no HTTP.
func refusalOf(status int, requestID string) []byte {
	f := &httpError{status: status, code: "malformed_request", title: "The request is not valid HTTP, or its path is not a valid one."}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		f.code, f.title = "headers_too_large", "The request's headers are too large."
	}
	body, _ := json.Marshal(f.document(requestID))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = http.Header{
		"Date":                   {time.Now().UTC().Format(http.TimeFormat)},
		"Content-Type":           {problemType},
		"Content-Length":         {strconv.Itoa(len(body))},
		"Cache-Control":          {noStore},
		"X-Content-Type-Options": {"nosniff"},
		"X-Request-Id":           {requestID},
		"Connection":             {"close"},
	}.Write(&b)
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Starting answers a request that came before the process was ready.
func Starting(w http.ResponseWriter, _ *http.Request) {
	id := telemetry.NewRequestID()
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", noStore)
	h.Set("Retry-After", "5")
	h.Set("X-Request-Id", id)
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode((&httpError{status: http.StatusServiceUnavailable, code: "engine_unavailable", title: "The service is starting.",
		detail: unchanged}).document(id))
}
