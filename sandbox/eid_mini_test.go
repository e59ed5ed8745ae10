package sandbox

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// miniPage plays the caller's program from the tap to the return.
func (w *world) miniPage(token, returned string, form url.Values) (status int, body string) {
	w.t.Helper()
	res, body := w.get(w.url + "/sandbox/eid/mini?" + url.Values{"token": {token}, "returned": {returned}}.Encode())
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, body
	}
	require.Contains(w.t, body, `action="/sandbox/eid/mini/`+token+`/begin"`)
	res, body = w.form("/sandbox/eid/mini/"+token+"/begin", "")
	require.Equal(w.t, http.StatusOK, res.StatusCode, body)
	require.Contains(w.t, body, `name="tell"`)
	res, body = w.form("/sandbox/eid/mini/"+token+"/end", form.Encode())
	return res.StatusCode, body
}

// The program says that its person is back when it is told to, and the result is
// there whether or not it does.
func TestTheMiniProgramTellsOfTheReturnAsItIsTold(t *testing.T) {
	defer func(d time.Duration) { tellLate = d }(tellLate)
	tellLate = 10 * time.Millisecond
	for tell, want := range map[string]int64{TellNow: 1, "": 1, TellTwice: 2, TellEarly: 1, TellLate: 1, TellNever: 0} {
		w := start(t, nil)
		token, _ := w.eidToken(map[string]any{"RedirectUrl": ""})
		var told atomic.Int64
		var statusAtCall atomic.Value
		program := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			now, _ := w.TokenStatus(token)
			statusAtCall.Store(now)
			if r.Method == http.MethodPost && r.URL.Path == "/returned" {
				told.Add(1)
			}
			rw.WriteHeader(http.StatusNoContent)
		}))
		status, _ := w.miniPage(token, program.URL+"/returned", url.Values{"outcome": {"0"}, "tell": {tell}})
		require.Equal(t, http.StatusOK, status)
		require.Eventually(t, func() bool { return told.Load() == want }, 5*time.Second, 5*time.Millisecond, tell)
		if tell == TellEarly {
			require.Equal(t, StatusDoing, statusAtCall.Load())
		}
		_, text := w.result(token, "1")
		require.Equal(t, 0, *text.ErrCode, tell)
		program.Close()
	}
}

// A token works once, and by one door.
func TestATokenInAMiniProgramWorksOnce(t *testing.T) {
	w := start(t, nil)
	token, link := w.eidToken(nil)
	status, _ := w.miniPage(token, "", url.Values{"outcome": {OutcomeCancel}})
	require.Equal(t, http.StatusOK, status)
	status, _ = w.miniPage(token, "", nil)
	require.Equal(t, http.StatusGone, status)
	res, _ := w.get(link)
	require.Equal(t, http.StatusGone, res.StatusCode, "the other door is shut")
	status, _ = w.miniPage("unknown", "", nil)
	require.Equal(t, http.StatusNotFound, status)
}

func TestTheStatusOfAMiniProgramsTokenIsAsConfigured(t *testing.T) {
	for status, want := range map[string]string{MiniStatusMoves: "finished", MiniStatusStuck: "init", MiniStatusError: "", "": "init"} {
		w := start(t, func(c *Config) { c.Tencent.MiniStatus, c.Tencent.MiniOnly = status, true })
		token, link := w.eidToken(nil)
		require.Empty(t, link)
		w.miniPage(token, "", url.Values{"outcome": {"0"}, "tell": {TellNever}})
		require.Equal(t, want, w.status(token), status)
	}
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	w.miniPage(token, "", url.Values{"outcome": {OutcomeCancel}})
	w.clock.Add(600 * time.Second)
	require.Equal(t, "timeout", w.status(token))
}
