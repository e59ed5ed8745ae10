package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// sendTime bounds one delivery, its answer's body included.
	sendTime    = 20 * time.Second
	connectTime = 10 * time.Second
	// An answer's body says nothing to us; a little of it is read so that the
	// connection can be used again.
	maxAnswer, maxAnswerHeader = 4 << 10, 16 << 10
	// MaxRetryAfter is the longest pause that a receiver may ask for.
	MaxRetryAfter = 6 * time.Hour
)

// Class is what came of a delivery, in one word.
type Class string

const (
	OK          Class = "2xx"
	Redirect    Class = "3xx"
	ClientError Class = "4xx"
	ServerError Class = "5xx"
	// Garbled: no HTTP, or a status that is none.
	Garbled Class = "garbled"
	// Timeout: no answer in 20 s.
	Timeout Class = "timeout"
	// Refused: a private or reserved address, or plain http to one that is not
	// allowed.
	Refused Class = "refused_address"
	// NoName: the name does not resolve.
	NoName Class = "name_not_found"
	// BadTLS: the certificate, or the handshake.
	BadTLS Class = "tls"
	// Unreachable: no connection, or one that broke.
	Unreachable Class = "unreachable"
	// NotConfigured: the endpoint is not in the configuration, or switched off
	// there.
	NotConfigured Class = "not_configured"
)

// Answer is what came of one delivery. It holds nothing that the receiver said.
type Answer struct {
	Class Class
	// RetryAfter is the pause that the receiver asks for, at most MaxRetryAfter.
	RetryAfter time.Duration
	// Gone: the receiver wants nothing more (410).
	Gone bool
	// Abort: it does not want this message again.
	Abort bool
}

// Sender sends messages. It follows no redirect, heeds no proxy of the
// environment, and goes to no private or reserved address but those allowed.
type Sender struct {
	// secure and plain are for https and http.
	secure, plain *http.Client
	agent         string
	now           func() time.Time
}

// Options are a Sender's.
type Options struct {
	// Allow are networks that may be gone to though private, and by http.
	Allow []netip.Prefix
	// Proxy, if not nil, makes every connection, and guards it: our own guard
	// would see the proxy's address only.
	Proxy *url.URL
	// Agent is the User-Agent.
	Agent string
	// Resolver and TLS are for tests; nil: the system's.
	Resolver *net.Resolver
	TLS      *tls.Config
	// Timeout of one delivery; 0: 20 s.
	Timeout time.Duration
}

// NewSender makes a Sender.
func NewSender(o Options) *Sender {
	client := func(plain bool) *http.Client {
		t := &http.Transport{
			DialContext: newGuard(o.Allow, plain, o.Resolver).dialer.DialContext, TLSClientConfig: o.TLS, TLSHandshakeTimeout: connectTime,
			MaxResponseHeaderBytes: maxAnswerHeader, DisableCompression: true, MaxIdleConns: 100, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		}
		if o.Proxy != nil {
			t.Proxy, t.DialContext = http.ProxyURL(o.Proxy), (&net.Dialer{Timeout: connectTime}).DialContext
		}
		limit := o.Timeout
		if limit == 0 {
			limit = sendTime
		}
		return &http.Client{Transport: t, Timeout: limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Sender{secure: client(false), plain: client(true), agent: o.Agent, now: time.Now}
}

// Send sends a message once.
func (s *Sender) Send(ctx context.Context, to Endpoint, id string, body []byte) Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{Class: NotConfigured}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.agent)
	Sign(r.Header, id, s.now(), body, to.Secrets...)
	return s.Do(r)
}

// Do sends a request that is signed already.
func (s *Sender) Do(r *http.Request) Answer {
	client := s.secure
	if r.URL.Scheme != "https" {
		client = s.plain
	}
	res, err := client.Do(r)
	if err != nil {
		return Answer{Class: classOf(err)}
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // the status has told all that counts
	a := Answer{Class: Garbled}
	switch res.StatusCode / 100 {
	case 2:
		a.Class = OK
	case 3:
		a.Class = Redirect
	case 4:
		a.Class = ClientError
	case 5:
		a.Class = ServerError
	}
	a.Gone = res.StatusCode == http.StatusGone
	if a.Class != OK {
		a.RetryAfter = retryAfter(res.Header.Get("Retry-After"), s.now())
		a.Abort = strings.EqualFold(strings.TrimSpace(res.Header.Get("Webhook-Delivery")), "abort-message")
	}
	return a
}

// Jitter adds up to a tenth to a pause, so that what failed together is not
// tried together.
func Jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*float64(d)/10)
}

// retryAfter reads seconds or a date; what is neither asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(MaxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), MaxRetryAfter)
	}
	return 0
}

// classOf sorts an error by its type; its text may hold the URL.
func classOf(err error) Class {
	var timeout net.Error
	var unknown *net.DNSError
	switch {
	case errors.Is(err, ErrAddress):
		return Refused
	case errors.As(err, &unknown):
		return NoName
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case isTLS(err):
		return BadTLS
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Unreachable
	}
	return Garbled
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}
