package store

import (
	"context"
	"database/sql"
	"time"
)

// Overview is what an operator asks first.
type Overview struct {
	// Open counts verifications without an end, by status.
	Open map[string]int
	// Waiting, Review, Failed and Overdue are examples, the oldest first, each
	// with the time since when it is so: vendors are waited for since over an hour,
	// a reviewer since over a day; ended in error within a day; past all clocks.
	Waiting, Review, Failed, Overdue []Since
}

// Since is a verification and since when something is so.
type Since struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Thresholds of an Overview.
const (
	WaitingLong  = time.Hour
	ReviewLong   = 24 * time.Hour
	FailedWithin = 24 * time.Hour
)

// reviewSince is when the present review began, of its events e: one whose deadline
// was extended has another event of its own, later.
const reviewSince = `COALESCE(MAX(CASE WHEN e.type = '` + EventReopened + `' THEN e.created_at END), MIN(e.created_at))`

// Overview is what is open and what may need attention, with at most limit
// examples of each kind.
func (s *sqlStore) Overview(ctx context.Context, now time.Time, limit int) (Overview, error) {
	o := Overview{Open: map[string]int{}}
	type count struct {
		status string
		n      int
	}
	counts, err := all(ctx, s.read, func(from scanner) (c count, err error) {
		err = from.Scan(&c.status, &c.n)
		return c, err
	}, `SELECT status, COUNT(*) FROM verifications WHERE redacted_at IS NULL AND (ended_at IS NULL OR status = 'in_review') GROUP BY status`)
	if err != nil {
		return o, wrap("overview", err)
	}
	for _, c := range counts {
		o.Open[c.status] = c.n
	}
	for _, q := range []struct {
		into *[]Since
		text string
		at   time.Time
	}{
		{&o.Waiting, `SELECT id, created_at FROM verifications
			WHERE status = 'processing' AND redacted_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2`, now.Add(-WaitingLong)},
		{&o.Review, `SELECT id, since FROM (
				SELECT v.id, ` + reviewSince + ` AS since
				FROM verifications v
				JOIN events e ON e.verification_id = v.id AND e.type IN ('` + EventInReview + `', '` + EventReopened + `')
				WHERE v.status = 'in_review' AND v.redacted_at IS NULL
				GROUP BY v.id) AS reviews
			WHERE since < $1 ORDER BY since LIMIT $2`, now.Add(-ReviewLong)},
		{&o.Failed, `SELECT id, ended_at FROM verifications
			WHERE status = 'error' AND redacted_at IS NULL AND ended_at > $1 ORDER BY ended_at DESC LIMIT $2`, now.Add(-FailedWithin)},
		{&o.Overdue, `SELECT id, overdue_at FROM verifications
			WHERE (ended_at IS NULL OR status = 'in_review') AND redacted_at IS NULL AND overdue_at < $1 ORDER BY overdue_at LIMIT $2`, now},
	} {
		if *q.into, err = all(ctx, s.read, scanSince, q.text, stamp(q.at), limit); err != nil {
			return o, wrap("overview", err)
		}
	}
	return o, nil
}

func scanSince(from scanner) (v Since, err error) {
	var at sql.NullInt64
	err = from.Scan(&v.ID, &at)
	v.At = timeOf(at)
	return v, err
}
