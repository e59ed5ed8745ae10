package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// ActRedacted: a person's part of a verification was erased.
const ActRedacted = "redacted"

// Causes of an erasure.
const (
	// CauseRequest: the client asked, or an operator by the id.
	CauseRequest = "request"
	// CausePerson and CauseClient: all of a person's, all of a client's.
	CausePerson = "person"
	CauseClient = "client"
	// CauseRetention: it was due.
	CauseRetention = "retention"
	// CauseConsent: the person withdrew a consent.
	CauseConsent = "consent_withdrawn"
)

// ErrStillOpen: the verification has not ended, or is in review again; a
// *StillOpenError says where it stands. Nothing was erased.
var ErrStillOpen = errors.New("store: the verification is open")

// StillOpenError says in which status an open verification is.
type StillOpenError struct{ Status verification.Status }

func (e *StillOpenError) Error() string { return ErrStillOpen.Error() + ": " + string(e.Status) }

// Is makes it an ErrStillOpen.
func (e *StillOpenError) Is(target error) bool { return target == ErrStillOpen }

// Asked is a provider that was asked about a person, with the sessions that it
// held of them.
type Asked struct {
	Provider string `json:"provider"`
	Sessions []int  `json:"sessions,omitempty"`
}

// Erasure says what was erased, and on whose word.
type Erasure struct {
	ID, Client string
	// Cause is one of the above; By the name of a key or of an operator.
	Cause, By string
	RequestID string
	ErasedAt  time.Time
	// Status is how the verification ended.
	Status verification.Status
	// Asked are the providers that were asked about the person.
	Asked []Asked
	// Receipt is signed once everything else is done.
	Receipt  string
	SignedAt time.Time
}

// Erasures is what erasing asks of the store.
type Erasures interface {
	// Redact erases the personal part of an ended verification of the client and
	// all that was found about the person, and leaves the bare verdict; with it it
	// writes the event and who asked. Of one that was erased before it changes
	// nothing and returns that erasure. ErrStillOpen.
	Redact(ctx context.Context, e Erasure) (Erasure, error)
	// Choose returns those that are meant, by their ids, after one of them; Count
	// says how many they are.
	Choose(ctx context.Context, c Choice, after string, limit int) ([]Chosen, error)
	Count(ctx context.Context, c Choice) (int, error)
	// Find is Choose for somebody who asks whom is held: that they did is on record
	// with it.
	Find(ctx context.Context, a Audit, c Choice, limit int) ([]Chosen, error)
	// ClientOf returns whose a verification is, erased or not.
	ClientOf(ctx context.Context, id string) (string, error)
	// Erasure returns an erasure; ErrNotFound: there is none.
	Erasure(ctx context.Context, id string) (Erasure, error)
	// SignErasure keeps the receipt; the first one stands.
	SignErasure(ctx context.Context, id, receipt string, at time.Time) error
	// Unsigned returns erasures from before the time that have no receipt yet.
	Unsigned(ctx context.Context, before time.Time, limit int) ([]string, error)
	// Told returns the deliveries of a verification's events.
	Told(ctx context.Context, id string) ([]Delivery, error)
	// Reopenings counts how often a verification was reopened.
	Reopenings(ctx context.Context, id string) (int, error)
	// Forget makes what was erased leave the files that the product can reach, or
	// fails.
	Forget(ctx context.Context) error
	// Kind is "sqlite" or "postgres".
	Kind() string
}

func (s *sqlStore) Redact(ctx context.Context, e Erasure) (Erasure, error) {
	e.ErasedAt = orNow(e.ErasedAt).UTC().Truncate(time.Microsecond)
	err := s.update(ctx, "redact", func(tx *sql.Tx) error {
		held, err := s.holdPublic(ctx, tx, e.ID)
		if held.client != e.Client && (err == nil || errors.Is(err, ErrRedacted)) {
			return ErrNotFound
		}
		if errors.Is(err, ErrRedacted) {
			e, err = erasureIn(ctx, tx, e.ID)
			return err
		}
		if err != nil {
			return err
		}
		return s.redact(ctx, tx, held, &e)
	})
	if err != nil {
		return Erasure{}, err
	}
	s.forget()
	return e, nil
}

