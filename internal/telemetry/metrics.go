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
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	hints     *prometheus.CounterVec
	notices   *prometheus.CounterVec
	starts    *prometheus.CounterVec
	swept     *prometheus.CounterVec
	panics    *prometheus.CounterVec
	outcomes  *prometheus.CounterVec
	linked    *prometheus.HistogramVec
	verdicts  *prometheus.HistogramVec
	person    *prometheus.HistogramVec
	sessions  *prometheus.CounterVec
	vendors   *prometheus.HistogramVec
	charges   *prometheus.CounterVec
	costs     *prometheus.CounterVec
	sent      *prometheus.CounterVec
	delivered *prometheus.HistogramVec
	off       prometheus.Counter
	stale     prometheus.Gauge
	keys      prometheus.Gauge
	resealed  prometheus.Counter
	changed   prometheus.Counter
	unsent    *prometheus.CounterVec
	engine    *engineSeries
	stored    *stored
	// price is what an operation of a vendor costs; nil: nobody said.
	price Price
	// failedAt is when a workflow's task last failed by its code.
	failedAt atomic.Int64 // nanoseconds since 1970
}

// Buckets of what takes a person's minutes, or a reviewer's days.
var long = []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// NewMetrics makes the metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		// The name, the labels and their meaning are those of OpenTelemetry's semantic
		// conventions. Starts wait for a vendor up to 8 s, reads for a change up to 60 s.
		requests: histogram("http_server_request_duration_seconds", "Time to answer, by route and status. Waiting reads are as long as they wait.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 8, 10, 30, 60}, "http_request_method", "http_route", "http_response_status_code"),
		hints:   counter("yanzhen_hints_total", "Callbacks of vendors and returning browsers, by what became of them; late: the run was over.", "provider", "result"),
		notices: counter("yanzhen_notices_total", "Callbacks of vendors that may carry signed data, by what became of them; late: the run was over.", "provider", "result"),
		starts:  counter("yanzhen_starts_total", "Start calls by result: created, accepted, replayed, or the code of the refusal.", "result"),
		swept:   counter("yanzhen_swept_total", "Rows that the sweeper deleted or ended.", "result"),
		panics:  counter("yanzhen_panics_total", "Panics, by where: workflow, activity, http. A workflow's is met again with each try of its task.", "where"),
		outcomes: counter("yanzhen_outcomes_total", "Ends of verifications, later versions of a verdict included, by outcome and who decided: policy, reviewer, none.",
			"policy", "outcome", "decided_by"),
		linked:   histogram("yanzhen_link_duration_seconds", "From the start to the first link for the person.", []float64{.05, .1, .25, .5, 1, 2, 3, 5, 8, 15, 30, 60, 300, 1800}, "policy"),
		verdicts: histogram("yanzhen_verdict_duration_seconds", "From the start to the first verdict.", long, "policy", "decided_by"),
		person:   histogram("yanzhen_person_duration_seconds", "For how long, all in all, an ended verification waited for the person.", long, "policy"),
		sessions: counter("yanzhen_session_ends_total", "Ends of face sessions, by what brought the end: callback, poll, last_look, timer (it ran out), retry (another took its place), other.",
			"provider", "by"),
		vendors: histogram("yanzhen_vendor_call_duration_seconds", "Calls of vendors, by class: ok, or what the failure means.",
			[]float64{.05, .1, .25, .5, 1, 2, 3, 5, 8, 12, 18}, "provider", "operation", "class"),
		charges: counter("yanzhen_vendor_charges_total", "What vendors charge for: questions to the records, judged face sessions, chips read, comparisons. charged: yes, no, unknown.",
			"provider", "operation", "charged"),
		costs: counter("yanzhen_vendor_cost_total", "What vendors charged, or may have (unknown), by the configured prices.", "provider", "operation", "charged", "currency"),
		sent:  counter("yanzhen_webhook_attempts_total", "Attempts to deliver an event, by outcome: the status's class, or why there was none.", "class"),
		delivered: histogram("yanzhen_webhook_delivery_duration_seconds", "From an event to the end of its delivery, by how it ended: delivered, failed, aborted.",
			[]float64{.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 86400, 3 * 86400}, "state"),
		off: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yanzhen_webhook_endpoints_disabled_total", Help: "Webhook endpoints that were disabled because they kept failing or returned 410.",
		}),
		stale: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yanzhen_catalogue_stale", Help: "1: the file of clients and policies has errors, and the previous version is in use; the log has the errors.",
		}),
		keys: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yanzhen_keys_stale", Help: "1: the key file has errors or lacks a key that is needed, and the previous keys are in use; the log has the errors.",
		}),
		resealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yanzhen_resealed_total", Help: "Rows re-encrypted after a rotation of keys.",
		}),
		changed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yanzhen_changed_total", Help: "Rows or events found changed outside of yanzhen. They are never returned; the log names them.",
		}),
		unsent: counter("yanzhen_export_errors_total", "Exports by OTLP, or to a file, that failed, by signal: traces, metrics.", "signal"),
		engine: &engineSeries{by: map[string]prometheus.Collector{}},
		stored: &stored{},
	}
	m.engine.nonDeterministic = func() { m.Panicked(Workflow) }
	m.engine.own = map[string]func(tags map[string]string){
		SessionEnds: func(tags map[string]string) { m.sessions.WithLabelValues(tags["provider"], tags["by"]).Inc() },
		Charges:     func(tags map[string]string) { m.Charged(tags["provider"], tags["operation"], tags["charged"]) },
	}
	for _, where := range []string{Workflow, Activity, HTTP} {
		m.panics.WithLabelValues(where) // 0, so that the first one is a rise
	}
	m.registry.MustRegister(m.requests, m.hints, m.notices, m.starts, m.swept, m.panics, m.outcomes, m.linked, m.verdicts, m.person, m.sessions,
		m.vendors, m.charges, m.costs, m.sent, m.delivered, m.off, m.stale, m.keys, m.resealed, m.changed, m.unsent, m.engine, m.stored,
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
	if m != nil {
		m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(d.Seconds())
	}
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

// End is the end of a verification, or a later version of its verdict.
type End struct {
	Policy, Outcome string
	// DecidedBy is empty without a verdict.
	DecidedBy string
	// Later: it is not the first end. Only its outcome counts.
	Later bool
	// Took is from the start to the end, Person for how long of it the person was
	// waited for.
	Took, Person time.Duration
}

// Ended counts an end.
func (m *Metrics) Ended(e End) {
	if m == nil {
		return
	}
	m.outcomes.WithLabelValues(e.Policy, e.Outcome, cmp.Or(e.DecidedBy, "none")).Inc()
	if e.Later {
		return
	}
	m.person.WithLabelValues(e.Policy).Observe(e.Person.Seconds())
	if e.DecidedBy != "" {
		m.verdicts.WithLabelValues(e.Policy, e.DecidedBy).Observe(e.Took.Seconds())
	}
}

// Linked counts a verification's first link; took is from its start to that.
func (m *Metrics) Linked(policy string, took time.Duration) {
	if m != nil {
		m.linked.WithLabelValues(policy).Observe(took.Seconds())
	}
}

// WebhookTried counts an attempt to deliver an event.
func (m *Metrics) WebhookTried(class string) {
	if m != nil {
		m.sent.WithLabelValues(class).Inc()
	}
}

// WebhookOver counts a delivery's end; took is from its event to that.
func (m *Metrics) WebhookOver(state string, took time.Duration) {
	if m != nil {
		m.delivered.WithLabelValues(state).Observe(took.Seconds())
	}
}

// WebhookOff counts an endpoint that was switched off.
func (m *Metrics) WebhookOff() {
	if m != nil {
		m.off.Inc()
	}
}

// CatalogueStale records whether the process uses an older file of clients and
// policies than the one that is there.
func (m *Metrics) CatalogueStale(yes bool) {
	if m != nil {
		m.stale.Set(oneIf(yes))
	}
}

// KeysStale records whether the process uses older keys than those in the key file.
func (m *Metrics) KeysStale(yes bool) {
	if m != nil {
		m.keys.Set(oneIf(yes))
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Resealed counts rows that were sealed anew.
func (m *Metrics) Resealed(rows int) {
	if m != nil {
		m.resealed.Add(float64(rows))
	}
}
