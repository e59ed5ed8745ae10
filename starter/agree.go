package starter

import (
	"context"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Agree notes what the person agreed to, on whichever device, and moves nothing.
// Errors are those of Page.
func (s *Starter) Agree(ctx context.Context, id string, consents []verification.Consent) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	if !row.Ended {
		if err := s.store.AddConsents(ctx, id, consents); err != nil && !isNotFound(err) {
			return PageView{}, s.storeError(ctx, "note the consents", id, err)
		}
	}
	return s.Page(ctx, id)
}
