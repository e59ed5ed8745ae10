package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/yanzhen-id/yanzhen/verification"
)

// scanName names a scan's row to the Sealer.
func scanName(id string, number int) string { return id + "/scan/" + strconv.Itoa(number) }

func (s *sqlStore) AddScan(ctx context.Context, v Scan) error {
	return s.update(ctx, "add scan", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, v.VerificationID)
		if err != nil {
			return err
		}
		if held.ended {
			return ErrNotFound
		}
		return s.addScan(ctx, tx, v)
	})
}

// addScan writes a scan whose id nobody used before; the same scan again
// changes nothing.
func (s *sqlStore) addScan(ctx context.Context, tx *sql.Tx, v Scan) error {
	reqid, err := s.seal(scanName(v.VerificationID, v.Number), columnReqID, []byte(v.ReqID))
	if err != nil {
		return err
	}
	err = touched(tx.ExecContext(ctx, `
		INSERT INTO scans (verification_id, number, reqid_hash, scanned_at, reqid) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`,
		v.VerificationID, v.Number, v.Hash, stamp(orNow(v.ScannedAt)), reqid))
	if err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	var same bool
	err = tx.QueryRowContext(ctx, `SELECT verification_id = $1 AND number = $2 FROM scans WHERE reqid_hash = $3`,
		v.VerificationID, v.Number, v.Hash).Scan(&same)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrScanTaken
	case err == nil && !same:
		return ErrReqIDReused
	}
	return err
}

func (s *sqlStore) DropScan(ctx context.Context, id string, number int, hash []byte) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM scans WHERE verification_id = $1 AND number = $2 AND reqid_hash = $3`,
		id, number, hash); err != nil {
		return wrap("drop scan", err)
	}
	s.forget()
	return nil
}

func (s *sqlStore) Scan(ctx context.Context, id string, number int) (Scan, error) {
	v := Scan{VerificationID: id, Number: number}
	var at sql.NullInt64
	var sealed []byte
	err := s.read.QueryRowContext(ctx,
		`SELECT reqid_hash, scanned_at, reqid FROM scans WHERE verification_id = $1 AND number = $2`, id, number).
		Scan(&v.Hash, &at, &sealed)
	if err != nil {
		return Scan{}, wrap("scan", err)
	}
	v.ScannedAt = timeOf(at)
	plain, err := s.open(scanName(id, number), columnReqID, sealed)
	v.ReqID = string(plain)
	return v, err
}

func (s *sqlStore) SaveCard(ctx context.Context, id string, card verification.Card, numberHash []byte) error {
	plain, err := json.Marshal(card)
	if err != nil {
		return errors.New("store: the card does not encode") // the cause may quote it
	}
	sealed, err := s.seal(id, columnCard, plain)
	if err != nil {
		return err
	}
	portrait, err := s.seal(id, columnPortrait, card.Portrait)
	if err != nil {
		return err
	}
	return s.update(ctx, "save card", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, id)
		if err != nil {
			return err
		}
		if held.ended {
			return ErrNotFound // what Finish erased must not come back
		}
		_, err = tx.ExecContext(ctx, `UPDATE verifications SET card = $2, portrait = $3, number_hash = COALESCE(number_hash, $4) WHERE id = $1`, id, sealed, portrait, numberHash)
		return err
	})
}

func (s *sqlStore) Portrait(ctx context.Context, id string) ([]byte, error) {
	var sealed []byte
	err := s.read.QueryRowContext(ctx, `SELECT portrait FROM verifications WHERE id = $1 AND redacted_at IS NULL`, id).Scan(&sealed)
	if err != nil {
		return nil, wrap("portrait", err)
	}
	return s.open(id, columnPortrait, sealed)
}

// openCard opens a row's card, without its portrait; nil: none was read.
func (s *sqlStore) openCard(id string, sealed []byte) (*verification.Card, error) {
	plain, err := s.open(id, columnCard, sealed)
	if err != nil || plain == nil {
		return nil, err
	}
	var card verification.Card
	if err := fromJSON(id, columnCard, plain, &card); err != nil {
		return nil, err
	}
	return &card, nil
}

// firstScan is the scan that a start request brought, if it did.
func firstScan(r Row) (Scan, bool) {
	return Scan{VerificationID: r.ID, ReqID: r.Request.NFCReqID, Hash: r.ReqIDHash, ScannedAt: r.CreatedAt}, len(r.ReqIDHash) > 0
}

// eraseChip erases what only a running verification may need of its chip.
func eraseChip(ctx context.Context, tx *sql.Tx, id string) error {
	if _, err := erasePortrait(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE scans SET reqid = NULL WHERE verification_id = $1 AND reqid IS NOT NULL`, id); err != nil {
		return fmt.Errorf("erase the scans' ids: %w", err)
	}
	return nil
}

// erasePortrait reports whether there was one.
func erasePortrait(ctx context.Context, tx *sql.Tx, id string) (erased bool, err error) {
	res, err := tx.ExecContext(ctx, `UPDATE verifications SET portrait = NULL WHERE id = $1 AND portrait IS NOT NULL`, id)
	if err != nil {
		return false, fmt.Errorf("erase the portrait: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
