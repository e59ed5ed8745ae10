package store

import (
	"context"
	"database/sql"
	"time"
)

// unrelayed is an event whose deliveries are to be written.
type unrelayed struct{ id, client, kind, endpoint string }

func (s *sqlStore) Relay(ctx context.Context, now time.Time, route Route, limit int) (n int, err error) {
	var some bool
	if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE relayed_at IS NULL)`).Scan(&some); err != nil || !some {
		return 0, wrap("relay", err)
	}
	err = s.update(ctx, "relay", func(tx *sql.Tx) error {
		last, err := s.lockFeed(ctx, tx)
		if err != nil {
			return err
		}
		if err := s.placeHeld(ctx, tx, last); err != nil {
			return err
		}
		list, err := unrelayedIn(ctx, tx, limit)
		if err != nil {
			return err
		}
		n = len(list)
		for _, e := range list {
			if err := s.relayOne(ctx, tx, e, now, route); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func unrelayedIn(ctx context.Context, tx *sql.Tx, limit int) (list []unrelayed, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, client, type, COALESCE(endpoint, '') FROM events
		WHERE relayed_at IS NULL AND position IS NOT NULL ORDER BY position LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e unrelayed
		if err := rows.Scan(&e.id, &e.client, &e.kind, &e.endpoint); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// relayOne writes an event's deliveries. What an endpoint is told of another one
// is not told to that one.
func (s *sqlStore) relayOne(ctx context.Context, tx *sql.Tx, e unrelayed, now time.Time, route Route) error {
	for _, endpoint := range route(e.client, e.kind) {
		if endpoint == e.endpoint {
			continue
		}
		if err := s.addDelivery(ctx, tx, e.id, endpoint, e.client, now, false); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE events SET relayed_at = $2 WHERE id = $1`, e.id, stamp(now))
	return err
}

// addDelivery writes a delivery, or sends one again: due, or held if its endpoint
// is not on.
func (s *sqlStore) addDelivery(ctx context.Context, tx *sql.Tx, event, endpoint, client string, now time.Time, whatever bool) error {
	state := DeliveryDue
	if !whatever {
		status, err := endpointIn(ctx, tx, client, endpoint, "")
		if err != nil {
			return err
		}
		if status.State != EndpointOn {
			state = DeliveryHeld
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (event_id, endpoint, client, round, state, attempts, last_class, created_at, queued_at, due_at)
		VALUES ($1, $2, $3, 0, $4, 0, '', $5, $5, $5)
		ON CONFLICT (event_id, endpoint) DO UPDATE SET `+again+`, state = excluded.state, queued_at = excluded.queued_at, due_at = excluded.due_at`,
		event, endpoint, client, string(state), stamp(now))
	return err
}

// again makes a delivery's next round.
const again = `round = deliveries.round + 1, attempts = 0, next_at = NULL, ended_at = NULL`

func (s *sqlStore) TakeDue(ctx context.Context, now time.Time, lease time.Duration, limit int) (list []Delivery, err error) {
	var some bool
	if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'due' AND due_at <= $1)`, stamp(now)).Scan(&some); err != nil || !some {
		return nil, wrap("take deliveries", err)
	}
	err = s.update(ctx, "take deliveries", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
			UPDATE deliveries SET due_at = $2 WHERE (event_id, endpoint) IN (
				SELECT event_id, endpoint FROM deliveries WHERE state = 'due' AND due_at <= $1 ORDER BY due_at, event_id LIMIT $3`+s.dialect.takeRows+`
			) RETURNING event_id, endpoint, client, round,
				COALESCE((SELECT e.verification_id FROM events e WHERE e.id = deliveries.event_id), '')`, stamp(now), stamp(now.Add(lease)), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d := Delivery{State: DeliveryDue}
			if err := rows.Scan(&d.EventID, &d.Endpoint, &d.Client, &d.Round, &d.VerificationID); err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	return list, err
}

func (s *sqlStore) MarkSending(ctx context.Context, d Delivery) error {
	_, err := s.write.ExecContext(ctx, `UPDATE deliveries SET state = 'sending', queued_at = NULL, due_at = NULL
		WHERE event_id = $1 AND endpoint = $2 AND round = $3 AND state = 'due'`, d.EventID, d.Endpoint, d.Round)
	return wrap("mark sending", err)
}

func (s *sqlStore) Backlog(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT MIN(since) FROM (
		SELECT MIN(created_at) AS since FROM events WHERE relayed_at IS NULL
		UNION ALL SELECT MIN(queued_at) FROM deliveries WHERE state = 'due') AS waiting`).Scan(&at)
	return timeOf(at), wrap("backlog", err)
}
