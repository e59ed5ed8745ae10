package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"
)

// compiling counts what its connections compile.
type compiling struct {
	driver.Connector
	n int
}

func (c *compiling) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &compilingConn{sqliteConn: conn.(sqliteConn), of: c}, nil
}

type compilingConn struct {
	sqliteConn
	of *compiling
}

func (c *compilingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.of.n++
	return c.sqliteConn.PrepareContext(ctx, query)
}

func keptStatements(t *testing.T) (*sql.DB, *compiling) {
	t.Helper()
	inner, err := modernc.NewConnector("file:" + filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, err)
	counted := &compiling{Connector: inner}
	db := sql.OpenDB(keeping{counted})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec(`CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)`)
	require.NoError(t, err)
	return db, counted
}

// A connection compiles each text once, in transactions and outside.
func TestSQLiteStatementsAreCompiledOnce(t *testing.T) {
	db, counted := keptStatements(t)
	for i := range 20 {
		_, err := db.Exec(`INSERT INTO t VALUES ($1, $2)`, i, "x")
		require.NoError(t, err)
		tx, err := db.Begin()
		require.NoError(t, err)
		var b string
		require.NoError(t, tx.QueryRow(`SELECT b FROM t WHERE a = $1`, i).Scan(&b))
		require.Equal(t, "x", b)
		require.NoError(t, tx.Commit())
	}
	require.Equal(t, 2, counted.n)
}

// A statement whose rows are still read, one that failed, and one whose caller
// went away are none the worse for being kept, nor is one whose table changed.
func TestSQLiteStatementsAreKeptWhateverBecameOfThem(t *testing.T) {
	db, _ := keptStatements(t)
	for i := range 3 {
		_, err := db.Exec(`INSERT INTO t VALUES ($1, $2)`, i, "x")
		require.NoError(t, err)
	}
	tx, err := db.Begin()
	require.NoError(t, err)
	outer, err := tx.Query(`SELECT a FROM t WHERE b = $1 ORDER BY a`, "x")
	require.NoError(t, err)
	var seen []int
	for outer.Next() {
		var a, first int
		require.NoError(t, outer.Scan(&a))
		require.NoError(t, tx.QueryRow(`SELECT a FROM t WHERE b = $1 ORDER BY a`, "x").Scan(&first))
		require.Zero(t, first)
		seen = append(seen, a)
	}
	require.NoError(t, outer.Err())
	require.Equal(t, []int{0, 1, 2}, seen)
	require.NoError(t, tx.Commit())

	for range 2 {
		_, err = db.Exec(`INSERT INTO t VALUES ($1, $2)`, 1, "y")
		require.ErrorContains(t, err, "UNIQUE")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = db.ExecContext(gone, `INSERT INTO t VALUES ($1, $2)`, 4, "y")
	require.ErrorIs(t, err, context.Canceled)
	_, err = db.Exec(`INSERT INTO t VALUES ($1, $2)`, 4, "y")
	require.NoError(t, err)

	_, err = db.Exec(`ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'z'`)
	require.NoError(t, err)
	var n int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM t WHERE c = $1`, "z").Scan(&n))
	require.Equal(t, 4, n)
	var a int
	require.NoError(t, db.QueryRow(`SELECT a FROM t WHERE b = $1 ORDER BY a`, "y").Scan(&a))
	require.Equal(t, 4, a)
}
