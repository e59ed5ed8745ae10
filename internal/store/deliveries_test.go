package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// routed sends every event of a client to the endpoints.
func routed(endpoints ...string) store.Route {
	return func(string, string) []string { return endpoints }
}

const lease = 30 * time.Second

// now is a whole microsecond, as it comes back.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func relay(t testing.TB, s store.Store, route store.Route) int {
	t.Helper()
	n, err := s.Relay(t.Context(), now(), route, 100)
	require.NoError(t, err)
	return n
}

func take(t testing.TB, s store.Store, at time.Time) []store.Delivery {
	t.Helper()
	list, err := s.TakeDue(t.Context(), at, lease, 100)
	require.NoError(t, err)
	return list
}

func logOf(t testing.TB, s store.Store, client string) []store.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), store.DeliveryQuery{Client: client, Limit: 100})
	require.NoError(t, err)
	return list
}

// sending brings one delivery to its workflow.
func sending(t testing.TB, s store.Store) store.Delivery {
	t.Helper()
	list := take(t, s, time.Now())
	require.Len(t, list, 1)
	require.NoError(t, s.MarkSending(t.Context(), list[0]))
	return list[0]
}

// An event gets its deliveries once, for the endpoints of its client that take
// it; a delivery that was leased is taken by somebody else once the lease is
// over, and by nobody before or after its workflow is there.
func TestRelay(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		insertNumbered(t, s, 2, "other")
		since, err := s.Backlog(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), since, 10*time.Second)
		route := func(client, kind string) []string {
			require.Equal(t, "verification.created", kind)
			return map[string][]string{"shop": {"a", "b"}}[client]
		}
		require.Equal(t, 2, relay(t, s, route))
		require.Zero(t, relay(t, s, route))
		require.Len(t, logOf(t, s, "shop"), 2)
		require.Empty(t, logOf(t, s, "other"))

		first := take(t, s, time.Now())
		require.Len(t, first, 2)
		require.Empty(t, take(t, s, time.Now()), "leased")
		require.NoError(t, s.MarkSending(t.Context(), first[0]))
		again := take(t, s, time.Now().Add(lease+time.Second))
		require.Equal(t, first[1:], again)
		require.NoError(t, s.MarkSending(t.Context(), again[0]))
		require.Empty(t, take(t, s, time.Now().Add(time.Hour)))
		since, err = s.Backlog(t.Context())
		require.NoError(t, err)
		require.Zero(t, since)
	})
}

// Many relays at once write each delivery once and take it once.
func TestRelaysSideBySide(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		const rows = 20
		for i := range rows {
			insertNumbered(t, s, i, "shop")
		}
		var mu sync.Mutex
		taken := map[string]int{}
		each(6, func(int) {
			for range 10 {
				if _, err := s.Relay(t.Context(), now(), routed("a"), 3); err != nil {
					t.Errorf("relay: %v", err)
				}
				list, err := s.TakeDue(t.Context(), now(), time.Hour, 2)
				if err != nil {
					t.Errorf("take: %v", err)
				}
				mu.Lock()
				for _, d := range list {
					taken[d.EventID]++
				}
				mu.Unlock()
			}
		})
		require.Len(t, taken, rows)
		for event, n := range taken {
			require.Equal(t, 1, n, event)
		}
	})
}

