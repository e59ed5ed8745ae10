package cmd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	receiver "github.com/yanzhen-id/yanzhen/client/webhook"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// receive opens the local stack's own receiver of webhooks.
func (s *stack) receive(o devOptions, out io.Writer) (err error) {
	if s.listeners.receiver, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("no free port for the receiver of webhooks: %w", err)
	}
	s.state.Receiver, s.state.hookSecret = "http://"+s.listeners.receiver.Addr().String()+"/", webhook.NewSecret()
	v, err := receiver.New(s.state.hookSecret)
	if err != nil {
		return err
	}
	if o.quiet {
		out = io.Discard
	}
	s.hooks = hookPrinter(v, out)
	return nil
}

// hookPrinter prints of each event that verifies its type, its subject's id and
// its status, and nothing else of it.
func hookPrinter(v *receiver.Verifier, out io.Writer) http.Handler {
	return v.Handler(func(_ context.Context, e receiver.Event) error {
		fmt.Fprintf(out, "  webhook          %s  %s%s  %s\n", e.Type, e.Data.VerificationId, e.Endpoint, e.Data.Status)
		return nil
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
