package activities

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// lookupBudget is how many look-ups a vendor that notifies us allows a session.
	// They are counted before they are made: a lost answer may have used one up.
	lookupBudget = 3
	// earlyLookups is how many of them may be spent before the session's expiry, so
	// that one is always left for it.
	earlyLookups = 1
)

// laterLookups are when after a session's expiry the look-ups that are left are
// made, if those before got no answer.
var laterLookups = []time.Duration{10 * time.Minute, 2 * time.Hour}

// notified reads what a vendor that notifies us has sent; nil: nothing that
// settles the session.
func (a *Activities) notified(ctx context.Context, vendor provider.FaceVendor, in SessionInput, s provider.FaceSession) (*verification.FaceResult, error) {
	data, err := a.Store.Notice(ctx, in.ID, in.Session)
	if err != nil {
		return nil, storeError(err)
	}
	if data == nil {
		return nil, nil
	}
	result, err := vendor.Callback.Judge(s, data)
	if err == nil {
		result = s.Subject.SpareFaceMismatch(result)
		return &result, nil
	}
	if !errors.Is(err, provider.ErrNoResult) {
		a.logVendor(ctx, in.ID, in.Provider, err)
	}
	return nil, nil
}

// spendLookup reports whether the vendor may be asked now, and counts it.
func (a *Activities) spendLookup(ctx context.Context, in SessionInput, s provider.FaceSession) (bool, error) {
	if !in.LookUp {
		return false, nil
	}
	budget := lookupBudget
	if a.Now().Before(s.ExpiresAt) {
		budget = earlyLookups
	}
	_, err := a.Store.CountLookup(ctx, in.ID, in.Session, budget)
	if errors.Is(err, store.ErrBudget) {
		return false, nil
	}
	return err == nil, storeError(err)
}

// lookupPause is how long after a failed look-up the next one is made, where
// they are few.
func (a *Activities) lookupPause(vendor provider.FaceVendor, s provider.FaceSession) time.Duration {
	if vendor.Callback == nil {
		return 0
	}
	for _, after := range laterLookups {
		if pause := s.ExpiresAt.Add(after).Sub(a.Now()); pause > 0 {
			return pause
		}
	}
	return 0 // none is left: the next try says so
}
