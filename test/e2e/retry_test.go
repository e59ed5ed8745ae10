package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// A caller whose answer was lost asks again, over a session that is open: it is
// answered like the first time, and one session is opened.
func TestARepeatedRetryForALostTabGetsTheFirstOnesAnswer(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	v := s.opened(s.person())
	s.began(v)
	first := s.retry(v.ID, 1, "")
	require.Equal(t, http.StatusOK, first.status, "%s", first.body)
	require.Equal(t, 2, first.view.Attempt.Session)
	require.NotEqual(t, v.NextAction.URL, first.view.NextAction.URL)
	for range 2 {
		again := s.retry(v.ID, 1, "")
		require.Equal(t, http.StatusOK, again.status, "%s", again.body)
		require.Equal(t, 2, again.view.Attempt.Session)
		require.Equal(t, first.view.NextAction.URL, again.view.NextAction.URL)
	}
	require.Equal(t, 2, s.asked("GetEidToken"))
	wrong := s.retry(v.ID, 3, "")
	require.Equal(t, http.StatusConflict, wrong.status)
	require.Equal(t, "session_replaced", wrong.Code)

	s.play(first.view, "0")
	s.approved(s.untilEnd(v.ID, comesBack))
	after := s.retry(v.ID, 1, "")
	require.Equal(t, http.StatusOK, after.status, "%s", after.body)
	require.Equal(t, verification.OutcomeApproved, after.view.Outcome, "as it is now")
}

// The caller waits for the vendor's word whether the link was opened, and no
// longer than for a link.
func TestARetryForALostTabIsAnsweredWhileTheVendorHangs(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	v := s.opened(s.person())
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "CheckEidTokenStatus", Kind: sandbox.FaultDelay, DelayMS: 15000})
	began := time.Now()
	a := s.retry(v.ID, 1, "")
	t.Logf("answered after %s", time.Since(began))
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, 2, a.view.Attempt.Session)
	require.NotNil(t, a.view.NextAction, "the vendor opens as usual")
	require.Less(t, time.Since(began), 7*time.Second)
	s.vendors.ClearFaults()
	s.play(a.view, "0")
	s.approved(s.untilEnd(v.ID, comesBack))
}

// Three scans come at once for one retry: one is read, and the two others can be
// brought for the next.
func TestOfThreeScansAtOnceForOneRetryOneIsUsedUp(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	p := s.person()
	v := s.begun("cn-chip", s.scan(p, "sim-badjwe-"))
	v = s.untilAction(v.ID, "scan_chip", 15*time.Second)
	scans := []string{s.scan(p, "sim-badjwe-"), s.scan(p, "sim-badjwe-"), s.scan(p, "sim-badjwe-")}
	answers := make([]answer, len(scans))
	var wg sync.WaitGroup
	for i, reqid := range scans {
		wg.Go(func() { answers[i] = s.retry(v.ID, 0, reqid) })
	}
	wg.Wait()
	var losers []string
	for i, a := range answers {
		if a.status == http.StatusOK {
			require.Equal(t, http.StatusOK, s.retry(v.ID, 0, scans[i]).status, "a repeat of the winner's")
			continue
		}
		require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
		require.Equal(t, "session_replaced", a.Code, "%s", a.body)
		losers = append(losers, scans[i])
	}
	require.Len(t, losers, 2)
	for i, reqid := range losers {
		s.until(v.ID, 20*time.Second, "another scan is asked for", func(v view) bool {
			return v.Attempt.Session == i+1 && v.NextAction != nil && v.NextAction.Type == "scan_chip"
		})
		again := s.retry(v.ID, 0, reqid)
		require.Equal(t, http.StatusConflict, again.status, "another scan than the one that was read: %s", again.body)
		a := s.retry(v.ID, i+1, reqid)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.Equal(t, 1, s.reads(reqid))
	}
}
