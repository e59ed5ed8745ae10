package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// receiver is a client's endpoint. What is badly signed fails the test.
type receiver struct {
	*httptest.Server
	t      *testing.T
	secret string

	mu sync.Mutex
	// got are the events that were taken, by id, and how often.
	got   map[string]told
	times map[string]int
	// tries are the requests, by event, those that were not taken too.
	tries map[string]int
	// answer says what becomes of a try, counted from 1; nil: 204.
	answer func(e told, try int) int
	// before is called before an answer; nil: nothing.
	before func(e told, try int)
}

// told is an event as a receiver reads it.
type told struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		VerificationID string              `json:"verification_id"`
		Status         verification.Status `json:"status"`
		Sequence       int                 `json:"sequence"`
		Endpoint       string              `json:"webhook_endpoint_id"`
	} `json:"data"`
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, secret: webhook.NewSecret(), got: map[string]told{}, times: map[string]int{}, tries: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	secret, _ := webhook.ParseSecret(r.secret)
	if err := webhook.Verify(req.Header, body, time.Now(), secret); err != nil {
		r.t.Errorf("a delivery that does not verify: %v", err)
	}
	var e told
	if err := json.Unmarshal(body, &e); err != nil || e.ID != req.Header.Get("webhook-id") {
		r.t.Errorf("the body of %s: %v", req.Header.Get("webhook-id"), err)
	}
	r.mu.Lock()
	r.tries[e.ID]++
	try, before, status := r.tries[e.ID], r.before, http.StatusNoContent
	if r.answer != nil {
		status = r.answer(e, try)
	}
	r.mu.Unlock()
	if before != nil {
		before(e, try)
	}
	if status/100 == 2 {
		r.mu.Lock()
		r.got[e.ID] = e
		r.times[e.ID]++
		r.mu.Unlock()
	}
	w.WriteHeader(status)
}

// events are those that were taken, by verification and sequence.
func (r *receiver) events() map[string][]told {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]told{}
	for _, e := range r.got {
		out[e.Data.VerificationID] = append(out[e.Data.VerificationID], e)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b told) int { return a.Data.Sequence - b.Data.Sequence })
	}
	return out
}

func (r *receiver) yaml(id string) string {
	return fmt.Sprintf("{id: %s, url: %q, secrets: [%s]}", id, r.URL+"/hooks?key=url-secret", r.secret)
}

// reaching lets the worker send to this machine, by a schedule of seconds.
func reaching(schedule string, more ...string) []string {
	return append([]string{"YANZHEN_WEBHOOK_ALLOW=127.0.0.0/8", "YANZHEN_WEBHOOK_SCHEDULE=" + schedule}, more...)
}

// feed reads the whole feed of the client "shop".
func (s *stack) feed() (all []told) {
	s.t.Helper()
	for after := ""; ; {
		a := s.call("shop", "GET", "/v1/events?limit=100&after="+after, nil, nil)
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
		var page struct {
			Events []told `json:"events"`
			Next   string `json:"next_cursor"`
			More   bool   `json:"more"`
		}
		require.NoError(s.t, json.Unmarshal(a.body, &page))
		all, after = append(all, page.Events...), page.Next
		if !page.More {
			return all
		}
	}
}

// whole waits until the receivers hold every event of the feed, without a gap.
func (s *stack) whole(d time.Duration, receivers ...*receiver) []told {
	s.t.Helper()
	all := s.feed()
	for _, r := range receivers {
		require.Eventually(s.t, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return !slices.ContainsFunc(all, func(e told) bool { return r.times[e.ID] == 0 })
		}, d, 100*time.Millisecond, "not every event arrived")
	}
	last := map[string]int{}
	for _, e := range all {
		require.Equal(s.t, last[e.Data.VerificationID]+1, e.Data.Sequence, "a gap in the events of %s", e.Data.VerificationID)
		last[e.Data.VerificationID]++
	}
	return all
}

// deliveryEvents is a delivery's history once it is over.
func (s *stack) deliveryEvents(event, endpoint string) *historypb.History {
	s.t.Helper()
	id := workflows.DeliveryID(event, endpoint, 0)
	_ = s.temporal.GetWorkflow(s.t.Context(), id, "").Get(s.t.Context(), nil)
	return s.history(id)
}

