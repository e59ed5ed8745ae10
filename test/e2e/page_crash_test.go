package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// loseEverything loses worker and api as a machine does, and the engine, and brings
// them back.
func (s *stack) loseEverything(engine *ownEngine) {
	s.t.Helper()
	s.worker.kill()
	s.api.kill()
	engine.Stop()
	engine.startAgain(s.t)
	s.api = s.start("api")
	s.startWorker()
	s.waitReady()
}

// Whatever is killed, in whichever step of the page: the person goes on in the same
// browser, with the same verdict, and pays no second session for it.
func TestThePageOutlivesWhateverIsKilled(t *testing.T) {
	t.Parallel()
	engine := newOwnEngine(t)
	s := newStack(t, options{policies: pagePolicy, temporal: engine.HostPort})
	person := s.person()
	v := s.startPage(person, nil)
	p := s.visitor(inWeChat)
	// A press that comes while the engine is not back yet is told in words and
	// pressed again.
	press := func(button, kind string) {
		t.Helper()
		at := p.at.String()
		require.Eventually(t, func() bool {
			p.press(button)
			if p.status == http.StatusServiceUnavailable {
				require.Contains(t, []string{"down", "message"}, p.kind(), p.page)
				p.open(at)
				return false
			}
			return true
		}, 60*time.Second, time.Second)
		require.Equal(t, kind, p.kind(), p.page)
	}

	s.loseEverything(engine)
	p.open(v.NextAction.URL)
	require.Equal(t, "entry", p.kind())
	s.loseEverything(engine)
	press("begin", "consent")
	s.loseEverything(engine)
	p.open(p.at.String())
	require.Equal(t, "consent", p.kind())
	press("agree", "onward")
	p.onward()
	p.press("begin")
	s.loseEverything(engine) // at the vendor
	p.press("end-2016")
	p.leftIn()
	s.loseEverything(engine) // its result on the way
	p.untilKind("retry")
	s.loseEverything(engine)
	press("go", "onward")
	p.onward()
	p.endAtVendor("0")
	p.untilKind("result")
	require.Contains(t, p.page, "Verified")
	s.loseEverything(engine)
	p.open(p.at.String())
	require.Contains(t, p.page, "Verified")

	end := s.untilEnd(v.ID, 60*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 2, end.Attempt.Session)
	require.Equal(t, 2, s.asked("GetEidToken"))
	require.Equal(t, 1, s.chargedFor(person))
}

// The worker is killed in the moment of the press: the session is opened once it is
// back, and the page goes on by itself.
func TestAPressWhileTheWorkerIsAwayIsNotLost(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	p := s.visitor(inWeChat)
	p.begunAt(v)
	at := p.at.String()
	s.worker.kill()
	p.press("agree")
	require.Equal(t, http.StatusServiceUnavailable, p.status)
	require.Equal(t, "down", p.kind(), "words, and a way to try again")
	s.startWorker()
	require.Eventually(t, func() bool {
		p.open(at)
		if p.kind() == "start" { // the press did not arrive: it is made again
			p.press("go")
		}
		return p.kind() == "open" || p.kind() == "onward"
	}, 60*time.Second, 200*time.Millisecond, "%s", p.page)
	require.Equal(t, 1, s.asked("GetEidToken"))
}
