package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// Pinger is the store, as far as readiness goes.
type Pinger interface {
	Ping(ctx context.Context) error
}

// HealthChecker is a Temporal client, as far as readiness goes.
type HealthChecker interface {
	CheckHealth(ctx context.Context, r *client.CheckHealthRequest) (*client.CheckHealthResponse, error)
}

// Unready is an error whose words readiness may tell, such as "disk_full"; of any
// other it says "unavailable".
type Unready string

func (u Unready) Error() string { return string(u) }

// OpsDeps is what the ops port looks at. All but Store may be nil.
type OpsDeps struct {
	Store   Pinger
	Engine  HealthChecker
	Metrics *telemetry.Metrics
	// Workflows tells whether those that run in this process do.
	Workflows func() error
	// Dispatched tells whether they are given something to do.
	Dispatched func(context.Context) error
	// Expiring tells of API keys that end soon; they are told of, and do not make
	// the process unready.
	Expiring func() []string
	// Catalogue tells whether the file that the process goes by is the newest one;
	// an older one does not make it unready.
	Catalogue func() error
	// KeyFile tells the same of the key file.
	KeyFile func() error
	// Logger hears when readiness is lost and when it is back.
	Logger *slog.Logger
}

const (
	// readyFor is how long an answer about readiness holds, so that many
	// probes ask the store and the engine once.
	readyFor  = 2 * time.Second
	readyTime = 2 * time.Second
)

// Ops returns the handler of the ops port: /healthz, /readyz, /metrics. It is
// for the inside and asks nobody who they are.
func Ops(d OpsDeps) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerReady(w, http.StatusOK, map[string]string{"process": "ok"})
	})
	r := &readiness{deps: d}
	mux.Handle("GET /readyz", r)
	if d.Metrics != nil {
		d.Metrics.Registry().MustRegister(r)
		mux.Handle("GET /metrics", d.Metrics.Handler())
	}
	return mux
}

type readiness struct {
	deps OpsDeps

	mu     sync.Mutex
	until  time.Time
	status int
	parts  map[string]string
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	status, parts := r.now()
	answerReady(w, status, parts)
}

func (r *readiness) now() (status int, parts map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().After(r.until) {
		r.look()
	}
	return r.status, r.parts
}

var readyDesc = prometheus.NewDesc("yanzhen_ready",
	"1: this part of readiness is well, or does not count; 0: it makes the process unready. state is the word that /readyz says.", []string{"part", "state"}, nil)

// Describe implements prometheus.Collector.
func (r *readiness) Describe(ch chan<- *prometheus.Desc) { ch <- readyDesc }

// Collect looks with each scrape, so that a process that no probe asks tells the
// truth, too.
func (r *readiness) Collect(ch chan<- prometheus.Metric) {
	_, parts := r.now()
	for part, state := range parts {
		well := 1.0
		if counts(part, state) {
			well = 0
		}
		ch <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, well, part, state)
	}
}

// counts reports whether a part's state makes the process unready.
func counts(part, state string) bool {
	return state != ready && state != expiring && part != catalogue && part != keyFile
}

// look asks everything that a request needs. It does not use a probe's own
// context: the answer is for the others too.
func (r *readiness) look() {
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	before := r.parts
	r.status, r.parts = http.StatusOK, map[string]string{}
	note := func(part string, err error) {
		word, told := errors.AsType[Unready](err)
		switch {
		case err == nil:
			r.parts[part] = ready
			return
		case told:
			r.parts[part] = string(word)
		default:
			r.parts[part] = "unavailable"
		}
		r.status = http.StatusServiceUnavailable
	}
	note("store", r.deps.Store.Ping(ctx))
	if r.deps.Engine != nil {
		_, err := r.deps.Engine.CheckHealth(ctx, &client.CheckHealthRequest{})
		note("engine", err)
	}
	if r.deps.Workflows != nil {
		note("workflows", r.deps.Workflows())
	}
	if r.deps.Dispatched != nil {
		note("dispatch", r.deps.Dispatched(ctx))
	}
	if r.deps.Expiring != nil {
		r.warn(before, r.deps.Expiring())
	}
	status := r.status
	for part, fault := range map[string]func() error{catalogue: r.deps.Catalogue, keyFile: r.deps.KeyFile} {
		if fault != nil {
			note(part, fault()) // who keeps the old one logs why
		}
	}
	r.status = status
	r.until = time.Now().Add(readyFor)
	r.log(before)
}

// expiring is what readiness says of API keys some of which end soon.
const expiring = "expiring"

// warn tells of keys that end soon: in every answer, and in the log once.
func (r *readiness) warn(before map[string]string, keys []string) {
	if len(keys) == 0 {
		return
	}
	r.parts["keys"] = expiring
	if before["keys"] == expiring || r.deps.Logger == nil {
		return
	}
	for _, key := range keys {
		r.deps.Logger.Warn("an API key ends soon: make another with yanzhen client rotate", "key", key)
	}
}

// The parts that do not count.
const (
	catalogue = "catalogue"
	keyFile   = "key_file"
)

// ready is what readiness says of a part that is.
const ready = "ok"

// log tells, once, what has changed since the last look; what was ready from the
// first is not told.
func (r *readiness) log(before map[string]string) {
	if r.deps.Logger == nil {
		return
	}
	for _, part := range slices.Sorted(maps.Keys(r.parts)) {
		now, was := r.parts[part], cmp.Or(before[part], ready)
		switch {
		case now == was, now == expiring:
		case now == ready:
			r.deps.Logger.Info("ready again", "part", part)
		default:
			r.deps.Logger.Error("not ready", "part", part, "state", now)
		}
	}
}

func answerReady(w http.ResponseWriter, status int, parts map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(parts)
}
