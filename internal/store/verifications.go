package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

const rowColumns = `id, client, fingerprint, policy_name, policy_version, created_at, start_called_at,
	started_at, status, decision, state, state_version, revision, ended_at, redacted_at, overdue_at, mac, request, card, page_code, page_hash,
	EXISTS (SELECT 1 FROM scans WHERE scans.verification_id = verifications.id AND scans.number = 0),
	EXISTS (SELECT 1 FROM consents WHERE consents.verification_id = verifications.id AND consents.withdrawn_at IS NOT NULL)`

// sealedRow is a row as it rests.
type sealedRow struct {
	Row
	public  publicRow
	request []byte
	card    []byte
	code    []byte
}

func scanRow(from scanner) (sealedRow, error) {
	var r sealedRow
	var called, started, overdue sql.NullInt64
	p := &r.public
	err := from.Scan(&p.id, &p.client, &r.Fingerprint, &p.policy.Name, &p.policy.Version, &p.createdAt, &called,
		&started, &p.status, &p.decision, &p.state, &p.version, &p.revision, &p.endedAt, &p.redactedAt, &overdue, &p.mac, &r.request, &r.card, &r.code, &r.PageHash, &r.Scanned, &r.Withdrawn)
	r.ID, r.Client, r.Policy = p.id, p.client, p.policy
	r.CreatedAt, r.StartCalledAt, r.StartedAt, r.OverdueAt = timeOf(p.createdAt), timeOf(called), timeOf(started), timeOf(overdue)
	r.Revision, r.Ended = p.revision, p.endedAt.Valid
	return r, err
}

// openRow checks a row's MAC and opens its sealed part; of a redacted one
// nothing is told.
func (s *sqlStore) openRow(r sealedRow) (Row, error) {
	if err := s.checkPublic(r.public); err != nil {
		return Row{}, err
	}
	if r.public.redactedAt.Valid {
		return Row{}, ErrRedacted
	}
	if err := fromJSON(r.ID, "verifications.state", []byte(r.public.state), &r.State); err != nil {
		return Row{}, err
	}
	plain, err := s.open(r.ID, columnRequest, r.request)
	if err != nil {
		return Row{}, err
	}
	if err := fromJSON(r.ID, columnRequest, plain, &r.Request); err != nil {
		return Row{}, err
	}
	code, err := s.open(r.ID, columnPageCode, r.code)
	if err != nil {
		return Row{}, err
	}
	r.PageCode = string(code)
	r.Card, err = s.openCard(r.ID, r.card)
	return r.Row, err
}

func (s *sqlStore) Insert(ctx context.Context, r Row) (Row, bool, error) {
	r.CreatedAt = orNow(r.CreatedAt)
	if r.StartCalledAt.IsZero() {
		r.StartCalledAt = r.CreatedAt
	}
	if r.State.Status == "" {
		r.State = verification.State{Status: verification.Processing}
	}
	kept := r.Request
	kept.NFCReqID = "" // it rests with its scan, and no longer than that needs it
	plain, err := json.Marshal(kept)
	if err != nil {
		return Row{}, false, errors.New("store: the request does not encode") // the cause may quote it
	}
	request, err := s.seal(r.ID, columnRequest, plain)
	if err != nil {
		return Row{}, false, err
	}
	code, err := s.seal(r.ID, columnPageCode, []byte(r.PageCode))
	if err != nil {
		return Row{}, false, err
	}
	for range 3 {
		row, created, err := s.insertOrTouch(ctx, r, request, code)
		if errors.Is(err, errSwept) {
			continue
		}
		if err != nil {
			return Row{}, false, err
		}
		opened, err := s.openRow(row)
		return opened, created, err
	}
	return Row{}, false, wrap("insert", errSwept)
}

// errSwept: the row that stood in the way of an insert was swept before it
// could be read.
var errSwept = errors.New("the row was swept meanwhile")

