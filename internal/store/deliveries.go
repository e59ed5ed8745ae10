package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
)

const deliveryColumns = `d.event_id, d.endpoint, d.client, d.round, d.state, d.attempts, d.last_class, d.created_at, d.last_at, d.next_at, d.ended_at,
	events.type, COALESCE(events.verification_id, '')`

func scanDelivery(from scanner) (d Delivery, err error) {
	var created, last, next, ended sql.NullInt64
	err = from.Scan(&d.EventID, &d.Endpoint, &d.Client, &d.Round, &d.State, &d.Attempts, &d.LastClass, &created, &last, &next, &ended, &d.EventType, &d.VerificationID)
	d.CreatedAt, d.LastAt, d.NextAt, d.EndedAt = timeOf(created), timeOf(last), timeOf(next), timeOf(ended)
	return d, err
}

func (s *sqlStore) Delivery(ctx context.Context, event, endpoint string) (Delivery, Placed, EndpointStatus, error) {
	d, err := scanDelivery(s.read.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM deliveries d JOIN events ON events.id = d.event_id
		WHERE d.event_id = $1 AND d.endpoint = $2`, event, endpoint))
	if err != nil {
		return Delivery{}, Placed{}, EndpointStatus{}, wrap("delivery", err)
	}
	e, position, err := s.scanEvent(s.read.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events WHERE id = $1`, event))
	if err != nil {
		return d, Placed{}, EndpointStatus{}, wrap("delivery", err)
	}
	placed := []Placed{{Event: e, Position: position}}
	if err := s.addReferences(ctx, placed); err != nil {
		return d, Placed{}, EndpointStatus{}, err
	}
	if placed[0].Changed {
		return d, Placed{}, EndpointStatus{}, fmt.Errorf("%w: the row of %s does not match its MAC", ErrChanged, d.VerificationID)
	}
	status, err := endpointIn(ctx, s.read, d.Client, endpoint, "")
	return d, placed[0], status, wrap("delivery", err)
}

func (s *sqlStore) Deliveries(ctx context.Context, q DeliveryQuery) (list []Delivery, err error) {
	after := stamp(q.After.CreatedAt)
	if !after.Valid {
		after = stamp(time.UnixMicro(1<<62 - 1))
	}
	list, err = all(ctx, s.read, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d JOIN events ON events.id = d.event_id
		WHERE d.client = $1 AND (d.created_at, d.event_id, d.endpoint) < ($2, $3, $4)
			AND ($5 = '' OR d.event_id = $5) AND ($6 = '' OR d.endpoint = $6) AND ($7 = '' OR d.state = $7)
		ORDER BY d.created_at DESC, d.event_id DESC, d.endpoint DESC LIMIT $8`,
		q.Client, after, q.After.EventID, q.After.Endpoint, q.EventID, q.Endpoint, string(q.State), q.Limit)
	return list, wrap("deliveries", err)
}

// Settle locks the endpoint before the delivery, as switchOn does: what is held
// back here is either seen there, or not held.
func (s *sqlStore) Settle(ctx context.Context, t Try, failing time.Duration) (off bool, err error) {
	err = s.update(ctx, "settle a delivery", func(tx *sql.Tx) error {
		var client string
		err := tx.QueryRowContext(ctx, `SELECT client FROM deliveries WHERE event_id = $1 AND endpoint = $2`, t.EventID, t.Endpoint).Scan(&client)
		if err != nil {
			return err
		}
		if t.State == DeliveryHeld {
			if status, err := endpointIn(ctx, tx, client, t.Endpoint, s.dialect.holdRow); err != nil || status.State == EndpointOn {
				return cmp.Or(err, ErrEndpointOn)
			}
		}
		if off, err = s.noteHealth(ctx, tx, client, t, failing); err != nil {
			return err
		}
		if off {
			t.State, t.NextAt = DeliveryHeld, time.Time{}
		}
		return settleIn(ctx, tx, t)
	})
	return off && err == nil, err
}

func settleIn(ctx context.Context, tx *sql.Tx, t Try) error {
	tried, ended := 0, time.Time{}
	if t.Class != "" {
		tried = 1
	}
	if t.State == DeliveryDelivered || t.State == DeliveryFailed || t.State == DeliveryAborted {
		ended = t.At
	}
	_, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = $4, attempts = attempts + $5, last_class = CASE WHEN $5 = 0 THEN last_class ELSE $6 END,
		last_at = CASE WHEN $5 = 0 THEN last_at ELSE $7 END, next_at = $8, ended_at = $9, queued_at = NULL, due_at = NULL
		WHERE event_id = $1 AND endpoint = $2 AND round = $3 AND state IN ('due', 'sending')`,
		t.EventID, t.Endpoint, t.Round, string(t.State), tried, t.Class, stamp(t.At), stamp(t.NextAt), stamp(ended))
	return err
}

