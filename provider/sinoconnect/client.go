package sinoconnect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// Name is how policies, routes and callbacks call this vendor.
	Name = "sino_connect"

	// maxBody bounds an answer in bytes: two pictures in base64.
	maxBody     = 8 << 20
	openTimeout = 10 * time.Second
	// The longest Retry-After that we believe.
	maxRetryAfter = time.Hour
)

// Client speaks to Sino Connect. It is safe for concurrent use and keeps no
// state.
type Client struct {
	parsed
	cfg   Config
	http  *http.Client
	plain bool // pages may be plain http, on this machine
	now   func() time.Time
}

// New makes a client. A zero value of the configuration stands for its default;
// the error names everything that is wrong with it.
func New(cfg Config) (*Client, error) {
	cfg = settings.WithDefaults(cfg)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	check := settings.NewCheck(&cfg) // a key file may have changed since
	c := &Client{cfg: cfg, parsed: cfg.parse(check), http: provider.NewHTTPClient(), now: time.Now}
	host, _ := settings.Host(cfg.BaseURL)
	c.plain = settings.Loopback(host)
	return c, check.Err()
}

// chipEntry is the client's entry in the registry for chips. It shares its
// queue with opening face sessions.
func (c *Client) chipEntry() provider.ChipVendor {
	return provider.ChipVendor{
		Name: Name, Provider: c, Queue: c.openQueue(),
		// The life counts from the scan, and what an app sends is on its way for
		// a while.
		Life: c.cfg.ReqIDLife * 4 / 5,
	}
}

// faceEntry is the client's entry in the registry for faces.
func (c *Client) faceEntry() provider.FaceVendor {
	return provider.FaceVendor{
		Name: Name, Provider: c, Open: c.openQueue(),
		Watch:     provider.Queue{Name: "sino-connect-status", PerSecond: c.cfg.PollRate},
		PollFirst: c.cfg.PollMin, PollMax: c.cfg.PollMax,
		Captures: true,
	}
}

func (c *Client) openQueue() provider.Queue {
	return provider.Queue{Name: "sino-connect", PerSecond: c.cfg.Rate}
}

// String and GoString keep a client that strays into a log from telling its
// secrets: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "sinoconnect.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Read fetches the chip data of a scan and opens it. It is not known to be
// charged.
func (c *Client) Read(ctx context.Context, reqid string) (verification.Card, error) {
	if !c.reqid.MatchString(reqid) {
		return verification.Card{}, readChip.error(calls[readChip].refused, "reqid")
	}
	r, err := c.post(ctx, readChip, chipRequest{ReqID: reqid})
	if err != nil {
		return verification.Card{}, err
	}
	var a chipAnswer
	switch {
	case r.status == http.StatusAccepted:
		return verification.Card{}, c.chipPending()
	case r.tooLarge:
		return verification.Card{}, readChip.error(violated, "too_large")
	case !read(r.body, &a):
		return verification.Card{}, readChip.error(violated, "not_json")
	case a.Token == "" && c.words.read(a.Message) == pending:
		return verification.Card{}, c.chipPending()
	case a.Token == "":
		return verification.Card{}, readChip.error(calls[readChip].refused, "no_token")
	}
	got, h, err := c.openCard(string(a.Token))
	if err != nil {
		why, _ := errors.AsType[refusal](err)
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "chip token refused",
			slog.String("alg", shown(h.alg)), slog.String("enc", shown(h.enc)), slog.String("kid", shown(h.kid)),
			slog.String("stage", why.stage()), slog.String("why", string(why)))
		return verification.Card{}, readChip.error(calls[readChip].refused, "chip_token_refused")
	}
	if len(got.unclear) > 0 {
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "chip dates not understood", slog.Any("members", got.unclear))
	}
	return got.card, nil
}

func (c *Client) openCard(token string) (reading, header, error) {
	plaintext, h, err := c.opener.open(token)
	if err != nil {
		return reading{}, h, err
	}
	got, err := c.names.card(plaintext)
	return got, h, err
}

func (c *Client) chipPending() *provider.Error {
	e := readChip.error(down, "pending")
	e.RetryAfter = c.cfg.PollMin
	return e
}

// Open opens a face session. The vendor takes nothing about the person. A
// repeated call opens another session; the first then just runs out.
func (c *Client) Open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	// Counted from before the call: a link must not be shown for longer than
	// we look at it.
	expires := c.now().Add(c.cfg.FaceDeadline)
	r, err := c.post(ctx, openFace, openRequest{Redirect: o.ReturnURL})
	if err != nil {
		return provider.Opened{}, err
	}
	var a openAnswer
	switch {
	case r.status != http.StatusOK:
		return provider.Opened{}, openFace.failure(r.status)
	case r.tooLarge:
		return provider.Opened{}, openFace.error(violated, "too_large")
	case !read(r.body, &a):
		return provider.Opened{}, openFace.error(violated, "not_json")
	case !isFaceToken(string(a.Token)) || !isLink(string(a.URL), c.plain):
		return provider.Opened{}, openFace.error(violated, "token_or_url")
	}
	h, err := json.Marshal(handle{Token: string(a.Token)})
	if err != nil {
		return provider.Opened{}, openFace.error(violated, "token_or_url")
	}
	return provider.Opened{Link: string(a.URL), Handle: h, ExpiresAt: expires}, nil
}

