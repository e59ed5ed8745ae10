package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// patientComparer waits for an answer that is slow.
var patientComparer = []string{"YANZHEN_TENCENT_IAI_TIMEOUT=18s", "YANZHEN_TENCENT_IAI_PATIENCE=60s"}

// The vendor tells once and does not repeat it; the person does not come back.
func TestANotificationThatCameWhileTheEngineWasAwayEndsTheVerificationOnceItIsBack(t *testing.T) {
	t.Parallel()
	line := newLine(t, shared.temporal.HostPort)
	s := newStack(t, options{megvii: true, env: []string{"TEMPORAL_ADDRESS=" + line.address}})
	a := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	token := s.megviiToken(a.view)
	line.cut()
	s.endMegvii(a.view, sandbox.MegviiPass, sandbox.NotifyOptions{NoReturn: true})
	require.Equal(t, []string{"503"}, s.told(token))
	line.mend()
	back := time.Now()
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(a.view.ID, time.Minute).Outcome)
	t.Logf("approved %s after the engine came back", time.Since(back))
	require.Zero(t, s.lookedUp(token), "the notification is the result")
	require.Equal(t, 1, s.signals(a.view.ID))
}

// The person is done: their link is used up, and a retry would throw away the
// comparison that is under way.
func TestWhileACapturedFaceIsComparedThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{policies: longChipPolicies, env: patientComparer})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.TencentIAI, "CompareFace", 10*time.Second)
	s.capture(v, sandbox.CaptureSame, p)
	s.untilAsked("CompareFace", 1)
	s.until(v.ID, 8*time.Second, "nothing to do", func(v view) bool {
		return v.Status == verification.Processing && v.NextAction == nil
	})
	a := s.retry(v.ID, 1, "")
	require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
	require.Equal(t, "invalid_state", a.Code)
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.compared(p))
}

// In the first moments of a comparison nothing tells of it; a retry then waits
// for what comes of it.
func TestARetryInTheFirstMomentOfAComparisonThrowsNothingAway(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{policies: longChipPolicies, env: patientComparer})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.TencentIAI, "CompareFace", 4*time.Second)
	s.capture(v, sandbox.CaptureSame, p)
	s.untilAsked("CompareFace", 1)
	a := s.retry(v.ID, 1, "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, 1, a.view.Attempt.Session)
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.compared(p))
}
