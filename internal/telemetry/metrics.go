package telemetry

import (
	"cmp"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the process's own counts. Labels hold names from the code and
// the configuration only, so that neither a person nor an attacker can add
// series. A nil *Metrics counts nothing.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	hints    *prometheus.CounterVec
	notices  *prometheus.CounterVec
	starts   *prometheus.CounterVec
	swept    *prometheus.CounterVec
	panics   *prometheus.CounterVec
	outcomes *prometheus.CounterVec
	vendors  *prometheus.HistogramVec
	sent     *prometheus.CounterVec
	off      prometheus.Counter
	backlog  prometheus.Gauge
	stale    prometheus.Gauge
	due      *prometheus.GaugeVec
	changed  prometheus.Counter
	engine   *engineSeries
	// failedAt is when a workflow's task last failed by its code.
	failedAt atomic.Int64 // nanoseconds since 1970
}

// NewMetrics makes the metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yanzhen_http_request_duration_seconds", Help: "Time to answer, by route. Waiting reads are as long as they wait.",
			// Starts wait for a vendor up to 8 s, reads for a change up to 60 s.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 8, 10, 30, 60},
		}, []string{"method", "route"}),
		hints: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_hints_total", Help: "Callbacks of vendors and returning browsers, by what became of them.",
		}, []string{"provider", "result"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_notices_total", Help: "Callbacks of vendors that may carry signed data, by what became of them.",
		}, []string{"provider", "result"}),
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_starts_total", Help: "Start calls by result: created, accepted, replayed, or the code of the refusal.",
		}, []string{"result"}),
		swept: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_swept_total", Help: "Rows that the sweeper deleted or ended.",
		}, []string{"result"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_panics_total", Help: "Panics, by where: workflow, activity, http. A workflow's is met again with each try of its task.",
		}, []string{"where"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_outcomes_total", Help: "Ends of verifications, later versions of a verdict included, by outcome and who decided: policy, reviewer, none.",
		}, []string{"policy", "outcome", "decided_by"}),
		vendors: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yanzhen_vendor_call_duration_seconds", Help: "Calls of vendors, by class: ok, or what the failure means.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2, 3, 5, 8, 12, 18},
		}, []string{"provider", "operation", "class"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanzhen_webhook_attempts_total", Help: "Attempts to deliver an event, by outcome: the status's class, or why there was none.",
		}, []string{"class"}),
		off: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yanzhen_webhook_endpoints_disabled_total", Help: "Endpoints that were switched off, since they only failed or said that they are gone.",
		}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yanzhen_webhook_backlog_seconds", Help: "For how long the oldest event or delivery has been waiting for the relay; 0: none does.",
		}),
		stale: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yanzhen_catalogue_stale", Help: "1: the file of clients and policies has errors, and the process goes by an older one; the log tells which.",
		}),
		due: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "yanzhen_retention_due", Help: "What is kept beyond its time: personal, verdicts, events. It falls with the next run of the schedule.",
		}, []string{"part"}),
		changed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yanzhen_changed_total", Help: "Times that a row or an event was found to be changed outside of yanzhen. It is told to nobody; the log names it.",
		}),
		engine: &engineSeries{by: map[string]prometheus.Collector{}},
	}
	m.engine.nonDeterministic = func() { m.Panicked(Workflow) }
	for _, where := range []string{Workflow, Activity, HTTP} {
		m.panics.WithLabelValues(where) // 0, so that the first one is a rise
	}
	m.registry.MustRegister(m.requests, m.duration, m.hints, m.notices, m.starts, m.swept, m.panics, m.outcomes, m.vendors, m.sent, m.off, m.backlog, m.stale, m.due, m.changed, m.engine,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where other parts of the process add their metrics.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Request counts an answered request. route is the route's template, never
// the path.
func (m *Metrics) Request(method, route string, status int, d time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, route).Observe(d.Seconds())
}

// Hint counts a callback. provider comes from a genuine ticket.
func (m *Metrics) Hint(provider, result string) {
	if m != nil {
		m.hints.WithLabelValues(provider, result).Inc()
	}
}

// Notice counts a callback that may carry signed data. provider comes from a
// genuine ticket.
func (m *Metrics) Notice(provider, result string) {
	if m != nil {
		m.notices.WithLabelValues(provider, result).Inc()
	}
}

// Start counts a start call.
func (m *Metrics) Start(result string) {
	if m != nil {
		m.starts.WithLabelValues(result).Inc()
	}
}

// Swept counts rows that the sweeper deleted and runs whose end it wrote.
func (m *Metrics) Swept(deleted, ended int) {
	if m != nil {
		m.swept.WithLabelValues("deleted").Add(float64(deleted))
		m.swept.WithLabelValues("ended").Add(float64(ended))
	}
}

// Due tells what is kept beyond its time.
func (m *Metrics) Due(personal, verdicts, events int) {
	if m != nil {
		m.due.WithLabelValues("personal").Set(float64(personal))
		m.due.WithLabelValues("verdicts").Set(float64(verdicts))
		m.due.WithLabelValues("events").Set(float64(events))
	}
}

// Changed counts a row or an event that somebody changed outside of yanzhen.
func (m *Metrics) Changed() {
	if m != nil {
		m.changed.Inc()
	}
}

// Where a panic was.
const (
	Workflow = "workflow"
	Activity = "activity"
	HTTP     = "http"
)

// Panicked counts a panic; where is one of the words above. A history that no
// longer fits its workflow's code counts as a workflow's.
func (m *Metrics) Panicked(where string) {
	if m == nil {
		return
	}
	m.panics.WithLabelValues(where).Inc()
	if where == Workflow {
		m.failedAt.Store(time.Now().UnixNano())
	}
}

// failingFor is how long a workflow's panic is told: longer than the ten minutes
// after which, at the latest, the server tries a stuck run's task again.
const failingFor = 12 * time.Minute

// WorkflowsFail reports whether a workflow panicked in the last minutes: a run
// stands still, and goes on only once its code is mended.
func (m *Metrics) WorkflowsFail() bool {
	return m != nil && time.Since(time.Unix(0, m.failedAt.Load())) < failingFor
}

// Ended counts a verification's end; decidedBy is empty without a verdict.
func (m *Metrics) Ended(policy, outcome, decidedBy string) {
	if m != nil {
		m.outcomes.WithLabelValues(policy, outcome, cmp.Or(decidedBy, "none")).Inc()
	}
}

// VendorCall counts a call of a vendor; class is "ok" or that of its failure.
func (m *Metrics) VendorCall(provider, operation, class string, took time.Duration) {
	if m != nil {
		m.vendors.WithLabelValues(provider, operation, class).Observe(took.Seconds())
	}
}

// WebhookTried counts an attempt to deliver an event.
func (m *Metrics) WebhookTried(class string) {
	if m != nil {
		m.sent.WithLabelValues(class).Inc()
	}
}

// WebhookOff counts an endpoint that was switched off.
func (m *Metrics) WebhookOff() {
	if m != nil {
		m.off.Inc()
	}
}

// WebhookBacklog tells for how long the oldest event or delivery has been waiting
// for the relay.
func (m *Metrics) WebhookBacklog(d time.Duration) {
	if m != nil {
		m.backlog.Set(d.Seconds())
	}
}

// CatalogueStale tells whether the process goes by an older file of clients and
// policies than the one that is there.
func (m *Metrics) CatalogueStale(yes bool) {
	if m == nil {
		return
	}
	if yes {
		m.stale.Set(1)
	} else {
		m.stale.Set(0)
	}
}
