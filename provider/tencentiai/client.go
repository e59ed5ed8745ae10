package tencentiai

import (
	"context"
	"encoding/base64"
	"errors"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"golang.org/x/time/rate"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// Name is how policies call this comparer.
	Name = "tencent_iai"

	op = "tencentiai.CompareFace"
)

// Client compares faces at Tencent Cloud. It is safe for concurrent use; all
// it keeps is its own pace.
type Client struct {
	cfg   Config
	cloud *tencentcloud.Client
	pace  *rate.Limiter
}

// New makes a client. A zero value of the configuration stands for its default;
// the error names everything that is wrong with it.
func New(cfg Config) (*Client, error) {
	cfg = settings.WithDefaults(cfg)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Client{
		cfg: cfg,
		cloud: tencentcloud.New(tencentcloud.Settings{
			SecretID: cfg.SecretID, SecretKey: cfg.SecretKey, Endpoint: cfg.Endpoint, Scheme: cfg.Scheme, Region: cfg.Region,
			Timeout: cfg.Timeout, Service: service, Version: version, Meaning: meaningOf,
		}),
		// One at a time: a burst could meet another process's.
		pace: rate.NewLimiter(rate.Limit(cfg.Rate), 1),
	}, nil
}

// entry is the client's entry in the registry.
func (c *Client) entry() provider.ComparerVendor {
	return provider.ComparerVendor{Name: Name, Provider: c, Patience: c.cfg.Patience}
}

// String and GoString keep a client that strays into a log from telling its
// secrets: fmt prints unexported fields without asking their String.
func (c Client) String() string   { return "tencentiai.Client" + c.cfg.String() }
func (c Client) GoString() string { return c.String() }

// Compare returns how alike the two faces are, 0 to 100 of face model 3.0.
// Both pictures are JPEG, PNG or BMP. One that cannot be
// compared is Incomparable, without a call where its head tells; so says its
// error's code, and whether it is the portrait's or the face's.
func (c *Client) Compare(ctx context.Context, portrait, face []byte) (float64, error) {
	for _, one := range []struct {
		whose   string
		picture []byte
	}{{"portrait", portrait}, {"face", face}} {
		if why := fault(one.picture); why != "" {
			return 0, failure(incomparable, one.whose+"_"+why)
		}
	}
	if err := c.pace.Wait(ctx); err != nil {
		e := failure(limited, "own_limit")
		e.Err = provider.Cause(errors.Join(ctx.Err(), err))
		return 0, e
	}
	req := &compareRequest{
		BaseRequest:      &tchttp.BaseRequest{},
		ImageA:           base64.StdEncoding.EncodeToString(portrait),
		ImageB:           base64.StdEncoding.EncodeToString(face),
		FaceModelVersion: model30,
	}
	var a compareAnswer
	if err := c.cloud.Call(ctx, op, "CompareFace", req, req.BaseRequest, &a); err != nil {
		return 0, err
	}
	switch {
	case a.FaceModelVersion == "":
		return 0, tencentcloud.Violation(op, "model")
	case a.FaceModelVersion != model30:
		return 0, failure(ours, "other_model") // an old account's: the vendor changes it on request
	case a.Score == nil || !(*a.Score >= 0 && *a.Score <= 100):
		return 0, tencentcloud.Violation(op, "score")
	}
	return *a.Score, nil
}

func failure(m tencentcloud.Meaning, code string) *provider.Error {
	return &provider.Error{Op: op, Class: m.Class, Code: code, Reason: m.Reason, Billable: verification.BillableNo}
}
