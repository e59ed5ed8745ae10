package store

import (
	"context"
	"database/sql"
	"sync"
)

func (s *sqlStore) Changed(ctx context.Context, known string) (map[string]int, error) {
	version, asked := s.quiet.before(ctx, s, known)
	if asked {
		return nil, nil
	}
	out, err := s.changed(ctx, known)
	if err == nil && len(out) == 0 && version != 0 {
		s.quiet.nothing(version, known)
	}
	return out, wrap("changed", err)
}

func (s *sqlStore) changed(ctx context.Context, known string) (map[string]int, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT k.key, COALESCE(v.revision, 0) FROM `+s.dialect.pairsOf+` AS k LEFT JOIN verifications v ON v.id = k.key
		WHERE COALESCE(v.revision, 0) <> CAST(k.value AS INTEGER)`, known)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var id string
		var revision int
		if err := rows.Scan(&id, &revision); err != nil {
			return nil, err
		}
		out[id] = revision
	}
	return out, rows.Err()
}

// quiet saves SQLite from looking through thousands of rows of which none has
// changed: a connection that never writes is told by a number whether another one
// has, in whatever process. PostgreSQL has no such number, and does its own work.
type quiet struct {
	mu   sync.Mutex
	conn *sql.Conn
	// version is the number, not 0, under which nothing differed from known.
	version int64
	known   string
}

// before is asked first: it returns the number as it is, and whether nothing can
// differ since the same was asked.
func (q *quiet) before(ctx context.Context, s *sqlStore, known string) (version int64, asked bool) {
	if s.dialect.version == "" {
		return 0, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn == nil {
		conn, err := s.read.Conn(ctx)
		if err != nil {
			return 0, false // whoever asks next hears of it
		}
		q.conn, q.version = conn, 0 // each connection counts by itself
	}
	if err := q.conn.QueryRowContext(ctx, s.dialect.version).Scan(&version); err != nil {
		_ = q.conn.Close()
		q.conn = nil
		return 0, false
	}
	return version, version == q.version && known == q.known
}

// nothing notes that nothing differed from known when the number was read, or
// later.
func (q *quiet) nothing(version int64, known string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.version, q.known = version, known
}

func (q *quiet) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn != nil {
		_ = q.conn.Close()
		q.conn = nil
	}
}
