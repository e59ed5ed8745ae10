package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
)

// dialect holds the little in which the two databases differ. All other SQL is
// the same text for both.
type dialect struct {
	// kind is the database's name in a receipt.
	kind  string
	goose goose.Dialect
	// migrations is the folder of the embedded schema.
	migrations string
	// tableExists asks whether the table $1 is there.
	tableExists string
	// holdRow ends a SELECT whose row nobody else may change before the commit.
	holdRow string
	// takeRows ends a SELECT of rows that several look for work among: each finds
	// others.
	takeRows string
	// passRows ends a SELECT of rows that nobody else may change before the commit,
	// without those that somebody else holds.
	passRows string
	// holdNumber makes the transactions of one number ($1) queue up.
	holdNumber string
	// eachOf yields the strings of a JSON array ($1).
	eachOf string
	// pairsOf yields key and value of a JSON object ($1).
	pairsOf string
	// version asks a connection for a number that changes with every commit of
	// another one; empty: there is none.
	version string
	// forget makes erased bytes leave the files that the product can reach.
	forget string
}

var sqlite = dialect{
	kind:        "sqlite",
	goose:       goose.DialectSQLite3,
	migrations:  "migrations/sqlite",
	tableExists: `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)`,
	eachOf:      `SELECT value FROM json_each($1)`,
	pairsOf:     `json_each($1)`,
	version:     `PRAGMA data_version`,
	// holdRow, takeRows, passRows and holdNumber are empty: every writing transaction begins
	// IMMEDIATE and is alone.

	// secure_delete zeroes what is erased in the database file; the write-ahead
	// log would keep the old pages until it happens to be overwritten.
	forget: `PRAGMA wal_checkpoint(TRUNCATE)`,
}

var postgres = dialect{
	kind:        "postgres",
	goose:       goose.DialectPostgres,
	migrations:  "migrations/postgres",
	tableExists: `SELECT to_regclass($1) IS NOT NULL`,
	holdRow:     ` FOR NO KEY UPDATE`,
	takeRows:    ` FOR UPDATE SKIP LOCKED`,
	passRows:    ` FOR NO KEY UPDATE SKIP LOCKED`,
	eachOf:      `SELECT json_array_elements_text($1::json)`,
	pairsOf:     `json_each_text($1::json)`,
	holdNumber:  `SELECT pg_advisory_xact_lock($1)`,
	// forget is empty: a dead row version, which holds ciphertext, stays until
	// the server's own vacuum and log recycling have come by.
}

// pools are the connections to one database.
type pools struct {
	dialect dialect
	read    *sql.DB
	// write is the same pool as read in PostgreSQL. In SQLite it is a single
	// connection, because there is a single writer: callers queue here, where
	// their context ends the waiting, and not in the file's lock.
	write *sql.DB
}

func (p pools) close() error {
	if p.read == p.write {
		return p.write.Close()
	}
	return errors.Join(p.read.Close(), p.write.Close())
}

// errNoFile: the SQLite file is not there yet.
var errNoFile = errors.New("store: the SQLite file does not exist")

// connect makes the pools for a dsn, without connecting yet. Its errors never
// show the dsn, which holds a password.
func connect(dsn string, create bool) (pools, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		return connectSQLite(path, create)
	}
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return pools{}, errors.New("store: the database is named as sqlite:PATH or postgres://…")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return pools{}, errors.New("store: the postgres:// URL is malformed")
	}
	// A pooler in transaction mode gives each transaction whatever connection is
	// free, and a named statement stays on the one where it was prepared. So ours
	// have no names; a URL may ask for them (default_query_exec_mode=cache_statement).
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && !strings.Contains(dsn, "default_query_exec_mode") {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "yanzhen"
	}
	db := stdlib.OpenDB(*cfg)
	// A process takes a fifth of PostgreSQL's default of 100 connections, so
	// that a few workers and APIs fit.
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return pools{dialect: postgres, read: db, write: db}, nil
}

func connectSQLite(path string, create bool) (pools, error) {
	if path == "" || strings.Contains(path, ":memory:") {
		return pools{}, errors.New("store: sqlite: needs the path of a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return pools{}, fmt.Errorf("store: path of the SQLite file: %w", err)
	}
	if create {
		err = createFile(path)
	} else if _, err = os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return pools{}, errNoFile
	}
	if err != nil {
		return pools{}, fmt.Errorf("store: SQLite file: %w", err)
	}

	write, err := openSQLite(path, "immediate")
	if err != nil {
		return pools{}, err
	}
	write.SetMaxOpenConns(1)
	read, err := openSQLite(path, "deferred")
	if err != nil {
		return pools{}, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return pools{dialect: sqlite, read: read, write: write}, nil
}

// createFile makes the file readable for its owner only, before SQLite makes
// it with the process's umask; -wal and -shm inherit its mode.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func openSQLite(path, txlock string) (*sql.DB, error) {
	q := url.Values{
		"mode":    {"rw"},
		"_txlock": {txlock},
		"_pragma": {
			"busy_timeout(10000)", // another process is writing
			"journal_mode(WAL)",
			// FULL, not NORMAL: the intent of a charged call must survive a
			// power cut, or the call is bought twice.
			"synchronous(FULL)",
			"foreign_keys(ON)",
			"secure_delete(ON)",
		},
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	c, err := driver.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("store: SQLite: %w", err)
	}
	return sql.OpenDB(keeping{c}), nil
}
