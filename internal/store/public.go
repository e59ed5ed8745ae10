package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// publicRow is what readers believe of a row, with the MAC that binds it.
type publicRow struct {
	id, client string
	policy     verification.PolicyRef
	createdAt  sql.NullInt64
	status     string
	decision   string
	state      string
	version    int
	revision   int
	endedAt    sql.NullInt64
	redactedAt sql.NullInt64
	mac        []byte
}

// parts are what the MAC covers. The state holds every verdict version.
func (p publicRow) parts() []string {
	return []string{p.id, p.client, p.policy.Name, strconv.Itoa(p.policy.Version), optional(p.createdAt), p.status, p.decision,
		p.state, strconv.Itoa(p.version), strconv.Itoa(p.revision), optional(p.endedAt), optional(p.redactedAt)}
}

func optional(n sql.NullInt64) string {
	if !n.Valid {
		return ""
	}
	return strconv.FormatInt(n.Int64, 10)
}

const macOfRow = "verification"

// bindPublic puts a state into the row and binds it.
func (s *sqlStore) bindPublic(p publicRow, st verification.State) (publicRow, error) {
	text, err := json.Marshal(st)
	if err != nil {
		return p, fmt.Errorf("store: the state of %s does not encode: %w", p.id, err)
	}
	p.status, p.decision, p.state, p.version = string(st.Status), string(st.Decision), string(text), st.Version
	p.mac, err = s.keys.MAC(macOfRow, p.parts()...)
	return p, err
}

func (s *sqlStore) checkPublic(p publicRow) error {
	if s.keys.CheckMAC(p.mac, macOfRow, p.parts()...) != nil {
		return fmt.Errorf("%w: the row of %s does not match its MAC", ErrChanged, p.id)
	}
	return nil
}

// holdPublic keeps the row from being changed by others until the transaction
// ends, and checks it: what is written next is bound anew.
func (s *sqlStore) holdPublic(ctx context.Context, tx *sql.Tx, id string) (publicRow, error) {
	p := publicRow{id: id}
	err := tx.QueryRowContext(ctx, `
		SELECT client, policy_name, policy_version, created_at, status, decision, state, state_version, revision, ended_at, redacted_at, mac
		FROM verifications WHERE id = $1`+s.dialect.holdRow, id).
		Scan(&p.client, &p.policy.Name, &p.policy.Version, &p.createdAt, &p.status, &p.decision, &p.state, &p.version, &p.revision,
			&p.endedAt, &p.redactedAt, &p.mac)
	if err != nil {
		return p, err
	}
	if err := s.checkPublic(p); err != nil {
		return p, err
	}
	if p.redactedAt.Valid {
		return p, ErrRedacted
	}
	return p, nil
}

