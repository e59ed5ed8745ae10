// Package tencentcloud is shared by the vendor packages for Tencent Cloud: signature
// (TC3-HMAC-SHA256) and envelope, from the common module of Tencent's SDK, and a
// transport that adds the limits which the SDK lacks.
//
// Sources: https://cloud.tencent.com/document/api/664/51412 (envelope),
// https://cloud.tencent.com/document/api/213/30654 (signature), and the common
// module v1.3.209 itself.
package tencentcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerr "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Settings point a Client at one product.
type Settings struct {
	SecretID, SecretKey string
	// Endpoint is host[:port][/path] without a scheme; Scheme https or http.
	Endpoint, Scheme string
	// Region is left out when empty.
	Region string
	// Timeout of one call.
	Timeout time.Duration
	// Service and Version of the product, e.g. "faceid" and "2018-03-01".
	Service, Version string
	// Meaning reads the product's error codes.
	Meaning func(code string) Meaning
	// Charged: an answer costs money. One that was lost after the request had left,
	// or that cannot be read, may have been charged; and no connection is kept, for
	// on one that died meanwhile a request is lost that nobody has read.
	Charged bool
}

// Meaning is what a code in Response.Error means for us.
type Meaning struct {
	Class  provider.Class
	Reason verification.ReasonCode
	// Billable: empty means no.
	Billable verification.Billable
}

// Codes are a product's error codes.
type Codes map[string]Meaning

// Of reads a code: as it is, by its first part, by the beginnings that stand
// for a passing fault, and otherwise as unknown.
func (c Codes) Of(code string, unknown Meaning) Meaning {
	if m, ok := c[code]; ok {
		return m
	}
	family, _, _ := strings.Cut(code, ".")
	if m, ok := c[family]; ok {
		return m
	}
	for _, prefix := range []string{"InternalError", "RequestLimitExceeded", "ServiceUnavailable"} {
		if m, ok := c[prefix]; ok && strings.HasPrefix(code, prefix) {
			return m
		}
	}
	return unknown
}

// Client sends calls. It is safe for concurrent use and keeps no state.
type Client struct {
	settings Settings
	sdk      *common.Client
}

// New makes a client.
func New(s Settings) *Client {
	// The SDK's retries are off by default; its time-out has whole seconds and
	// stands behind our own, which a context keeps.
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = s.Scheme
	p.HttpProfile.Endpoint = s.Endpoint
	p.HttpProfile.ReqTimeout = int(s.Timeout.Seconds()) + 5
	c := &Client{settings: s, sdk: common.NewCommonClient(common.NewCredential(s.SecretID, s.SecretKey), s.Region, p)}
	var base http.RoundTripper = provider.SendOnce{Base: http.DefaultTransport.(*http.Transport).Clone()}
	if s.Charged {
		base = provider.NewHTTPClient().Transport
	}
	c.sdk.WithHttpTransport(Transport{base})
	return c
}

// String and GoString keep a client that strays into a log from telling its
// secrets.
func (Client) String() string   { return "tencentcloud.Client" }
func (Client) GoString() string { return "tencentcloud.Client" }

// Call sends one request and decodes the answer's Response into out. base is
// what req embeds; a request serves one call. Every error is a *provider.Error.
func (c *Client) Call(ctx context.Context, op, action string, req tchttp.Request, base *tchttp.BaseRequest, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	// sent turns true before the first byte of the request leaves, never after.
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	var status int
	base.Init().WithApiInfo(c.settings.Service, c.settings.Version, action)
	base.SetContext(withStatus(ctx, &status))
	res := NewEnvelope()
	if err := c.sdk.Send(req, res); err != nil {
		if sdk, ok := errors.AsType[*tcerr.TencentCloudSDKError](err); ok {
			provider.NoteRequestID(ctx, sdk.RequestId)
		}
		e, answered := c.failure(ctx, op, err, status)
		if !answered && sent.Load() {
			e.Billable = c.lost()
		}
		return e
	}
	provider.NoteRequestID(ctx, res.requestID())
	violated := ""
	switch {
	case !res.Decode(out):
		violated = "response"
	case res.sealed():
		// No answer is asked for sealed: there is no key of ours for it.
		violated = "sealed"
	}
	if violated != "" {
		e := Violation(op, violated)
		e.Billable = c.lost()
		return e
	}
	return nil
}

