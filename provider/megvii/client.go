package megvii

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// Name is how policies, routes and callbacks call this vendor.
	Name = "megvii_faceid"

	opToken  = "megvii.get_token"
	opResult = "megvii.get_result"

	// Answers are a few kilobytes: no pictures are asked for.
	maxBody = 1 << 20
	// maxName is the length that get_token takes of a name, in characters.
	maxName = 32
	// maxBizNo is the length of a biz_no in bytes.
	maxBizNo = 128
	// maxLife bounds what is believed of a token's expiry: the console's longest
	// flow is an hour.
	maxLife = 24 * time.Hour
)

// notifyPorts are the only ones that the vendor calls.
var notifyPorts = []string{"443", "5000", "16003", "8883", "8028"}

// Client speaks to Megvii. It is safe for concurrent use and keeps no state.
type Client struct {
	cfg  Config
	base string
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
	return &Client{cfg: cfg, base: strings.TrimRight(cfg.BaseURL, "/"), http: provider.NewHTTPClient(), now: time.Now}, nil
}

// entry is the client's entry in the registry. Megvii is never polled: its
// result is read three times at most, and reported by itself.
func (c *Client) entry() provider.FaceVendor {
	return provider.FaceVendor{
		Name:     Name,
		Provider: c,
		Open:     provider.Queue{Name: "megvii", PerSecond: c.cfg.Rate},
		Watch:    provider.Queue{Name: "megvii-result", PerSecond: c.cfg.Rate},
		Grace:    c.cfg.LookAfter,
		Callback: c, TellsBegun: true,
	}
}

// String and GoString keep a client that strays into a log from telling its
// secrets: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "megvii.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Open opens a session with get_token, under a biz_no of its own for every
// call: one whose answer was lost may have opened a session, too, which runs
// out or brings its judgement by a callback.
func (c *Client) Open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	if code := notifiable(o.NotifyURL); code != "" {
		return provider.Opened{}, newError(opToken, oursFault, code)
	}
	if o.ReturnURL == "" {
		return provider.Opened{}, newError(opToken, oursFault, "return_url")
	}
	if utf8.RuneCountInString(o.Subject.Name) > maxName {
		return provider.Opened{}, newError(opToken, tooLong, "name_length")
	}
	bizNo := bizNoPrefix(o.VerificationID, o.Session) + rand.Text()
	if len(bizNo) > maxBizNo {
		return provider.Opened{}, newError(opToken, oursFault, "biz_no")
	}
	body, err := c.call(ctx, opToken, http.MethodPost, c.base+c.cfg.TokenPath, strings.NewReader(c.tokenForm(o, bizNo).Encode()))
	if err != nil {
		return provider.Opened{}, err
	}
	var a tokenAnswer
	if strictjson.CheckFolded(body) != nil || json.Unmarshal(body, &a) != nil {
		return provider.Opened{}, newError(opToken, violated, "not_json")
	}
	return c.opened(a, bizNo)
}

func (c *Client) opened(a tokenAnswer, bizNo string) (provider.Opened, error) {
	expires, isNumber := a.ExpiredTime.number()
	now := c.now()
	at := time.Unix(int64(min(max(expires, 0), 1<<40)), 0)
	switch {
	case a.Token.text == "", a.BizID.text == "":
		// One sample of the vendor's had no biz_id; without it no result is found.
		return provider.Opened{}, newError(opToken, violated, "token_or_biz_id")
	case a.BizNo.set && a.BizNo.text != bizNo:
		return provider.Opened{}, newError(opToken, violated, "biz_no")
	case !isNumber, !at.After(now), at.After(now.Add(maxLife)):
		return provider.Opened{}, newError(opToken, violated, "expired_time")
	}
	h, err := json.Marshal(handle{BizNo: bizNo, BizID: a.BizID.text, asked: c.asks()})
	if err != nil {
		return provider.Opened{}, newError(opToken, violated, "token_or_biz_id")
	}
	link := c.base + c.cfg.PagePath + "?" + url.Values{"token": {a.Token.text}}.Encode()
	return provider.Opened{Link: link, Handle: h, ExpiresAt: at}, nil
}

func (c *Client) asks() asked {
	return asked{Will: c.cfg.ProcedureType == withIntention, ScoresOnly: c.cfg.FMPMode == scoresOnly}
}

// bizNoPrefix begins every biz_no of a session; rand.Text follows it.
func bizNoPrefix(verificationID string, session int) string {
	return fmt.Sprintf("%s-%d-", verificationID, session)
}

// notifiable says what keeps the vendor from calling an address, if anything.
// A stand-in on this machine calls any port.
func notifiable(address string) (fault string) {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Hostname() == "":
		return "notify_url"
	case settings.Loopback(u.Hostname()):
		return ""
	case u.Scheme != "https":
		return "notify_url_scheme"
	case u.Port() != "" && !slices.Contains(notifyPorts, u.Port()):
		return "notify_url_port"
	}
	return ""
}

