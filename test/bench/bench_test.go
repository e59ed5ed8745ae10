//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

var (
	kind  = flag.String("store", "sqlite", "where the product's store is: sqlite or postgres")
	pairs = flag.Int("pairs", 5, "pairs of batches; 3 with -quick")
	quick = flag.Bool("quick", false, "three pairs at 1 and 16, in minutes; -short would leave PostgreSQL out")
	out   = flag.String("out", ".", "the folder for performance.json and performance.svg")
	build = flag.String("binary", "", "the product's binary, if it is not to be built: two builds are compared by their ratios")
	only  = flag.String("paths", "callback,poll", "which paths, with commas between them")

	discard = slog.New(slog.DiscardHandler)
	direct  = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
)

// bareAt makes a process of this binary the bare workflow's worker.
const bareAt = "BENCH_BARE"

func TestMain(m *testing.M) {
	if at := os.Getenv(bareAt); at != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		c, err := client.Dial(client.Options{HostPort: at, ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
		if err != nil {
			panic(err)
		}
		for _, w := range bareWorkers(c) {
			if err := w.Start(); err != nil {
				panic(err)
			}
		}
		<-ctx.Done()
		return
	}
	os.Exit(m.Run())
}

// TestBench runs both sides in turns, batch by batch.
func TestBench(t *testing.T) {
	s := newStack(t, *kind)
	r := Report{At: time.Now(), Store: *kind, Cores: runtime.NumCPU(), Load: [2]string{load(), ""}}
	many, levels := *pairs, []int{1, 16, 64}
	if *quick {
		many, levels = 3, []int{1, 16}
	}
	for _, path := range strings.Split(*only, ",") {
		s.batch(path, 4, 8, true) // both warm
		s.batch(path, 4, 8, false)
		for _, atOnce := range levels {
			row := Row{Path: path, AtOnce: atOnce}
			n := max(10, 3*atOnce)
			if *quick {
				n = max(8, 2*atOnce)
			}
			for i := range many {
				var p Pair
				for turn := range 2 { // who is first changes
					if (i+turn)%2 == 0 {
						p.Bare = s.batch(path, atOnce, n, true)
					} else {
						p.Product = s.batch(path, atOnce, n, false)
					}
				}
				row.Pairs = append(row.Pairs, p)
			}
			r.Rows = append(r.Rows, row)
		}
	}
	r.Load[1] = load()
	r.write(t, *out)
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
	for as, name := range processes(bare) {
		b.CPU[as] = (now[name] - used[name]) / time.Duration(n)
	}
	b.Link = median(all, func(o one) time.Duration { return o.link })
	b.Caller = median(all, func(o one) time.Duration { return o.caller })
	s.look(&b, all[:min(len(all), 5)])
	return b
}

// processes are those that work for a side, by what they are to it.
func processes(bare bool) map[string]string {
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
		d, err := s.temporal.DescribeWorkflowExecution(ctx, some[i].id, "")
		require.NoError(s.t, err)
		b.Events = max(b.Events, int(d.GetWorkflowExecutionInfo().GetHistoryLength()))
		b.Transitions = max(b.Transitions, int(d.GetWorkflowExecutionInfo().GetStateTransitionCount()))
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

// bareRun takes the bare workflow from its start to its end.
func (s *stack) bareRun(ctx context.Context, path string) (o one, err error) {
	o.id = fmt.Sprintf("bare-%d", rand.Uint64())
	began := time.Now()
	h, err := s.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{ID: o.id, TaskQueue: bareQueue,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL}, bareName, BareInput{Path: path}),
		UpdateOptions: client.UpdateWorkflowOptions{WorkflowID: o.id, UpdateID: bareLaunch, UpdateName: bareLaunch, WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err == nil {
		err = h.Get(ctx, nil)
	}
	if err != nil {
		return o, err
	}
	o.link = time.Since(began)
	rang := time.Now()
	if path != "poll" {
		if err := s.temporal.SignalWorkflow(ctx, o.id, "", bareBell, nil); err != nil {
			return o, err
		}
	}
	err = s.temporal.GetWorkflow(ctx, o.id, "").Get(ctx, nil)
	o.caller = time.Since(rang)
	return o, err
}

// answer is the API's, as far as it is needed.
type answer struct {
	ID, Status, Outcome string
	NextAction          *struct{ URL string } `json:"next_action"`
}

// verify takes a verification from its start to its verdict, as a client and a
// person would.
func (s *stack) verify(ctx context.Context, path string) (o one, err error) {
	p := sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	if err := s.vendors.AddPerson(p); err != nil {
		return o, err
	}
	body, err := json.Marshal(map[string]any{"policy": "cn-resident", "presentation": "vendor", "return_url": s.vendors.URL + "/shop/back",
		"subject": map[string]any{"name": p.Name, "id_number": p.IDNumber, "id_validity": map[string]any{"from": p.ValidFrom, "to": p.ValidTo}}})
	if err != nil {
		return o, err
	}
	began := time.Now()
	a, etag, err := s.call(ctx, "POST", "/v1/verifications", string(body), "")
	for err == nil && (a.NextAction == nil || a.NextAction.URL == "") && time.Since(began) < time.Minute {
		a, etag, err = s.call(ctx, "GET", "/v1/verifications/"+a.ID+"?wait=30s", "", etag)
	}
	if err != nil {
		return o, err
	}
	o.id, o.link = a.ID, time.Since(began)
	link, err := url.Parse(a.NextAction.URL)
	if err != nil {
		return o, err
	}
	token := strings.TrimPrefix(link.Path, "/page/tencent/")
	if err := s.vendors.Begin(token); err != nil {
		return o, err
	}
	over := make(chan error, 1)
	var verdict time.Time
	go func() {
		var err error
		for last := a; ; {
			if last, etag, err = s.call(ctx, "GET", "/v1/verifications/"+a.ID+"?wait=30s", "", etag); err != nil || last.Status == "completed" {
				verdict = time.Now()
				if err == nil && last.Outcome != "approved" {
					err = errors.New(last.Outcome)
				}
				over <- err
				return
			}
		}
	}()
	time.Sleep(5 * time.Millisecond) // somebody waits before the person comes back
	rang := time.Now()
	if err := s.comeBack(path, token); err != nil {
		return o, err
	}
	err = <-over
	o.caller = verdict.Sub(rang)
	return o, err
}

// comeBack ends the vendor's page, and takes the browser back where a callback is
// what is measured.
func (s *stack) comeBack(path, token string) error {
	if path == "poll" {
		return s.vendors.End(token, "0")
	}
	res, err := direct.PostForm(s.vendors.URL+"/page/tencent/"+token+"/end", url.Values{"outcome": {"0"}})
	if err != nil {
		return err
	}
	res.Body.Close()
	status, text, err := s.get(res.Header.Get("Location"), "")
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("callback: %d %s", status, text)
	}
	return err
}

func (s *stack) call(ctx context.Context, method, path, body, etag string) (a answer, newTag string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, s.apiURL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return a, "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("key-%x", rand.Uint64()))
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	res, err := direct.Do(r)
	if err != nil {
		return a, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil || res.StatusCode == http.StatusNotModified:
		return a, etag, err
	case res.StatusCode >= 300:
		return a, "", fmt.Errorf("%s: %d %s", path, res.StatusCode, text)
	}
	return a, res.Header.Get("ETag"), json.Unmarshal(text, &a)
}

func (s *stack) get(address, _ string) (int, string, error) {
	res, err := direct.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
