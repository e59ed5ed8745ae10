package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/verification"
)

// crowd waits for the changes of rows, each caller for one, again and again.
type crowd struct {
	s    *stack
	http *http.Client
	// asked counts the requests; answers are the changes that came, by row.
	asked   atomic.Int64
	answers sync.Map
	failed  atomic.Pointer[string]
}

func (c *crowd) wait(ctx context.Context, id string) {
	etag := `"v1"` // as it was written
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, "GET", c.s.apiURL+"/v1/verifications/"+id+"?wait=30s", nil)
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+c.s.keys["shop"])
		r.Header.Set("If-None-Match", etag)
		c.asked.Add(1)
		res, err := c.http.Do(r)
		if err != nil {
			continue // the test is over, or the machine is slow
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		switch {
		case res.StatusCode == http.StatusNotModified:
		case res.StatusCode == http.StatusOK:
			c.answers.Store(id, time.Now())
			etag = res.Header.Get("ETag")
		default:
			text := strconv.Itoa(res.StatusCode)
			c.failed.Store(&text)
			return
		}
	}
}

// tap lies between a process and its PostgreSQL, and counts the statements that
// are carried out. The server's own statistics come up to ten seconds late.
type tap struct {
	address string
	n       atomic.Int64
}

func newTap(t *testing.T, server string) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	c := &tap{address: l.Addr().String()}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			go func() { _, _ = io.Copy(near, far); near.Close() }()
			go func() { c.count(far, near); far.Close() }()
		}
	}()
	return c
}

// count hands on what the client says: a start-up message, then messages of a
// letter, a length and so many bytes. Q and E carry a statement out.
func (c *tap) count(far io.Writer, near io.Reader) {
	letter, length := make([]byte, 1), make([]byte, 4)
	for first := true; ; first = false {
		if !first {
			if _, err := io.ReadFull(near, letter); err != nil {
				return
			}
			if letter[0] == 'Q' || letter[0] == 'E' {
				c.n.Add(1)
			}
			_, _ = far.Write(letter)
		}
		if _, err := io.ReadFull(near, length); err != nil {
			return
		}
		_, _ = far.Write(length)
		if _, err := io.CopyN(far, near, int64(binary.BigEndian.Uint32(length))-4); err != nil {
			return
		}
	}
}

// resident is the memory that a process holds, in bytes, and used the processor
// time that it took.
func (p *process) resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "VmRSS:")
	require.True(t, ok)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

func (p *process) used(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, err := strconv.ParseInt(f[11], 10, 64)
	require.NoError(t, err)
	system, err := strconv.ParseInt(f[12], 10, 64)
	require.NoError(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel's ticks
}

// asksOfTheEngine counts the api's calls to it, as its client does.
func (s *stack) asksOfTheEngine() (n int) {
	s.t.Helper()
	res, err := http.Get(s.opsURL + "/metrics")
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `operation="Check"`) {
			continue // readiness, which a scrape asks for as well
		}
		if strings.HasPrefix(line, "temporal_request_total{") || strings.HasPrefix(line, "temporal_long_request_total{") {
			f := strings.Fields(line)
			v, err := strconv.ParseFloat(f[len(f)-1], 64)
			require.NoError(s.t, err)
			n += int(v)
		}
	}
	return n
}

// waiting is how many callers wait in the test of many.
const waiting = 5000

// However many callers wait at one api, the store is asked once a tick for all of
// them, the engine never, and a change reaches its caller at the next tick.
func TestThousandsOfWaitingCallersCostTheStoreAStatementATick(t *testing.T) {
	direct := storetest.Postgres(t)
	u, err := url.Parse(direct)
	require.NoError(t, err)
	tap := newTap(t, u.Host)
	u.Host = tap.address
	s := newStack(t, options{dsn: u.String(), env: []string{"GOMEMLIMIT=180MiB"}})
	s.worker.stop(t) // the api is alone with the store
	s.dsn = direct   // and the test goes past the tap
	st := s.openStore()
	ids := s.insertRunning(st, waiting)

	c := &crowd{s: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: waiting}}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i, id := range ids {
		all.Go(func() { c.wait(ctx, id) })
		if i%100 == 99 {
			time.Sleep(50 * time.Millisecond) // as fast as a machine of two cores accepts
		}
	}
	// Everybody waits once the store is asked by the tick alone.
	require.Eventually(t, func() bool {
		before := tap.n.Load()
		time.Sleep(2 * time.Second)
		return c.asked.Load() >= waiting && tap.n.Load()-before < 50
	}, 2*time.Minute, time.Millisecond)

	const span = 8 * time.Second
	engine, stored, asked, used := s.asksOfTheEngine(), tap.n.Load(), c.asked.Load(), s.api.used(t)
	time.Sleep(span)
	reads := c.asked.Load() - asked
	asks := tap.n.Load() - stored - reads
	cpu, memory := s.api.used(t)-used, s.api.resident(t)
	t.Logf("%d wait: %.1f statements a second, %.1f %% of a core, %d MB, and %d reads by callers who came back",
		waiting, float64(asks)/span.Seconds(), 100*cpu.Seconds()/span.Seconds(), memory>>20, reads)
	require.LessOrEqual(t, float64(asks), 15*span.Seconds())
	require.Equal(t, engine, s.asksOfTheEngine())
	require.Less(t, memory, int64(200)<<20)

	var late []time.Duration
	for i := 0; i < len(ids); i += len(ids) / 50 {
		row, err := st.Load(t.Context(), ids[i])
		require.NoError(t, err)
		next := row.State
		next.Version++
		next.Checks = []verification.Check{verification.NewCheck(verification.IdentityRecords, verification.Passed)}
		require.NoError(t, st.Publish(t.Context(), ids[i], next))
		written := time.Now()
		var at any
		require.Eventually(t, func() (told bool) { at, told = c.answers.Load(ids[i]); return told }, 20*time.Second, 5*time.Millisecond)
		late = append(late, at.(time.Time).Sub(written))
	}
	slices.Sort(late)
	t.Logf("a change reaches its caller within %s (median), %s (p95)", late[len(late)/2], late[len(late)*95/100])
	require.Less(t, late[len(late)/2], time.Second, "nobody waits until the caller's own time is up")
	require.Nil(t, c.failed.Load())
}

// insertRunning writes rows of verifications that are under way, as many as asked.
func (s *stack) insertRunning(st store.Store, n int) []string {
	s.t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	for from := range 8 {
		wg.Go(func() {
			for i := from; i < n; i += 8 {
				ids[i] = fmt.Sprintf("ver_%026d", i)
				_, _, err := st.Insert(s.t.Context(), store.Row{
					ID: ids[i], Client: "shop", Fingerprint: []byte{1}, Policy: verification.PolicyRef{Name: "cn-resident", Version: 2},
					CreatedAt: time.Now(), StartCalledAt: time.Now(), Request: verification.Request{Policy: "cn-resident"},
				})
				if err != nil {
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