// Look asks get_result, which answers three times in a day and then never
// again: whoever calls keeps count, before each call. Once the flow is over,
// the look carries the result; of a flow that ran out there is none.
func (c *Client) Look(ctx context.Context, s provider.FaceSession) (provider.Look, error) {
	a, h, err := c.getResult(ctx, s)
	if err != nil {
		return provider.Look{}, err
	}
	switch a.Status.text {
	case notStarted:
		return provider.Look{Phase: provider.Untouched}, nil
	case processing:
		return provider.Look{Phase: provider.Begun}, nil
	case timedOut:
		return provider.Look{Phase: provider.RanOut}, nil
	}
	result := a.judge(h.asked, c.cfg.ThresholdKey)
	return provider.Look{Phase: provider.Finished, Result: &result}, nil
}

// Result asks get_result like Look, and costs one of the same three calls. A
// flow that is not over is Unavailable.
func (c *Client) Result(ctx context.Context, s provider.FaceSession) (verification.FaceResult, error) {
	a, h, err := c.getResult(ctx, s)
	switch {
	case err != nil:
		return verification.FaceResult{}, err
	case !a.over():
		return verification.FaceResult{}, newError(opResult, down, a.Status.text)
	}
	return a.judge(h.asked, c.cfg.ThresholdKey), nil
}

func (c *Client) getResult(ctx context.Context, s provider.FaceSession) (answer, handle, error) {
	h, err := openHandle(s)
	if err != nil || h.BizID == "" {
		return answer{}, h, newError(opResult, gone, "handle")
	}
	query := url.Values{"api_key": {c.cfg.APIKey}, "api_secret": {c.cfg.APISecret}, "biz_id": {h.BizID}, "return_image": {"0"}}
	body, err := c.call(ctx, opResult, http.MethodGet, c.base+c.cfg.ResultPath+"?"+query.Encode(), nil)
	if err != nil {
		return answer{}, h, err
	}
	a, err := parseAnswer(body)
	switch {
	case err != nil:
		return answer{}, h, newError(opResult, violated, "not_json")
	case a.Status.text == "":
		return answer{}, h, newError(opResult, violated, "status")
	case a.BizInfo.BizNo.text != h.BizNo || a.BizInfo.BizID.text != h.BizID:
		return answer{}, h, newError(opResult, violated, "biz_info")
	}
	return a, h, nil
}

// openHandle reads a session's handle. A session whose get_token was never
// answered has none: an empty handle, and no error.
func openHandle(s provider.FaceSession) (handle, error) {
	var h handle
	if len(s.Handle) == 0 {
		return h, nil
	}
	if err := json.Unmarshal(s.Handle, &h); err != nil || h.BizNo == "" || h.BizID == "" {
		return handle{}, errHandle
	}
	return h, nil
}

// call sends one request and returns the body of a 200. address may hold our
// secret, and so may every error of net/http: none of them leaves.
func (c *Client) call(ctx context.Context, op, method, address string, form io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, form)
	if err != nil {
		return nil, newError(op, oursFault, "request")
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, lost(ctx, op, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	provider.NoteRequestID(ctx, requestID(body))
	switch {
	case err != nil && res.StatusCode == http.StatusOK:
		return nil, lost(ctx, op, err)
	case len(body) > maxBody && res.StatusCode == http.StatusOK:
		return nil, newError(op, violated, "too_large")
	case res.StatusCode != http.StatusOK:
		failure, code := c.cfg.failureOf(res.StatusCode, failureText(body))
		return nil, newError(op, failure, code)
	}
	return body, nil
}

// requestID is the vendor's id of the call; empty: the body tells none.
func requestID(body []byte) string {
	var a struct {
		RequestID scalar `json:"request_id"`
	}
	_ = json.Unmarshal(body, &a) // what is no answer is told by whoever reads it
	return a.RequestID.text
}

// failureText is the error that a body tells; empty: it is none of the
// contract's.
func failureText(body []byte) string {
	var f failedAnswer
	if json.Unmarshal(body, &f) != nil {
		return ""
	}
	if f.ErrorMessage.text != "" {
		return f.ErrorMessage.text
	}
	return f.Error.text
}

func newError(op string, e apiError, code string) *provider.Error {
	return &provider.Error{Op: op, Class: e.class, Code: code, Reason: e.reason, Billable: free}
}

// lost is a call without an answer. Neither call is charged.
func lost(ctx context.Context, op string, err error) *provider.Error {
	e := newError(op, down, "no_answer")
	e.Err = provider.Cause(errors.Join(ctx.Err(), err))
	return e
}

func httpCode(status int) string { return fmt.Sprintf("http_%d", status) }
