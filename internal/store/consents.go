package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

const macOfConsent = "consent"

// consentParts are what the MAC covers: who agreed to what, when and where.
func consentParts(id string, c verification.Consent, given, withdrawn sql.NullInt64) []string {
	return []string{id, string(c.Purpose), c.TextVersion, c.TextHash, c.Language, string(c.Channel), optional(given), optional(withdrawn)}
}

func (s *sqlStore) AddConsents(ctx context.Context, id string, given []verification.Consent) error {
	return s.update(ctx, "add consents", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, id)
		if err != nil {
			return err
		}
		if held.ended {
			return ErrNotFound
		}
		return s.addConsents(ctx, tx, id, given)
	})
}

func (s *sqlStore) addConsents(ctx context.Context, tx *sql.Tx, id string, given []verification.Consent) error {
	for _, c := range given {
		at, none := stamp(orNow(c.GivenAt)), sql.NullInt64{}
		mac, err := s.keys.MAC(macOfConsent, consentParts(id, c, at, none)...)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO consents (verification_id, purpose, text_version, text_hash, language, channel, given_at, mac)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			id, string(c.Purpose), c.TextVersion, c.TextHash, c.Language, string(c.Channel), at, mac); err != nil {
			return err
		}
	}
	return nil
}

const consentColumns = `purpose, text_version, text_hash, language, channel, given_at, withdrawn_at, mac`

func (s *sqlStore) scanConsents(id string, rows *sql.Rows) ([]verification.Consent, error) {
	defer rows.Close()
	var out []verification.Consent
	for rows.Next() {
		var c verification.Consent
		var given, withdrawn sql.NullInt64
		var mac []byte
		if err := rows.Scan(&c.Purpose, &c.TextVersion, &c.TextHash, &c.Language, &c.Channel, &given, &withdrawn, &mac); err != nil {
			return nil, err
		}
		if s.keys.CheckMAC(mac, macOfConsent, consentParts(id, c, given, withdrawn)...) != nil {
			return nil, fmt.Errorf("%w: a consent of %s does not match its MAC", ErrChanged, id)
		}
		c.GivenAt = timeOf(given)
		if withdrawn.Valid {
			at := timeOf(withdrawn)
			c.WithdrawnAt = &at
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func (s *sqlStore) Consents(ctx context.Context, id string) ([]verification.Consent, error) {
	out, err := s.consentsIn(ctx, s.read, id)
	return out, wrap("consents", err)
}

func (s *sqlStore) consentsIn(ctx context.Context, q querier, id string) ([]verification.Consent, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT `+consentColumns+` FROM consents WHERE verification_id = $1 ORDER BY given_at, purpose`, id)
	if err != nil {
		return nil, err
	}
	return s.scanConsents(id, rows)
}

func (s *sqlStore) WithdrawConsents(ctx context.Context, id string, purposes []verification.Purpose, at time.Time) (unknown []verification.Purpose, err error) {
	err = s.update(ctx, "withdraw consents", func(tx *sql.Tx) error {
		unknown = nil
		if _, err := s.hold(ctx, tx, id); err != nil {
			return err
		}
		all, err := s.consentsIn(ctx, tx, id)
		if err != nil {
			return err
		}
		given := map[verification.Purpose]verification.Consent{}
		for _, c := range all {
			given[c.Purpose] = c
		}
		for _, p := range purposes {
			if _, ok := given[p]; !ok {
				unknown = append(unknown, p)
			}
		}
		for _, p := range purposes {
			if c := given[p]; len(unknown) == 0 && c.WithdrawnAt == nil {
				if err := s.withdraw(ctx, tx, id, c, at); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return unknown, err
}

func (s *sqlStore) withdraw(ctx context.Context, tx *sql.Tx, id string, c verification.Consent, at time.Time) error {
	on := stamp(orNow(at))
	mac, err := s.keys.MAC(macOfConsent, consentParts(id, c, stamp(c.GivenAt), on)...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE consents SET withdrawn_at = $3, mac = $4 WHERE verification_id = $1 AND purpose = $2 AND withdrawn_at IS NULL`,
		id, string(c.Purpose), on, mac)
	return err
}

func (s *sqlStore) Withdrawn(ctx context.Context, before time.Time, limit int) ([]Chosen, error) {
	list, err := all(ctx, s.read, scanChosen, `
		SELECT DISTINCT v.id, v.client FROM consents c JOIN verifications v ON v.id = c.verification_id
		WHERE c.withdrawn_at < $1 AND v.redacted_at IS NULL ORDER BY v.id LIMIT $2`, stamp(before), limit)
	return list, wrap("withdrawn consents", err)
}

func (s *sqlStore) ByPageCode(ctx context.Context, hash []byte) (Row, error) {
	row, err := scanRow(s.read.QueryRowContext(ctx, `SELECT `+rowColumns+` FROM verifications WHERE page_hash = $1`, hash))
	if err != nil {
		return Row{}, wrap("by page code", err)
	}
	return s.openRow(row)
}
