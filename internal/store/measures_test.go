package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What the metrics tell of the store is what is there, and what is over is not
// counted.
func TestMeasure(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		m, err := s.Measure(t.Context(), noon)
		require.NoError(t, err)
		require.Equal(t, store.Measures{Review: map[string]time.Time{}, Deliveries: map[store.DeliveryState]int{}}, m, "nothing is there")

		add := func(id, policy string, act func(*verification.State)) {
			r := chipRow(id, "scan of "+id)
			p := verification.Policy{Name: policy, Version: 3, Attempts: 3}
			r.Policy, r.OverdueAt, r.State = verification.PolicyRef{Name: policy, Version: 3}, noon.Add(time.Hour), verification.NewState(p, noon)
			inserted(t, s, r)
			require.NoError(t, s.SaveCard(t.Context(), id, card, nil))
			if act == nil {
				return
			}
			act(&r.State)
			write := s.Publish
			if r.State.Status.Ended() {
				write = s.Finish
			}
			require.NoError(t, write(t.Context(), id, r.State))
		}
		review := func(s *verification.State) { s.AwaitReview(noon, nil, noon.Add(time.Hour)) }
		began := now()
		add("ver_1", "a", nil)
		add("ver_2", "a", review)
		add("ver_3", "a", review)
		add("ver_4", "b", func(s *verification.State) {
			s.AwaitInput(noon, verification.NextAction{Type: verification.ActionRetry})
		})
		add("ver_5", "b", func(s *verification.State) { s.End(noon, verification.Expired, verification.SessionExpired) })
		// Past the store: a row that holds a face after its end.
		_, err = raw(t, dsn).Exec(`UPDATE verifications SET portrait = $1 WHERE id = 'ver_5'`, []byte("x"))
		require.NoError(t, err)
		require.Equal(t, 9, relay(t, s, routed("x")))
		due := take(t, s, time.Now())
		require.Len(t, due, 9)
		for _, d := range due[:4] {
			require.NoError(t, s.MarkSending(t.Context(), d))
		}
		for i, to := range []store.DeliveryState{store.DeliveryDelivered, store.DeliveryFailed} {
			_, err := s.Settle(t.Context(), store.Try{EventID: due[i].EventID, Endpoint: "x", At: now(), Class: "ok", State: to}, time.Hour)
			require.NoError(t, err)
		}

		m, err = s.Measure(t.Context(), noon.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, []store.OpenCount{{"a", verification.InReview, 2}, {"a", verification.Processing, 1}, {"b", verification.RequiresInput, 1}}, m.Open)
		require.Zero(t, m.Overdue)
		require.Len(t, m.Review, 1)
		require.WithinDuration(t, began, m.Review["a"], 10*time.Second)
		b := func(name string) verification.PolicyRef { return verification.PolicyRef{Name: name, Version: 3} }
		require.ElementsMatch(t, []store.PortraitCount{{b("a"), false, 1}, {b("b"), false, 1}, {b("b"), true, 1}}, m.Portraits)
		require.Equal(t, map[store.DeliveryState]int{store.DeliveryDue: 5, store.DeliverySending: 2}, m.Deliveries)
		require.WithinDuration(t, began, m.Delivery, 10*time.Second)

		m, err = s.Measure(t.Context(), noon.Add(2*time.Hour))
		require.NoError(t, err)
		require.Equal(t, 4, m.Overdue)
		require.ElementsMatch(t, []store.PortraitCount{{b("a"), true, 1}, {b("b"), true, 2}}, m.Portraits)

		erased := redaction()
		erased.ID = "ver_5"
		_, err = s.Redact(t.Context(), erased)
		require.NoError(t, err)
		m, err = s.Measure(t.Context(), noon.Add(2*time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, m.Erasures)
		require.True(t, erased.ErasedAt.Equal(m.Erasure))
		require.ElementsMatch(t, []store.PortraitCount{{b("a"), true, 1}, {b("b"), true, 1}}, m.Portraits)
	})
}
