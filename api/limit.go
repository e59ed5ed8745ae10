package api

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

// limiter holds a key to its requests a second, in this process; two seconds'
// worth may come at once. nil: no limit.
type limiter struct {
	perSecond int
	bucket    *rate.Limiter
}

func newLimiter(perSecond int) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{perSecond, rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
}

// admit counts a request and says in the answer how many are left
// (draft-ietf-httpapi-ratelimit-headers). A *httpError says that there is none.
func (l *limiter) admit(c *gin.Context, now time.Time) error {
	if l == nil {
		return nil
	}
	allowed := l.bucket.AllowN(now, 1)
	left := max(l.bucket.TokensAt(now), 0)
	// Whole seconds until there is a request again, and until all of them are.
	wait := int(math.Ceil(max(1-left, 0) / float64(l.perSecond)))
	c.Header("RateLimit-Policy", fmt.Sprintf(`"key";q=%d;w=2`, 2*l.perSecond))
	c.Header("RateLimit", fmt.Sprintf(`"key";r=%d;t=%d`, int(left), max(wait, 1)))
	if allowed {
		return nil
	}
	return &httpError{status: 429, code: "rate_limited", title: "This API key has sent too many requests.",
		detail: "Nothing was done. Wait for Retry-After and repeat the request.", header: "Retry-After", value: strconv.Itoa(max(wait, 1))}
}