// maxDeliveryEvents is what a delivery may cost, however often it is tried.
const maxDeliveryEvents = 12

// Every event reaches every endpoint that takes it, as the feed tells it; the
// engine holds neither its content nor where it went.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	all, ends := newReceiver(t), newReceiver(t)
	s := newStack(t, options{env: reaching("0s,1s,1s"),
		webhooks: "[" + all.yaml("all") + ", " + strings.Replace(ends.yaml("ends"), "}", ", events: [verification.completed]}", 1) + "]"})
	p := s.person()
	request := s.request(p)
	request["client_reference_id"] = "reference-of-the-shop"
	v := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, request).view
	s.play(v, "0")
	s.untilEnd(v.ID, 30*time.Second)
	events := s.whole(20*time.Second, all)
	require.Equal(t, events, all.events()[v.ID])
	require.Equal(t, "verification.completed", events[len(events)-1].Type)
	require.Eventually(t, func() bool { return len(ends.events()[v.ID]) == 1 }, 20*time.Second, 100*time.Millisecond)
	require.Equal(t, "verification.completed", ends.events()[v.ID][0].Type)
	for _, e := range events {
		require.Equal(t, 1, all.times[e.ID])
		history := s.deliveryEvents(e.ID, "all")
		require.LessOrEqual(t, len(history.Events), maxDeliveryEvents)
		text := history.String()
		for _, secret := range []string{"url-secret", strings.TrimPrefix(all.URL, "http://"), "reference-of-the-shop", v.ID, all.secret} {
			require.NotContains(t, text, secret)
		}
	}
	for _, secret := range []string{"url-secret", "reference-of-the-shop", all.secret} {
		require.NotContains(t, string(s.logs()), secret)
	}
}

// A receiver that is down for the whole schedule but its last try gets every
// event; meanwhile it holds no verification open, and no history grows.
func TestWebhookReceiverDown(t *testing.T) {
	t.Parallel()
	const schedule = "0s,1s,1s,1s,1s,1s,1s,1s,1s,2s"
	last := len(strings.Split(schedule, ","))
	r := newReceiver(t)
	r.answer = func(_ told, try int) int {
		if try < last {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	s := newStack(t, options{env: reaching(schedule), webhooks: "[" + r.yaml("main") + "]"})
	v := s.begin(s.person()).view
	s.play(v, "0")
	s.untilEnd(v.ID, 30*time.Second)
	require.Empty(t, r.events(), "the verification is over, and no event was taken yet")
	for _, e := range s.whole(60*time.Second, r) {
		require.Equal(t, last, r.tries[e.ID])
		require.LessOrEqual(t, len(s.deliveryEvents(e.ID, "main").Events), maxDeliveryEvents)
	}
	list, err := s.openStore().Deliveries(t.Context(), store.DeliveryQuery{Client: "shop", Limit: 100})
	require.NoError(t, err)
	for _, d := range list {
		require.Equal(t, []any{store.DeliveryDelivered, last, "2xx"}, []any{d.State, d.Attempts, d.LastClass})
	}
}

// A worker that is lost between an event's commit and its relay, or between a
// delivery and its answer, costs no event: each arrives at least once, under one
// id.
func TestWebhooksWhenAWorkerIsLost(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := newStack(t, options{policies: crashPolicy, env: reaching("0s,1s,1s,1s,1s,1s"), webhooks: "[" + r.yaml("main") + "]"})
	s.worker.kill()
	// The event of the start is committed by the api, and nobody is there to relay it.
	v := s.begin(s.person()).view
	require.Empty(t, r.events())

	var once sync.Once
	killed := make(chan struct{})
	r.before = func(e told, _ int) {
		if e.Type == "verification.completed" {
			once.Do(func() { s.worker.kill(); close(killed) }) // it took the event, and its answer reaches nobody
		}
	}
	s.startWorker()
	s.play(s.untilLink(v.ID, comesBack), "0")
	<-killed
	r.mu.Lock()
	r.before = nil
	r.mu.Unlock()
	s.startWorker()
	s.untilEnd(v.ID, comesBack)
	events := s.whole(comesBack, r)
	end := events[len(events)-1]
	require.Equal(t, "verification.completed", end.Type)
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.times[end.ID] >= 2 }, comesBack, 100*time.Millisecond,
		"what the lost worker sent was sent again")
	require.Len(t, r.events()[v.ID], len(events), "under one id")
}

