package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stored is what the store holds at a moment. Every worker measures it, and all
// tell the same.
type Stored struct {
	// Open counts open verifications by policy and status, Review for how long the
	// oldest one in review has been there, by policy. Overdue are open past all clocks.
	Open    map[[2]string]int
	Review  map[string]time.Duration
	Overdue int
	// Deliveries counts those that are not over, by state; Delivery is for how long the
	// oldest has been due or on its way, Backlog for how long the oldest event or
	// delivery has been waiting for the relay.
	Deliveries map[string]int
	Delivery   time.Duration
	Backlog    time.Duration
	// Erasures counts those without a receipt, Erasure is the oldest's age.
	Erasures int
	Erasure  time.Duration
	// Faces counts those that are kept beyond what may be.
	Faces int
}

// Due is what is kept beyond its time.
type Due struct{ Personal, Verdicts, Events int }

// A measurement is told for four rounds of measuring. What nobody could measure
// again since then, because the store is away or does not answer, has no series: the
// last figure would look like one of now, and a backlog as if it did not grow.
const (
	storedFor = time.Minute
	dueFor    = 4 * time.Minute
)

// Stored records what was counted in the store.
func (m *Metrics) Stored(s Stored) {
	if m != nil {
		m.stored.held.set(s, storedFor)
	}
}

// Due records how much data is past its retention.
func (m *Metrics) Due(d Due) {
	if m != nil {
		m.stored.due.set(d, dueFor)
	}
}

// fresh is the newest measurement of a kind, while it is fresh.
type fresh[T any] struct {
	last atomic.Pointer[measurement[T]]
}

type measurement[T any] struct {
	value T
	until time.Time
}

func (f *fresh[T]) set(value T, life time.Duration) {
	f.last.Store(&measurement[T]{value, time.Now().Add(life)})
}

func (f *fresh[T]) get() (value T, ok bool) {
	last := f.last.Load()
	if last == nil || time.Now().After(last.until) {
		return value, false
	}
	return last.value, true
}

// stored collects what was measured last; before the first time, nothing.
type stored struct {
	held fresh[Stored]
	due  fresh[Due]
}

var (
	openDesc      = prometheus.NewDesc("yanzhen_verifications_open", "Open verifications, by status; in_review: the review backlog.", []string{"policy", "status"}, nil)
	reviewDesc    = prometheus.NewDesc("yanzhen_review_oldest_seconds", "How long the oldest verification has been in review; 0: none.", []string{"policy"}, nil)
	overdueDesc   = prometheus.NewDesc("yanzhen_verifications_overdue", "Open verifications past all timeouts of their policy.", nil, nil)
	waitingDesc   = prometheus.NewDesc("yanzhen_webhook_deliveries_open", "Unfinished deliveries, by state: due, sending, held.", []string{"state"}, nil)
	undelivered   = prometheus.NewDesc("yanzhen_webhook_oldest_seconds", "How long the oldest delivery has been due or sending, without held ones; 0: none.", nil, nil)
	backlogDesc   = prometheus.NewDesc("yanzhen_webhook_backlog_seconds", "How long the oldest event or delivery has waited for the relay; 0: none.", nil, nil)
	erasuresDesc  = prometheus.NewDesc("yanzhen_erasures_open", "Erasures without a signed receipt yet.", nil, nil)
	erasureDesc   = prometheus.NewDesc("yanzhen_erasure_oldest_seconds", "The age of the oldest of them; 0: none.", nil, nil)
	facesDesc     = prometheus.NewDesc("yanzhen_stored_faces", "Rows with a portrait that should be gone: no session can need it, or the policy compares none. Must be 0.", nil, nil)
	dueDesc       = prometheus.NewDesc("yanzhen_retention_due", "Data past its retention: personal, verdicts, events. The next run of the schedule erases it.", []string{"part"}, nil)
	deliveryState = []string{"due", "sending", "held"}
)

// Describe implements prometheus.Collector.
func (s *stored) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openDesc, reviewDesc, overdueDesc, waitingDesc, undelivered, backlogDesc, erasuresDesc, erasureDesc, facesDesc, dueDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stored) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if due, ok := s.due.get(); ok {
		gauge(dueDesc, float64(due.Personal), "personal")
		gauge(dueDesc, float64(due.Verdicts), "verdicts")
		gauge(dueDesc, float64(due.Events), "events")
	}
	if held, ok := s.held.get(); ok {
		held.collect(gauge)
	}
}

func (s Stored) collect(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	for at, n := range s.Open {
		gauge(openDesc, float64(n), at[0], at[1])
	}
	for policy, d := range s.Review {
		gauge(reviewDesc, d.Seconds(), policy)
	}
	gauge(overdueDesc, float64(s.Overdue))
	for _, state := range deliveryState {
		gauge(waitingDesc, float64(s.Deliveries[state]), state)
	}
	gauge(undelivered, s.Delivery.Seconds())
	gauge(backlogDesc, s.Backlog.Seconds())
	gauge(erasuresDesc, float64(s.Erasures))
	gauge(erasureDesc, s.Erasure.Seconds())
	gauge(facesDesc, float64(s.Faces))
}
