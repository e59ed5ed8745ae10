package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Choice says which verifications are meant, none that was erased. What is zero
// is not asked for.
type Choice struct {
	Client, Policy string
	// NumberHash is the keyed hash of a person's number.
	NumberHash []byte
	// EndedBefore leaves out those that are open.
	EndedBefore time.Time
}

// Chosen is a verification that was meant.
type Chosen struct{ ID, Client string }

// where is the choice as a condition, with its arguments.
func (c Choice) where() (string, []any) {
	var args []any
	var b strings.Builder
	b.WriteString(`redacted_at IS NULL`)
	add := func(condition string, value any) {
		args = append(args, value)
		fmt.Fprintf(&b, " AND "+condition, fmt.Sprintf("$%d", len(args)))
	}
	if c.Client != "" {
		add("client = %s", c.Client)
	}
	if c.Policy != "" {
		add("policy_name = %s", c.Policy)
	}
	if len(c.NumberHash) > 0 {
		add("number_hash = %s", c.NumberHash)
	}
	if !c.EndedBefore.IsZero() {
		add("ended_at IS NOT NULL AND status <> 'in_review' AND ended_at < %s", stamp(c.EndedBefore))
	}
	return b.String(), args
}

func (s *sqlStore) Choose(ctx context.Context, c Choice, after string, limit int) ([]Chosen, error) {
	where, args := c.where()
	args = append(args, after, limit)
	out, err := all(ctx, s.read, scanChosen, fmt.Sprintf(`SELECT id, client FROM verifications WHERE %s AND id > $%d ORDER BY id LIMIT $%d`,
		where, len(args)-1, len(args)), args...)
	return out, wrap("choose", err)
}

func scanChosen(from scanner) (c Chosen, err error) {
	err = from.Scan(&c.ID, &c.Client)
	return c, err
}

func (s *sqlStore) Count(ctx context.Context, c Choice) (n int, err error) {
	where, args := c.where()
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM verifications WHERE `+where, args...).Scan(&n)
	return n, wrap("count", err)
}

func (s *sqlStore) ClientOf(ctx context.Context, id string) (client string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT client FROM verifications WHERE id = $1`, id).Scan(&client)
	return client, wrap("client of", err)
}

// ActFound: somebody found a verification by the person's number; ActSearched:
// they searched, whatever they found.
const (
	ActFound    = "person.found"
	ActSearched = "person.searched"
)

func (s *sqlStore) Find(ctx context.Context, a Audit, c Choice, limit int) (found []Chosen, err error) {
	err = s.update(ctx, "find", func(tx *sql.Tx) error {
		where, args := c.where()
		var err error
		found, err = all(ctx, tx, scanChosen, fmt.Sprintf(`SELECT id, client FROM verifications WHERE %s ORDER BY created_at DESC, id LIMIT %d`, where, limit), args...)
		if err != nil {
			return err
		}
		a.Act = ActSearched
		if err := s.audit(ctx, tx, a); err != nil {
			return err
		}
		for _, one := range found {
			a.Act, a.VerificationID = ActFound, one.ID
			if err := s.audit(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}