var manyKills = flag.Int("webhook-verifications", 60, "how many verifications TestWebhooksWithRandomKills starts")

// Workers are killed at any moment while many verifications run: no event is
// missing, and no sequence has a gap.
func TestWebhooksWithRandomKills(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.answer = func(told, int) int {
		if rand.IntN(4) == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	s := newStack(t, options{policies: crashPolicy, env: reaching("0s,1s,2s,2s,2s,2s,2s,2s,2s,2s,2s,2s"), webhooks: "[" + r.yaml("main") + "]"})
	ids := make(chan string, *manyKills)
	var starts sync.WaitGroup
	for range 4 {
		starts.Go(func() {
			for range *manyKills / 4 {
				key, request := map[string]string{"Idempotency-Key": freshKey()}, s.request(s.person())
				for until := time.Now().Add(comesBack); ; time.Sleep(300 * time.Millisecond) {
					a := s.call("shop", "POST", "/v1/verifications", key, request)
					if a.status < 300 {
						ids <- a.view.ID
						break
					}
					if time.Now().After(until) {
						t.Errorf("not started: %d", a.status)
						return
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { starts.Wait(); close(ids); close(done) }()
	for kills := 0; ; kills++ {
		select {
		case <-time.After(2*time.Second + rand.N(3*time.Second)):
			s.worker.kill()
			s.startWorker()
			continue
		case <-done:
			t.Logf("%d kills", kills)
		}
		break
	}
	// Half are ended by their callers, the others run on; a kill in between.
	n := 0
	for id := range ids {
		if n++; n%2 == 0 {
			s.call("shop", "POST", "/v1/verifications/"+id+"/cancel", nil, map[string]any{})
		}
		if n == *manyKills/2 {
			s.worker.kill()
			s.startWorker()
		}
	}
	require.Equal(t, *manyKills/4*4, n)
	time.Sleep(3 * time.Second)
	s.whole(3*time.Minute, r)
	require.Len(t, slices.Collect(maps.Keys(r.events())), n)
}

// An endpoint that only failed for as long as the setting says is switched off,
// and the client's others are told; switched on again, it gets what it missed.
func TestWebhookEndpointOffAndRecovered(t *testing.T) {
	t.Parallel()
	dead, other := newReceiver(t), newReceiver(t)
	dead.answer = func(told, int) int { return http.StatusBadGateway }
	s := newStack(t, options{env: reaching("0s,1s,1s,1s,1s,1s,1s,1s", "YANZHEN_WEBHOOK_DISABLE_AFTER=3s"),
		webhooks: "[" + dead.yaml("dead") + ", " + other.yaml("other") + "]"})
	v := s.begin(s.person()).view
	off := func() bool {
		return slices.ContainsFunc(other.events()[""], func(e told) bool { return e.Type == webhook.EndpointOff && e.Data.Endpoint == "dead" })
	}
	require.Eventually(t, off, 40*time.Second, 100*time.Millisecond, "the others are told")
	s.play(v, "0")
	s.untilEnd(v.ID, 30*time.Second)
	s.whole(20*time.Second, other)
	require.Empty(t, dead.events())
	require.Contains(t, s.webhook("list"), "off (failing), failing since")
	text, err := s.command("webhook", "test", "dead")
	require.ErrorContains(t, err, "exit status 3", "it is tested while it is off, and refuses")
	require.Contains(t, text, "attempt 1: 5xx")
	dead.mu.Lock()
	dead.answer = nil
	dead.mu.Unlock()
	require.Contains(t, s.webhook("test", "dead"), "delivered, attempt 1: 2xx")
	require.Contains(t, s.webhook("recover", "dead", "--since", "1h"), " on\n")
	events := s.whole(20*time.Second, dead)

	require.Contains(t, s.webhook("pause", "dead"), " paused\n")
	v = s.begin(s.person()).view
	s.whole(20*time.Second, other)
	require.Empty(t, dead.events()[v.ID])
	require.Contains(t, s.webhook("resume", "dead"), "2 deliveries are on their way.")
	s.whole(20*time.Second, dead)
	first := events[0].ID
	require.Contains(t, s.webhook("redeliver", first, "--endpoint", "dead"), "due")
	require.Eventually(t, func() bool { dead.mu.Lock(); defer dead.mu.Unlock(); return dead.times[first] == 2 }, 20*time.Second, 100*time.Millisecond)
	text, err = s.command("webhook", "pause", "nowhere")
	require.ErrorContains(t, err, "exit status 3")
	require.Contains(t, text, "not_found")
}

// webhook runs a command that must work.
func (s *stack) webhook(args ...string) string {
	s.t.Helper()
	text, err := s.command(append([]string{"webhook"}, args...)...)
	require.NoError(s.t, err, "%s", text)
	return text
}

// command runs the command line as the client "shop".
func (s *stack) command(args ...string) (string, error) {
	c := exec.CommandContext(s.t.Context(), shared.yanzhen, args...)
	c.Dir, c.Env = s.dir, []string{"HOME=" + s.dir, "YANZHEN_API=" + s.apiURL, "YANZHEN_API_KEY=" + s.keys["shop"]}
	text, err := c.CombinedOutput()
	return string(text), err
}

// message is what a receiver got, as another implementation is asked about it.
type message struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// signedAt is the message as its sender would have signed it at another time.
func (m message) signedAt(t *testing.T, at time.Time) message {
	t.Helper()
	secret, err := webhook.ParseSecret(m.Secret)
	require.NoError(t, err)
	h := http.Header{}
	webhook.Sign(h, m.Headers["webhook-id"], at, []byte(m.Body), secret)
	m.Headers = map[string]string{}
	for name := range h {
		m.Headers[strings.ToLower(name)] = h.Get(name)
	}
	return m
}

// standardwebhooks asks the npm package of that name about messages, and returns
// what is wrong with each; empty: nothing.
func standardwebhooks(t *testing.T, messages ...message) []string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/standardwebhooks")))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var lines bytes.Buffer
	for _, m := range messages {
		require.NoError(t, json.NewEncoder(&lines).Encode(m))
	}
	verify := exec.CommandContext(t.Context(), "node", "verify.mjs")
	verify.Dir, verify.Stdin = dir, &lines
	out, err = verify.Output()
	require.NoError(t, err)
	var faults []string
	for line := range strings.Lines(string(out)) {
		var said struct {
			OK    bool   `json:"ok"`
			Error string `json:"error"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		require.Equal(t, said.OK, said.Error == "")
		faults = append(faults, said.Error)
	}
	require.Len(t, faults, len(messages))
	return faults
}

// Another implementation of Standard Webhooks takes our deliveries, under either
// of two secrets, and refuses what was changed, is old, or is under another one.
func TestWebhooksVerifiedByAnotherImplementation(t *testing.T) {
	t.Parallel()
	old, next := webhook.NewSecret(), webhook.NewSecret()
	got := make(chan message, 100)
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := message{Body: string(body), Headers: map[string]string{}}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			m.Headers[name] = r.Header.Get(name)
		}
		got <- m
	}))
	t.Cleanup(r.Close)
	s := newStack(t, options{env: reaching("0s,1s"), webhooks: fmt.Sprintf("[{id: main, url: %q, secrets: [%s, %s]}]", r.URL, old, next)})
	s.begin(s.person())
	var m message
	select {
	case m = <-got:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was delivered")
	}
	with := func(secret string, m message) message { m.Secret = secret; return m }
	tampered := with(next, m)
	tampered.Body = strings.Replace(m.Body, `"sequence":`, `"sequence":9`, 1)
	require.NotEqual(t, m.Body, tampered.Body)
	faults := standardwebhooks(t, with(old, m), with(next, m), tampered, with(webhook.NewSecret(), m),
		with(next, m).signedAt(t, time.Now()), with(next, m).signedAt(t, time.Now().Add(-6*time.Minute)), with(next, m).signedAt(t, time.Now().Add(6*time.Minute)))
	require.Equal(t, []string{"", "", "No matching signature found", "No matching signature found", "", "Message timestamp too old", "Message timestamp too new"}, faults)
}
