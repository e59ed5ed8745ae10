package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

func TestOneVerificationEndsApprovedWithOneSessionOneChargeAndAtMostSixtyEvents(t *testing.T) {
	s := newStack(t, options{})
	p := s.person()
	a := s.begin(p)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, verification.RequiresInput, a.view.Status)
	s.play(a.view, "0")
	v := s.untilEnd(a.view.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, v.Outcome)
	require.Equal(t, verification.ByPolicy, v.Verdict.DecidedBy)
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.asked("GetEidResult"))
	require.Equal(t, 1, s.chargedFor(p))
	n := len(s.history(v.ID).Events)
	t.Logf("%d events", n)
	require.LessOrEqual(t, n, 60)
}
