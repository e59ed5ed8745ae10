package store

import (
	"context"
	"database/sql/driver"
)

// keeping gives each of SQLite's connections a memory of the statements that it
// compiled: database/sql would have one compiled anew for each call. (PostgreSQL's driver keeps
// what its dsn allows, see connect.)
type keeping struct{ driver.Connector }

// Connect implements driver.Connector.
func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := c.(sqliteConn)
	if !ok {
		return c, nil // a driver that works otherwise works without us
	}
	return &keepingConn{sqliteConn: inner, idle: map[string]driver.Stmt{}}, nil
}

// sqliteConn is all that database/sql uses of the driver's connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keepAtMost is far more than the texts of this package, with every filter of a
// list that a caller may put together.
const keepAtMost = 500

type keepingConn struct {
	sqliteConn
	// idle are the statements that nobody uses at this moment: one whose rows are
	// still read cannot be run again.
	idle map[string]driver.Stmt
}

// kept reports whether a statement is one of those that come again and again.
func kept(args []driver.NamedValue) bool { return len(args) > 0 }

func (c *keepingConn) take(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	return c.PrepareContext(ctx, query)
}

// put keeps a statement for its next use. One that failed is not kept, and of two
// that were in use at the same time one is enough.
func (c *keepingConn) put(query string, s driver.Stmt, err error) {
	if _, twice := c.idle[query]; err != nil || twice || len(c.idle) >= keepAtMost {
		_ = s.Close()
		return
	}
	c.idle[query] = s
}

// ExecContext implements driver.ExecerContext.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !kept(args) {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := s.(driver.StmtExecContext).ExecContext(ctx, args)
	c.put(query, s, err)
	return res, err
}

// QueryContext implements driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !kept(args) {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		c.put(query, s, err)
		return nil, err
	}
	return &keepingRows{Rows: rows, done: func(err error) { c.put(query, s, err) }}, nil
}

// Close implements driver.Conn.
func (c *keepingConn) Close() error {
	for _, s := range c.idle {
		_ = s.Close()
	}
	return c.sqliteConn.Close()
}

// keepingRows give their statement back once they are read.
type keepingRows struct {
	driver.Rows
	done func(error)
}

// Close implements driver.Rows.
func (r *keepingRows) Close() error {
	err := r.Rows.Close()
	if r.done != nil {
		r.done(err)
		r.done = nil
	}
	return err
}
