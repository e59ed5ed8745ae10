package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// A delivery whose workflow somebody terminated in the UI is found by the sweep: it
// has failed, and is sent again like any other that did.
func TestADeliveryThatWasTerminatedHasFailedAndIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.answer = func(told, int) int { return http.StatusServiceUnavailable }
	s := newStack(t, options{env: reaching("0s,1h"), webhooks: "[" + r.yaml("main") + "]"})
	v := s.begin(s.person()).view
	s.play(v, "0")
	s.untilEnd(v.ID, comesBack)
	st := s.openStore()
	deliveries := func(state store.DeliveryState) []store.Delivery {
		list, err := st.Deliveries(t.Context(), store.DeliveryQuery{Client: "shop", State: state, Limit: 100})
		require.NoError(t, err)
		return list
	}
	events, err := st.Events(t.Context(), v.ID)
	require.NoError(t, err)
	var all []store.Delivery
	require.Eventually(t, func() bool {
		all = deliveries(store.DeliverySending)
		for _, d := range all {
			if d.Attempts == 0 {
				return false
			}
		}
		return len(all) == len(events)
	}, comesBack, 100*time.Millisecond, "each was tried once")
	for _, d := range all {
		require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), workflows.DeliveryID(d.EventID, d.Endpoint, d.Round), "", "a test pulls the plug"))
	}
	require.Eventually(t, func() bool { return len(deliveries(store.DeliveryFailed)) == len(all) }, 90*time.Second, 200*time.Millisecond, "within a minute")

	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	s.webhook("recover", "main", "--since", "1h")
	require.Eventually(t, func() bool { return len(deliveries(store.DeliveryDelivered)) == len(all) }, comesBack, 200*time.Millisecond)
	require.Len(t, r.events()[v.ID], len(all))
}
