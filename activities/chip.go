package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// ChipInput is the argument of ReadChip.
type ChipInput struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	// Scan is the number of the scan, counted with the sessions.
	Scan int `json:"scan"`
	// KeepPortrait: the policy compares it.
	KeepPortrait bool `json:"keep_portrait,omitempty"`
}

// ChipResult is the result of reading a chip, without personal data.
type ChipResult struct {
	Checks []verification.Check `json:"checks,omitempty"`
	// Unreadable: the person must scan again.
	Unreadable bool `json:"unreadable,omitempty"`
	// Implausible: the data breaks hard rules. No charged call is made for it;
	// a human looks.
	Implausible bool `json:"implausible,omitempty"`
	// Minor: the holder is under 14 by the number.
	Minor bool `json:"minor,omitempty"`
}

// ReadChip fetches what an app read from a chip, keeps it sealed, and checks
// it locally. A card that is known is not read again; a lost answer is.
func (a *Activities) ReadChip(ctx context.Context, in ChipInput) (ChipResult, error) {
	vendor, ok := a.Vendors.Chip(in.Provider)
	if !ok {
		return ChipResult{}, unknownProvider(in.Provider)
	}
	row, err := a.load(ctx, in.ID)
	if err != nil {
		return ChipResult{}, err
	}
	if row.Card == nil {
		scan, err := a.Store.Scan(ctx, in.ID, in.Scan)
		if err != nil {
			return ChipResult{}, storeError(err)
		}
		card, err := vendor.Provider.Read(ctx, scan.ReqID)
		if err != nil {
			return a.chipFailed(ctx, in, err)
		}
		if !in.KeepPortrait {
			card.Portrait = nil
		}
		if err := a.Store.SaveCard(ctx, in.ID, card, a.holderHash(card)); err != nil {
			return ChipResult{}, storeError(err)
		}
		row.Card = &card
	}
	return a.chipChecks(in, *row.Card, row.Request.Subject), nil
}

// holderHash is what the holder's verification is found by; nil for a chip that
// tells no number.
func (a *Activities) holderHash(card verification.Card) []byte {
	number := card.Subject().IDNumber
	if number == "" {
		return nil
	}
	return a.Keys.Hash(verification.PurposeNumber, number)
}

func (a *Activities) chipFailed(ctx context.Context, in ChipInput, err error) (ChipResult, error) {
	a.logVendor(ctx, in.ID, in.Provider, err)
	switch provider.ClassOf(err) {
	case provider.Unreadable, provider.Gone:
		return ChipResult{Unreadable: true}, nil
	}
	return ChipResult{}, vendorError(err, true, backoff(activity.GetInfo(ctx).Attempt, time.Second, 15*time.Second, 2))
}

func (a *Activities) chipChecks(in ChipInput, card verification.Card, claimed *verification.Subject) ChipResult {
	now := a.Now()
	out := ChipResult{Checks: verification.CheckChip(card, claimed, now), Minor: verification.Minor(card.Subject(), now)}
	for i := range out.Checks {
		c := &out.Checks[i]
		c.CompletedAt = &now
		switch c.Type {
		case verification.DocumentChip:
			c.Provider = in.Provider
		case verification.DocumentValidity:
			for _, r := range c.Reasons {
				if r.Code == verification.DocumentImplausible || r.Code == verification.DocumentTypeUnsupported {
					out.Implausible = true
				}
			}
		}
	}
	return out
}

// unknownProvider: a worker that does not know a provider, because its
// configuration differs from the api's, must not fail the run: another worker
// may know it, or this one after its next start.
func unknownProvider(name string) error {
	return temporal.NewApplicationError("this worker does not know the provider "+name, string(provider.Misconfigured))
}