func (s *sqlStore) redact(ctx context.Context, tx *sql.Tx, held publicRow, e *Erasure) error {
	var st verification.State
	if err := fromJSON(held.id, "verifications.state", []byte(held.state), &st); err != nil {
		return err
	}
	if !held.endedAt.Valid || st.Status == verification.InReview {
		return &StillOpenError{st.Status}
	}
	e.Status = st.Status
	var err error
	if e.Asked, err = askedIn(ctx, tx, held.id, st); err != nil {
		return err
	}
	asked, err := json.Marshal(e.Asked)
	if err != nil {
		return fmt.Errorf("store: what was asked of %s does not encode: %w", held.id, err)
	}
	for _, one := range erasing(held.id) {
		if _, err := tx.ExecContext(ctx, one.text, one.args...); err != nil {
			return err
		}
	}
	held.redactedAt = stamp(e.ErasedAt)
	if _, err := tx.ExecContext(ctx, `UPDATE verifications SET redacted_at = $2 WHERE id = $1`, held.id, held.redactedAt); err != nil {
		return err
	}
	if err := s.writePublic(ctx, tx, held, st.Bare(), webhook.Redacted); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO erasures (verification_id, client, cause, asked_by, request_id, erased_at, asked) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.Client, e.Cause, e.By, e.RequestID, held.redactedAt, string(asked)); err != nil {
		return err
	}
	return s.audit(ctx, tx, Audit{At: e.ErasedAt, Act: ActRedacted, Client: e.Client, By: e.By, VerificationID: e.ID, Purpose: e.Cause, RequestID: e.RequestID})
}

// askedIn collects who was asked about the person, before the row forgets it.
func askedIn(ctx context.Context, tx *sql.Tx, id string, st verification.State) ([]Asked, error) {
	asked := []Asked{}
	place := map[string]int{}
	add := func(name string) *Asked {
		i, known := place[name]
		if !known {
			i = len(asked)
			place[name] = i
			asked = append(asked, Asked{Provider: name})
		}
		return &asked[i]
	}
	rows, err := tx.QueryContext(ctx, `
		SELECT provider, number FROM sessions WHERE verification_id = $1
		UNION ALL SELECT DISTINCT provider, 0 FROM calls WHERE verification_id = $1 ORDER BY 2, 1`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var number int
		if err := rows.Scan(&name, &number); err != nil {
			return nil, err
		}
		one := add(name)
		if number > 0 {
			one.Sessions = append(one.Sessions, number)
		}
	}
	for _, name := range st.Providers() {
		add(name)
	}
	return asked, rows.Err()
}

func (s *sqlStore) Erasure(ctx context.Context, id string) (Erasure, error) {
	e, err := erasureIn(ctx, s.read, id)
	return e, wrap("erasure", err)
}

func erasureIn(ctx context.Context, q querier, id string) (Erasure, error) {
	e := Erasure{ID: id}
	var erased, signed sql.NullInt64
	var receipt, status sql.NullString
	var asked string
	err := q.QueryRowContext(ctx, `
		SELECT client, cause, asked_by, request_id, erased_at, asked, receipt, signed_at,
			(SELECT status FROM verifications WHERE id = verification_id)
		FROM erasures WHERE verification_id = $1`, id).
		Scan(&e.Client, &e.Cause, &e.By, &e.RequestID, &erased, &asked, &receipt, &signed, &status)
	if err != nil {
		return Erasure{}, err
	}
	e.ErasedAt, e.Receipt, e.SignedAt, e.Status = timeOf(erased), receipt.String, timeOf(signed), verification.Status(status.String)
	return e, fromJSON(id, "erasures.asked", []byte(asked), &e.Asked)
}

func (s *sqlStore) SignErasure(ctx context.Context, id, receipt string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `UPDATE erasures SET receipt = $2, signed_at = $3 WHERE verification_id = $1 AND receipt IS NULL`,
		id, receipt, stamp(orNow(at)))
	return wrap("sign an erasure", err)
}

func (s *sqlStore) Unsigned(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return s.ids(ctx, "unsigned erasures", `
		SELECT verification_id FROM erasures WHERE receipt IS NULL AND erased_at < $1 ORDER BY erased_at, verification_id LIMIT $2`, stamp(before), limit)
}

func (s *sqlStore) Told(ctx context.Context, id string) (list []Delivery, err error) {
	list, err = all(ctx, s.read, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d JOIN events ON events.id = d.event_id
		WHERE events.verification_id = $1 ORDER BY d.event_id, d.endpoint`, id)
	return list, wrap("told", err)
}

func (s *sqlStore) Reopenings(ctx context.Context, id string) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE verification_id = $1 AND type = $2`, id, EventReopened).Scan(&n)
	return n, wrap("reopenings", err)
}

// errReaders: somebody read while the log was to be emptied.
var errReaders = errors.New("a reader kept the write-ahead log from being emptied")

func (s *sqlStore) Forget(ctx context.Context) error {
	if s.dialect.forget == "" {
		return nil
	}
	var busy, pages, moved int
	err := s.write.QueryRowContext(ctx, s.dialect.forget).Scan(&busy, &pages, &moved)
	if err == nil && busy != 0 {
		err = errReaders
	}
	return wrap("forget", err)
}

func (s *sqlStore) Kind() string { return s.dialect.kind }