// The log tells each attempt and the end; what comes of a round that is over
// changes nothing.
func TestSettle(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		relay(t, s, routed("a"))
		d := sending(t, s)
		got, event, status, err := s.Delivery(t.Context(), d.EventID, "a")
		require.NoError(t, err)
		require.Equal(t, store.DeliverySending, got.State)
		require.Equal(t, numbered(1), event.VerificationID)
		require.Equal(t, "order-1", *event.Reference)
		require.Equal(t, store.EndpointOn, status.State)

		at := now()
		settle := func(try store.Try) store.Delivery {
			try.EventID, try.Endpoint, try.At = d.EventID, "a", at
			off, err := s.Settle(t.Context(), try, time.Hour)
			require.NoError(t, err)
			require.False(t, off)
			return logOf(t, s, "shop")[0]
		}
		got = settle(store.Try{Class: "5xx", State: store.DeliverySending, NextAt: at.Add(time.Minute), Health: store.Fails})
		require.Equal(t, []any{1, "5xx", at, at.Add(time.Minute)}, []any{got.Attempts, got.LastClass, got.LastAt, got.NextAt})
		endpoints, err := s.Endpoints(t.Context(), "shop")
		require.NoError(t, err)
		require.Equal(t, at, endpoints["a"].FailingSince)
		got = settle(store.Try{Class: "2xx", State: store.DeliveryDelivered, Health: store.Works})
		require.Equal(t, []any{2, "2xx", store.DeliveryDelivered, at}, []any{got.Attempts, got.LastClass, got.State, got.EndedAt})
		require.Equal(t, got, settle(store.Try{Class: "5xx", State: store.DeliveryFailed}), "the end stands")
		endpoints, err = s.Endpoints(t.Context(), "shop")
		require.NoError(t, err)
		require.Zero(t, endpoints["a"].FailingSince)

		require.NoError(t, s.Redeliver(t.Context(), asked(at), d.EventID, []string{"a", "b"}))
		require.ErrorIs(t, s.Redeliver(t.Context(), store.Audit{Client: "other"}, d.EventID, []string{"a"}), store.ErrNotFound)
		list := take(t, s, time.Now())
		require.Len(t, list, 2)
		for _, d := range list {
			require.Equal(t, map[string]int{"a": 1, "b": 0}[d.Endpoint], d.Round)
		}
		settle(store.Try{Round: 0, Class: "5xx", State: store.DeliveryFailed})
		for _, d := range logOf(t, s, "shop") {
			require.Equal(t, store.DeliveryDue, d.State, "an older round's answer")
		}
	})
}

// An endpoint that only failed for the whole time is switched off, which the
// client's others are told; what is for it is held, and sent once it is on.
func TestEndpointOff(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		relay(t, s, routed("a"))
		d := sending(t, s)
		begin := now()
		fail := func(at time.Time) bool {
			off, err := s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", At: at, Class: "timeout", State: store.DeliverySending, Health: store.Fails}, 5*24*time.Hour)
			require.NoError(t, err)
			return off
		}
		require.False(t, fail(begin))
		require.False(t, fail(begin.Add(5*24*time.Hour-time.Second)))
		require.True(t, fail(begin.Add(5*24*time.Hour)))
		require.Equal(t, store.DeliveryHeld, logOf(t, s, "shop")[0].State)
		endpoints, err := s.Endpoints(t.Context(), "shop")
		require.NoError(t, err)
		require.Equal(t, []any{store.EndpointOff, store.OffFailing}, []any{endpoints["a"].State, endpoints["a"].Reason})

		insertNumbered(t, s, 2, "shop")
		require.Equal(t, 2, relay(t, s, routed("a", "b")))
		states := map[string]int{}
		for _, d := range logOf(t, s, "shop") {
			states[fmt.Sprint(d.EventType, " ", d.Endpoint, " ", d.State)]++
		}
		require.Equal(t, map[string]int{
			"verification.created a held": 2, "verification.created b due": 1, "webhook_endpoint.disabled b due": 1,
		}, states)

		n, err := s.Resume(t.Context(), asked(now()), "a")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		endpoints, err = s.Endpoints(t.Context(), "shop")
		require.NoError(t, err)
		require.Equal(t, store.EndpointStatus{State: store.EndpointOn, ChangedAt: endpoints["a"].ChangedAt}, endpoints["a"])
		_, err = s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", Round: 1, At: now(), State: store.DeliveryHeld}, time.Hour)
		require.ErrorIs(t, err, store.ErrEndpointOn, "nothing is held back from an endpoint that is on")
	})
}

// An endpoint that says it is gone is switched off at once.
func TestEndpointGone(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, "shop")
		relay(t, s, routed("a"))
		d := sending(t, s)
		off, err := s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", At: now(), Class: "4xx", State: store.DeliverySending, Health: store.Gone}, time.Hour)
		require.NoError(t, err)
		require.True(t, off)
	})
}

