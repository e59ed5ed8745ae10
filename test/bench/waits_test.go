//go:build bench

package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// waiting is how many callers wait.
const waiting = 5000

// waits has callers wait, each for a verification of its own, of which nothing
// comes, and then changes some.
func (s *stack) waits() (out Section) {
	st := s.openStore()
	ids := s.insert(st, "w", waiting)
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var asked atomic.Int64
	var told sync.Map
	for i, id := range ids {
		all.Go(func() {
			for tag := `"v1"`; ctx.Err() == nil; { // as it was written
				asked.Add(1)
				_, now, err := s.call(ctx, "GET", "/v1/verifications/"+id+"?wait=30s", "", tag)
				if err == nil && now != tag {
					told.Store(id, time.Now())
				}
				if err == nil {
					tag = now
				} else if ctx.Err() == nil {
					s.t.Errorf("wait: %v", err)
					return
				}
			}
		})
		if i%100 == 99 {
			time.Sleep(50 * time.Millisecond) // as fast as a machine of two cores accepts
		}
	}
	require.Eventually(s.t, func() bool { return asked.Load() >= waiting }, 2*time.Minute, 50*time.Millisecond)
	time.Sleep(2 * time.Second)
	d := 40 * time.Second
	if *quick {
		d = 30 * time.Second
	}
	used, before := s.used()["api"], asked.Load()
	time.Sleep(d)
	spent := s.used()["api"] - used
	out.Figures = append(out.Figures,
		Figure{"5,000 wait: api's processor time", 100 * spent.Seconds() / d.Seconds(), "% of a core", "< 10"},
		Figure{"5,000 wait: callers who came back a second", float64(asked.Load()-before) / d.Seconds(), "", ""},
		Figure{"5,000 wait: api's memory", residentMB(s.t, s.pids["api"]), "MB", ""})
	var late []float64
	for i := 0; i < len(ids); i += len(ids) / 50 {
		late = append(late, s.untilTold(st, ids[i], &told))
	}
	slices.Sort(late)
	out.Figures = append(out.Figures,
		Figure{"5,000 wait: a change reaches its caller, median", percentile(late, 50), "ms", ""},
		Figure{"5,000 wait: a change reaches its caller, p95", percentile(late, 95), "ms", "≤ 150"})
	return out
}

// untilTold changes a row and waits until its caller knows; in milliseconds.
func (s *stack) untilTold(st store.Store, id string, told *sync.Map) float64 {
	row, err := st.Load(s.t.Context(), id)
	require.NoError(s.t, err)
	next := row.State
	next.Version++
	next.Checks = []verification.Check{verification.NewCheck(verification.IdentityRecords, verification.Passed)}
	require.NoError(s.t, st.Publish(s.t.Context(), id, next))
	written := time.Now()
	var at any
	require.Eventually(s.t, func() (ok bool) { at, ok = told.Load(id); return ok }, 20*time.Second, 2*time.Millisecond)
	return ms(at.(time.Time).Sub(written))
}

// insert writes rows of verifications that are under way, as many as asked.
func (s *stack) insert(st store.Store, prefix string, n int) []string {
	ids := make([]string, n)
	var wg sync.WaitGroup
	for from := range 8 {
		wg.Go(func() {
			for i := from; i < n; i += 8 {
				ids[i] = rowID(prefix, i)
				if _, _, err := st.Insert(s.t.Context(), running(ids[i])); err != nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.False(s.t, s.t.Failed())
	return ids
}

func rowID(prefix string, i int) string {
	return "ver_" + prefix + strings.Repeat("0", 25-len(strconv.Itoa(i))) + strconv.Itoa(i)
}

func running(id string) store.Row {
	now := time.Now()
	return store.Row{
		ID: id, Client: shop, Fingerprint: []byte{1}, Policy: verification.PolicyRef{Name: "cn-resident", Version: 2},
		CreatedAt: now, StartCalledAt: now, Request: verification.Request{Policy: "cn-resident", ClientReferenceID: fmt.Sprintf("order-%s", id)},
	}
}
