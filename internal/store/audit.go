package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// ActReadOutputs: a client read whom it had verified.
const ActReadOutputs = "outputs.read"

// Audit is a line of who did what with a person's data. It names the person by
// the verification only.
type Audit struct {
	At     time.Time
	Act    string
	Client string
	// By is the name of the key.
	By             string
	VerificationID string
	// Purpose is a word of the client's configuration.
	Purpose   string
	RequestID string
}

func (s *sqlStore) ReadOutputs(ctx context.Context, a Audit) (Row, error) {
	var row Row
	err := s.update(ctx, "read outputs", func(tx *sql.Tx) error {
		sealed, err := scanRow(tx.QueryRowContext(ctx,
			`SELECT `+rowColumns+` FROM verifications WHERE id = $1 AND client = $2`+s.dialect.holdRow, a.VerificationID, a.Client))
		if err != nil {
			return err
		}
		if row, err = s.openRow(sealed); err != nil || row.State.Status != verification.Completed {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			stamp(orNow(a.At)), ActReadOutputs, a.Client, a.By, a.VerificationID, a.Purpose, a.RequestID)
		return err
	})
	if err != nil {
		return Row{}, err
	}
	return row, nil
}

func (s *sqlStore) Audited(ctx context.Context, id string) ([]Audit, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT at, act, client, by_key, verification_id, purpose, request_id FROM audit WHERE verification_id = $1 ORDER BY id`, id)
	if err != nil {
		return nil, wrap("audited", err)
	}
	defer rows.Close()
	var out []Audit
	for rows.Next() {
		var a Audit
		var at sql.NullInt64
		if err := rows.Scan(&at, &a.Act, &a.Client, &a.By, &a.VerificationID, &a.Purpose, &a.RequestID); err != nil {
			return nil, wrap("audited", err)
		}
		a.At = timeOf(at)
		out = append(out, a)
	}
	return out, wrap("audited", rows.Err())
}