// A paused endpoint's events wait; resume sends them. Recover sends again what
// was not delivered since a time, and nothing that was, or was not wanted.
func TestPauseAndRecover(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.NoError(t, s.Pause(t.Context(), asked(now()), "a"))
		insertNumbered(t, s, 1, "shop")
		relay(t, s, routed("a"))
		require.Empty(t, take(t, s, time.Now()))
		n, err := s.Resume(t.Context(), asked(now()), "a")
		require.NoError(t, err)
		require.Equal(t, 1, n)
		d := sending(t, s)
		require.Equal(t, 1, d.Round)

		var since time.Time
		for i, state := range []store.DeliveryState{store.DeliveryFailed, store.DeliveryAborted, store.DeliveryDelivered, store.DeliveryFailed, store.DeliverySending} {
			if i > 0 {
				time.Sleep(2 * time.Millisecond)
				insertNumbered(t, s, 1+i, "shop")
				relay(t, s, routed("a"))
				d = sending(t, s)
			}
			if i == 1 {
				since = time.Now().Add(-time.Millisecond)
			}
			_, err := s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", Round: d.Round, At: now(), Class: "5xx", State: state}, time.Hour)
			require.NoError(t, err)
		}
		n, err = s.Recover(t.Context(), asked(now()), "a", since)
		require.NoError(t, err)
		require.Equal(t, 2, n, "one that failed since, and one on its way")
		n, err = s.Recover(t.Context(), asked(now()), "a", longAgo)
		require.NoError(t, err)
		require.Equal(t, 1, n, "the first; the others are due already")

		test, err := s.AddTest(t.Context(), asked(now()), "b")
		require.NoError(t, err)
		list, err := s.Deliveries(t.Context(), store.DeliveryQuery{Client: "shop", EventID: test, Limit: 5})
		require.NoError(t, err)
		require.Equal(t, []any{"b", "webhook_endpoint.test", store.DeliveryDue}, []any{list[0].Endpoint, list[0].EventType, list[0].State})
		feed, err := s.Feed(t.Context(), "shop", 0, longAgo, 100)
		require.NoError(t, err)
		for _, e := range feed {
			require.NotEmpty(t, e.VerificationID, "the feed tells of verifications only")
		}
	})
}

// An endpoint is switched on while an attempt finds it off: the delivery is sent
// either way, never left held.
func TestResumeBesideHolding(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i := range 12 {
			insertNumbered(t, s, i, "shop")
			relay(t, s, routed("a"))
			d := sending(t, s)
			require.NoError(t, s.Pause(t.Context(), asked(now()), "a"))
			each(2, func(n int) {
				var err error
				if n == 0 {
					_, err = s.Resume(t.Context(), asked(now()), "a")
				} else if _, err = s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", At: now(), State: store.DeliveryHeld}, time.Hour); err == store.ErrEndpointOn {
					err = nil
				}
				if err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
			got, _, _, err := s.Delivery(t.Context(), d.EventID, "a")
			require.NoError(t, err)
			require.NotEqual(t, store.DeliveryHeld, got.State)
			require.NoError(t, s.MarkSending(t.Context(), got))
		}
	})
}

// The log comes in pages, narrowed as it was asked for.
func TestDeliveries(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for i := range 3 {
			insertNumbered(t, s, i, "shop")
		}
		require.NoError(t, s.Publish(t.Context(), numbered(1), state(2, verification.RequiresInput, 1)))
		relay(t, s, routed("a", "b"))
		q := store.DeliveryQuery{Client: "shop", Limit: 3}
		seen := map[string]bool{}
		for {
			page, err := s.Deliveries(t.Context(), q)
			require.NoError(t, err)
			for _, d := range page {
				seen[d.EventID+d.Endpoint] = true
				q.After = store.DeliveryPlace{CreatedAt: d.CreatedAt, EventID: d.EventID, Endpoint: d.Endpoint}
			}
			if len(page) < q.Limit {
				break
			}
		}
		require.Len(t, seen, 8)
		for want, q := range map[int]store.DeliveryQuery{
			4: {Client: "shop", Endpoint: "a", Limit: 100}, 8: {Client: "shop", State: store.DeliveryDue, Limit: 100}, 0: {Client: "other", Limit: 100},
		} {
			page, err := s.Deliveries(t.Context(), q)
			require.NoError(t, err)
			require.Len(t, page, want)
		}
	})
}
