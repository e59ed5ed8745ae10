package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Visits is what the person's page asks of the store: which browsers may go on
// with which verification. Cookies and codes come as keyed hashes.
type Visits interface {
	// AddVisit lets the browser with the cookie go on with the verification until
	// the time. It reports false, and lets nobody in, where as many do already as can
	// be the person's.
	AddVisit(ctx context.Context, cookie []byte, id string, until time.Time) (bool, error)
	// AddReturn is AddVisit for a browser that came back from a session without its
	// cookie. It reports false, and lets nobody in, where another one did before.
	AddReturn(ctx context.Context, cookie []byte, id string, session int, until time.Time) (bool, error)
	// VisitOf returns the verification with which the browser may go on; "": none.
	VisitOf(ctx context.Context, cookie []byte, now time.Time) (id string, err error)
	// SetHandover gives the verification's code for the phone until the time; the
	// one before is dead.
	SetHandover(ctx context.Context, id string, code []byte, until time.Time) error
	// Handover returns until when the verification's newest code lives and whether
	// it was spent; the zero time: there is none.
	Handover(ctx context.Context, id string) (until time.Time, spent bool, err error)
	// HandoverOf returns whose code it is; "": nobody's, or it was spent, is over or
	// another one took its place.
	HandoverOf(ctx context.Context, code []byte, now time.Time) (id string, err error)
	// SpendHandover spends the code and adds the phone's visit. It reports false
	// where the code is not good any more.
	SpendHandover(ctx context.Context, code, cookie []byte, now, until time.Time) (bool, error)
}

// sweptVisits is how many visits that are over go with each new one.
const sweptVisits = 20

// mostVisits is how many browsers a link lets in: whoever holds it could else fill
// the database, a row for each press of its button. The way back from a vendor and
// the code for the phone let in beside them.
const mostVisits = 100

func (s *sqlStore) AddVisit(ctx context.Context, cookie []byte, id string, until time.Time) (ok bool, err error) {
	err = s.update(ctx, "add a visit", func(tx *sql.Tx) error {
		if _, err := s.hold(ctx, tx, id); err != nil { // which has them counted one after the other
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM visits WHERE verification_id = $1`, id).Scan(&n); err != nil {
			return err
		}
		if ok = n < mostVisits; !ok {
			return nil
		}
		return s.addVisit(ctx, tx, cookie, id, sql.NullInt64{}, until)
	})
	return ok && err == nil, err
}

func (s *sqlStore) AddReturn(ctx context.Context, cookie []byte, id string, session int, until time.Time) (bool, error) {
	err := s.update(ctx, "add a returning visit", func(tx *sql.Tx) error {
		return s.addVisit(ctx, tx, cookie, id, sql.NullInt64{Int64: int64(session), Valid: true}, until)
	})
	if errors.Is(err, errCameBack) {
		return false, nil
	}
	return err == nil, err
}

// errCameBack: a browser came back from the session before.
var errCameBack = errors.New("store: a browser already returned from this session")

func (s *sqlStore) addVisit(ctx context.Context, tx *sql.Tx, cookie []byte, id string, session sql.NullInt64, until time.Time) error {
	if _, err := s.hold(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM visits WHERE cookie_hash IN
		(SELECT cookie_hash FROM visits WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, stamp(time.Now()), sweptVisits); err != nil {
		return err
	}
	err := touched(tx.ExecContext(ctx, `
		INSERT INTO visits (cookie_hash, verification_id, session, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (verification_id, session) DO NOTHING`, cookie, id, session, stamp(until)))
	if errors.Is(err, ErrNotFound) {
		return errCameBack
	}
	return err
}

func (s *sqlStore) VisitOf(ctx context.Context, cookie []byte, now time.Time) (string, error) {
	return s.verificationOf(ctx, "visit", `SELECT verification_id FROM visits WHERE cookie_hash = $1 AND expires_at > $2`, cookie, now)
}

func (s *sqlStore) HandoverOf(ctx context.Context, code []byte, now time.Time) (string, error) {
	return s.verificationOf(ctx, "hand-over", `SELECT verification_id FROM handovers WHERE code_hash = $1 AND expires_at > $2 AND NOT spent`, code, now)
}

func (s *sqlStore) verificationOf(ctx context.Context, what, query string, hash []byte, now time.Time) (string, error) {
	var id string
	err := s.read.QueryRowContext(ctx, query, hash, stamp(now)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, wrap(what, err)
}

func (s *sqlStore) SetHandover(ctx context.Context, id string, code []byte, until time.Time) error {
	return s.update(ctx, "set the hand-over", func(tx *sql.Tx) error {
		if _, err := s.hold(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO handovers (verification_id, code_hash, expires_at, spent) VALUES ($1, $2, $3, FALSE)
			ON CONFLICT (verification_id) DO UPDATE SET code_hash = $2, expires_at = $3, spent = FALSE`, id, code, stamp(until))
		return err
	})
}

func (s *sqlStore) Handover(ctx context.Context, id string) (time.Time, bool, error) {
	var until sql.NullInt64
	var spent bool
	err := s.read.QueryRowContext(ctx, `SELECT expires_at, spent FROM handovers WHERE verification_id = $1`, id).Scan(&until, &spent)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return timeOf(until), spent, wrap("hand-over", err)
}

func (s *sqlStore) SpendHandover(ctx context.Context, code, cookie []byte, now, until time.Time) (bool, error) {
	err := s.update(ctx, "spend the hand-over", func(tx *sql.Tx) error {
		var id string
		if err := tx.QueryRowContext(ctx, `SELECT verification_id FROM handovers WHERE code_hash = $1`, code).Scan(&id); err != nil {
			return err
		}
		// The verification's row first, as everybody takes it: a code that is given or
		// erased at this moment would else wait for this one, and this one for it.
		if _, err := s.hold(ctx, tx, id); err != nil {
			return err
		}
		if err := touched(tx.ExecContext(ctx, `UPDATE handovers SET spent = TRUE
			WHERE code_hash = $1 AND expires_at > $2 AND NOT spent`, code, stamp(now))); err != nil {
			return err
		}
		return s.addVisit(ctx, tx, cookie, id, sql.NullInt64{}, until)
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
