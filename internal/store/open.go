package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// sqlStore is the Store on either database.
type sqlStore struct {
	pools
	keys Sealer
	// ident is this database's own, made when it was first opened.
	ident string
	// fullAt is when a write last found no room, in microseconds since 1970.
	fullAt atomic.Int64
	erased erased
	quiet  quiet
}

var _ Store = (*sqlStore)(nil)

// Open connects to the database that dsn names, "sqlite:PATH" or
// "postgres://…". It refuses a database without the schema of this binary
// (SchemaError; Migrate makes it) or a newer one that says it runs on it, one that was first opened with another hash
// key, and one that needs a key that is not in keys (ErrOtherKeys). No error shows the dsn.
func Open(ctx context.Context, dsn string, keys Sealer) (Store, error) {
	p, err := connect(dsn, false)
	if errors.Is(err, errNoFile) {
		return nil, fmt.Errorf("%w: run `yanzhen setup`", err)
	}
	if err != nil {
		return nil, err
	}
	s := &sqlStore{pools: p, keys: keys}
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.forget() // what a process that was killed could not
	return s, nil
}

// check compares schema and hash key with the binary's.
func (s *sqlStore) check(ctx context.Context) error {
	have, want, err := s.version(ctx)
	if err != nil {
		return err
	}
	if err := schemaFault(have, want); err != nil && !(have > want && s.runs(ctx, have, want)) {
		return err
	}
	err = s.update(ctx, "key check", func(tx *sql.Tx) error {
		if err := s.checkHash(ctx, tx); err != nil {
			return err
		}
		return s.identify(ctx, tx)
	})
	if err != nil {
		return err
	}
	return s.AdoptKeys(ctx, s.keys.List(), Adopter{By: "yanzhen"})
}

func (s *sqlStore) checkHash(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO meta (key, value) VALUES ('hash_check', $1) ON CONFLICT (key) DO NOTHING`,
		s.keys.HashCheck()); err != nil {
		return err
	}
	var stored string
	if err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'hash_check'`).Scan(&stored); err != nil {
		return err
	}
	if stored != s.keys.HashCheck() {
		return fmt.Errorf("%w: another hash key", ErrOtherKeys)
	}
	return nil
}

// identify gives a new database an id. What is bound to it, like the audit log,
// counts in no other one, also under the same keys.
func (s *sqlStore) identify(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('store_id', $1) ON CONFLICT (key) DO NOTHING`, rand.Text()); err != nil {
		return err
	}
	return tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'store_id'`).Scan(&s.ident)
}

// fullFor is how long a store counts as full after a write that found no room:
// Ping's own small write may still find some.
const fullFor = 30 * time.Second

// Ping asks for more than a connection, and writes: a database whose schema went
// away, that is read-only or without room is not ready.
func (s *sqlStore) Ping(ctx context.Context) error {
	now := time.Now()
	err := s.update(ctx, "ping", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('ping', $1)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, now.UTC().Format(time.RFC3339Nano))
		return err
	})
	if err == nil && now.Sub(time.UnixMicro(s.fullAt.Load())) < fullFor {
		return wrap("ping", ErrFull)
	}
	return err
}

func (s *sqlStore) Close() error {
	s.finishForgetting()
	s.quiet.close()
	return wrap("close", s.close())
}

// update runs f in one transaction. In SQLite it holds the write lock from the
// start, so that nothing f read can change before it writes.
func (s *sqlStore) update(ctx context.Context, what string, f func(*sql.Tx) error) error {
	err := s.transact(ctx, what, f)
	if errors.Is(err, ErrFull) {
		s.fullAt.Store(time.Now().UnixMicro())
	}
	return err
}

func (s *sqlStore) transact(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return wrap(what, err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // f's error says more
		return wrap(what, err)
	}
	return wrap(what, tx.Commit())
}

// wrap names the operation in an error. The package's own errors stay as they
// are; a row that is not there becomes ErrNotFound.
func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrRedacted), errors.Is(err, ErrDailyCap), errors.Is(err, ErrOtherKeys), errors.Is(err, ErrChanged), errors.Is(err, ErrAlreadyOpen), errors.Is(err, ErrCursorExpired), errors.Is(err, ErrEndpointOn), errors.Is(err, ErrStillOpen):
		return err
	case full(err) && !errors.Is(err, ErrFull):
		return fmt.Errorf("store: %s: %w: %w", what, ErrFull, err)
	default:
		return fmt.Errorf("store: %s: %w", what, err)
	}
}

// querier is a pool or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is one row of an answer.
type scanner interface{ Scan(dest ...any) error }

// touched turns a statement that met no row into ErrNotFound.
func touched(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// Times rest as microseconds since 1970, which both databases keep exactly and
// compare alike. The zero time is NULL.

func stamp(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}

// orNow fills in a time that the caller left open.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}
