package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const macOfDecision = "decision"

// decisionRow names a decision's row to the Sealer.
func decisionRow(d Decision) string {
	return strings.Join([]string{d.VerificationID, "decision", strconv.Itoa(d.Version), d.Act, string(d.Reason), d.By}, "/")
}

// decisionParts are what the MAC covers: who decided what, when and why.
func decisionParts(d Decision, at sql.NullInt64) []string {
	return []string{d.VerificationID, strconv.Itoa(d.Version), d.Act, string(d.Reason), d.By, optional(at)}
}

func (s *sqlStore) AddDecision(ctx context.Context, d Decision) error {
	note, err := s.seal(decisionRow(d), columnNote, []byte(d.Note))
	if err != nil {
		return err
	}
	at := stamp(orNow(d.At))
	mac, err := s.keys.MAC(macOfDecision, decisionParts(d, at)...)
	if err != nil {
		return err
	}
	return s.update(ctx, "add decision", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, d.VerificationID)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `
			INSERT INTO decisions (verification_id, version, act, reason, decided_by, decided_at, note, mac)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			d.VerificationID, d.Version, d.Act, string(d.Reason), d.By, at, note, mac)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		// Its note rests with the decision.
		return s.audit(ctx, tx, Audit{At: timeOf(at), Act: "review." + d.Act, Client: held.client, By: d.By, VerificationID: d.VerificationID, Purpose: string(d.Reason)})
	})
}

func (s *sqlStore) Decisions(ctx context.Context, id string) ([]Decision, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT version, act, reason, decided_by, decided_at, note, mac FROM decisions
		WHERE verification_id = $1 ORDER BY version, decided_at, decided_by`, id)
	if err != nil {
		return nil, wrap("decisions", err)
	}
	defer rows.Close()
	var out []Decision
	for rows.Next() {
		d := Decision{VerificationID: id}
		var at sql.NullInt64
		var note, mac []byte
		if err := rows.Scan(&d.Version, &d.Act, &d.Reason, &d.By, &at, &note, &mac); err != nil {
			return nil, wrap("decisions", err)
		}
		if s.keys.CheckMAC(mac, macOfDecision, decisionParts(d, at)...) != nil {
			return nil, fmt.Errorf("%w: a decision of %s does not match its MAC", ErrChanged, id)
		}
		d.At = timeOf(at)
		plain, err := s.open(decisionRow(d), columnNote, note)
		if err != nil {
			return nil, err
		}
		d.Note = string(plain)
		out = append(out, d)
	}
	return out, wrap("decisions", rows.Err())
}

func (s *sqlStore) SetSwitch(ctx context.Context, v Switch) error {
	at := stamp(orNow(v.At))
	return s.update(ctx, "set switch", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO switches (provider, state, reason, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5)`,
			v.Provider, string(v.State), v.Reason, v.By, at)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, Audit{At: timeOf(at), Act: "provider." + string(v.State), By: v.By, Purpose: v.Provider, Note: v.Reason})
	})
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