// writePublic writes a held row's next state and its event, and raises the
// revision.
func (s *sqlStore) writePublic(ctx context.Context, tx *sql.Tx, held publicRow, st verification.State, event string) error {
	held.revision++
	next, err := s.bindPublic(held, st)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE verifications SET status = $2, decision = $3, state = $4, state_version = $5, revision = $6, ended_at = $7, mac = $8
		WHERE id = $1`,
		next.id, next.status, next.decision, next.state, next.version, next.revision, next.endedAt, next.mac); err != nil {
		return err
	}
	if event == "" {
		return nil
	}
	return s.addEvent(ctx, tx, event, next, st)
}

func (s *sqlStore) Publish(ctx context.Context, id string, st verification.State) error {
	if st.Status.Ended() {
		return fmt.Errorf("store: publish: %q is the status of an end", st.Status)
	}
	erased := false
	err := s.update(ctx, "publish", func(tx *sql.Tx) error {
		held, err := s.holdPublic(ctx, tx, id)
		if err != nil || held.endedAt.Valid || held.version > st.Version {
			return err
		}
		next, err := s.bindPublic(held, st)
		if err != nil || next.state == held.state {
			return err
		}
		var before verification.State
		if err := fromJSON(id, "verifications.state", []byte(held.state), &before); err != nil {
			return err
		}
		if by := extendedBy(before, st); by > 0 {
			if err := s.extend(ctx, tx, id, by); err != nil {
				return err
			}
		}
		if err := s.writePublic(ctx, tx, held, st, eventOf(before, st)); err != nil || st.Status != verification.InReview {
			return err
		}
		erased, err = erasePortrait(ctx, tx, id) // no session follows, with whose face it could be compared
		return err
	})
	if err == nil && erased {
		s.forget()
	}
	return err
}

// extendedBy is by how much an operator has extended the clock that runs for
// somebody to act; 0: nobody has.
func extendedBy(before, now verification.State) time.Duration {
	waits := now.Status == verification.RequiresInput || now.Status == verification.InReview
	if !waits || before.Status != now.Status || actionOf(before) != actionOf(now) || before.Attempt.Session != now.Attempt.Session ||
		before.ExpiresAt == nil || now.ExpiresAt == nil {
		return 0
	}
	return max(0, now.ExpiresAt.Sub(*before.ExpiresAt))
}

// extend moves what ends with the clock: when the run is overdue, and how long the
// page's browsers may go on.
func (s *sqlStore) extend(ctx context.Context, tx *sql.Tx, id string, by time.Duration) error {
	for _, what := range []string{`UPDATE verifications SET overdue_at = overdue_at + $2 WHERE id = $1`,
		`UPDATE visits SET expires_at = expires_at + $2 WHERE verification_id = $1`} {
		if _, err := tx.ExecContext(ctx, what, id, by.Microseconds()); err != nil {
			return err
		}
	}
	return nil
}

// eventOf is the event that follows from a published state, if any: the caller
// must act, or a human must, or they have longer to.
func eventOf(before, now verification.State) string {
	moved := before.Status != now.Status || extendedBy(before, now) > 0
	switch now.Status {
	case verification.RequiresInput:
		// On our page the link stays whatever the session.
		if moved || before.Attempt.Session != now.Attempt.Session && !now.Page || actionOf(before) != actionOf(now) {
			return EventRequiresInput
		}
	case verification.InReview:
		if moved {
			return EventInReview
		}
	}
	return ""
}

func actionOf(st verification.State) verification.ActionType {
	if st.NextAction == nil {
		return ""
	}
	return st.NextAction.Type
}

func (s *sqlStore) Finish(ctx context.Context, id string, last verification.State) error {
	if !last.Status.Ended() {
		return fmt.Errorf("store: finish: %q is not the status of an end", last.Status)
	}
	err := s.update(ctx, "finish", func(tx *sql.Tx) error {
		held, err := s.holdPublic(ctx, tx, id)
		if err != nil {
			return err
		}
		at := stamp(orNow(last.UpdatedAt))
		if !held.endedAt.Valid {
			held.endedAt = at
			if err := s.writePublic(ctx, tx, held, last, eventOfEnd(last.Status)); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE sessions SET link = NULL, handle = NULL, notice = NULL, outcome = NULL, hints = 0, closed_at = COALESCE(closed_at, $2)
			WHERE verification_id = $1`, id, at)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE verifications SET page_code = NULL WHERE id = $1 AND page_code IS NOT NULL`, id); err != nil {
			return err
		}
		return eraseChip(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	s.forget()
	return nil
}

func (s *sqlStore) Amend(ctx context.Context, id string, st verification.State) error {
	return s.update(ctx, "amend", func(tx *sql.Tx) error {
		held, err := s.holdPublic(ctx, tx, id)
		if err != nil {
			return err
		}
		if !held.endedAt.Valid {
			return fmt.Errorf("store: amend: %s has not ended", id)
		}
		if held.version >= st.Version {
			return nil
		}
		event := eventOfEnd(st.Status)
		switch {
		case st.Status == verification.InReview && held.status == string(verification.InReview):
			event = EventInReview // they have longer to decide; it was reopened before
		case st.Status == verification.InReview:
			event = EventReopened
		}
		if err := s.writePublic(ctx, tx, held, st, event); err != nil {
			return err
		}
		return s.setOverdue(ctx, tx, id, st)
	})
}

// setOverdue notes when a reopened case's review must be over.
func (s *sqlStore) setOverdue(ctx context.Context, tx *sql.Tx, id string, st verification.State) error {
	var at time.Time
	if st.ExpiresAt != nil {
		at = *st.ExpiresAt
	}
	_, err := tx.ExecContext(ctx, `UPDATE verifications SET overdue_at = COALESCE($2, overdue_at) WHERE id = $1`, id, stamp(at))
	return err
}
