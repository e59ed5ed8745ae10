package cmd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errLate = errors.New("not there: set THAT_SETTING")

// comes is an arrival that is there at the n-th try.
func comes(n int) *dependency {
	tries := 0
	return &dependency{notYet: func(err error) bool { return errors.Is(err, errLate) }, try: func(context.Context) error {
		if tries++; tries < n {
			return errLate
		}
		return nil
	}}
}

func TestAStartWaitsAndSaysForWhat(t *testing.T) {
	var logs safeBuffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	require.NoError(t, await(t.Context(), time.Minute, log, comes(1), comes(2)))
	require.Contains(t, logs.String(), errLate.Error())
	require.Equal(t, 1, strings.Count(logs.String(), "waiting"), "what is there is not waited for")
}

func TestAStartGivesUpWithEveryFaultWhenItsPatienceIsOver(t *testing.T) {
	err := await(t.Context(), 0, slog.New(slog.DiscardHandler), comes(2), comes(1), comes(2))
	require.Equal(t, 2, strings.Count(err.Error(), errLate.Error()))
}

func TestAStartRefusesAtOnceWhatWaitingDoesNotMend(t *testing.T) {
	wrong := &dependency{notYet: func(error) bool { return false }, try: func(context.Context) error { return errors.New("wrong for good") }}
	began := time.Now()
	err := await(t.Context(), time.Minute, slog.New(slog.DiscardHandler), comes(9), wrong)
	require.ErrorContains(t, err, "wrong for good")
	require.ErrorIs(t, err, errLate, "and all the rest that is not there")
	require.Less(t, time.Since(began), lookEvery)
}

func TestAWaitingStartCanBeStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, await(ctx, time.Minute, slog.New(slog.DiscardHandler), comes(99)), context.DeadlineExceeded)
}

func ask(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestAProcessIsAliveFromItsStartAndReadyOnlyWhileItRuns(t *testing.T) {
	f := newFront()
	status, _ := ask(t, f, "/healthz")
	require.Equal(t, http.StatusOK, status)
	status, body := ask(t, f, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "starting")
	status, body = ask(t, f, "/v1/verifications")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `"code":"engine_unavailable"`)

	f.run(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the process") }))
	for _, path := range []string{"/readyz", "/healthz", "/v1/verifications"} {
		status, body = ask(t, f, path)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "the process", body)
	}

	f.stop()
	status, body = ask(t, f, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "stopping")
	status, _ = ask(t, f, "/v1/verifications")
	require.Equal(t, http.StatusOK, status, "it goes on answering")

	f = newFront()
	f.stop()
	f.run(http.NotFoundHandler())
	_, body = ask(t, f, "/readyz")
	require.Contains(t, body, "stopping", "a start that is over too late makes nothing ready")
}

func TestHealthcheckEndsWithWhatReadinessSays(t *testing.T) {
	f := newFront()
	server := httptest.NewServer(f)
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("YANZHEN_OPS_LISTEN", "0.0.0.0:"+port)
	_, err = run(t.Context(), "healthcheck")
	require.ErrorContains(t, err, "starting")
	f.run(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	_, err = run(t.Context(), "healthcheck")
	require.NoError(t, err)
	_, err = run(t.Context(), "healthcheck", "--url", server.URL+"/readyz")
	require.NoError(t, err)

	server.Close()
	_, err = run(t.Context(), "healthcheck")
	require.ErrorContains(t, err, "no answer from")
	require.Equal(t, "http://127.0.0.1:9090/readyz", readyAddress(""))
	require.Equal(t, "http://127.0.0.1:9090/readyz", readyAddress(":9090"))
	require.Equal(t, "http://10.0.0.1:90/readyz", readyAddress("10.0.0.1:90"))
}

func TestForwardBringsALoopbackAddressElsewhere(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer far.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go forward(l, far.Listener.Addr().String())
	sent := strings.Repeat("x", 1<<20)
	res, err := http.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(sent))
	require.NoError(t, err)
	got, err := io.ReadAll(res.Body)
	res.Body.Close()
	require.NoError(t, err)
	require.Len(t, got, len(sent))

	l.Close()
	_, err = http.Post("http://"+l.Addr().String(), "text/plain", nil)
	require.Error(t, err)
}
