package tencent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
)

// E证通 in the caller's own WeChat mini program
// (https://cloud.tencent.com/document/product/1007/108011): its SDK is given the
// token and jumps to the vendor's program. The page's link is another door of the
// same session, and nobody gets both.
const (
	miniProgramSDK = "mp_ecard_sdk"
	// From this version on the SDK jumps as WeChat allows it: in a tap's handler.
	minMiniProgramSDK = "1.0.5"
)

// miniProgram says how sessions go there. CheckEidTokenStatus is documented for
// the page alone, so GetEidResult is what is asked, whose limit is low: at a
// moderate pace, and on a queue of its own, so that neither openings nor the
// results of pages wait for it. Whoever finishes in the last second is asked
// about a minute later.
func (c *Client) miniProgram() *provider.MiniProgram {
	return &provider.MiniProgram{
		SDK: miniProgramSDK, MinSDK: minMiniProgramSDK,
		Watch:     provider.Queue{Name: "tencent-mini-program", PerSecond: c.cfg.Rate / 8},
		PollFirst: 5 * time.Second,
		PollMax:   20 * time.Second,
		Grace:     time.Minute,
	}
}

// merchant is the merchant's id for a page or for a mini program.
func (c *Client) merchant(miniProgram bool) string {
	if miniProgram {
		return cmp.Or(c.cfg.MiniMerchant, c.cfg.MerchantID)
	}
	return c.cfg.MerchantID
}

// lookForResult asks GetEidResult whether there is one, which it tells in several
// ways: nulls, code 17, or an error. None of them says that the person has not
// begun.
func (c *Client) lookForResult(ctx context.Context, s provider.FaceSession, h handle) (provider.Look, error) {
	a, err := c.getResult(ctx, h, c.cfg.infoType())
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Code == tokenHasExpired {
		return provider.Look{Phase: provider.RanOut}, nil
	}
	switch {
	case err != nil:
		return provider.Look{}, err
	case a.open():
		return provider.Look{Phase: provider.Unasked}, nil
	}
	result, err := c.resultOf(ctx, a, s, h)
	if err != nil {
		return provider.Look{}, err
	}
	return provider.Look{Phase: provider.Finished, Result: &result}, nil
}
