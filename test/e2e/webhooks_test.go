package e2e

import (
	"flag"
	"maps"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// Every event reaches every endpoint that takes it, as the feed tells it; the
// engine holds neither its content nor where it went.
func TestWebhooks(t *testing.T) { t.Parallel(); onEachStore(t, webhooks) }

func webhooks(t *testing.T, dsn string) {
	all, ends := newReceiver(t), newReceiver(t)
	s := newStack(t, options{dsn: dsn, env: reaching("0s,1s,1s"),
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
	onEachStore(t, webhooksWhenAWorkerIsLost)
}

func webhooksWhenAWorkerIsLost(t *testing.T, dsn string) {
	r := newReceiver(t)
	s := newStack(t, options{dsn: dsn, policies: crashPolicy, env: reaching("0s,1s,1s,1s,1s,1s"), webhooks: "[" + r.yaml("main") + "]"})
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

var manyKills = flag.Int("webhook-verifications", 60, "how many verifications TestWebhooksWithRandomKills starts, on each store")

// Workers are killed at any moment while many verifications run: no event is
// missing, and no sequence has a gap.
func TestWebhooksWithRandomKills(t *testing.T) { t.Parallel(); onEachStore(t, webhooksWithRandomKills) }

func webhooksWithRandomKills(t *testing.T, dsn string) {
	r := newReceiver(t)
	r.answer = func(told, int) int {
		if rand.IntN(4) == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	s := newStack(t, options{dsn: dsn, policies: crashPolicy, env: reaching("0s,1s,2s,2s,2s,2s,2s,2s,2s,2s,2s,2s"), webhooks: "[" + r.yaml("main") + "]"})
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
	onEachStore(t, endpointOffAndRecovered)
}

func endpointOffAndRecovered(t *testing.T, dsn string) {
	dead, other := newReceiver(t), newReceiver(t)
	dead.answer = func(told, int) int { return http.StatusBadGateway }
	s := newStack(t, options{dsn: dsn, env: reaching("0s,1s,1s,1s,1s,1s,1s,1s", "YANZHEN_WEBHOOK_DISABLE_AFTER=3s"),
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