func (s *sqlStore) insertOrTouch(ctx context.Context, r Row, request, code []byte) (row sealedRow, created bool, err error) {
	public, err := s.bindPublic(publicRow{id: r.ID, client: r.Client, policy: r.Policy, createdAt: stamp(r.CreatedAt), revision: 1}, r.State)
	if err != nil {
		return sealedRow{}, false, err
	}
	err = s.update(ctx, "insert", func(tx *sql.Tx) error {
		row, err = scanRow(tx.QueryRowContext(ctx, `
			INSERT INTO verifications (id, client, fingerprint, policy_name, policy_version, created_at,
				start_called_at, status, decision, state, state_version, revision, overdue_at, mac, request, reference_hash, number_hash, page_code, page_hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
			ON CONFLICT (id) DO NOTHING
			RETURNING `+rowColumns,
			r.ID, r.Client, nonNil(r.Fingerprint), r.Policy.Name, r.Policy.Version, public.createdAt,
			stamp(r.StartCalledAt), public.status, public.decision, public.state, public.version, public.revision,
			stamp(r.OverdueAt), public.mac, request, r.ReferenceHash, r.NumberHash, code, r.PageHash))
		if created = err == nil; created {
			if err := s.refuseOpen(ctx, tx, r); err != nil {
				return err
			}
			if err := s.addEvent(ctx, tx, EventCreated, public, r.State); err != nil {
				return err
			}
			if err := s.addConsents(ctx, tx, r.ID, r.Request.Consents); err != nil {
				return err
			}
			scan, ok := firstScan(r)
			if !ok {
				return nil
			}
			row.Scanned = true
			return s.addScan(ctx, tx, scan)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		row, err = s.touch(ctx, tx, r)
		return err
	})
	return row, created, err
}

// refuseOpen finds another open verification of the new row's person.
func (s *sqlStore) refuseOpen(ctx context.Context, tx *sql.Tx, r Row) error {
	if !r.OneOpen || len(r.NumberHash) == 0 {
		return nil
	}
	// Two starts for one person at once: the second one waits, and sees the first.
	if err := s.queueUp(ctx, tx, "open", r.NumberHash, r.Client); err != nil {
		return err
	}
	var open AlreadyOpenError
	err := tx.QueryRowContext(ctx, `
		SELECT id FROM verifications
		WHERE client = $1 AND number_hash = $2 AND ended_at IS NULL AND redacted_at IS NULL AND id <> $3
		ORDER BY created_at DESC LIMIT 1`, r.Client, r.NumberHash, r.ID).Scan(&open.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &open
}

// touch notes a repeated start call on the row that is there. Another client's
// row, which no id of ours can name, is neither changed nor shown.
func (s *sqlStore) touch(ctx context.Context, tx *sql.Tx, r Row) (sealedRow, error) {
	row, err := scanRow(tx.QueryRowContext(ctx, `
		UPDATE verifications
		SET start_called_at = CASE WHEN start_called_at < $3 THEN $3 ELSE start_called_at END
		WHERE id = $1 AND client = $2
		RETURNING `+rowColumns, r.ID, r.Client, stamp(r.StartCalledAt)))
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	var owner string
	err = tx.QueryRowContext(ctx, `SELECT client FROM verifications WHERE id = $1`, r.ID).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) || err == nil && owner == r.Client {
		return sealedRow{}, errSwept // and, in the latter case, inserted again by another call
	}
	return sealedRow{}, cmp.Or(err, ErrNotFound)
}

func (s *sqlStore) Get(ctx context.Context, client, id string) (Row, error) {
	row, err := scanRow(s.read.QueryRowContext(ctx,
		`SELECT `+rowColumns+` FROM verifications WHERE id = $1 AND client = $2`, id, client))
	if err != nil {
		return Row{}, wrap("get", err)
	}
	return s.openRow(row)
}

func (s *sqlStore) Load(ctx context.Context, id string) (Row, error) {
	row, err := scanRow(s.read.QueryRowContext(ctx,
		`SELECT `+rowColumns+` FROM verifications WHERE id = $1`, id))
	if err != nil {
		return Row{}, wrap("load", err)
	}
	return s.openRow(row)
}

func (s *sqlStore) MarkStarted(ctx context.Context, id string, at time.Time) error {
	return s.update(ctx, "mark started", func(tx *sql.Tx) error {
		if _, err := s.hold(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx,
			`UPDATE verifications SET started_at = $2 WHERE id = $1 AND started_at IS NULL`, id, stamp(orNow(at)))
		return err
	})
}

// heldRow is what a writing transaction must know of the verification.
type heldRow struct {
	client       string
	ended        bool
	stateVersion int
}

// hold keeps the verification's row from being changed by others until the
// transaction ends. A redacted one takes no more writes.
func (s *sqlStore) hold(ctx context.Context, tx *sql.Tx, id string) (heldRow, error) {
	var h heldRow
	var ended, redacted sql.NullInt64
	err := tx.QueryRowContext(ctx,
		`SELECT client, state_version, ended_at, redacted_at FROM verifications WHERE id = $1`+s.dialect.holdRow, id).
		Scan(&h.client, &h.stateVersion, &ended, &redacted)
	if err != nil {
		return heldRow{}, wrap("hold", err)
	}
	if redacted.Valid {
		return heldRow{}, ErrRedacted
	}
	h.ended = ended.Valid
	return h, nil
}

// nonNil keeps a NOT NULL column of bytes from being refused.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
