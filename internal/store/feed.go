package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// placeAtATime bounds how long the feed's lock is held.
const placeAtATime = 5000

// lockFeed makes the transactions that give positions, or write deliveries,
// queue up, and returns the position that was given last.
func (s *sqlStore) lockFeed(ctx context.Context, tx *sql.Tx) (last int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT last FROM feed WHERE one = 1`+s.dialect.holdRow).Scan(&last)
	return last, err
}

// placeHeld gives the events that are committed their positions. Who reads a
// position that was given here has every lower one before their eyes: they were
// committed before the lock was free.
func (s *sqlStore) placeHeld(ctx context.Context, tx *sql.Tx, last int64) error {
	res, err := tx.ExecContext(ctx, `
		UPDATE events SET position = $1 + placed.n FROM (
			SELECT id, ROW_NUMBER() OVER (ORDER BY created_at, verification_id, sequence) AS n FROM (
				SELECT id, created_at, verification_id, sequence FROM events
				WHERE position IS NULL ORDER BY created_at, verification_id, sequence LIMIT $2
			) AS unplaced
		) AS placed WHERE events.id = placed.id`, last, placeAtATime)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE feed SET last = $1 WHERE one = 1`, last+n)
	return err
}

// place places what is not placed yet; most readers find nothing to do, and
// take no lock.
func (s *sqlStore) place(ctx context.Context) error {
	for {
		var some bool
		if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE position IS NULL)`).Scan(&some); err != nil || !some {
			return wrap("place events", err)
		}
		err := s.update(ctx, "place events", func(tx *sql.Tx) error {
			last, err := s.lockFeed(ctx, tx)
			if err != nil {
				return err
			}
			return s.placeHeld(ctx, tx, last)
		})
		if err != nil {
			return err
		}
	}
}

func (s *sqlStore) Feed(ctx context.Context, client string, after int64, since time.Time, limit int) ([]Placed, error) {
	if err := s.place(ctx); err != nil {
		return nil, err
	}
	after, err := s.feedFrom(ctx, client, after, since)
	if err != nil {
		return nil, wrap("feed", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+eventColumns+` FROM events
		WHERE client = $1 AND position > $2 AND created_at >= $3 AND endpoint IS NULL ORDER BY position LIMIT $4`, client, after, stamp(since), limit)
	if err != nil {
		return nil, wrap("feed", err)
	}
	defer rows.Close()
	var out []Placed
	for rows.Next() {
		e, position, err := s.scanEvent(rows)
		changed := errors.Is(err, ErrChanged)
		if err != nil && !changed {
			return nil, wrap("feed", err)
		}
		out = append(out, Placed{Event: e, Position: position, Changed: changed})
	}
	if err := rows.Err(); err != nil {
		return nil, wrap("feed", err)
	}
	return out, s.addReferences(ctx, out)
}

// outOfOrder is by how much the order of events' positions may differ from that of
// their times.
const outOfOrder = 10 * time.Minute

// feedFrom returns the position after which events are served.
func (s *sqlStore) feedFrom(ctx context.Context, client string, after int64, since time.Time) (int64, error) {
	if after == 0 {
		// The oldest event need not have the lowest position: one that was written
		// before it may have been committed later, or by a machine whose clock differs.
		var oldest sql.NullInt64
		err := s.read.QueryRowContext(ctx, `SELECT created_at FROM events
			WHERE client = $1 AND created_at >= $2 AND position IS NOT NULL ORDER BY created_at LIMIT 1`, client, stamp(since)).Scan(&oldest)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		var first int64
		err = s.read.QueryRowContext(ctx, `SELECT MIN(position) FROM events WHERE client = $1 AND created_at BETWEEN $2 AND $3`,
			client, oldest, stamp(timeOf(oldest).Add(outOfOrder))).Scan(&first)
		return first - 1, err
	}
	var next sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT created_at FROM events WHERE client = $1 AND position > $2 ORDER BY position LIMIT 1`, client, after).Scan(&next)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return after, nil
	case err == nil && timeOf(next).Before(since):
		return 0, ErrCursorExpired
	}
	return after, err
}

// addReferences adds the callers' references from the rows, and notes whose row was
// changed.
func (s *sqlStore) addReferences(ctx context.Context, list []Placed) error {
	seen, changed, ids := map[string]*string{}, map[string]bool{}, []string{}
	for _, p := range list {
		if _, known := seen[p.VerificationID]; !known && p.VerificationID != "" {
			seen[p.VerificationID] = nil
			ids = append(ids, p.VerificationID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("store: references: %w", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+rowColumns+` FROM verifications WHERE id IN (`+s.dialect.eachOf+`) AND redacted_at IS NULL`, string(asked))
	if err != nil {
		return wrap("references", err)
	}
	defer rows.Close()
	for rows.Next() {
		sealed, err := scanRow(rows)
		if err != nil {
			return wrap("references", err)
		}
		row, err := s.openRow(sealed)
		if errors.Is(err, ErrChanged) {
			changed[sealed.ID] = true
			continue
		}
		if err != nil {
			return err
		}
		if reference := row.Request.ClientReferenceID; reference != "" {
			seen[row.ID] = &reference
		}
	}
	for i := range list {
		p := &list[i]
		if p.Reference = seen[p.VerificationID]; changed[p.VerificationID] {
			*p = Placed{Event: Event{ID: p.ID}, Position: p.Position, Changed: true}
		}
	}
	return wrap("references", rows.Err())
}
