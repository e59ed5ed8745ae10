package api

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
)

// A key is held to its own limit, and told when to come again; nothing is done
// for a request above it, and no other key notices.
func TestAKeyIsHeldToItsRateLimit(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("limited", running())
	read := call{method: "GET", path: "/v1/verifications/" + knownID, key: r.limited}
	for i := range 4 {
		w := r.do(read)
		require.Equal(t, 200, w.Code)
		require.Equal(t, `"key";q=4;w=2`, w.Header().Get("RateLimit-Policy"))
		require.Equal(t, `"key";r=`+strconv.Itoa(3-i)+`;t=1`, w.Header().Get("RateLimit"))
	}
	asked := len(r.fake.calls)
	w := r.do(read)
	problemIn(t, w, 429, "rate_limited")
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Equal(t, `"key";r=0;t=1`, w.Header().Get("RateLimit"))
	require.Len(t, r.fake.calls, asked)

	r.fake.read = owned("shop", running())
	read.key = r.shop
	w = r.do(read)
	require.Equal(t, 200, w.Code)
	require.Empty(t, w.Header().Get("RateLimit"), "no limit, no header")

	r.now = r.now.Add(time.Second)
	read.key = r.limited
	r.fake.read = owned("limited", running())
	require.Equal(t, 200, r.do(read).Code)
	require.Equal(t, 200, r.do(read).Code)
	problemIn(t, r.do(read), 429, "rate_limited")
}

func TestEveryRefusalThatPassesSaysWhenToComeAgain(t *testing.T) {
	r := newRig(t)
	r.fake.read = func(string, string) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.EngineUnavailable}
	}
	w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
	problemIn(t, w, 503, "engine_unavailable")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}
