package tencent

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm2"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Name is how policies, routes and callbacks call this vendor.
const Name = "tencent_eid"

// maxName is the length that GetEidToken takes of a name.
const maxName = 32

// Client speaks to Tencent Cloud. It is safe for concurrent use and keeps no
// state.
type Client struct {
	cfg      Config
	cloud    *tencentcloud.Client
	key      *sm2.PrivateKey // nil: identities are not returned
	sealer   *tencentcloud.Sealer
	loopback bool
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
}

// New makes a client. A zero value of the configuration stands for its default;
// the error names everything that is wrong with it.
func New(cfg Config) (*Client, error) {
	cfg = settings.WithDefaults(cfg)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host, _ := settings.Host(cfg.Endpoint)
	c := &Client{cfg: cfg, loopback: settings.Loopback(host), now: time.Now, sleep: sleep}
	if cfg.SM2PrivateKey != "" {
		key, err := parseSM2Key(cfg.SM2PrivateKey)
		if err != nil {
			return nil, err
		}
		c.key = key
	}
	sealer, err := tencentcloud.NewSealer(cfg.Encryption, cfg.EncryptionKey, cfg.EncryptionIV)
	if err != nil {
		return nil, err
	}
	c.sealer = sealer
	c.cloud = tencentcloud.New(tencentcloud.Settings{
		SecretID: cfg.SecretID, SecretKey: cfg.SecretKey, Endpoint: cfg.Endpoint, Scheme: cfg.Scheme, Timeout: cfg.Timeout,
		Service: service, Version: version, Meaning: meaningOfAPICode,
	})
	return c, nil
}

// entry is the client's entry in the registry.
func (c *Client) entry() provider.FaceVendor {
	return provider.FaceVendor{
		Name:      Name,
		Provider:  c,
		Open:      provider.Queue{Name: "tencent", PerSecond: c.cfg.Rate},
		Watch:     provider.Queue{Name: "tencent-status", PerSecond: c.cfg.PollRate},
		PollFirst: time.Second,
		PollMax:   10 * time.Second,
		OpenIn:    "wechat", TellsBegun: true,
		MiniProgram: c.miniProgram(),
	}
}

// String and GoString keep a client that strays into a log from telling its
// secrets: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "tencent.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Open opens a session with GetEidToken. A repeated call opens another one;
// the first then just runs out, uncharged.
func (c *Client) Open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	const op = "tencent.GetEidToken"
	if utf8.RuneCountInString(o.Subject.Name) > maxName {
		return provider.Opened{}, &provider.Error{Op: op, Class: provider.Refused, Code: "name_length", Reason: verification.ProviderHolderUnregistered}
	}
	req := &tokenRequest{
		BaseRequest: &tchttp.BaseRequest{},
		MerchantId:  c.merchant(o.MiniProgram),
		IdCard:      o.Subject.IDNumber,
		Name:        o.Subject.Name,
		Extra:       extra(o.VerificationID, o.Session),
		Config:      tokenConfig{InputType: "4"},
	}
	if o.ReturnURL != "" {
		req.RedirectUrl = &o.ReturnURL
	}
	c.cfg.askIntention(&req.Config)
	sealed, err := c.sealer.Seal(op, tencentcloud.Field{Name: "Name", Value: &req.Name}, tencentcloud.Field{Name: "IdCard", Value: &req.IdCard})
	if err != nil {
		return provider.Opened{}, err
	}
	req.Encryption = sealed
	// The token's life is counted from before the call: a link must not be
	// shown for longer than it works.
	expires := c.now().Add(c.cfg.TokenTTL)
	var a tokenAnswer
	if err := c.cloud.Call(ctx, op, "GetEidToken", req, req.BaseRequest, &a); err != nil {
		return provider.Opened{}, err
	}
	link := a.Url
	if o.MiniProgram {
		link = a.EidToken // the link is another door of the same session, and is dropped
	}
	if a.EidToken == "" || !o.MiniProgram && !c.isLink(link) {
		return provider.Opened{}, tencentcloud.Violation(op, "token_or_url")
	}
	h, err := json.Marshal(handle{EidToken: a.EidToken, Intention: modes[c.cfg.Intention].asked, MiniProgram: o.MiniProgram})
	if err != nil {
		return provider.Opened{}, tencentcloud.Violation(op, "token_or_url")
	}
	return provider.Opened{Link: link, Handle: h, ExpiresAt: expires}, nil
}

func (c *Client) isLink(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && c.loopback)
}

// Look asks CheckEidTokenStatus, which is free and has its own, high limit. Of a
// session in a mini program it tells nothing, and the result itself is asked for.
func (c *Client) Look(ctx context.Context, s provider.FaceSession) (provider.Look, error) {
	const op = "tencent.CheckEidTokenStatus"
	h, err := openHandle(op, s.Handle)
	if err != nil {
		return provider.Look{}, err
	}
	if h.MiniProgram {
		return c.lookForResult(ctx, s, h)
	}
	req := &statusRequest{BaseRequest: &tchttp.BaseRequest{}, EidToken: h.EidToken}
	var a statusAnswer
	if err := c.cloud.Call(ctx, op, "CheckEidTokenStatus", req, req.BaseRequest, &a); err != nil {
		if e, ok := errors.AsType[*provider.Error](err); ok && e.Code == tokenHasExpired {
			return provider.Look{Phase: provider.RanOut}, nil
		}
		return provider.Look{}, err
	}
	switch a.Status {
	case "init":
		return provider.Look{Phase: provider.Untouched}, nil
	case "doing":
		return provider.Look{Phase: provider.Begun}, nil
	case "finished":
		return provider.Look{Phase: provider.Finished}, nil
	case "timeout":
		return provider.Look{Phase: provider.RanOut}, nil
	}
	return provider.Look{}, tencentcloud.Violation(op, "status")
}

// Probe implements provider.Prober: it asks for the state of a token that never
// was, which is free. Who may ask is told that there is none.
func (c *Config) Probe(ctx context.Context) error {
	client, err := New(*c)
	if err != nil {
		return err
	}
	h, _ := json.Marshal(handle{EidToken: "00000000-0000-0000-0000-000000000000"}) // a string always encodes
	_, err = client.Look(ctx, provider.FaceSession{Handle: h})
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Class == provider.Gone {
		return nil
	}
	return err
}

func openHandle(op string, sealed []byte) (handle, error) {
	var h handle
	if json.Unmarshal(sealed, &h) != nil || h.EidToken == "" {
		return h, &provider.Error{Op: op, Class: provider.Gone, Code: "handle", Reason: verification.SessionExpired}
	}
	return h, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
