package activities

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
)

// lookupBudget is how many look-ups a vendor that notifies us allows a session
// (say, three within a day). They are counted before they are made: a lost
// answer may have used one up.
const lookupBudget = 3

// notified reads what a vendor that notifies us has sent, and says whether
// that settles the look. Without a notice the vendor is asked only once the
// session's time is over, and as often as its budget allows.
func (a *Activities) notified(ctx context.Context, vendor provider.FaceVendor, in SessionInput, s provider.FaceSession) (LookResult, bool, error) {
	data, err := a.Store.Notice(ctx, in.ID, in.Session)
	if err != nil {
		return LookResult{}, false, storeError(err)
	}
	if data != nil {
		result, err := vendor.Callback.Judge(s, data)
		if err == nil {
			result = s.Subject.SpareFaceMismatch(result)
			return LookResult{Phase: provider.Finished, Begun: result.Begun, Result: &result}, true, nil
		}
		if !errors.Is(err, provider.ErrNoResult) {
			a.logVendor(ctx, in.ID, in.Provider, err)
		}
	}
	if !in.Last {
		return LookResult{Phase: provider.Untouched}, true, nil
	}
	_, err = a.Store.CountLookup(ctx, in.ID, in.Session, lookupBudget)
	if errors.Is(err, store.ErrBudget) {
		return LookResult{Phase: provider.RanOut}, true, nil
	}
	return LookResult{}, false, storeError(err)
}

// lookupPause is how long after a failed look-up the next one is made, where
// they are few.
func (a *Activities) lookupPause(vendor provider.FaceVendor) time.Duration {
	if vendor.Callback == nil {
		return 0
	}
	return 10 * time.Minute
}
