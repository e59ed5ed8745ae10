package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	hook "github.com/yanzhen-id/yanzhen/client/webhook"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// receiver is a client's endpoint. What is badly signed fails the test.
type receiver struct {
	*httptest.Server
	t *testing.T
	// secret is the endpoint's, and verifier takes what it, or those of accept,
	// signed.
	secret   string
	verifier *hook.Verifier

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
	r.accept(r.secret)
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

// accept takes from now on what one of the secrets signed.
func (r *receiver) accept(secrets ...string) {
	r.t.Helper()
	v, err := hook.New(secrets...)
	require.NoError(r.t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = v
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	verifier := r.verifier
	r.mu.Unlock()
	if _, err := verifier.Verify(req.Header, body); err != nil {
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
