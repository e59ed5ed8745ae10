package acedata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// Name is how policies call this vendor.
	Name = "acedata"

	path = "/identity/idcard/check-2e"
	op   = "acedata.check-2e"
	// An answer is some hundred bytes; more than this is none.
	maxBody = 1 << 20
	// The longest Retry-After that we believe.
	maxRetryAfter = time.Hour
)

// Client asks AceData. It is safe for concurrent use and keeps no state.
type Client struct {
	cfg  Config
	http *http.Client
	now  func() time.Time
}

// New makes a client. A zero value of the configuration stands for its default;
// the error names everything that is wrong with it.
func New(cfg Config) (*Client, error) {
	cfg = settings.WithDefaults(cfg)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, http: provider.NewHTTPClient(), now: time.Now}, nil
}

// entry is the client's entry in the registry.
func (c *Client) entry() provider.RecordsVendor {
	return provider.RecordsVendor{Name: Name, Provider: c, Queue: provider.Queue{Name: "acedata", PerSecond: c.cfg.Rate}}
}

// String and GoString keep a client that strays into a log from telling its
// token: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "acedata.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Check asks once whether name, number and validity dates agree with the
// authority's records. A card that the source does not know, or a subject of
// which one of the four members is missing, is not asked about: unavailable
// with the reason, not charged.
func (c *Client) Check(ctx context.Context, s verification.Subject) (verification.Check, error) {
	if check, unfit := idrecords.Unfit(Name, s, c.cfg.Permits); unfit {
		return check, nil
	}
	body, err := json.Marshal(newRequest(s))
	if err != nil {
		return verification.Check{}, &provider.Error{Op: op, Class: provider.Misconfigured, Code: "request", Reason: verification.ProviderMisconfigured, Billable: free}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	a, err := c.post(ctx, body)
	if err != nil {
		return verification.Check{}, err
	}
	provider.NoteRequestID(ctx, traceID(a))
	if a.status != http.StatusOK {
		return verification.Check{}, httpFailure(a.status, errorCode(a.body), c.retryAfter(a.header))
	}
	result, description, err := parseAnswer(a.body)
	if err != nil {
		return verification.Check{}, contractViolation("http_200")
	}
	return c.cfg.classify(result, description).Answer(Name, op, result, c.now())
}

// reply is an HTTP answer, its body read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (c *Client) post(ctx context.Context, body []byte) (reply, error) {
	// sent: the request may have reached the vendor, and then been charged.
	// It turns true before the first byte leaves, never after.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, strings.TrimRight(c.cfg.BaseURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, &provider.Error{Op: op, Class: provider.Misconfigured, Code: "request", Reason: verification.ProviderMisconfigured, Billable: free}
	}
	req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")

	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, lost(ctx, err, sent.Load())
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil && res.StatusCode == http.StatusOK:
		return reply{}, lost(ctx, err, true)
	case len(got) > maxBody && res.StatusCode == http.StatusOK:
		return reply{}, contractViolation("too_large")
	}
	return reply{status: res.StatusCode, header: res.Header, body: got}, nil
}

// lost is a call without an answer. Before the request was written nothing
// can have been charged; afterwards nobody knows.
func lost(ctx context.Context, err error, sent bool) *provider.Error {
	e := &provider.Error{
		Op: op, Class: provider.Unavailable, Code: "no_connection", Reason: verification.ProviderUnavailable,
		Billable: free, Err: provider.Cause(errors.Join(ctx.Err(), err)),
	}
	if sent {
		e.Code, e.Reason, e.Billable = "no_answer", verification.RecordsChargeUnknown, verification.BillableUnknown
	}
	return e
}

func contractViolation(code string) *provider.Error {
	return &provider.Error{
		Op: op, Class: provider.ContractViolation, Code: code,
		Reason: verification.ProviderContractViolation, Billable: verification.BillableUnknown,
	}
}

// retryAfter reads Retry-After in both of its forms (RFC 9110, 10.2.3).
func (c *Client) retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter.Seconds()))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(c.now())
	}
	return min(max(wait, 0), maxRetryAfter)
}
