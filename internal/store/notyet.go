package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// NotYet reports whether an error of this package may mend itself while others
// start: the database does not answer, went away in the middle, is starting, or
// has not been given this binary's schema. A wrong password, a database that
// nobody made or one of a newer version does not.
func NotYet(err error) bool {
	if fault, ok := errors.AsType[*SchemaError](err); ok {
		return fault.Have < fault.Want
	}
	// SQLSTATE, https://www.postgresql.org/docs/16/errcodes-appendix.html
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(fault.Code, "57P") || strings.HasPrefix(fault.Code, "08") || fault.Code == "53300"
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[*net.OpError](err)
	for _, torn := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF} {
		broken = broken || errors.Is(err, torn)
	}
	return unreachable || broken || errors.Is(err, errNoFile) || errors.Is(err, context.DeadlineExceeded)
}

// Remedy tells what to do about an error of Open, Migrate or Version that the
// database's own settings cause, or "".
func Remedy(err error) string {
	fault, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	switch fault.Code {
	case "28P01", "28000":
		return "the database refuses this user or password: put the right ones there"
	case "3D000":
		return "the server has no such database: create it, or name another one there"
	case "42501":
		return "this user lacks a right in the database: make it the database's owner"
	}
	return ""
}
