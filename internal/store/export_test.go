package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Redact erases a row's person as the product will, bound anew.
func Redact(ctx context.Context, st Store, id string) error {
	s := st.(*sqlStore)
	return s.update(ctx, "redact", func(tx *sql.Tx) error {
		p, err := s.holdPublic(ctx, tx, id)
		if err != nil {
			return err
		}
		p.redactedAt = sql.NullInt64{Int64: 1, Valid: true}
		if p.mac, err = s.keys.MAC(macOfRow, p.parts()...); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE verifications SET request = NULL, redacted_at = 1, mac = $2 WHERE id = $1`, id, p.mac)
		return err
	})
}

// Fill leaves a SQLite database without room for a further page: SQLite's own
// limit, at which it answers as it does on a full disk. Or makes room again.
func Fill(ctx context.Context, st Store, full bool) error {
	var pages int
	s := st.(*sqlStore)
	if err := s.write.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		return err
	}
	if !full {
		pages += 1000
	}
	return s.write.QueryRowContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(&pages)
}

// InsertMany writes rows as they are, ended ones too, without events: a store
// that has grown.
func InsertMany(ctx context.Context, st Store, rows []Row) error {
	s := st.(*sqlStore)
	columns := []string{"id", "client", "fingerprint", "policy_name", "policy_version", "created_at", "start_called_at", "started_at",
		"status", "decision", "state", "state_version", "revision", "ended_at", "mac", "request", "reference_hash"}
	return s.update(ctx, "insert many", func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(rows, 20) {
			var values [][]any
			for _, r := range chunk {
				v, err := s.insertValues(r)
				if err != nil {
					return err
				}
				values = append(values, v)
			}
			text, args := manyValues("verifications", columns, values)
			if _, err := tx.ExecContext(ctx, text, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *sqlStore) insertValues(r Row) ([]any, error) {
	plain, err := json.Marshal(r.Request)
	if err != nil {
		return nil, err
	}
	request, err := s.seal(r.ID, columnRequest, plain)
	if err != nil {
		return nil, err
	}
	p := publicRow{id: r.ID, client: r.Client, policy: r.Policy, createdAt: stamp(r.CreatedAt), revision: 1}
	if r.State.Status.Ended() {
		p.endedAt = stamp(r.CreatedAt)
	}
	if p, err = s.bindPublic(p, r.State); err != nil {
		return nil, err
	}
	return []any{p.id, p.client, []byte{1}, p.policy.Name, p.policy.Version, p.createdAt, p.createdAt,
		p.createdAt, p.status, p.decision, p.state, p.version, p.revision, p.endedAt, p.mac, request, r.ReferenceHash}, nil
}

func manyValues(table string, columns []string, rows [][]any) (string, []any) {
	var args []any
	var lines []string
	for _, row := range rows {
		var places []string
		for _, v := range row {
			args = append(args, v)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		lines = append(lines, "("+strings.Join(places, ", ")+")")
	}
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + strings.Join(lines, ", "), args
}

// Explain returns the database's plan for the first client's part of a list.
func Explain(ctx context.Context, st Store, q Query) (string, error) {
	s := st.(*sqlStore)
	text, args := q.text(q.Clients[0])
	explain := "EXPLAIN "
	if s.dialect.goose == sqlite.goose {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := s.read.QueryContext(ctx, explain+text, args...)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var plan strings.Builder
	for rows.Next() {
		line, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range line {
			into[i] = &line[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		fmt.Fprintln(&plan, line[len(line)-1])
	}
	return plan.String(), rows.Err()
}

// Abandon leaves a store as a killed process does: what it had still to do is
// not done.
func Abandon(st Store) {
	e := &st.(*sqlStore).erased
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.due != nil && e.due.Stop() {
		e.running.Done()
	}
	e.due = time.AfterFunc(time.Hour, func() {})
	e.due.Stop()
}

// Quiet reports whether, asked for changes once more, the store answers without
// looking through the rows.
func Quiet(ctx context.Context, st Store, known string) bool {
	s := st.(*sqlStore)
	_, asked := s.quiet.before(ctx, s, known)
	return asked
}

// ResealedColumns are those that are sealed and bound anew, as "table.column".
func ResealedColumns() (names []string) {
	for _, t := range append(slices.Clone(ofVerifications), auditNotes) {
		for _, column := range append(slices.Clone(t.sealed), t.bound()...) {
			names = append(names, t.name+"."+column)
		}
	}
	return names
}
