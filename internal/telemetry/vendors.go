package telemetry

import "time"

// Price says what an operation of a vendor costs; false: nobody said.
type Price func(provider, operation string) (amount float64, currency string, known bool)

// SetPrices sets what money is counted by. It is called before anything is counted.
func (m *Metrics) SetPrices(p Price) { m.price = p }

// VendorCall counts a call of a vendor; class is "ok" or that of its failure.
func (m *Metrics) VendorCall(provider, operation, class string, took time.Duration) {
	if m != nil {
		m.vendors.WithLabelValues(provider, operation, class).Observe(took.Seconds())
	}
}

// Charged counts what a vendor may charge for, and its price, if it is known;
// charged is yes, no or unknown.
func (m *Metrics) Charged(provider, operation, charged string) {
	if m == nil {
		return
	}
	m.charges.WithLabelValues(provider, operation, charged).Inc()
	if m.price == nil || charged == "no" {
		return
	}
	if amount, currency, known := m.price(provider, operation); known {
		m.costs.WithLabelValues(provider, operation, charged, currency).Add(amount)
	}
}
