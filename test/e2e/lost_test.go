package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// goesOn is how long after its worker was lost, and another one came, a run may
// stand still: 9 s until nothing was heard of the try for too long, and 5 s
// until the engine no longer keeps the run's own steps for the lost worker; the
// rest is for a busy machine.
const goesOn = 25 * time.Second

// A person ends and comes back while a try of the poll is lost: their return
// waits for that try, since it may hold the pictures.
func TestAPollThatWasLostWithItsWorkerIsKnownToBeSoon(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{policies: longChipPolicies})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.lost("face-rec/callback")

	back := time.Now()
	s.returnCaptured(v)
	end := s.untilEnd(v.ID, comesBack)
	t.Logf("approved %s after the person came back", time.Since(back))
	require.Less(t, time.Since(back), goesOn)
	s.approved(end)
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.compared(p))
}

// The pictures are gone with the worker that held them, and the vendor has them
// no more: the person is asked again, and does not wait minutes for that.
func TestAComparisonThatWasLostWithItsWorkerIsAskedForAgainSoon(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{policies: longChipPolicies})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.TencentIAI, "CompareFace", 8*time.Second)
	s.capture(v, sandbox.CaptureSame, p)
	s.untilAsked("CompareFace", 1)
	s.worker.kill()
	s.startWorker()

	came := time.Now()
	again := s.untilAction(v.ID, "retry", comesBack)
	t.Logf("asked again %s after the new worker came", time.Since(came))
	require.Less(t, time.Since(came), goesOn)
	require.Equal(t, 1, again.Attempt.Number, "nobody was judged")
	require.Less(t, s.retry(v.ID, 1, "").status, 300)
	s.capture(s.untilLink(v.ID, comesBack), sandbox.CaptureSame, p)
	s.approved(s.untilEnd(v.ID, comesBack))
}

func TestAResultThatWasLostWithItsWorkerIsFetchedSoon(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	v := s.opened(p)
	s.late(sandbox.Tencent, "GetEidResult", 8*time.Second)
	s.play(v, "0")
	s.untilAsked("GetEidResult", 1)
	s.worker.kill()
	s.startWorker()

	came := time.Now()
	end := s.untilEnd(v.ID, comesBack)
	t.Logf("approved %s after the new worker came", time.Since(came))
	require.Less(t, time.Since(came), goesOn)
	s.approved(end)
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 2, s.asked("GetEidResult"))
}

// A comparison that takes long is no lost one: its worker says that it lives.
// The return of the person's browser, which the engine tells it of with the
// answer, does not take the pictures out of its hands.
func TestALongComparisonIsWaitedForAndNotMadeAnew(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{policies: longChipPolicies, env: []string{"YANZHEN_TENCENT_IAI_TIMEOUT=18s", "YANZHEN_TENCENT_IAI_PATIENCE=60s"}})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.TencentIAI, "CompareFace", 15*time.Second)
	back := s.backFrom(v)
	s.untilAsked("CompareFace", 1)
	s.visit(back)
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.compared(p))
	for _, e := range s.history(v.ID).Events {
		require.NotEqual(t, enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, e.GetEventType())
	}
}

// The engine stands still while an answer is reported to it, for longer than the
// SDK tries that (10 s): nobody was killed, and the try is lost all the same.
func TestAnAnswerThatTheEngineNeverGotIsKnownToBeLostSoon(t *testing.T) {
	t.Parallel()
	server, freeze := freezable(t)
	s := newChipStack(t, options{policies: longChipPolicies, temporal: server})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.SinoConnect, "face-rec/callback", 4*time.Second)
	s.untilStruck()
	thaw := freeze()
	s.untilGivenUp("sino-connect-status")
	thaw()

	back := time.Now()
	s.returnCaptured(v)
	end := s.untilEnd(v.ID, comesBack)
	t.Logf("approved %s after the person came back", time.Since(back))
	require.Less(t, time.Since(back), goesOn)
	s.approved(end)
	require.Equal(t, 1, s.asked("face-rec/request"))
}

