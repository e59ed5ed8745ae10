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
	// oldest has been due or on its way.
	Deliveries map[string]int
	Delivery   time.Duration
	// Erasures counts those without a receipt, Erasure is the oldest's age.
	Erasures int
	Erasure  time.Duration
	// Faces counts those that are kept beyond what may be.
	Faces int
}

// Stored tells what the store held last.
func (m *Metrics) Stored(s Stored) {
	if m != nil {
		m.stored.last.Store(&s)
	}
}

// stored collects the newest measurement; before the first one, nothing.
type stored struct{ last atomic.Pointer[Stored] }

var (
	openDesc      = prometheus.NewDesc("yanzhen_verifications_open", "Open verifications, by status; in_review: the review backlog.", []string{"policy", "status"}, nil)
	reviewDesc    = prometheus.NewDesc("yanzhen_review_oldest_seconds", "For how long the oldest verification in review has been waiting; 0: none does.", []string{"policy"}, nil)
	overdueDesc   = prometheus.NewDesc("yanzhen_verifications_overdue", "Verifications that are open past all clocks of their policy.", nil, nil)
	waitingDesc   = prometheus.NewDesc("yanzhen_webhook_deliveries_open", "Deliveries that are not over, by state: due, sending, held.", []string{"state"}, nil)
	undelivered   = prometheus.NewDesc("yanzhen_webhook_oldest_seconds", "For how long the oldest delivery has been due or on its way, held ones aside; 0: none is.", nil, nil)
	erasuresDesc  = prometheus.NewDesc("yanzhen_erasures_open", "Erasures whose receipt is not signed yet.", nil, nil)
	erasureDesc   = prometheus.NewDesc("yanzhen_erasure_oldest_seconds", "For how long the oldest of them has been asked for; 0: there is none.", nil, nil)
	facesDesc     = prometheus.NewDesc("yanzhen_stored_faces", "Rows that hold a face beyond what may be: of whom no session can need it, or whose policy compares none. It must be 0.", nil, nil)
	deliveryState = []string{"due", "sending", "held"}
)

// Describe implements prometheus.Collector.
func (s *stored) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openDesc, reviewDesc, overdueDesc, waitingDesc, undelivered, erasuresDesc, erasureDesc, facesDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stored) Collect(ch chan<- prometheus.Metric) {
	last := s.last.Load()
	if last == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for at, n := range last.Open {
		gauge(openDesc, float64(n), at[0], at[1])
	}
	for policy, d := range last.Review {
		gauge(reviewDesc, d.Seconds(), policy)
	}
	gauge(overdueDesc, float64(last.Overdue))
	for _, state := range deliveryState {
		gauge(waitingDesc, float64(last.Deliveries[state]), state)
	}
	gauge(undelivered, last.Delivery.Seconds())
	gauge(erasuresDesc, float64(last.Erasures))
	gauge(erasureDesc, last.Erasure.Seconds())
	gauge(facesDesc, float64(last.Faces))
}
