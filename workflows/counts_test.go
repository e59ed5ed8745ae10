package workflows_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// counting notes what a run counts of its own.
type counting struct {
	client.MetricsHandler
	counts map[string]int64
	tags   map[string]string
}

func (c counting) WithTags(tags map[string]string) client.MetricsHandler {
	all := map[string]string{}
	maps.Copy(all, c.tags)
	maps.Copy(all, tags)
	return counting{c.MetricsHandler, c.counts, all}
}

func (c counting) Counter(name string) client.MetricsCounter {
	if !strings.HasPrefix(name, "yanzhen_") {
		return c.MetricsHandler.Counter(name)
	}
	key := name
	for _, tag := range []string{"provider", "operation", "by", "charged"} {
		if v, ok := c.tags[tag]; ok {
			key += " " + v
		}
	}
	return increment(func(n int64) { c.counts[key] += n })
}

type increment func(int64)

func (f increment) Inc(n int64) { f(n) }

// Of callback, poll and last look the one that found the end is counted, and what
// the session cost.
func TestWhatBroughtASessionsEndIsCounted(t *testing.T) {
	slow := func(t *testing.T) {
		pause := pollPause
		pollPause = 5 * time.Minute
		t.Cleanup(func() { pollPause = pause })
	}
	charged := passed()
	charged.Checks[0].Billable = verification.BillableYes
	for _, c := range []struct {
		by, charged string
		play        func(t *testing.T, e *env)
	}{
		{"poll", "unknown", func(*testing.T, *env) {}},
		{"callback", "yes", func(t *testing.T, e *env) {
			slow(t)
			e.script.sessions[1] = session{begun: time.Second, over: 30 * time.Second, result: charged}
			e.at(40*time.Second, func() { e.hint(1) })
		}},
		{"last_look", "unknown", func(t *testing.T, e *env) {
			e.script.sessions[1] = session{begun: time.Second, over: sessionLife - time.Second, result: passed()}
			e.script.lookError = until(sessionLife-500*time.Millisecond, provider.Unavailable)
		}},
		{"timer", "", func(t *testing.T, e *env) {
			e.script.lookError = until(1000*time.Hour, provider.Unavailable)
		}},
	} {
		t.Run(c.by, func(t *testing.T) {
			e := newEnv(t, newScript())
			c.play(t, e)
			e.run()
			want := []string{"yanzhen_session_ends face " + c.by + ": 1"}
			if c.charged != "" {
				want = append(want, "yanzhen_vendor_charges face session "+c.charged+": 1")
			}
			var got []string
			for name, n := range e.counts {
				got = append(got, fmt.Sprintf("%s: %d", name, n))
			}
			slices.Sort(got)
			slices.Sort(want)
			require.Equal(t, want, got)
		})
	}
}

// The time until the first link, and that for which the person was waited for,
// are in the state at the end.
func TestTheStateTellsHowLongThePersonWasWaitedFor(t *testing.T) {
	sc := newScript()
	sc.delay["OpenSession"] = 2 * time.Second
	s := newEnv(t, sc).run()
	require.NotNil(t, s.LinkedAt)
	require.Equal(t, 2*time.Second, s.LinkedAt.Sub(s.CreatedAt).Round(time.Second))
	require.Nil(t, s.AwaitedSince)
	require.InDelta(t, (30 * time.Second).Seconds(), s.Awaited.Std().Seconds(), 12)
}
