package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// silent is the address of somebody who takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

func TestTencentDownAtStartTheOneCallStillAnswersWithMegviisLinkWithinFiveSeconds(t *testing.T) {
	for name, address := range map[string]string{"refused connections": freeAddress(t), "connections that never answer": silent(t)} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, options{megvii: true, env: []string{"YANZHEN_TENCENT_ENDPOINT=" + address + "/tencent"}})
			warm := s.beginUnder(onlyMegvii, s.person()) // a worker's first run is slower than all others
			require.Equal(t, http.StatusCreated, warm.status, "%s", warm.body)
			began := time.Now()
			a := s.beginUnder("cn-resident-failover", s.person())
			took := time.Since(began)
			require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
			s.megviiToken(a.view) // the link is Megvii's
			t.Logf("a link after %s", took)
			require.Less(t, took, 5*time.Second)
			tried := find(t, a.view, verification.Liveness).Tried
			require.Equal(t, []verification.Tried{{Provider: "tencent_eid", Class: "unavailable"}}, tried, "what was tried stands in the check")
			require.Equal(t, 1, a.view.Attempt.Session, "a vendor that is down costs the person no session")
		})
	}
}

func TestBothVendorsDownTheRunWaitsAndGoesOnByItselfWhenOneIsBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	for _, vendor := range []string{sandbox.Tencent, sandbox.Megvii} {
		require.NoError(t, s.vendors.Fault(sandbox.Fault{Vendor: vendor, Kind: sandbox.FaultRefuse}))
	}
	a := s.beginAgain(with(s.request(s.person()), "policy", "cn-resident-failover"))
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.Nil(t, a.view.NextAction)
	require.Equal(t, verification.Processing, a.view.Status)
	s.vendors.ClearFaults()
	require.NoError(t, s.vendors.Fault(sandbox.Fault{Vendor: sandbox.Tencent, Kind: sandbox.FaultRefuse}))
	v := s.untilLink(a.view.ID, 30*time.Second)
	s.megviiToken(v)
}

// yanzhen runs a command of the binary with the stack's settings.
func (s *stack) yanzhen(args ...string) string {
	s.t.Helper()
	c := exec.Command(shared.yanzhen, args...)
	c.Env, c.Dir = s.env, s.dir
	out, err := c.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	return string(out)
}

func TestADrainedVendorFinishesItsSessionsWhileNewOnesGoToTheNextWithoutARestart(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	const failover = "cn-resident-failover"
	open := s.beginUnder(failover, s.person())
	require.Equal(t, http.StatusCreated, open.status, "%s", open.body)
	s.tokenOf(open.view) // Tencent's, the policy's first

	out := s.yanzhen("provider", "drain", "tencent_eid", "--reason", "announced maintenance")
	require.Contains(t, out, "tencent_eid: drain, was on")
	next := s.beginUnder(failover, s.person())
	require.Equal(t, http.StatusCreated, next.status, "%s", next.body)
	s.megviiToken(next.view)
	require.Equal(t, []verification.Tried{{Provider: "tencent_eid", Class: "switched_off"}}, find(t, next.view, verification.Liveness).Tried)
	require.Equal(t, 1, s.asked("GetEidToken"), "a drained vendor is not called for a new session")

	s.play(open.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(open.view.ID, 30*time.Second).Outcome, "the open session finishes")

	s.yanzhen("provider", "on", "tencent_eid", "--reason", "maintenance is over")
	s.tokenOf(s.beginUnder(failover, s.person()).view)
	list := s.yanzhen("provider", "list")
	require.Equal(t, 1, strings.Count(list, "announced maintenance"), "who, when and why is kept")
}