// noteHealth notes what an attempt tells of the endpoint, and switches it off.
func (s *sqlStore) noteHealth(ctx context.Context, tx *sql.Tx, client string, t Try, failing time.Duration) (off bool, err error) {
	if t.Health == Works {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET failing_since = NULL WHERE client = $1 AND id = $2 AND failing_since IS NOT NULL`, client, t.Endpoint)
		return false, err
	}
	if t.Health == Unknown {
		return false, nil
	}
	var state EndpointState
	var since sql.NullInt64
	err = tx.QueryRowContext(ctx, `
		INSERT INTO webhook_endpoints (client, id, state, reason, changed_at, failing_since) VALUES ($1, $2, 'on', '', $3, $3)
		ON CONFLICT (client, id) DO UPDATE SET failing_since = COALESCE(webhook_endpoints.failing_since, excluded.failing_since)
		RETURNING state, failing_since`, client, t.Endpoint, stamp(t.At)).Scan(&state, &since)
	if err != nil || state != EndpointOn || t.Health != Gone && t.At.Sub(timeOf(since)) < failing {
		return false, err
	}
	reason := OffFailing
	if t.Health == Gone {
		reason = OffGone
	}
	if err := setEndpoint(ctx, tx, client, t.Endpoint, EndpointOff, reason, t.At); err != nil {
		return false, err
	}
	if err := s.insertEvent(ctx, tx, endpointEvent(client, t.Endpoint, webhook.EndpointOff, t.At), sql.NullInt64{}); err != nil {
		return false, err
	}
	return true, s.audit(ctx, tx, Audit{At: t.At, Act: ActEndpointOff, Client: client, By: byWorker, Purpose: t.Endpoint})
}

func endpointEvent(client, endpoint, kind string, at time.Time) Event {
	return Event{ID: newEventID(), Client: client, Type: kind, Endpoint: endpoint, Reasons: []verification.ReasonCode{}, CreatedAt: at.UTC().Truncate(time.Microsecond)}
}

func (s *sqlStore) EventType(ctx context.Context, client, event string) (kind string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT type FROM events WHERE id = $1 AND client = $2`, event, client).Scan(&kind)
	return kind, wrap("event", err)
}

func (s *sqlStore) Redeliver(ctx context.Context, a Audit, event string, endpoints []string) error {
	a.Act, a.Purpose, a.At = ActRedelivered, event, orNow(a.At)
	return s.update(ctx, "redeliver", func(tx *sql.Tx) error {
		if _, err := s.lockFeed(ctx, tx); err != nil {
			return err
		}
		var kind string
		if err := tx.QueryRowContext(ctx, `SELECT type, COALESCE(verification_id, '') FROM events WHERE id = $1 AND client = $2`, event, a.Client).
			Scan(&kind, &a.VerificationID); err != nil {
			return err
		}
		for _, endpoint := range endpoints {
			if err := s.addDelivery(ctx, tx, event, endpoint, a.Client, a.At, kind == webhook.Test); err != nil {
				return err
			}
		}
		return s.audit(ctx, tx, a)
	})
}

func (s *sqlStore) AddTest(ctx context.Context, a Audit, endpoint string) (string, error) {
	a.Act, a.Purpose, a.At = ActTested, endpoint, orNow(a.At)
	e := endpointEvent(a.Client, endpoint, webhook.Test, a.At)
	err := s.update(ctx, "add a test", func(tx *sql.Tx) error {
		if err := s.insertEvent(ctx, tx, e, stamp(a.At)); err != nil {
			return err
		}
		if err := s.addDelivery(ctx, tx, e.ID, endpoint, a.Client, a.At, true); err != nil {
			return err
		}
		return s.audit(ctx, tx, a)
	})
	return e.ID, err
}
