//go:build bench

package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// manyOpen opens verifications, leaves them to their polls, and sees what that
// costs and whether the polls come when they should.
func (s *stack) manyOpen() (out Section) {
	levels := []int{500, 5000}
	if *quick {
		levels = levels[:1]
	}
	s.vendors.ClearLedger()
	var tokens, ids []string
	for _, level := range levels {
		began := time.Now()
		moreTokens, moreIDs := s.open(level - len(ids))
		took, n := time.Since(began), len(moreIDs)
		tokens, ids = append(tokens, moreTokens...), append(ids, moreIDs...)
		of := func(what string) string { return fmt.Sprintf("%d open: %s", level, what) }
		out.Figures = append(out.Figures, Figure{of("opened a second, 32 at once"), float64(n) / took.Seconds(), "", ""})
		if !*quick {
			time.Sleep(settles)
		}
		used, from := s.used(), time.Now()
		reads := s.readSome(ids, span())
		for _, name := range []string{"engine", "worker", "api"} {
			spent := s.used()[name] - used[name]
			out.Figures = append(out.Figures, Figure{of(name + "'s processor time"), 100 * spent.Seconds() / time.Since(from).Seconds(), "% of a core", ""})
		}
		for _, name := range []string{"worker", "api"} {
			out.Figures = append(out.Figures, Figure{of(name + "'s memory"), residentMB(s.t, s.pids[name]), "MB", "< 512"})
		}
		polls := lateness(s.vendors.Ledger(), tokens, from, time.Now())
		out.Figures = append(out.Figures,
			Figure{of("polls seen"), float64(len(polls)), "", ""},
			Figure{of("time between two polls by what it is to be, median"), percentile(polls, 50), "", ""},
			Figure{of("time between two polls by what it is to be, p95"), percentile(polls, 95), "", "≤ 1.5"},
			Figure{of("a read, median"), percentile(reads, 50), "ms", "< 10"},
			Figure{of("a read, p95"), percentile(reads, 95), "ms", ""})
	}
	return out
}

// settles is how long after the last opening all persons count as not likely to be
// there any more, and are polled rarely.
const settles = 50 * time.Second

// span is how long is looked: longer than between two rare polls.
func span() time.Duration {
	d := 80 * time.Second
	if *quick {
		d = 40 * time.Second
	}
	return d
}

// open opens so many verifications.
func (s *stack) open(n int) (tokens, ids []string) {
	var mu sync.Mutex
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				v, err := s.begin(s.t.Context(), "callback")
				if err != nil {
					s.t.Errorf("open: %v", err)
					return
				}
				mu.Lock()
				tokens, ids = append(tokens, v.session), append(ids, v.id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.False(s.t, s.t.Failed())
	return tokens, ids
}

// readSome reads 20 verifications a second, and returns how long each read took,
// in milliseconds, in order.
func (s *stack) readSome(ids []string, d time.Duration) (took []float64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(d); time.Now().Before(until); <-tick.C {
		began := time.Now()
		_, _, err := s.call(s.t.Context(), "GET", "/v1/verifications/"+ids[rand.IntN(len(ids))], "", "")
		require.NoError(s.t, err)
		took = append(took, ms(time.Since(began)))
	}
	slices.Sort(took)
	return took
}

// lateness is, for each two polls of a session of which the second came, or was
// to come, within a time, how long it took by how long it is to take, in order.
// The vendor's record of its calls says when they came.
func lateness(l sandbox.Ledger, tokens []string, from, to time.Time) (out []float64) {
	at := map[string][]time.Time{}
	for _, e := range l.Select(sandbox.Query{Operation: "CheckEidTokenStatus"}).Calls {
		at[e.Token] = append(at[e.Token], e.Time)
	}
	for _, token := range tokens {
		times := at[sandbox.TokenKey(token)]
		for i, t := range times {
			came, next := i+1 < len(times), to
			if came {
				next = times[i+1]
			}
			took := next.Sub(t)
			nominal := pauseAfter(i+1, t.Sub(times[0]), took)
			if came && next.After(from) || !came && took > nominal*12/10 { // or it did not come
				out = append(out, float64(took)/float64(nominal))
			}
		}
	}
	slices.Sort(out)
	return out
}

// likelyThere is how long a person is likely to be on their way.
const likelyThere = 45 * time.Second

// pauseAfter is the middle of what Tencent's poll waits after a try: a second,
// growing to ten; later half a minute and up to six seconds. The worker counts from
// when the link was there, a moment before the first try: what came so late that it
// must have been meant so was.
func pauseAfter(try int, ago, took time.Duration) time.Duration {
	if ago >= likelyThere || ago >= likelyThere-5*time.Second && took > 20*time.Second {
		return 33 * time.Second
	}
	d := time.Second
	for range try - 1 {
		d = min(d*3/2, 10*time.Second)
	}
	return d
}
