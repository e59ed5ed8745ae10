package tencent

import (
	"context"
	"strconv"
	"strings"
	"time"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

const opResult = "tencent.GetEidResult"

// A finished flow whose result is not there yet is looked at again after each
// of these, and at most for lookAgainFor.
var lookAgainAfter = []time.Duration{time.Second, 3 * time.Second, 5 * time.Second}

var lookAgainFor = 10 * time.Second // a variable for the tests

// Result fetches what came of a finished session with GetEidResult. Reading it
// again is free for three days.
func (c *Client) Result(ctx context.Context, s provider.FaceSession) (verification.FaceResult, error) {
	h, err := openHandle(opResult, s.Handle)
	if err != nil {
		return verification.FaceResult{}, err
	}
	a, err := c.settled(ctx, h)
	if err != nil {
		return verification.FaceResult{}, err
	}
	return c.resultOf(ctx, a, s, h)
}

// resultOf is what came of a session that answered so.
func (c *Client) resultOf(ctx context.Context, a resultAnswer, s provider.FaceSession, h handle) (verification.FaceResult, error) {
	result, passed := a.judge(s, h)
	if !passed {
		return result, nil
	}
	holder, err := c.holderMatch(ctx, a, s, h)
	if err != nil {
		return verification.FaceResult{}, err
	}
	result.Checks = append(result.Checks, holder)
	if len(holder.Reasons) > 0 {
		result.Reason = holder.Reasons[0].Code
	}
	return result, nil
}

// settled fetches the result, again while it is not there: the vendor said
// that the flow is over, so the answer is on its way or never comes.
func (c *Client) settled(ctx context.Context, h handle) (resultAnswer, error) {
	a, err := c.getResult(ctx, h, c.cfg.infoType())
	if err != nil || !a.open() {
		return a, err
	}
	within, cancel := context.WithTimeout(ctx, lookAgainFor)
	defer cancel()
	for _, wait := range lookAgainAfter {
		err := c.sleep(within, wait)
		var next resultAnswer
		if err == nil {
			next, err = c.getResult(within, h, c.cfg.infoType())
		}
		switch {
		case ctx.Err() != nil:
			return a, tencentcloud.NoAnswer(ctx, opResult, ctx.Err())
		case within.Err() != nil:
			return a, nil // a vendor that answers slowly has still said that it is open
		case err != nil || !next.open():
			return next, err
		}
		a = next
	}
	return a, nil
}

func (c *Client) getResult(ctx context.Context, h handle, infoType string) (resultAnswer, error) {
	req := &resultRequest{BaseRequest: &tchttp.BaseRequest{}, EidToken: h.EidToken, InfoType: infoType}
	if strings.Trim(infoType, "1") != "" {
		ctx = tencentcloud.WithMedia(ctx)
	}
	var a resultAnswer
	err := c.cloud.Call(ctx, opResult, "GetEidResult", req, req.BaseRequest, &a)
	return a, err
}

// open reports whether the answer tells no outcome yet.
func (a resultAnswer) open() bool {
	return a.Text == nil || a.Text.ErrCode == nil || *a.Text.ErrCode != 0 && meaningOf(*a.Text.ErrCode).open
}

// judge applies the vendor's rule for a verdict to an answer; passed: the
// face side of it is passed.
func (a resultAnswer) judge(s provider.FaceSession, h handle) (result verification.FaceResult, passed bool) {
	if a.Text == nil || a.Text.ErrCode == nil {
		return violated.result("null", nil, verification.BillableNo), false
	}
	code, live := *a.Text.ErrCode, a.Text.LiveStatus
	shown, charge := shownCode(code), billable(code)
	switch {
	case !a.of(s):
		return violated.result(shown, live, charge), false
	case code != 0:
		result = meaningOf(code).result(shown, live, charge)
		if result.Reason == verification.SessionExpired {
			result.Begun = len(a.Text.LivenessDetail) > 0
		}
		return result, false
	case !a.Text.agreesWithPass():
		return violated.result(shown, live, charge), false
	}
	if h.Intention != "" || a.usedIntention() {
		if m, shown, ok := a.intention(h.Intention); !ok {
			return m.result(shown, live, charge), false
		}
	}
	return verification.FaceResult{
		Judged: true, Begun: true, ProviderCode: shown,
		Checks: []verification.Check{
			newCheck(verification.Liveness, verification.Passed, "", shown, charge),
			newCheck(verification.FaceMatch, verification.Passed, "", shown, charge),
		},
	}, true
}

// of reports whether the answer is of the session, as far as it tells.
func (a resultAnswer) of(s provider.FaceSession) bool {
	return a.Text == nil || a.Text.Extra == nil || *a.Text.Extra == "" || *a.Text.Extra == extra(s.VerificationID, s.Session)
}

// agreesWithPass reports whether the stages say the same as an ErrCode of 0:
// both are 0, and the similarity, where it is told, is not below 70. That is
// the vendor's own threshold, and not for us to move.
func (t *detectText) agreesWithPass() bool {
	if t.LiveStatus == nil || *t.LiveStatus != 0 || t.Comparestatus == nil || *t.Comparestatus != 0 {
		return false
	}
	if t.Sim == nil || *t.Sim == "" {
		return true
	}
	similarity, err := strconv.ParseFloat(*t.Sim, 64)
	return err == nil && similarity >= 70 && similarity <= 100 // false for NaN, too
}

// result makes the end of a session of a code's meaning. live is LiveStatus.
func (m meaning) result(code string, live *int64, charge verification.Billable) verification.FaceResult {
	r := verification.FaceResult{
		Judged: m.answers != nothing, Reason: m.reason, Begun: true, NextProvider: m.next, ProviderCode: code,
	}
	add := func(t verification.CheckType, s verification.CheckStatus, reason verification.ReasonCode) {
		r.Checks = append(r.Checks, newCheck(t, s, reason, code, charge))
	}
	switch m.answers {
	case liveness:
		add(verification.Liveness, m.status, m.reason)
	case comparison:
		if live != nil && *live == 0 {
			add(verification.Liveness, verification.Passed, "")
		}
		add(verification.FaceMatch, m.status, m.reason)
	case neither:
		add(verification.Liveness, m.status, m.reason)
		add(verification.FaceMatch, m.status, m.reason)
	}
	return r
}

func newCheck(t verification.CheckType, s verification.CheckStatus, reason verification.ReasonCode, code string, charge verification.Billable) verification.Check {
	var reasons []verification.ReasonCode
	if reason != "" {
		reasons = append(reasons, reason)
	}
	c := verification.NewCheck(t, s, reasons...)
	c.Provider, c.ProviderCode, c.Billable = Name, code, charge
	return c
}

// holderMatch compares the identity that the vendor saw with ours. It comes
// with the flow and is not charged for itself.
func (c *Client) holderMatch(ctx context.Context, a resultAnswer, s provider.FaceSession, h handle) (verification.Check, error) {
	check := func(status verification.CheckStatus, reason verification.ReasonCode) verification.Check {
		return newCheck(verification.HolderMatch, status, reason, "0", verification.BillableNo)
	}
	if c.key == nil {
		return check(verification.Skipped, ""), nil
	}
	if !a.EidInfo.present() {
		everything, err := c.getResult(ctx, h, "0")
		switch class := provider.ClassOf(err); {
		case err == nil && everything.of(s):
			a.EidInfo = everything.EidInfo
		case err != nil && (class == provider.Unavailable || class == provider.RateLimited):
			return verification.Check{}, err
		}
	}
	if !a.EidInfo.present() {
		return check(verification.Inconclusive, verification.ProviderContractViolation), nil
	}
	who, err := decryptEidInfo(c.key, *a.EidInfo)
	if err != nil {
		return check(verification.Inconclusive, verification.ProviderContractViolation), nil
	}
	holder := verification.CompareHolders(verification.Subject{Name: who.Name, IDNumber: who.IDNum}, s.Subject)
	holder.Provider, holder.ProviderCode, holder.Billable = Name, "0", verification.BillableNo
	return holder, nil
}
