package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Pair is a client and a policy under which it has verifications.
type Pair struct{ Client, Policy string }

// Retained is what retention asks of the store. What it deletes nobody is told of.
type Retained interface {
	// Pairs returns those of which anything is left but ids.
	Pairs(ctx context.Context) ([]Pair, error)
	// OldVerdicts returns erased verifications of the pair that ended before the time
	// and still have their verdict; CountOldVerdicts how many. Strip leaves of one of them its id, its client,
	// the time of its erasure and the receipt.
	OldVerdicts(ctx context.Context, p Pair, before time.Time, limit int) ([]string, error)
	CountOldVerdicts(ctx context.Context, p Pair, before time.Time) (int, error)
	Strip(ctx context.Context, id string) error
	// CountOldEvents counts the pair's events from before the time that were relayed
	// and whose deliveries are over, but for each verification's newest one, after
	// which the next is numbered; DropEvents deletes at most limit of them, with
	// their deliveries.
	CountOldEvents(ctx context.Context, p Pair, before time.Time) (int, error)
	DropEvents(ctx context.Context, p Pair, before time.Time, limit int) (int, error)
}

func (s *sqlStore) Pairs(ctx context.Context) (out []Pair, err error) {
	out, err = all(ctx, s.read, func(from scanner) (p Pair, err error) {
		err = from.Scan(&p.Client, &p.Policy)
		return p, err
	}, `SELECT DISTINCT client, policy_name FROM verifications WHERE policy_name <> '' ORDER BY client, policy_name`)
	return out, wrap("pairs", err)
}

const oldVerdicts = ` FROM verifications WHERE client = $1 AND policy_name = $2 AND redacted_at IS NOT NULL AND ended_at < $3`

func (s *sqlStore) OldVerdicts(ctx context.Context, p Pair, before time.Time, limit int) ([]string, error) {
	return s.ids(ctx, "old verdicts", `SELECT id`+oldVerdicts+` ORDER BY ended_at, id LIMIT $4`, p.Client, p.Policy, stamp(before), limit)
}

func (s *sqlStore) CountOldVerdicts(ctx context.Context, p Pair, before time.Time) (int, error) {
	return s.countOf(ctx, "count old verdicts", `SELECT COUNT(*)`+oldVerdicts, p.Client, p.Policy, stamp(before))
}

func (s *sqlStore) countOf(ctx context.Context, what, query string, args ...any) (n int, err error) {
	err = s.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, wrap(what, err)
}

// ActStripped: the bare verdict's own time was over.
const ActStripped = "verdict.erased"

// dependants of a verification, of which nothing is left with its verdict.
var dependants = []string{"scans", "sessions", "calls", "decisions", "events", "consents", "visits", "handovers"}

func (s *sqlStore) Strip(ctx context.Context, id string) error {
	err := s.update(ctx, "strip", func(tx *sql.Tx) error {
		held, err := s.holdPublic(ctx, tx, id)
		if err == nil {
			return &StillOpenError{verification.Status(held.status)} // it is not erased
		}
		if !held.redactedAt.Valid || err != ErrRedacted {
			return err
		}
		if held.policy.Name == "" {
			return nil // it was before
		}
		for _, table := range dependants {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE verification_id = $1`, id); err != nil {
				return err
			}
		}
		held.policy, held.createdAt, held.endedAt = verification.PolicyRef{}, held.redactedAt, held.redactedAt
		held.revision++
		next, err := s.bindPublic(held, verification.State{})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE verifications SET policy_name = '', policy_version = 0, created_at = $2, start_called_at = $2, started_at = NULL, overdue_at = NULL,
				ended_at = $2, status = $3, decision = $4, state = $5, state_version = $6, revision = $7, mac = $8, page_hash = NULL WHERE id = $1`,
			id, next.redactedAt, next.status, next.decision, next.state, next.version, next.revision, next.mac)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, Audit{Act: ActStripped, Client: held.client, By: byWorker, VerificationID: id, Purpose: CauseRetention})
	})
	if err != nil {
		return err
	}
	s.forget()
	return nil
}

// oldEvents are events of a pair ($1, $2) from before a time ($3) that nobody needs.
const oldEvents = ` FROM events e JOIN verifications v ON v.id = e.verification_id
	WHERE e.client = $1 AND v.policy_name = $2 AND e.created_at < $3 AND e.relayed_at IS NOT NULL
		AND EXISTS (SELECT 1 FROM events n WHERE n.verification_id = e.verification_id AND n.sequence > e.sequence)
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.state IN ('due', 'sending', 'held'))`

func (s *sqlStore) CountOldEvents(ctx context.Context, p Pair, before time.Time) (int, error) {
	return s.countOf(ctx, "count old events", `SELECT COUNT(*)`+oldEvents, p.Client, p.Policy, stamp(before))
}

func (s *sqlStore) DropEvents(ctx context.Context, p Pair, before time.Time, limit int) (dropped int, err error) {
	err = s.update(ctx, "drop events", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM events WHERE id IN (SELECT e.id`+oldEvents+` ORDER BY e.created_at LIMIT $4)`,
			p.Client, p.Policy, stamp(before), limit)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		dropped = int(n)
		return err
	})
	return dropped, err
}
