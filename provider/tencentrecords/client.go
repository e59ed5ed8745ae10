package tencentrecords

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// Name is how policies call this vendor.
	Name = "tencent_records"

	op = "tencentrecords." + action
)

// Client asks Tencent Cloud. It is safe for concurrent use and keeps no state.
type Client struct {
	cfg    Config
	cloud  *tencentcloud.Client
	sealer *tencentcloud.Sealer
	now    func() time.Time
}

// New makes a client. A zero value of the configuration stands for its default;
// the error names everything that is wrong with it.
func New(cfg Config) (*Client, error) {
	cfg = settings.WithDefaults(cfg)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sealer, err := tencentcloud.NewSealer(cfg.Encryption, cfg.EncryptionKey, cfg.EncryptionIV)
	if err != nil {
		return nil, err
	}
	return &Client{
		cfg: cfg, sealer: sealer, now: time.Now,
		cloud: tencentcloud.New(tencentcloud.Settings{
			SecretID: cfg.SecretID, SecretKey: cfg.SecretKey, Endpoint: cfg.Endpoint, Scheme: cfg.Scheme, Timeout: cfg.Timeout,
			Service: service, Version: version, Meaning: meaningOfAPICode, Charged: true,
		}),
	}, nil
}

// entry is the client's entry in the registry.
func (c *Client) entry() provider.RecordsVendor {
	return provider.RecordsVendor{Name: Name, Provider: c, Queue: provider.Queue{Name: "tencent-records", PerSecond: c.cfg.Rate}}
}

// String and GoString keep a client that strays into a log from telling its
// secrets: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "tencentrecords.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Check asks once whether name, number and validity dates agree with the
// authority's records. A card that the source does not know, or a subject of
// which one of the four members is missing, is not asked about: unavailable
// with the reason, not charged.
func (c *Client) Check(ctx context.Context, s verification.Subject) (verification.Check, error) {
	if check, unfit := idrecords.Unfit(Name, s, c.cfg.Permits); unfit {
		return check, nil
	}
	req := newRequest(s)
	sealed, err := c.sealer.Seal(op, tencentcloud.Field{Name: "Name", Value: &req.Name}, tencentcloud.Field{Name: "IdCard", Value: &req.IdCard})
	if err != nil {
		return verification.Check{}, err
	}
	req.Encryption = sealed
	var a checkAnswer
	if err := c.cloud.Call(ctx, op, action, req, req.BaseRequest, &a); err != nil {
		return failed(err)
	}
	code, ok := a.result()
	if !ok {
		e := tencentcloud.Violation(op, "result")
		e.Billable = verification.BillableUnknown
		return verification.Check{}, e
	}
	return meaningOf(code, a.description()).Answer(Name, op, code, c.now())
}

// failed is what comes of a call without a result.
func failed(err error) (verification.Check, error) {
	e, ok := errors.AsType[*provider.Error](err)
	switch {
	case !ok:
	case e.Class == provider.Refused:
		refused := idrecords.Outcome{Status: verification.Inconclusive, Reason: e.Reason, Billable: verification.BillableNo}
		return refused.Check(Name, e.Code), nil
	case e.Class == provider.Unavailable && e.Billable == verification.BillableUnknown:
		e.Reason = verification.RecordsChargeUnknown
	}
	return verification.Check{}, err
}
