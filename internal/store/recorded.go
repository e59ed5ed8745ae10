package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// RecordedQuery asks for ended verifications. What is zero is not asked for.
type RecordedQuery struct {
	Client, Policy string
	// Since and Until bound when they ended; Until is left out.
	Since, Until time.Time
}

// Recorded is what is on record of an ended verification, without the person.
type Recorded struct {
	ID, Client string
	EndedAt    time.Time
	State      verification.State
	// Changed: somebody changed the row outside of yanzhen, and nothing of it counts.
	Changed bool
}

// Recordings is what re-judging asks of the store.
type Recordings interface {
	// Recorded hands over those that are meant, but for the erased ones, by the time
	// of their ends, and stops with each's error. It reads some at a time and holds
	// nothing meanwhile.
	Recorded(ctx context.Context, q RecordedQuery, each func(Recorded) error) error
	// CountRecorded counts them, and the erased ones that were left out.
	CountRecorded(ctx context.Context, q RecordedQuery) (recorded, erased int, err error)
}

// recordedAtATime is how many are read at a time.
const recordedAtATime = 500

// where is the query as a condition, with its arguments.
func (q RecordedQuery) where() (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString(`ended_at IS NOT NULL`)
	add := func(condition string, value any) {
		args = append(args, value)
		fmt.Fprintf(&b, " AND %s $%d", condition, len(args))
	}
	if q.Client != "" {
		add("client =", q.Client)
	}
	if q.Policy != "" {
		add("policy_name =", q.Policy)
	}
	if !q.Since.IsZero() {
		add("ended_at >=", stamp(q.Since))
	}
	if !q.Until.IsZero() {
		add("ended_at <", stamp(q.Until))
	}
	return b.String(), args
}

func (s *sqlStore) CountRecorded(ctx context.Context, q RecordedQuery) (recorded, erased int, err error) {
	where, args := q.where()
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) - COUNT(redacted_at), COUNT(redacted_at) FROM verifications WHERE `+where, args...).Scan(&recorded, &erased)
	return recorded, erased, wrap("count what is recorded", err)
}

func (s *sqlStore) Recorded(ctx context.Context, q RecordedQuery, each func(Recorded) error) error {
	where, args := q.where()
	n := len(args)
	text := fmt.Sprintf(`
		SELECT id, client, policy_name, policy_version, created_at, status, decision, state, state_version, revision, ended_at, redacted_at, mac
		FROM verifications WHERE redacted_at IS NULL AND %s AND (ended_at, id) > ($%d, $%d) ORDER BY ended_at, id LIMIT %d`,
		where, n+1, n+2, recordedAtATime)
	last := publicRow{}
	last.endedAt.Valid = true // from the beginning
	for {
		rows, err := all(ctx, s.read, scanPublic, text, append(args[:n:n], last.endedAt, last.id)...)
		if err != nil {
			return wrap("read what is recorded", err)
		}
		for _, p := range rows {
			one := Recorded{ID: p.id, Client: p.client, EndedAt: timeOf(p.endedAt)}
			if one.Changed = s.checkPublic(p) != nil; !one.Changed {
				if err := fromJSON(p.id, "verifications.state", []byte(p.state), &one.State); err != nil {
					return err
				}
			}
			if err := each(one); err != nil {
				return err
			}
			last = p
		}
		if len(rows) < recordedAtATime {
			return nil
		}
	}
}

func scanPublic(from scanner) (p publicRow, err error) {
	err = from.Scan(&p.id, &p.client, &p.policy.Name, &p.policy.Version, &p.createdAt, &p.status, &p.decision, &p.state, &p.version, &p.revision,
		&p.endedAt, &p.redactedAt, &p.mac)
	return p, err
}
