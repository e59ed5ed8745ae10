package store

import (
	"context"
	"time"
)

// neverStarted is the condition under which a row is swept. A redacted row
// stays: its id must go on answering that it is gone.
const neverStarted = `started_at IS NULL AND ended_at IS NULL AND redacted_at IS NULL`

func (s *sqlStore) Unstarted(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.ids(ctx, "unstarted", `
		SELECT id FROM verifications WHERE `+neverStarted+` AND start_called_at < $1
		ORDER BY start_called_at, id LIMIT $2`, stamp(before), limit)
}

func (s *sqlStore) Sweep(ctx context.Context, id string, before time.Time) (bool, error) {
	res, err := s.write.ExecContext(ctx,
		`DELETE FROM verifications WHERE id = $1 AND `+neverStarted+` AND start_called_at < $2`, id, stamp(before))
	if err != nil {
		return false, wrap("sweep", err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, wrap("sweep", err)
	}
	s.forget()
	return true, nil
}

func (s *sqlStore) Overdue(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.ids(ctx, "overdue", `
		SELECT id FROM verifications
		WHERE (ended_at IS NULL OR status = 'in_review') AND overdue_at < $1 AND redacted_at IS NULL
		ORDER BY overdue_at, id LIMIT $2`, stamp(before), limit)
}

func (s *sqlStore) Unended(ctx context.Context, after string, limit int) ([]string, error) {
	return s.ids(ctx, "unended", `
		SELECT id FROM verifications
		WHERE ended_at IS NULL AND started_at IS NOT NULL AND redacted_at IS NULL AND id > $1
		ORDER BY id LIMIT $2`, after, limit)
}

func (s *sqlStore) ids(ctx context.Context, what, query string, args ...any) (ids []string, err error) {
	ids, err = all(ctx, s.read, func(from scanner) (id string, err error) {
		err = from.Scan(&id)
		return id, err
	}, query, args...)
	return ids, wrap(what, err)
}
