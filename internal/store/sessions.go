package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

const sessionColumns = `verification_id, number, provider, opened_at, expires_at, begun, captured, hints, link, handle, outcome`

func (s *sqlStore) scanSession(from scanner) (Session, error) {
	var v Session
	var opened, expires sql.NullInt64
	var link, handle, outcome []byte
	if err := from.Scan(&v.VerificationID, &v.Number, &v.Provider, &opened, &expires,
		&v.Begun, &v.Captured, &v.Hints, &link, &handle, &outcome); err != nil {
		return Session{}, wrap("session", err)
	}
	v.OpenedAt, v.ExpiresAt = timeOf(opened), timeOf(expires)
	row := sessionRow(v.VerificationID, v.Number)
	plain, err := s.open(row, columnLink, link)
	if err != nil {
		return Session{}, err
	}
	v.Link, v.Returned, _ = strings.Cut(string(plain), "\n") // no address has a line's end in it
	if v.Handle, err = s.open(row, columnHandle, handle); err != nil {
		return Session{}, err
	}
	if plain, err = s.open(row, columnOutcome, outcome); err != nil || plain == nil {
		return v, err
	}
	v.Outcome = new(verification.FaceResult)
	return v, fromJSON(row, columnOutcome, plain, v.Outcome)
}

// intentLife is how long a session that is about to be opened counts as one that
// is: longer than opening takes. What did not open counts no more.
const intentLife = time.Minute

func (s *sqlStore) IntendSession(ctx context.Context, v Session, caps Caps) (known Session, err error) {
	err = s.update(ctx, "intend session", func(tx *sql.Tx) error {
		if err := s.queueUp(ctx, tx, "sessions", caps.NumberHash, caps.Day); err != nil {
			return err
		}
		if _, err := s.hold(ctx, tx, v.VerificationID); err != nil {
			return err
		}
		known, err = s.session(ctx, tx, v.VerificationID, v.Number)
		if err == nil && !known.OpenedAt.IsZero() {
			return nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		now := time.Now()
		if err := s.mayOpen(ctx, tx, v, caps, now); err != nil {
			return err
		}
		// An intent that was never known to succeed may pass to another provider.
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO sessions (verification_id, number, provider, intended_at, number_hash, day) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (verification_id, number) DO UPDATE
			SET provider = excluded.provider, intended_at = excluded.intended_at, closed_at = NULL,
				number_hash = excluded.number_hash, day = excluded.day`,
			v.VerificationID, v.Number, v.Provider, stamp(now), caps.NumberHash, caps.Day); err != nil {
			return err
		}
		known, err = s.session(ctx, tx, v.VerificationID, v.Number)
		return err
	})
	return known, err
}

// mayOpen holds a session that is about to be opened to the caps of its number.
func (s *sqlStore) mayOpen(ctx context.Context, tx *sql.Tx, v Session, caps Caps, now time.Time) error {
	if caps.Records > 0 {
		counted, own, err := countCalls(ctx, tx, v.VerificationID, caps.NumberHash, caps.Day)
		if err != nil {
			return err
		}
		if counted >= caps.Records && own == 0 {
			return ErrDailyCap
		}
	}
	if caps.Sessions <= 0 {
		return nil
	}
	var others int
	if err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM sessions
		WHERE number_hash = $1 AND day = $2 AND (opened_at IS NOT NULL OR intended_at > $3)
			AND NOT (verification_id = $4 AND number = $5)`,
		caps.NumberHash, caps.Day, stamp(now.Add(-intentLife)), v.VerificationID, v.Number).Scan(&others); err != nil {
		return err
	}
	if others >= caps.Sessions {
		return ErrSessionsCap
	}
	return nil
}

func (s *sqlStore) OpenSession(ctx context.Context, v Session) error {
	row := sessionRow(v.VerificationID, v.Number)
	plain := v.Link
	if v.Returned != "" {
		plain += "\n" + v.Returned
	}
	link, err := s.seal(row, columnLink, []byte(plain))
	if err != nil {
		return err
	}
	handle, err := s.seal(row, columnHandle, v.Handle)
	if err != nil {
		return err
	}
	return s.update(ctx, "open session", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, v.VerificationID)
		if err != nil {
			return err
		}
		if held.ended {
			// A vendor's answer that comes after the end: what Finish erased
			// must not come back.
			link, handle = nil, nil
		}
		now := stamp(time.Now())
		_, err = tx.ExecContext(ctx, `
			INSERT INTO sessions (verification_id, number, provider, intended_at, opened_at, expires_at, begun, link, handle, open_request_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (verification_id, number) DO UPDATE
			SET provider = excluded.provider, opened_at = excluded.opened_at, expires_at = excluded.expires_at,
				open_request_id = excluded.open_request_id,
				link = CASE WHEN sessions.closed_at IS NULL THEN excluded.link END,
				handle = CASE WHEN sessions.closed_at IS NULL THEN excluded.handle END`,
			v.VerificationID, v.Number, v.Provider, now, stamp(orNow(v.OpenedAt)), stamp(v.ExpiresAt), v.Begun, link, handle, nullable(v.RequestID))
		return err
	})
}