// lost is what a call without an answer that can be read was charged.
func (c *Client) lost() verification.Billable {
	if c.settings.Charged {
		return verification.BillableUnknown
	}
	return verification.BillableNo
}

// failure turns the SDK's error into ours. The SDK's own text holds whole
// bodies; nothing of it is kept but a code of the contract's form. answered: the
// vendor said so itself.
func (c *Client) failure(ctx context.Context, op string, err error, status int) (e *provider.Error, answered bool) {
	e = NoAnswer(ctx, op, err)
	sdk, ok := errors.AsType[*tcerr.TencentCloudSDKError](err)
	switch {
	case errors.Is(err, errTooLarge):
		return Violation(op, "too_large"), false
	case errors.Is(err, errRedirect):
		return Violation(op, fmt.Sprintf("http_%d", status)), false
	case errors.Is(err, errNotJSON), ok && (sdk.Code == "ClientError.ParseJsonError" || sdk.Code == "ClientError.HttpStatusCodeError"):
		// A gateway's page says that the API is not there; the same under 200 is
		// what no contract knows.
		if status == http.StatusOK {
			return Violation(op, "not_json"), false
		}
		e.Code = fmt.Sprintf("http_%d", status)
	case ok && strings.HasPrefix(sdk.Code, "ClientError."):
		e.Code = shown(sdk.Code) // the SDK's own word for a call without an answer
	case ok:
		known := c.settings.Meaning(sdk.Code)
		e.Class, e.Reason, e.Code = known.Class, known.Reason, shown(sdk.Code)
		if known.Billable != "" {
			e.Billable = known.Billable
		}
		return e, true
	}
	return e, false
}

// NoAnswer is a call that was given up before there was an answer.
func NoAnswer(ctx context.Context, op string, err error) *provider.Error {
	return &provider.Error{
		Op: op, Class: provider.Unavailable, Code: "no_answer", Reason: verification.ProviderUnavailable,
		Billable: verification.BillableNo, Err: provider.Cause(errors.Join(ctx.Err(), err)),
	}
}

// Violation is an answer that is not what the contract says.
func Violation(op, code string) *provider.Error {
	return &provider.Error{
		Op: op, Class: provider.ContractViolation, Code: code,
		Reason: verification.ProviderContractViolation, Billable: verification.BillableNo,
	}
}

// codeForm is the form of Tencent's error codes: words of letters. Anything
// else under that name is not shown.
var codeForm = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}(\.[A-Z][A-Za-z]{1,63})?$`)

func shown(code string) string {
	if !codeForm.MatchString(code) {
		return "unrecognized"
	}
	return code
}

// Envelope is every answer.
type Envelope struct {
	*tchttp.BaseResponse
	Response  json.RawMessage
	ambiguous bool
}

// NewEnvelope makes an empty one.
func NewEnvelope() *Envelope { return &Envelope{BaseResponse: &tchttp.BaseResponse{}} }

// ParseErrorFromHTTPResponse is where the SDK shows the whole body.
func (e *Envelope) ParseErrorFromHTTPResponse(body []byte) error {
	e.ambiguous = strictjson.CheckFolded(body) != nil
	return e.BaseResponse.ParseErrorFromHTTPResponse(body)
}

// Decode reads Response; false: it is not of the contract's form.
func (e *Envelope) Decode(out any) bool {
	return !e.ambiguous && len(e.Response) > 0 && string(e.Response) != "null" && json.Unmarshal(e.Response, out) == nil
}

// requestID is the vendor's id of the call; empty: it told none.
func (e *Envelope) requestID() string {
	var told struct{ RequestId string }
	_ = json.Unmarshal(e.Response, &told) // what is no answer is told by Decode
	return told.RequestId
}

// sealed reports whether the answer says that fields of it are encrypted.
func (e *Envelope) sealed() bool {
	var told struct {
		Encryption *struct {
			EncryptList    []string
			CiphertextBlob string
		}
	}
	if json.Unmarshal(e.Response, &told) != nil {
		return true
	}
	return told.Encryption != nil && (len(told.Encryption.EncryptList) > 0 || told.Encryption.CiphertextBlob != "")
}
