package provider

import "net/http"

// NewHTTPClient makes a client that sends a request at most once: a charged
// call that is silently sent twice is charged twice, a session that is opened
// twice is one that nobody knows of, and a look that may be taken three times
// is gone. Without kept connections there is no dead one to send on, which
// net/http would answer by dialling again; HTTP/2 repeats what a server
// refuses, so it stays off. Redirects would carry a person's data and our
// credentials to a place nobody configured. It has no time-out: each call
// brings its own context.
func NewHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return &http.Client{
		Transport:     SendOnce{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// SendOnce takes from net/http what it needs to send a body again.
type SendOnce struct{ Base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s SendOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	once := req.WithContext(req.Context())
	once.GetBody = nil
	noted := noteSent(req)
	res, err := s.Base.RoundTrip(once)
	noted.answered(res)
	return res, err
}
