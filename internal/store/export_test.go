package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Redact erases a row's person as the product will, bound anew.
func Redact(ctx context.Context, st Store, id string) error {
	s := st.(*sqlStore)
	return s.update(ctx, "redact", func(tx *sql.Tx) error {
		p, err := s.holdPublic(ctx, tx, id)
		if err != nil {
			return err
		}
		p.redactedAt = sql.NullInt64{Int64: 1, Valid: true}
		if p.mac, err = s.keys.MAC(macOfRow, p.parts()...); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE verifications SET request = NULL, redacted_at = 1, mac = $2 WHERE id = $1`, id, p.mac)
		return err
	})
}

// Fill leaves a SQLite database without room for a further page: SQLite's own
// limit, at which it answers as it does on a full disk. Or makes room again.
func Fill(ctx context.Context, st Store, full bool) error {
	var pages int
	s := st.(*sqlStore)
	if err := s.write.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		return err
	}
	if !full {
		pages += 1000
	}
	return s.write.QueryRowContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(&pages)
}
