package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

func TestATerminatedRunReadsAsErrorAndTheSweeperWritesItDownAndDeletesTheLinks(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	id := a.view.ID
	st := s.openStore()
	session, err := st.Session(t.Context(), id, 1)
	require.NoError(t, err)
	require.NotEmpty(t, session.Link)
	require.NotEmpty(t, session.Handle)

	require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), id, "", "a test pulls the plug"))
	ended := func(v view) {
		t.Helper()
		require.Equal(t, verification.Error, v.Status)
		require.Equal(t, verification.OutcomeError, v.Outcome)
		require.Empty(t, v.Decision)
		require.Nil(t, v.Verdict)
		require.Nil(t, v.NextAction)
		require.Equal(t, verification.EngineEnded, v.LastError.Code)
	}
	ended(s.until(id, time.Minute, "the end that the run did not write", func(v view) bool { return v.Status.Ended() }))
	retry := s.call("shop", "POST", "/v1/verifications/"+id+"/retry", nil, map[string]any{"session": 1})
	require.Equal(t, http.StatusConflict, retry.status, "%s", retry.body)
	cancel := s.call("shop", "POST", "/v1/verifications/"+id+"/cancel", nil, nil)
	require.Equal(t, http.StatusConflict, cancel.status, "%s", cancel.body)
	row, err := st.Load(t.Context(), id)
	require.NoError(t, err)
	require.True(t, row.Ended)
	require.Equal(t, verification.Error, row.State.Status)
	session, err = st.Session(t.Context(), id, 1)
	require.NoError(t, err)
	require.Empty(t, session.Link)
	require.Empty(t, session.Handle)
	ended(s.read(id))
	again, err := s.starterAt(0).SweepLost(t.Context())
	require.NoError(t, err)
	require.Zero(t, again, "its end stands")
}

// Who wants to move a run that ended without a word need not wait for the
// sweeper.
func TestATerminatedRunIsKnownToWhoeverAsksIt(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), a.view.ID, "", "a test pulls the plug"))
	cancel := s.call("shop", "POST", "/v1/verifications/"+a.view.ID+"/cancel", nil, nil)
	require.Equal(t, http.StatusConflict, cancel.status, "%s", cancel.body)
	require.Equal(t, verification.Error, s.read(a.view.ID).Status)
}

func TestWithoutAWorkerReadsAnswerAndACallbackTakesEffectLater(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	id, callback := a.view.ID, s.callbackOf(a.view)
	s.worker.stop(t)

	v := s.read(id)
	require.Equal(t, verification.RequiresInput, v.Status)
	require.Equal(t, a.view.NextAction.URL, v.NextAction.URL, "the link too")
	require.Empty(t, v.Decision)
	s.play(a.view, "0")
	before := s.signals(id)
	res, err := direct.Get(callback)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, before+1, s.signals(id), "durable with no worker up")

	// What needs the run answers that it does not know, and may be repeated.
	cancel := s.call("other", "POST", "/v1/verifications/"+id+"/cancel", nil, nil)
	require.Equal(t, http.StatusNotFound, cancel.status)
	start := s.begin(s.person())
	require.Equal(t, http.StatusAccepted, start.status, "%s", start.body)
	require.Equal(t, verification.Processing, start.view.Status)

	s.startWorker()
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(id, 30*time.Second).Outcome)
	s.untilLink(start.view.ID, 20*time.Second)
}

func TestCancelingInTheUIReadsAsCanceled(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), a.view.ID, ""))
	v := s.untilEnd(a.view.ID, 20*time.Second)
	require.Equal(t, verification.Canceled, v.Status)
	require.Equal(t, verification.OutcomeCanceled, v.Outcome)
	require.Equal(t, verification.CanceledByOperator, v.LastError.Code)
	require.Nil(t, v.NextAction)
	s.untilWritten(a.view.ID)
	again := s.call("shop", "POST", "/v1/verifications/"+a.view.ID+"/cancel", nil, nil)
	require.Equal(t, http.StatusOK, again.status, "what is canceled already is answered as it is: %s", again.body)
}

// untilWritten waits until the store has the verification's end.
func (s *stack) untilWritten(id string) {
	s.t.Helper()
	st := s.openStore()
	require.Eventually(s.t, func() bool {
		row, err := st.Load(s.t.Context(), id)
		return err == nil && row.Ended
	}, 20*time.Second, 50*time.Millisecond, "the end is not in the store")
}

