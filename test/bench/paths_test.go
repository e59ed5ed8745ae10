//go:build bench

package bench

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// paths runs both sides in turns, batch by batch.
func (s *stack) paths() (out Section) {
	for _, path := range strings.Split(*which, ",") {
		s.batch(path, 4, 8, true) // both warm
		s.batch(path, 4, 8, false)
		many, levels := *pairs, []int{1, 16, 64}
		switch main := path == "callback" || path == "poll"; {
		case *quick && main:
			many, levels = min(3, many), []int{1, 16}
		case *quick:
			many, levels = 1, []int{16}
		case !main:
			many, levels = min(3, many), []int{1, 16}
		}
		for _, atOnce := range levels {
			row := Row{Path: path, AtOnce: atOnce}
			for i := range many {
				row.Pairs = append(row.Pairs, s.pair(path, atOnce, i))
			}
			out.Rows = append(out.Rows, row)
			s.pathsSoFar = out.Rows
		}
	}
	return out
}

// pair runs a batch of each side; who is first changes.
func (s *stack) pair(path string, atOnce, i int) (p Pair) {
	n := max(10, 2*atOnce)
	if *quick {
		n = max(8, 2*atOnce)
	}
	for turn := range 2 {
		if (i+turn)%2 == 0 {
			p.Bare = s.batch(path, atOnce, n, true)
		} else {
			p.Product = s.batch(path, atOnce, n, false)
		}
	}
	return p
}

// one is what one verification took.
type one struct {
	id                   string
	link, engine, caller time.Duration
}

// batch runs n verifications, so many at once.
func (s *stack) batch(path string, atOnce, n int, bare bool) Batch {
	run := s.verify
	if bare {
		run = s.bareRun
	}
	var left atomic.Int64
	left.Store(int64(n))
	var mu sync.Mutex
	var all []one
	var wg sync.WaitGroup
	used, actions, began := s.used(), s.actions(), time.Now()
	for range atOnce {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				o, err := run(s.t.Context(), path)
				if err != nil {
					s.t.Errorf("%s (bare: %t): %v", path, bare, err)
					return
				}
				mu.Lock()
				all = append(all, o)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	require.False(s.t, s.t.Failed())
	b := Batch{PerSecond: float64(n) / took.Seconds(), CPU: map[string]time.Duration{}, Actions: (s.actions() - actions) / float64(n)}
	now := s.used()
	for as, name := range processesOf(bare) {
		b.CPU[as] = (now[name] - used[name]) / time.Duration(n)
	}
	b.Link = median(all, func(o one) time.Duration { return o.link })
	b.Caller = median(all, func(o one) time.Duration { return o.caller })
	s.look(&b, all[:min(len(all), 5)])
	return b
}

// processesOf are those that work for a side, by what they are to it.
func processesOf(bare bool) map[string]string {
	if bare {
		return map[string]string{"engine": "engine", "worker": "bare"}
	}
	return map[string]string{"engine": "engine", "worker": "worker", "api": "api"}
}

func median(all []one, of func(one) time.Duration) time.Duration {
	var v []time.Duration
	for _, o := range all {
		v = append(v, of(o))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// look reads what the engine kept of some of the runs.
func (s *stack) look(b *Batch, some []one) {
	for i := range some {
		ctx := s.t.Context()
		d, err := s.temporal.DescribeWorkflow(ctx, some[i].id, "")
		require.NoError(s.t, err)
		b.Events = max(b.Events, d.HistoryLength)
		b.Transitions = max(b.Transitions, int(d.RawResponse.GetWorkflowExecutionInfo().GetStateTransitionCount()))
		var rang, over time.Time
		for it := s.temporal.GetWorkflowHistory(ctx, some[i].id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
			e, err := it.Next()
			require.NoError(s.t, err)
			if e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED && rang.IsZero() {
				rang = e.GetEventTime().AsTime()
			}
			over = e.GetEventTime().AsTime()
		}
		if !rang.IsZero() {
			some[i].engine = over.Sub(rang)
		}
	}
	b.Engine = median(some, func(o one) time.Duration { return o.engine })
}

// starts sends starts to an api of its own with a fake engine, and states beside
// it what the workers would need for as many.
func (s *stack) starts() (out Section) {
	dsn := "sqlite:" + filepath.Join(s.t.TempDir(), "starts.db")
	if *kind == "postgres" {
		dsn = storetest.Postgres(s.t)
	}
	require.NoError(s.t, store.Migrate(s.t.Context(), dsn))
	d := *startsFor
	if *quick {
		d = min(d, 20*time.Second)
	}
	got := sendStarts(s.t, dsn, d)
	out.Figures = []Figure{
		{"starts sent", float64(got.sent), "in " + d.String(), ""},
		{"answered with a link", float64(got.linked), "", fmt.Sprint(got.sent)},
		{"a second", float64(got.linked) / got.took.Seconds(), "", "80"},
		{"start to link beside a fake engine, median", got.median, "ms", ""},
		{"start to link beside a fake engine, p95", got.p95, "ms", ""},
		{"api's processor time", 100 * got.used.Seconds() / got.took.Seconds(), "% of a core", ""},
		{"api's memory", got.memory, "MB", "< 512"},
	}
	for _, row := range s.pathsSoFar {
		worker := row.Of(product, func(b Batch) float64 { return ms(b.CPU["worker"]) }).Median
		out.Figures = append(out.Figures,
			Figure{fmt.Sprintf("%s, %d at once: 80 times a verification's processor time of the worker", row.Path, row.AtOnce), worker * startsASecond / 1000, "cores", ""},
			Figure{fmt.Sprintf("%s, %d at once: what the real engine did", row.Path, row.AtOnce),
				row.Of(product, func(b Batch) float64 { return b.PerSecond }).Median, "a second", ""})
	}
	return out
}
