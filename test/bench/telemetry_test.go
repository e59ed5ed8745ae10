//go:build bench

package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// telemetryAtOnce is how many verifications run at once.
const telemetryAtOnce = 16

// telemetry measures the product that exports all of its traces and metrics by OTLP
// beside one that exports nothing: two installations on one engine, batch by batch, in
// turns. Both count, since nobody runs without metrics.
func (s *stack) telemetry() (out Section) {
	var received atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received.Add(n)
	}))
	s.t.Cleanup(collector.Close)
	told := s.beside("told", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_METRIC_EXPORT_INTERVAL=10000")
	many, n := 3**pairs, 6*telemetryAtOnce
	if *quick {
		many, n = *pairs, 2*telemetryAtOnce
	}
	for _, one := range []*stack{s, told} { // both warm
		one.batch("callback", telemetryAtOnce, n, false)
	}
	row := Row{Path: "callback", AtOnce: telemetryAtOnce}
	for i := range many {
		var p Pair
		for turn := range 2 {
			if (i+turn)%2 == 0 {
				p.Bare = s.batch("callback", telemetryAtOnce, n, false)
			} else {
				p.Product = told.batch("callback", telemetryAtOnce, n, false)
			}
		}
		row.Pairs = append(row.Pairs, p)
	}
	require.Positive(s.t, received.Load(), "nothing was exported")
	own := func(b Batch) float64 { return ms(b.CPU["worker"] + b.CPU["api"]) }
	speed, work := row.Ratio(func(b Batch) float64 { return b.PerSecond }), row.Ratio(own)
	figure := func(what string, value float64, unit, wanted string) {
		out.Figures = append(out.Figures, Figure{What: what, Value: value, Unit: unit, Wanted: wanted})
	}
	figure("throughput with telemetry exported, of that without: median of the pairs", 100*speed.Median, "%", "at least 95")
	figure("the least of the pairs", 100*speed.Low, "%", "")
	figure("the greatest", 100*speed.High, "%", "")
	figure("pairs", float64(many), "", "")
	figure("verifications a second without, median", row.Of(bare, func(b Batch) float64 { return b.PerSecond }).Median, "", "")
	figure("verifications a second with, median", row.Of(product, func(b Batch) float64 { return b.PerSecond }).Median, "", "")
	figure("processor time of worker and api for a verification with, of that without: median", 100*work.Median, "%", "")
	figure("exported for a verification", float64(received.Load())/float64((many+1)*n)/1024, "KB", "")
	return out
}

// beside is another installation on the same engine: a namespace, a store, a worker and
// an api of its own, with further settings.
func (s *stack) beside(name string, more ...string) *stack {
	t, other := s.t, *s
	other.dir, other.pids = filepath.Join(s.dir, name), map[string]int{"engine": s.pids["engine"]}
	require.NoError(t, os.Mkdir(other.dir, 0o700))
	retry(t, func() error {
		return engine.Setup(t.Context(), s.temporal, name, workflows.SearchAttributes(), 24*time.Hour, func(string) {})
	})
	other.temporal = dial(t, s.hostPort, name)
	other.dsn = "sqlite:" + filepath.Join(other.dir, "yanzhen.db")
	if *kind == "postgres" {
		other.dsn = storetest.Postgres(t)
	}
	require.NoError(t, store.Migrate(t.Context(), other.dsn))
	other.startProduct(name, more...)
	return &other
}