func TestAnUnreachableEngineIsToldAndLosesNothing(t *testing.T) {
	t.Parallel()
	line := newLine(t, shared.temporal.HostPort)
	s := newStack(t, options{env: []string{"TEMPORAL_ADDRESS=" + line.address}})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	done := s.begin(s.person())
	s.play(done.view, "0")
	s.untilEnd(done.view.ID, 30*time.Second)
	s.untilWritten(done.view.ID)
	callback := s.callbackOf(a.view)

	line.cut()
	request, key := s.request(s.person()), map[string]string{"Idempotency-Key": "while-it-is-away"}
	// At the same time: each takes its whole patience.
	refusals := map[string]func() answer{
		"start": func() answer { return s.call("shop", "POST", "/v1/verifications", key, request) },
		"retry": func() answer {
			return s.call("shop", "POST", "/v1/verifications/"+a.view.ID+"/retry", nil, map[string]any{"session": 1})
		},
		"cancel": func() answer { return s.call("shop", "POST", "/v1/verifications/"+a.view.ID+"/cancel", nil, nil) },
	}
	answers := sync.Map{}
	var wg sync.WaitGroup
	for what, call := range refusals {
		wg.Go(func() { answers.Store(what, call()) })
	}
	wg.Wait()
	for what := range refusals {
		got, ok := answers.Load(what)
		require.True(t, ok, what)
		refused := got.(answer)
		require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s: %s", what, refused.body)
		require.Equal(t, "engine_unavailable", refused.Code, what)
		require.NotEmpty(t, refused.header.Get("Retry-After"), what)
		require.Contains(t, string(refused.body), "may still take effect", what)
	}
	require.Equal(t, verification.OutcomeApproved, s.read(done.view.ID).Outcome, "reading needs no engine")
	require.Equal(t, a.view.NextAction.URL, s.read(a.view.ID).NextAction.URL)
	res, err := direct.Get(callback)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusSeeOther, res.StatusCode, "nobody is stranded")
	res, err = http.Get(s.opsURL + "/readyz")
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)

	line.mend()
	var start answer
	require.Eventually(t, func() bool {
		start = s.call("shop", "POST", "/v1/verifications", key, request)
		return start.status < 300
	}, 60*time.Second, 250*time.Millisecond, "the same key finds it again")
	require.Equal(t, verification.RequiresInput, s.untilLink(start.view.ID, 30*time.Second).Status)
	require.Equal(t, 3, s.rows())
	// The cancel that got no answer may be repeated, or have taken effect.
	require.Equal(t, http.StatusOK, s.call("shop", "POST", "/v1/verifications/"+a.view.ID+"/cancel", nil, nil).status)
}

func TestAnAPIWithoutAnEngineWaitsAndGivesUpSayingWhy(t *testing.T) {
	t.Parallel()
	s := &stack{t: t, dir: t.TempDir(), keys: map[string]string{}, namespace: "none-" + time.Now().Format("150405.000000")}
	s.startVendors(options{})
	s.prepare(options{})
	ctx := s.within(40 * time.Second)
	cmd := exec.CommandContext(ctx, shared.yanzhen, "api")
	cmd.Env, cmd.Dir = append(s.env, "TEMPORAL_ADDRESS="+freeAddress(t), "YANZHEN_START_PATIENCE=2s"), s.dir
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it hung")
	told := string(out)
	require.Contains(t, told, `"msg":"waiting"`)
	_, last, _ := strings.Cut(told, "yanzhen: ")
	require.Contains(t, last, "TEMPORAL_ADDRESS")
}

func TestWorkerAndAPIWaitForWhatSetupMakes(t *testing.T) {
	t.Parallel()
	s := &stack{t: t, dir: t.TempDir(), keys: map[string]string{}, namespace: "late-" + time.Now().Format("150405.000000")}
	s.startVendors(options{})
	s.prepare(options{})
	s.env = append(s.env, "TEMPORAL_NAMESPACE="+s.namespace+"-2", "YANZHEN_STORE=sqlite:"+filepath.Join(s.dir, "late.db"), "YANZHEN_START_PATIENCE=2m")
	s.api = s.start("api")
	s.startWorker()
	require.Eventually(t, func() bool { return strings.Contains(string(s.logs()), "run `yanzhen setup`") }, 30*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		res, err := http.Get(s.opsURL + "/readyz")
		if err != nil {
			return false // the worker may have been the first to say that it waits
		}
		res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	}, 30*time.Second, 50*time.Millisecond, "it answers while it waits")

	<-s.start("setup").done
	s.waitReady()
	a := s.begin(s.person())
	require.Equal(t, verification.RequiresInput, s.untilLink(a.view.ID, 30*time.Second).Status)
}

// line is a connection to a server that can be cut: afterwards its port is
// closed.
type line struct {
	t               *testing.T
	address, server string
	mu              sync.Mutex
	listener        net.Listener
	conns           []net.Conn
}

func newLine(t *testing.T, server string) *line {
	l := &line{t: t, address: freeAddress(t), server: server}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

// mend opens the port, again after a cut.
func (l *line) mend() {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", l.address)
	require.NoError(l.t, err)
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", l.server)
			if err != nil {
				near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
		}
	}()
}

// cut closes the port and whatever goes through it.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener.Close()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
