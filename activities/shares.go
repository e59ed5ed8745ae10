package activities

import (
	"sync"

	"golang.org/x/time/rate"

	"github.com/yanzhen-id/yanzhen/provider"
)

// resultShare is the part of a vendor's limit that the looks of one process may
// use for results. What is more goes the way on which all workers together keep
// the limit, which leaves the vendor's own some room above.
const resultShare = 1.0 / 8

// shares hold each vendor to its share.
type shares struct {
	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

func (s *shares) allow(v provider.FaceVendor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, ok := s.limits[v.Name]
	if !ok {
		if s.limits == nil {
			s.limits = map[string]*rate.Limiter{}
		}
		limit = rate.NewLimiter(rate.Inf, 1)
		if per := v.Open.PerSecond * resultShare; per > 0 {
			limit = rate.NewLimiter(rate.Limit(per), max(1, int(per)))
		}
		s.limits[v.Name] = limit
	}
	return limit.Allow()
}
