package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

type fakeHealth struct {
	err   error
	asked atomic.Int32
}

func (f *fakeHealth) Ping(context.Context) error { f.asked.Add(1); return f.err }
func (f *fakeHealth) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	f.asked.Add(1)
	return nil, f.err
}

func TestReadinessAsksStoreAndEngineOnceForManyProbes(t *testing.T) {
	store, engine := &fakeHealth{}, &fakeHealth{}
	h := Ops(OpsDeps{Store: store, Engine: engine, Metrics: telemetry.NewMetrics()})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	for range 10 {
		w := get("/readyz")
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"store":"ok","engine":"ok"}`, w.Body.String())
	}
	require.EqualValues(t, 1, store.asked.Load())
	require.EqualValues(t, 1, engine.asked.Load())
	require.Equal(t, 200, get("/healthz").Code)
	require.Contains(t, get("/metrics").Body.String(), "go_goroutines")
}

// An alert needs no probe: each scrape looks, and says what /readyz would.
func TestReadinessIsAMetric(t *testing.T) {
	store := &fakeHealth{err: Unready("disk_full")}
	h := Ops(OpsDeps{Store: store, Engine: &fakeHealth{}, Metrics: telemetry.NewMetrics(),
		Expiring: func() []string { return []string{"shop-key"} }, Catalogue: func() error { return Unready("old_one_kept") }, KeyFile: func() error { return Unready("old_one_kept") }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`yanzhen_ready{part="store",state="disk_full"} 0`,
		`yanzhen_ready{part="engine",state="ok"} 1`,
		`yanzhen_ready{part="keys",state="expiring"} 1`,
		`yanzhen_ready{part="catalogue",state="old_one_kept"} 1`,
		`yanzhen_ready{part="key_file",state="old_one_kept"} 1`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line+"\n")
	}
	require.NotContains(t, w.Body.String(), `part="store",state="ok"`)
}

func TestReadinessNamesWhatIsMissingAndNothingElse(t *testing.T) {
	h := Ops(OpsDeps{Store: &fakeHealth{}, Engine: &fakeHealth{err: errors.New("dial 10.0.0.1: secret")}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	require.Equal(t, 503, w.Code)
	require.JSONEq(t, `{"store":"ok","engine":"unavailable"}`, w.Body.String())
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	require.Equal(t, 200, w.Code, "a process whose engine is away is still alive")
}

// A worker whose runs stand still, or a full disk, is told by its word; and told
// once in the log, and once more when it is over.
func TestReadinessTellsWhatItIs(t *testing.T) {
	var logs bytes.Buffer
	fault := error(Unready("failing"))
	r := &readiness{deps: OpsDeps{Store: &fakeHealth{}, Workflows: func() error { return fault }, Logger: slog.New(slog.NewTextHandler(&logs, nil))}}
	get := func() *httptest.ResponseRecorder {
		r.until = time.Time{} // the next probe looks again
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w
	}
	for range 3 {
		w := get()
		require.Equal(t, 503, w.Code)
		require.JSONEq(t, `{"store":"ok","workflows":"failing"}`, w.Body.String())
	}
	require.Equal(t, 1, strings.Count(logs.String(), "not ready"))
	require.Contains(t, logs.String(), "part=workflows state=failing")
	fault = nil
	for range 3 {
		require.Equal(t, 200, get().Code)
	}
	require.Equal(t, 1, strings.Count(logs.String(), "ready again"))
}

func TestKeysAreRandomAndKeptAsHashes(t *testing.T) {
	a, hash := NewKey()
	b, _ := NewKey()
	require.NotEqual(t, a, b)
	require.Regexp(t, `^yz_live_[A-Za-z0-9_-]{43}$`, a)
	require.Equal(t, HashKey(a), hash)
}