// Look asks how far a session is. What it returns may be handed out only once:
// a Capture with the pictures, or a Result when the session ended without any
// that could be compared. While it is not over the phase is Untouched: the
// vendor does not tell whether the person has begun.
func (c *Client) Look(ctx context.Context, s provider.FaceSession) (provider.Look, error) {
	var h handle
	if json.Unmarshal(s.Handle, &h) != nil || h.Token == "" {
		return provider.Look{}, lookFace.error(calls[lookFace].refused, "handle")
	}
	r, err := c.post(ctx, lookFace, lookRequest(h))
	if err != nil {
		return provider.Look{}, err
	}
	var a lookAnswer
	switch {
	case r.tooLarge:
		return over(notComparable("too_large")), nil
	case read(r.body, &a):
	case r.status == http.StatusAccepted:
		return provider.Look{Phase: provider.Untouched}, nil
	default:
		e := lookFace.error(violated, "not_json")
		e.Lost = true
		return provider.Look{}, e
	}
	// Pictures count whatever status they come with: they may not come again.
	if a.FaceImage.there || a.SceneImage.there {
		return captured(a), nil
	}
	if end, ok := ended[c.words.read(a.Message)]; ok && r.status == http.StatusOK {
		return over(&verification.FaceResult{Reason: end.reason, Begun: true, ProviderCode: end.code}), nil
	}
	return provider.Look{Phase: provider.Untouched}, nil
}

func over(r *verification.FaceResult) provider.Look {
	return provider.Look{Phase: provider.Finished, Result: r}
}

// captured reads the pictures. What is none, a URL say, is never fetched: the
// vendor's contract knows of none, and a face would have to rest there.
func captured(a lookAnswer) provider.Look {
	face := picture(a.FaceImage.text, maxBody, jpeg, png)
	if face == nil {
		return over(notComparable("no_image"))
	}
	return provider.Look{
		Phase:   provider.Finished,
		Capture: &provider.Capture{Face: face, Scene: picture(a.SceneImage.text, maxBody, jpeg, png)},
	}
}

// Result fails with class Gone: there is no such call. Every ending comes with
// the look that found it, and what that look carried cannot be had again.
func (c *Client) Result(context.Context, provider.FaceSession) (verification.FaceResult, error) {
	e := lookFace.error(calls[lookFace].refused, "no_result_call")
	e.Op, e.Lost = "sinoconnect.result", true
	return verification.FaceResult{}, e
}

// reply is a 200 or 202, its body read.
type reply struct {
	status   int
	body     []byte
	tooLarge bool
}

// timeout bounds one call. Opening waits no longer than openTimeout: no picture
// is on its way, the person is waiting, and another vendor may serve them.
func (c *Client) timeout(one call) time.Duration {
	if one == openFace {
		return min(c.cfg.Timeout, openTimeout)
	}
	return c.cfg.Timeout
}

// post sends one request. Every answer but 200, 202 and a 400 that says
// "pending" is an error.
func (c *Client) post(ctx context.Context, one call, in any) (reply, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return reply{}, one.error(misconfigured, "request")
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout(one))
	defer cancel()
	// sent: the request may have reached the vendor. It turns true before the
	// first byte leaves, never after.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, strings.TrimRight(c.cfg.BaseURL, "/")+calls[one].path, bytes.NewReader(body))
	if err != nil {
		return reply{}, one.error(misconfigured, "request")
	}
	req.Header.Set("x-client-id", c.cfg.ClientID)
	req.Header.Set("x-client-secret", c.cfg.ClientSecret)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")

	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, lost(ctx, one, err, sent.Load())
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	tooLarge := len(got) > maxBody
	switch {
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusAccepted:
		if err != nil {
			return reply{}, lost(ctx, one, err, true)
		}
		return reply{status: res.StatusCode, body: got, tooLarge: tooLarge}, nil
	case res.StatusCode == http.StatusBadRequest && one == lookFace && c.saysPending(got):
		return reply{status: http.StatusAccepted}, nil
	}
	e := one.failure(res.StatusCode)
	e.RetryAfter = c.retryAfter(res.Header)
	return reply{}, e
}

func (c *Client) saysPending(body []byte) bool {
	var f failureAnswer
	return read(body, &f) && c.words.read(f.Error) == pending
}

// lost is a call without an answer. Of a look nobody knows whether it held the
// pictures.
func lost(ctx context.Context, one call, err error, sent bool) *provider.Error {
	code := "no_connection"
	if sent {
		code = "no_answer"
	}
	e := one.error(down, code)
	e.Lost = sent && one == lookFace
	e.Err = provider.Cause(errors.Join(ctx.Err(), err))
	return e
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