func (s *sqlStore) Session(ctx context.Context, id string, number int) (Session, error) {
	return s.session(ctx, s.read, id, number)
}

func (s *sqlStore) session(ctx context.Context, q querier, id string, number int) (Session, error) {
	return s.scanSession(q.QueryRowContext(ctx,
		`SELECT `+sessionColumns+` FROM sessions WHERE verification_id = $1 AND number = $2`, id, number))
}

func (s *sqlStore) LatestSession(ctx context.Context, id string) (Session, error) {
	return s.scanSession(s.read.QueryRowContext(ctx, `
		SELECT `+sessionColumns+` FROM sessions WHERE verification_id = $1 AND link IS NOT NULL
		ORDER BY number DESC LIMIT 1`, id))
}

func (s *sqlStore) MarkBegun(ctx context.Context, id string, number int) error {
	return wrap("mark begun", touched(s.write.ExecContext(ctx,
		`UPDATE sessions SET begun = TRUE WHERE verification_id = $1 AND number = $2`, id, number)))
}

func (s *sqlStore) MarkCaptured(ctx context.Context, id string, number int) error {
	return wrap("mark captured", touched(s.write.ExecContext(ctx,
		`UPDATE sessions SET begun = TRUE, captured = TRUE WHERE verification_id = $1 AND number = $2`, id, number)))
}

func (s *sqlStore) SettleSession(ctx context.Context, id string, number int, outcome verification.FaceResult, last bool) error {
	plain, err := json.Marshal(outcome)
	if err != nil {
		return fmt.Errorf("store: settle session: %w", err)
	}
	sealed, err := s.seal(sessionRow(id, number), columnOutcome, plain)
	if err != nil {
		return err
	}
	err = s.update(ctx, "settle session", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, id)
		if err != nil {
			return err
		}
		if held.ended {
			return nil // nobody reads it any more, and the portrait is gone
		}
		err = touched(tx.ExecContext(ctx, `
			UPDATE sessions SET outcome = $3 WHERE verification_id = $1 AND number = $2 AND outcome IS NULL`, id, number, sealed))
		if errors.Is(err, ErrNotFound) {
			return nil // the first one stands
		}
		if err != nil || !last {
			return err
		}
		_, err = erasePortrait(ctx, tx, id)
		return err
	})
	if err == nil && last {
		s.forget()
	}
	return err
}

func (s *sqlStore) NoteResult(ctx context.Context, id string, number int, requestID string) error {
	return s.update(ctx, "note a result", func(tx *sql.Tx) error {
		if _, err := s.hold(ctx, tx, id); err != nil {
			return err
		}
		return touched(tx.ExecContext(ctx, `UPDATE sessions SET result_request_id = $3 WHERE verification_id = $1 AND number = $2`,
			id, number, nullable(asText(requestID))))
	})
}

func (s *sqlStore) CloseSession(ctx context.Context, id string, number int) error {
	err := touched(s.write.ExecContext(ctx, `
		UPDATE sessions SET link = NULL, handle = NULL, closed_at = COALESCE(closed_at, $3)
		WHERE verification_id = $1 AND number = $2`, id, number, stamp(time.Now())))
	if err != nil {
		return wrap("close session", err)
	}
	s.forget()
	return nil
}

func (s *sqlStore) CountHint(ctx context.Context, id string, number int) (hints int, err error) {
	err = s.write.QueryRowContext(ctx, `
		UPDATE sessions SET hints = hints + 1 WHERE verification_id = $1 AND number = $2 AND closed_at IS NULL RETURNING hints`,
		id, number).Scan(&hints)
	if err != nil {
		return 0, wrap("count hint", err)
	}
	return hints, nil
}
