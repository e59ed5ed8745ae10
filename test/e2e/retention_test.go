package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// Workers make the schedule, and what is due is erased by it as if somebody had
// asked, with a receipt that says why.
func TestRetentionErasesByItsSchedule(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: hastyPolicy + "retention:\n  - {personal: 1s}\n"})
	p := s.plant("patient", "")
	v := s.playedOut(p, "0")
	schedule := s.temporal.ScheduleClient().GetHandle(t.Context(), workflows.RetentionSchedule)
	require.Eventually(t, func() bool {
		if _, err := schedule.Describe(t.Context()); err != nil {
			return false // not made yet
		}
		time.Sleep(1100 * time.Millisecond) // the span
		return schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}) == nil
	}, 60*time.Second, 200*time.Millisecond)
	r := s.receiptOf(s.untilReceipt(v.ID, 90*time.Second))
	require.Equal(t, "retention", r.Cause)
	require.Equal(t, http.StatusGone, s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).status)
}
