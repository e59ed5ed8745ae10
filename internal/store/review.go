package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
)

// decisionName names a decision's row to the Sealer.
func decisionName(id string, version int, act string) string {
	return id + "/decision/" + strconv.Itoa(version) + "/" + act
}

func (s *sqlStore) AddDecision(ctx context.Context, d Decision) error {
	note, err := s.seal(decisionName(d.VerificationID, d.Version, d.Act), columnNote, []byte(d.Note))
	if err != nil {
		return err
	}
	return s.update(ctx, "add decision", func(tx *sql.Tx) error {
		if _, err := s.hold(ctx, tx, d.VerificationID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO decisions (verification_id, version, act, reason, decided_by, decided_at, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			d.VerificationID, d.Version, d.Act, string(d.Reason), d.By, stamp(orNow(d.At)), note)
		return err
	})
}

func (s *sqlStore) Decisions(ctx context.Context, id string) ([]Decision, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT version, act, reason, decided_by, decided_at, note FROM decisions
		WHERE verification_id = $1 ORDER BY version, decided_at`, id)
	if err != nil {
		return nil, wrap("decisions", err)
	}
	defer rows.Close()
	var out []Decision
	for rows.Next() {
		d := Decision{VerificationID: id}
		var at sql.NullInt64
		var note []byte
		if err := rows.Scan(&d.Version, &d.Act, &d.Reason, &d.By, &at, &note); err != nil {
			return nil, wrap("decisions", err)
		}
		d.At = timeOf(at)
		plain, err := s.open(decisionName(id, d.Version, d.Act), columnNote, note)
		if err != nil {
			return nil, err
		}
		d.Note = string(plain)
		out = append(out, d)
	}
	return out, wrap("decisions", rows.Err())
}

func (s *sqlStore) SetSwitch(ctx context.Context, v Switch) error {
	_, err := s.write.ExecContext(ctx, `
		INSERT INTO switches (provider, state, reason, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5)`,
		v.Provider, string(v.State), v.Reason, v.By, stamp(orNow(v.At)))
	return wrap("set switch", err)
}

func (s *sqlStore) Switch(ctx context.Context, provider string) (Switch, error) {
	v := Switch{Provider: provider}
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `
		SELECT state, reason, changed_by, changed_at FROM switches WHERE provider = $1 ORDER BY id DESC LIMIT 1`, provider).
		Scan(&v.State, &v.Reason, &v.By, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Switch{}, nil
	}
	v.At = timeOf(at)
	return v, wrap("switch", err)
}

func (s *sqlStore) Switches(ctx context.Context) ([]Switch, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT provider, state, reason, changed_by, changed_at FROM switches ORDER BY provider, id`)
	if err != nil {
		return nil, wrap("switches", err)
	}
	defer rows.Close()
	var out []Switch
	for rows.Next() {
		var v Switch
		var at sql.NullInt64
		if err := rows.Scan(&v.Provider, &v.State, &v.Reason, &v.By, &at); err != nil {
			return nil, wrap("switches", err)
		}
		v.At = timeOf(at)
		out = append(out, v)
	}
	return out, wrap("switches", rows.Err())
}
