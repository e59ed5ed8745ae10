package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/yanzhen-id/yanzhen/verification"
)

const callColumns = `id, verification_id, provider, intended_at, answered_at, code, billable, result, COALESCE(request_id, '')`

func scanCall(from scanner) (Call, error) {
	var c Call
	var intended, answered sql.NullInt64
	var billable string
	var result []byte
	if err := from.Scan(&c.ID, &c.VerificationID, &c.Provider, &intended, &answered, &c.Code, &billable, &result, &c.RequestID); err != nil {
		return Call{}, err
	}
	c.IntendedAt, c.AnsweredAt, c.Billable = timeOf(intended), timeOf(answered), verification.Billable(billable)
	if result == nil {
		return c, nil
	}
	c.Check = new(verification.Check)
	return c, fromJSON(c.VerificationID, "calls.result", result, c.Check)
}

func (s *sqlStore) Calls(ctx context.Context, id string) (calls []Call, err error) {
	calls, err = all(ctx, s.read, scanCall, `SELECT `+callColumns+` FROM calls WHERE verification_id = $1 ORDER BY id`, id)
	return calls, wrap("calls", err)
}

func (s *sqlStore) IntendCall(ctx context.Context, c Call, numberHash []byte, day string, dailyCap int) (Call, error) {
	var intended Call
	err := s.update(ctx, "intend call", func(tx *sql.Tx) error {
		if err := s.queueUp(ctx, tx, "calls", numberHash, day); err != nil {
			return err
		}
		if _, err := s.hold(ctx, tx, c.VerificationID); err != nil {
			return err
		}
		counted, _, err := countCalls(ctx, tx, c.VerificationID, numberHash, day)
		if err != nil {
			return err
		}
		if counted >= dailyCap {
			return ErrDailyCap
		}
		intended, err = scanCall(tx.QueryRowContext(ctx, `
			INSERT INTO calls (verification_id, provider, number_hash, day, intended_at, billable) VALUES ($1, $2, $3, $4, $5, $6)
			RETURNING `+callColumns,
			c.VerificationID, c.Provider, nonNil(numberHash), day, stamp(orNow(c.IntendedAt)), string(verification.BillableUnknown)))
		return err
	})
	if err != nil {
		return Call{}, err
	}
	return intended, nil
}

// countCalls counts a number's charged or possibly charged calls of a day, and
// how many of them are a verification's own.
func countCalls(ctx context.Context, tx *sql.Tx, id string, numberHash []byte, day string) (counted, own int, err error) {
	err = tx.QueryRowContext(ctx, `
		SELECT COUNT(*), COUNT(CASE WHEN verification_id = $4 THEN 1 END) FROM calls
		WHERE number_hash = $1 AND day = $2 AND NOT (answered_at IS NOT NULL AND billable = $3)`,
		nonNil(numberHash), day, string(verification.BillableNo), id).Scan(&counted, &own)
	return counted, own, err
}

// queueUp makes the transactions of one number and day, that count the same
// thing, wait for each other until their ends.
func (s *sqlStore) queueUp(ctx context.Context, tx *sql.Tx, counting string, numberHash []byte, day string) error {
	if s.dialect.holdNumber == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.dialect.holdNumber, numberKey(counting, numberHash, day))
	return err
}

// numberKey is the advisory lock for a number on a day. Two numbers that meet
// in one key only wait for each other.
func numberKey(counting string, numberHash []byte, day string) int64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "yanzhen.%s/%s/", counting, day) // a hash's Write never fails
	_, _ = h.Write(numberHash)
	return int64(h.Sum64())
}

func (s *sqlStore) AnswerCall(ctx context.Context, c Call) error {
	var result sql.NullString
	if c.Check != nil {
		data, err := json.Marshal(c.Check)
		if err != nil {
			return fmt.Errorf("store: answer call: %w", err)
		}
		result = sql.NullString{String: string(data), Valid: true}
	}
	return s.update(ctx, "answer call", func(tx *sql.Tx) error {
		switch _, err := s.hold(ctx, tx, c.VerificationID); {
		case errors.Is(err, ErrRedacted): // it counts, and tells nothing any more
			c.Code, c.RequestID, result = "", "", sql.NullString{}
		case err != nil:
			return err
		}
		err := touched(tx.ExecContext(ctx, `
			UPDATE calls SET answered_at = $3, code = $4, billable = $5, result = $6, request_id = $7
			WHERE id = $1 AND verification_id = $2 AND answered_at IS NULL`,
			c.ID, c.VerificationID, stamp(c.AnsweredAt), asText(c.Code), string(c.Billable), result, nullable(asText(c.RequestID))))
		if err != ErrNotFound {
			return err
		}
		// Answered before: the first answer stands.
		var id int64
		return tx.QueryRowContext(ctx,
			`SELECT id FROM calls WHERE id = $1 AND verification_id = $2`, c.ID, c.VerificationID).Scan(&id)
	})
}

// nullable is NULL for nothing.
func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// asText drops what PostgreSQL's text cannot hold, so that no vendor's code can
// keep its answer from being written.
func asText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
