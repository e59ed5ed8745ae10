package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Query asks for a page of clients' rows, the newest first.
type Query struct {
	Clients []string
	Status  verification.Status
	// After is the place behind which the page begins; zero: the first page.
	After Place
	Limit int
}

// Place is a row's place in a list.
type Place struct {
	CreatedAt time.Time
	ID        string
}

func (s *sqlStore) List(ctx context.Context, q Query) ([]Row, error) {
	clients, err := json.Marshal(q.Clients)
	if err != nil {
		return nil, fmt.Errorf("store: list: %w", err)
	}
	after := stamp(q.After.CreatedAt)
	if !after.Valid {
		after = stamp(time.UnixMicro(1<<62 - 1))
	}
	rows, err := s.read.QueryContext(ctx, `
		SELECT `+rowColumns+` FROM verifications
		WHERE client IN (`+s.dialect.eachOf+`) AND status = $2 AND (created_at, id) < ($3, $4) AND redacted_at IS NULL
		ORDER BY created_at DESC, id DESC LIMIT $5`,
		string(clients), string(q.Status), after, q.After.ID, q.Limit)
	if err != nil {
		return nil, wrap("list", err)
	}
	defer rows.Close()
	var out []Row
	for rows.Next() {
		sealed, err := scanRow(rows)
		if err != nil {
			return nil, wrap("list", err)
		}
		row, err := s.openRow(sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, wrap("list", rows.Err())
}

func (s *sqlStore) Revisions(ctx context.Context, ids []string) (map[string]int, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("store: revisions: %w", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, revision FROM verifications WHERE id IN (`+s.dialect.eachOf+`)`, string(list))
	if err != nil {
		return nil, wrap("revisions", err)
	}
	defer rows.Close()
	out := make(map[string]int, len(ids))
	for rows.Next() {
		var id string
		var revision int
		if err := rows.Scan(&id, &revision); err != nil {
			return nil, wrap("revisions", err)
		}
		out[id] = revision
	}
	return out, wrap("revisions", rows.Err())
}
