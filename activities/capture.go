package activities

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// CaptureInput says what a captured face is worth and what it is compared
// with.
type CaptureInput struct {
	Rule      verification.CaptureRule `json:"rule"`
	Comparer  string                   `json:"comparer,omitempty"`
	Threshold float64                  `json:"threshold,omitempty"`
	// LastAttempt: no other session follows a judgement of this one.
	LastAttempt bool `json:"last_attempt,omitempty"`
}

// stopPatience is how much longer it is tried once the worker was told to stop:
// the pictures, which the vendor hands out once, are gone with it.
var stopPatience = 10 * time.Second

// judgeCapture turns captured pictures into a result and drops them. What is
// left of them is a digest.
func (a *Activities) judgeCapture(ctx context.Context, in SessionInput, c *provider.Capture) (verification.FaceResult, error) {
	rule := in.Capture
	if rule == nil {
		rule = &CaptureInput{Rule: verification.CaptureInconclusive}
	}
	worth := verification.Captured(rule.Rule)
	liveness, match := worth[0], worth[1]
	if rule.Comparer != "" {
		var err error
		if match, err = a.compare(ctx, in, rule, c.Face); err != nil {
			return verification.FaceResult{}, err
		}
	}
	out := verification.FaceResult{Judged: true, Begun: true, ProviderCode: verification.CaptureCode(fmt.Sprintf("%.8x", sha256.Sum256(c.Face)))}
	for _, check := range []verification.Check{liveness, match} {
		check.Provider, check.ProviderCode = in.Provider, out.ProviderCode
		out.Checks = append(out.Checks, check)
	}
	if match.Status != verification.Passed {
		out.Reason = match.Reasons[0].Code
	}
	return out, nil
}

// compare compares a captured face with the chip's portrait.
func (a *Activities) compare(ctx context.Context, in SessionInput, rule *CaptureInput, face []byte) (verification.Check, error) {
	vendor, ok := a.Vendors.Comparer(rule.Comparer)
	if !ok {
		a.logVendor(ctx, in.ID, rule.Comparer, &provider.Error{Op: rule.Comparer + ".compare", Class: provider.Misconfigured, Code: "unknown_comparer"})
		return uncompared(verification.ProviderMisconfigured), nil
	}
	portrait, err := a.Store.Portrait(ctx, in.ID)
	if err != nil {
		return verification.Check{}, storeError(err)
	}
	if len(portrait) == 0 {
		return uncompared(verification.FaceNotCompared), nil
	}
	compared := a.comparing(ctx, in)
	score, err := a.tryCompare(ctx, in, vendor, portrait, face)
	compared()
	switch {
	case isWithdrawn(err):
		return verification.Check{}, err
	case err != nil && ctx.Err() != nil:
		return verification.Check{}, ctx.Err() // the step ended, and not the comparer's patience
	}
	var check verification.Check
	switch {
	case err != nil:
		check = uncompared(notComparedBy(err))
	case score >= rule.Threshold:
		check = verification.NewCheck(verification.FaceMatch, verification.Passed)
	default:
		check = verification.NewCheck(verification.FaceMatch, verification.Failed, verification.FaceNoMatch)
	}
	return check, nil
}

// comparesQuietly is how long a comparison runs before the run is told of it: most
// are over by then, and tell nobody.
var comparesQuietly = 2 * time.Second

// comparing lets the run know of a comparison that takes long, until it is over:
// the person's link is used up meanwhile.
func (a *Activities) comparing(ctx context.Context, in SessionInput) (over func()) {
	if a.Comparing == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(comparesQuietly, func() {
		if err := a.Comparing(ctx, in.ID, in.Session); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "comparison not reported to its run", "verification_id", in.ID, "session", in.Session)
		}
	})
	return func() { timer.Stop(); cancel() }
}

// uncompared is the check of a face that was captured and compared with nothing.
// It leads to review and never declines.
func uncompared(why verification.ReasonCode) verification.Check {
	return verification.NewCheck(verification.FaceMatch, verification.Inconclusive, why)
}

// notComparedBy says why a comparer gave no score: what is the operator's to mend
// is told as that, and not as a matter of this face.
func notComparedBy(err error) verification.ReasonCode {
	switch provider.ClassOf(err) {
	case provider.Misconfigured:
		return verification.ProviderMisconfigured
	case provider.ContractViolation:
		return verification.ProviderContractViolation
	}
	return verification.FaceNotCompared
}

// tryCompare waits a short outage out.
func (a *Activities) tryCompare(ctx context.Context, in SessionInput, vendor provider.ComparerVendor, portrait, face []byte) (float64, error) {
	// No longer than that: the pictures rest nowhere.
	ctx, cancel := context.WithTimeout(ctx, vendor.Patience)
	defer cancel()
	stop := activity.GetWorkerStopChannel(ctx)
	for attempt := int32(1); ; attempt++ {
		if _, err := a.load(ctx, in.ID); isWithdrawn(err) {
			return 0, err
		}
		score, err := vendor.Provider.Compare(ctx, portrait, face)
		if err == nil {
			return score, nil
		}
		a.logVendor(ctx, in.ID, vendor.Name, err)
		switch provider.ClassOf(err) {
		case provider.Unavailable, provider.RateLimited:
		default:
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-stop:
			ctx, cancel = context.WithTimeout(ctx, stopPatience)
			defer cancel()
			stop = nil
		case <-a.after(backoff(attempt, time.Second, 15*time.Second, 2)):
		}
	}
}

// after is the clock of pauses within an activity.
func (a *Activities) after(d time.Duration) <-chan time.Time {
	if a.After != nil {
		return a.After(d)
	}
	return time.After(d)
}
