package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// receive opens the local stack's own receiver of webhooks.
func (s *stack) receive(o devOptions, out io.Writer) (err error) {
	if s.listeners.receiver, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("no free port for the receiver of webhooks: %w", err)
	}
	s.state.Receiver, s.state.hookSecret = "http://"+s.listeners.receiver.Addr().String()+"/", webhook.NewSecret()
	secret, err := webhook.ParseSecret(s.state.hookSecret)
	if o.quiet {
		out = io.Discard
	}
	s.hooks = hookPrinter(secret, out)
	return err
}

// maxHook is far above the size of an event.
const maxHook = 64 << 10

// hookPrinter prints of each event that verifies its type, its subject's id and
// its status, and nothing else of it.
func hookPrinter(secret webhook.Secret, out io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
		if err != nil || webhook.Verify(r.Header, body, time.Now(), secret) != nil {
			http.Error(w, "not signed with the endpoint's secret, or too old", http.StatusUnauthorized)
			return
		}
		var e struct {
			Type string `json:"type"`
			Data struct {
				VerificationID string `json:"verification_id"`
				Endpoint       string `json:"webhook_endpoint_id"`
				Status         string `json:"status"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &e) != nil {
			http.Error(w, "not an event", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(out, "  webhook          %s  %s%s  %s\n", e.Type, e.Data.VerificationID, e.Data.Endpoint, e.Data.Status)
		w.WriteHeader(http.StatusNoContent)
	})
}

// lineWriter lets several write, a call at a time.
type lineWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lineWriter) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(text)
}
