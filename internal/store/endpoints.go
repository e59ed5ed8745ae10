package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

func scanEndpoint(from scanner, before ...any) (EndpointStatus, error) {
	var status EndpointStatus
	var changed, failing sql.NullInt64
	err := from.Scan(append(before, &status.State, &status.Reason, &changed, &failing)...)
	status.ChangedAt, status.FailingSince = timeOf(changed), timeOf(failing)
	return status, err
}

// endpointIn is what became of an endpoint; hold ends the question.
func endpointIn(ctx context.Context, from querier, client, id, hold string) (EndpointStatus, error) {
	status, err := scanEndpoint(from.QueryRowContext(ctx, `SELECT state, reason, changed_at, failing_since FROM webhook_endpoints WHERE client = $1 AND id = $2`+hold, client, id))
	if errors.Is(err, sql.ErrNoRows) {
		return EndpointStatus{State: EndpointOn}, nil
	}
	return status, err
}

func (s *sqlStore) Endpoints(ctx context.Context, client string) (map[string]EndpointStatus, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, state, reason, changed_at, failing_since FROM webhook_endpoints WHERE client = $1`, client)
	if err != nil {
		return nil, wrap("endpoints", err)
	}
	defer rows.Close()
	out := map[string]EndpointStatus{}
	for rows.Next() {
		var id string
		status, err := scanEndpoint(rows, &id)
		if err != nil {
			return nil, wrap("endpoints", err)
		}
		out[id] = status
	}
	return out, wrap("endpoints", rows.Err())
}

// setEndpoint switches an endpoint; what it failed before does not count any
// more once it is on.
func setEndpoint(ctx context.Context, tx *sql.Tx, client, id string, state EndpointState, reason string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO webhook_endpoints (client, id, state, reason, changed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (client, id) DO UPDATE SET state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at,
			failing_since = CASE WHEN excluded.state = 'on' THEN NULL ELSE webhook_endpoints.failing_since END`,
		client, id, string(state), reason, stamp(now))
	return err
}

// Acts on a client's endpoints and events, whose ids are the purposes.
const (
	ActPaused      = "webhook.paused"
	ActResumed     = "webhook.resumed"
	ActRecovered   = "webhook.recovered"
	ActTested      = "webhook.tested"
	ActRedelivered = "event.redelivered"
	// ActEndpointOff: it only failed, or said that it is gone.
	ActEndpointOff = "webhook.off"
)

func (s *sqlStore) Pause(ctx context.Context, a Audit, endpoint string) error {
	a.Act, a.Purpose, a.At = ActPaused, endpoint, orNow(a.At)
	return s.update(ctx, "pause an endpoint", func(tx *sql.Tx) error {
		if _, err := s.lockFeed(ctx, tx); err != nil {
			return err
		}
		status, err := endpointIn(ctx, tx, a.Client, endpoint, "")
		if err != nil || status.State != EndpointOn {
			return err
		}
		if err := setEndpoint(ctx, tx, a.Client, endpoint, EndpointPaused, "", a.At); err != nil {
			return err
		}
		return s.audit(ctx, tx, a)
	})
}

func (s *sqlStore) Resume(ctx context.Context, a Audit, endpoint string) (int, error) {
	a.Act, a.Purpose, a.At = ActResumed, endpoint, orNow(a.At)
	return s.switchOn(ctx, a, `state = 'held'`, stamp(a.At))
}

func (s *sqlStore) Recover(ctx context.Context, a Audit, endpoint string, since time.Time) (int, error) {
	a.Act, a.Purpose, a.At = ActRecovered, endpoint, orNow(a.At)
	return s.switchOn(ctx, a, `state = 'held' OR state IN ('failed', 'sending')
		AND EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event_id AND events.created_at >= CAST($4 AS BIGINT))`, stamp(since))
}

// switchOn switches the endpoint on and sends again what the condition says. The
// feed's lock keeps a relay from holding back an event at the same moment.
func (s *sqlStore) switchOn(ctx context.Context, a Audit, which string, since sql.NullInt64) (n int, err error) {
	err = s.update(ctx, "switch an endpoint on", func(tx *sql.Tx) error {
		if _, err := s.lockFeed(ctx, tx); err != nil {
			return err
		}
		if err := setEndpoint(ctx, tx, a.Client, a.Purpose, EndpointOn, "", a.At); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE deliveries SET `+again+`, state = 'due', queued_at = $3, due_at = $3
			WHERE client = $1 AND endpoint = $2 AND state <> 'delivered' AND CAST($4 AS BIGINT) > 0 AND (`+which+`)`, a.Client, a.Purpose, stamp(a.At), since)
		if err != nil {
			return err
		}
		sent, err := res.RowsAffected()
		if n = int(sent); err != nil {
			return err
		}
		return s.audit(ctx, tx, a)
	})
	return n, err
}
