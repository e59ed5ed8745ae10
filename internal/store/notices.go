package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

func (s *sqlStore) SaveNotice(ctx context.Context, v Notice) (undelivered bool, err error) {
	sealed, err := s.seal(sessionRow(v.VerificationID, v.Number), columnNotice, v.Data)
	if err != nil {
		return false, err
	}
	err = s.update(ctx, "save notice", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, v.VerificationID)
		if err != nil {
			return err
		}
		if held.ended {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE sessions SET notice = $3, notice_at = $4, notice_judged = $5, notice_told = $6
			WHERE verification_id = $1 AND number = $2 AND closed_at IS NULL AND (notice IS NULL OR $5 AND NOT notice_judged)`,
			v.VerificationID, v.Number, sealed, stamp(orNow(v.At)), v.Judged, v.Quiet); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT NOT notice_told FROM sessions WHERE verification_id = $1 AND number = $2 AND closed_at IS NULL`,
			v.VerificationID, v.Number).Scan(&undelivered)
	})
	return undelivered, err
}

func (s *sqlStore) Notice(ctx context.Context, id string, number int) ([]byte, error) {
	var sealed []byte
	err := s.read.QueryRowContext(ctx, `SELECT notice FROM sessions WHERE verification_id = $1 AND number = $2`, id, number).Scan(&sealed)
	if err != nil {
		return nil, wrap("notice", err)
	}
	return s.open(sessionRow(id, number), columnNotice, sealed)
}

func (s *sqlStore) MarkDelivered(ctx context.Context, id string, number int) error {
	return wrap("mark a notice delivered", touched(s.write.ExecContext(ctx,
		`UPDATE sessions SET notice_told = TRUE WHERE verification_id = $1 AND number = $2`, id, number)))
}

func (s *sqlStore) UndeliveredNotices(ctx context.Context, before time.Time, limit int) ([]Notice, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT verification_id, number, provider FROM sessions WHERE notice IS NOT NULL AND NOT notice_told AND notice_at < $1
		ORDER BY notice_at LIMIT $2`, stamp(before), limit)
	if err != nil {
		return nil, wrap("undelivered", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has told already
	var out []Notice
	for rows.Next() {
		var v Notice
		if err := rows.Scan(&v.VerificationID, &v.Number, &v.Provider); err != nil {
			return nil, wrap("undelivered", err)
		}
		out = append(out, v)
	}
	return out, wrap("undelivered", rows.Err())
}

func (s *sqlStore) CountLookup(ctx context.Context, id string, number, budget int) (int, error) {
	var n int
	err := s.write.QueryRowContext(ctx, `
		UPDATE sessions SET lookups = lookups + 1
		WHERE verification_id = $1 AND number = $2 AND lookups < $3 RETURNING lookups`, id, number, budget).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrBudget
	}
	if err != nil {
		return 0, wrap("count lookup", err)
	}
	return n, nil
}
