package telemetry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// Engine takes what Temporal's SDK counts, under the SDK's own names with
// Prometheus's endings (temporal_request_total, temporal_request_latency_seconds):
// https://docs.temporal.io/references/sdk-metrics
func (m *Metrics) Engine() client.MetricsHandler {
	if m == nil {
		return client.MetricsNopHandler
	}
	return engineMetrics{series: m.engine}
}

// keptTags are those of the SDK's tags whose values come from code. Namespace and
// client are the same in all of a process's.
var keptTags = []string{"activity_type", "cause", "failure_reason", "operation", "poller_type", "status_code", "task_queue", "worker_type", "workflow_type"}

const (
	taskFailed     = "temporal_workflow_task_execution_failed"
	reasonTag      = "failure_reason"
	nonDeterminism = "NonDeterminismError"
	endToEnd       = "temporal_workflow_endtoend_latency"
)

// What workflows count by the SDK's handler, which counts nothing while a history
// is replayed: under these names, with these tags and no others.
const (
	SessionEnds = "yanzhen_session_ends"
	Charges     = "yanzhen_vendor_charges"
)

var ownTags = []string{"provider", "by", "operation", "charged"}

// engineMetrics is the handler for one set of tags; own are those of what
// workflows count.
type engineMetrics struct {
	series *engineSeries
	labels prometheus.Labels
	own    map[string]string
}

func (h engineMetrics) WithTags(tags map[string]string) client.MetricsHandler {
	labels := maps.Clone(h.labels)
	if labels == nil {
		labels = prometheus.Labels{}
	}
	own := maps.Clone(h.own)
	for name, value := range tags {
		if slices.Contains(ownTags, name) {
			if own == nil {
				own = map[string]string{}
			}
			own[name] = value
		}
		delete(labels, name)
		if value != "none" && slices.Contains(keptTags, name) {
			labels[name] = value
		}
	}
	return engineMetrics{h.series, labels, own}
}

func (h engineMetrics) Counter(name string) client.MetricsCounter {
	if count, ok := h.series.own[name]; ok {
		return counted(func(n int64) {
			for range n {
				count(h.own)
			}
		})
	}
	full := strings.TrimSuffix(name, "_total") + "_total"
	return counted(func(n int64) {
		get(h.series, full, h.labels, func(o prometheus.Opts) prometheus.Counter {
			return prometheus.NewCounter(prometheus.CounterOpts(o))
		}).Add(float64(n))
		if name == taskFailed && h.labels[reasonTag] == nonDeterminism {
			h.series.nonDeterministic()
		}
	})
}

func (h engineMetrics) Gauge(name string) client.MetricsGauge {
	return measured(func(v float64) {
		get(h.series, name, h.labels, func(o prometheus.Opts) prometheus.Gauge {
			return prometheus.NewGauge(prometheus.GaugeOpts(o))
		}).Set(v)
	})
}

func (h engineMetrics) Timer(name string) client.MetricsTimer {
	if strings.HasSuffix(name, "_attempt") {
		return timed(func(time.Duration) {}) // each try of a request beside the request
	}
	buckets := []float64{.01, .05, .1, .5, 1, 5, 10, 60, 300}
	if name == endToEnd { // a person's minutes, a reviewer's days
		buckets = []float64{1, 10, 60, 300, 600, 1800, 3600, 6 * 3600, 86400, 7 * 86400}
	}
	return timed(func(d time.Duration) {
		get(h.series, name+"_seconds", h.labels, func(o prometheus.Opts) prometheus.Histogram {
			return prometheus.NewHistogram(prometheus.HistogramOpts{Name: o.Name, Help: o.Help, ConstLabels: o.ConstLabels, Buckets: buckets})
		}).Observe(d.Seconds())
	})
}

type (
	counted  func(int64)
	measured func(float64)
	timed    func(time.Duration)
)

func (f counted) Inc(n int64)          { f(n) }
func (f measured) Update(v float64)    { f(v) }
func (f timed) Record(d time.Duration) { f(d) }

// engineSeries holds what the SDK has counted. The SDK gives one name different
// tags from place to place, which a vector of Prometheus's cannot hold: so each
// set of tags is a metric of its own.
type engineSeries struct {
	nonDeterministic func()
	// own are counters of ours, by name.
	own map[string]func(tags map[string]string)
	mu  sync.RWMutex
	by  map[string]prometheus.Collector
}

// Describe announces nothing: the names are known when they come.
func (s *engineSeries) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *engineSeries) Collect(ch chan<- prometheus.Metric) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range s.by {
		one.Collect(ch)
	}
}

// get returns the metric of a name and labels, made at its first use.
func get[M prometheus.Collector](s *engineSeries, name string, labels prometheus.Labels, make func(prometheus.Opts) M) M {
	key := name
	for _, tag := range keptTags {
		key += "\x00" + labels[tag]
	}
	s.mu.RLock()
	one, ok := s.by[key]
	s.mu.RUnlock()
	if !ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if one, ok = s.by[key]; !ok {
			one = make(prometheus.Opts{Name: name, Help: "Of Temporal's SDK.", ConstLabels: labels})
			s.by[key] = one
		}
	}
	return one.(M)
}
