package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"

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

func TestKeysAreRandomAndKeptAsHashes(t *testing.T) {
	a, hash := NewKey()
	b, _ := NewKey()
	require.NotEqual(t, a, b)
	require.Regexp(t, `^yz_[A-Za-z0-9_-]{43}$`, a)
	require.Equal(t, HashKey(a), hash)
}
