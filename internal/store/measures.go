package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Measures is what the store holds at a moment, for the metrics.
type Measures struct {
	// Open counts verifications without an end, and reopened ones, by policy and
	// status. Overdue are those past all clocks.
	Open    []OpenCount
	Overdue int
	// Review is since when the oldest one in review has been there, by policy.
	Review map[string]time.Time
	// Deliveries counts those that are not over, by state; Delivery is since when the
	// oldest has been due or on its way, zero: none is.
	Deliveries map[DeliveryState]int
	Delivery   time.Time
	// Erasures counts those without a receipt; Erasure is when the oldest was asked
	// for, zero: none.
	Erasures int
	Erasure  time.Time
	// Portraits counts the rows with a face, by policy.
	Portraits []PortraitCount
}

// OpenCount is how many verifications are where.
type OpenCount struct {
	Policy string
	Status verification.Status
	N      int
}

// PortraitCount is how many rows hold a chip's portrait. Idle: no session can need
// it any more, since they ended, are overdue or in review.
type PortraitCount struct {
	Policy verification.PolicyRef
	Idle   bool
	N      int
}

// openRows are those that the index verifications_overdue holds.
const openRows = ` FROM verifications v WHERE (ended_at IS NULL OR status = 'in_review') AND overdue_at > 0 AND redacted_at IS NULL`

func (s *sqlStore) Measure(ctx context.Context, now time.Time) (Measures, error) {
	m := Measures{Review: map[string]time.Time{}, Deliveries: map[DeliveryState]int{}}
	for _, part := range []func(context.Context, *Measures, time.Time) error{s.measureOpen, s.measureReview, s.measureDeliveries, s.measureErasures, s.measurePortraits} {
		if err := part(ctx, &m, now); err != nil {
			return Measures{}, wrap("measure", err)
		}
	}
	return m, nil
}

func (s *sqlStore) measureOpen(ctx context.Context, m *Measures, now time.Time) error {
	_, err := all(ctx, s.read, func(from scanner) (c OpenCount, err error) {
		var overdue int
		err = from.Scan(&c.Policy, &c.Status, &c.N, &overdue)
		m.Open, m.Overdue = append(m.Open, c), m.Overdue+overdue
		return c, err
	}, `SELECT policy_name, status, COUNT(*), SUM(CASE WHEN overdue_at < $1 THEN 1 ELSE 0 END)`+openRows+`
		GROUP BY policy_name, status ORDER BY policy_name, status`, stamp(now))
	return err
}

func (s *sqlStore) measureReview(ctx context.Context, m *Measures, _ time.Time) error {
	_, err := all(ctx, s.read, func(from scanner) (_ struct{}, err error) {
		var policy string
		var since sql.NullInt64
		err = from.Scan(&policy, &since)
		m.Review[policy] = timeOf(since)
		return struct{}{}, err
	}, `SELECT policy_name, MIN(since) FROM (
			SELECT policy_name, (SELECT `+reviewSince+` FROM events e
				WHERE e.verification_id = v.id AND e.type IN ('`+EventInReview+`', '`+EventReopened+`')) AS since`+openRows+` AND status = 'in_review') AS reviews
		GROUP BY policy_name`)
	return err
}

func (s *sqlStore) measureDeliveries(ctx context.Context, m *Measures, _ time.Time) error {
	_, err := all(ctx, s.read, func(from scanner) (_ struct{}, err error) {
		var state DeliveryState
		var n int
		var oldest sql.NullInt64
		err = from.Scan(&state, &n, &oldest)
		m.Deliveries[state] = n
		if at := timeOf(oldest); state != DeliveryHeld && (m.Delivery.IsZero() || at.Before(m.Delivery)) {
			m.Delivery = at
		}
		return struct{}{}, err
	}, `SELECT state, COUNT(*), MIN(created_at) FROM deliveries WHERE state IN ('due', 'sending', 'held') GROUP BY state`)
	return err
}

func (s *sqlStore) measureErasures(ctx context.Context, m *Measures, _ time.Time) error {
	var oldest sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT COUNT(*), MIN(erased_at) FROM erasures WHERE receipt IS NULL`).Scan(&m.Erasures, &oldest)
	m.Erasure = timeOf(oldest)
	return err
}

func (s *sqlStore) measurePortraits(ctx context.Context, m *Measures, now time.Time) error {
	const idle = `CASE WHEN ended_at IS NOT NULL OR redacted_at IS NOT NULL OR overdue_at < $1 OR status = 'in_review' THEN 1 ELSE 0 END`
	_, err := all(ctx, s.read, func(from scanner) (c PortraitCount, err error) {
		var idle int
		err = from.Scan(&c.Policy.Name, &c.Policy.Version, &idle, &c.N)
		c.Idle = idle == 1
		m.Portraits = append(m.Portraits, c)
		return c, err
	}, `SELECT policy_name, policy_version, `+idle+`, COUNT(*) FROM verifications WHERE portrait IS NOT NULL GROUP BY 1, 2, 3`, stamp(now))
	return err
}
