package sandbox

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// Server is stand-in vendors that listen.
type Server struct {
	*Sandbox
	// URL is their address, such as "http://127.0.0.1:41234".
	URL  string
	http *http.Server
	done chan struct{} // closed when nothing is served any more
}

// Start serves stand-in vendors on a free port of loopback until Close. The
// vendors lie under the URL: /tencent, /iai, /acedata, /sino and /megvii.
func Start(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Sandbox: New(cfg), URL: "http://" + l.Addr().String(), done: make(chan struct{})}
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // until Close
	}()
	return s, nil
}

// Close stops serving at once: calls under way are cut off, as by a vendor that
// is gone. What the stand-ins know can still be read.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil // closed before
	}
	return err
}