// The pictures are handed out once, and the portrait goes with the comparison:
// what came of them is kept before it is told.
func TestAComparisonThatTheEngineNeverHeardOfCounts(t *testing.T) {
	t.Parallel()
	server, freeze := freezable(t)
	s := newChipStack(t, options{policies: longChipPolicies, temporal: server})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, comesBack)
	s.late(sandbox.TencentIAI, "CompareFace", 1500*time.Millisecond)
	s.capture(v, sandbox.CaptureSame, p)
	s.untilAsked("CompareFace", 1)
	thaw := freeze()
	s.untilGivenUp("sino-connect-status")
	thaw()
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("face-rec/request"))
	require.Equal(t, 1, s.compared(p))
}

// untilGivenUp waits until the SDK reports a step of the queue no longer.
func (s *stack) untilGivenUp(queue string) {
	s.t.Helper()
	given := regexp.MustCompile(`"msg":"Task processing failed with error",.*"TaskQueue":"` + queue + `",.*"WorkerType":"ActivityWorker"`)
	require.Eventually(s.t, func() bool { return given.Match(s.logs()) }, 30*time.Second, 100*time.Millisecond, "the answer's report was not given up")
}

// freezable is an engine of the test's own, that can be made to stand still.
func freezable(t *testing.T) (address string, freeze func() (thaw func())) {
	t.Helper()
	engine := newOwnEngine(t)
	pid := engine.PID()
	thaw := func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	t.Cleanup(thaw) // a process that stands still does not stop either
	return engine.HostPort, func() func() {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
		return thaw
	}
}

// longChipPolicies are those of a chip stack whose clocks outlast a lost worker.
var longChipPolicies = crashPolicy + strings.TrimPrefix(strings.ReplaceAll(crashPolicy, "cn-resident", "cn-chip-capture"), "policies:\n")

// lost kills the worker in the middle of a vendor's call and starts another.
func (s *stack) lost(operation string) {
	s.t.Helper()
	s.late(sandbox.SinoConnect, operation, 8*time.Second)
	s.untilStruck()
	s.worker.kill()
	s.startWorker()
}

// untilStruck waits until a call is under way that the stack's one fault holds.
func (s *stack) untilStruck() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		faults := s.vendors.Faults()
		return len(faults) == 1 && faults[0].Struck == 1
	}, comesBack, 10*time.Millisecond, "no call was struck")
}

// returnCaptured ends the face page as the person does, whose browser comes
// back to us.
func (s *stack) returnCaptured(v view) { s.t.Helper(); s.visit(s.backFrom(v)) }

// backFrom ends the face page; it returns the address of ours to which it sends
// the person's browser.
func (s *stack) backFrom(v view) string {
	s.t.Helper()
	return s.backWith(v, sandbox.CaptureSame)
}

// backWith is backFrom with an outcome of the page.
func (s *stack) backWith(v view, outcome string) string {
	s.t.Helper()
	session := s.sinoSession(v)
	require.NoError(s.t, s.vendors.SinoBegin(session))
	res, err := direct.PostForm(s.vendorsURL+"/page/sino/"+session+"/end", url.Values{"outcome": {outcome}})
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
	return res.Header.Get("Location")
}

func (s *stack) visit(address string) {
	s.t.Helper()
	res, err := direct.Get(address)
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
}

// The engine stands still for longer than the policy waits for vendors, and what
// the vendor answered meanwhile is lost to it: that is no outage of the vendor.
func TestAnEngineThatStoodStillEndsNoVerificationInError(t *testing.T) {
	t.Parallel()
	server, freeze := freezable(t)
	s := newStack(t, options{temporal: server}) // start_patience: 10s
	p := s.person()
	s.late(sandbox.Tencent, "GetEidToken", 4*time.Second)
	started := make(chan struct{})
	go func() { defer close(started); _ = s.post("order-17", p) }()
	s.untilAsked("GetEidToken", 1)
	s.untilRecordsAnswered()
	thaw := freeze()
	s.untilGivenUp("tencent")
	thaw()
	<-started

	v := s.repeat("order-17", p)
	s.play(v, "0")
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("GetEidToken"))
}
