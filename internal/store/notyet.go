package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// readOnly: a standby that was not promoted yet, or a database that was made so.
const readOnly = "25006"

// NotYet reports whether an error of this package may mend itself while others
// start: the database does not answer, went away in the middle, is starting, is a standby
// that takes no writing yet, has no connection free, or has not been given this binary's schema. A wrong password, a database that
// nobody made or one of a newer version does not.
func NotYet(err error) bool {
	if fault, ok := errors.AsType[*SchemaError](err); ok {
		return fault.Have < fault.Want && fault.Differs == 0
	}
	// SQLSTATE, https://www.postgresql.org/docs/16/errcodes-appendix.html
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(fault.Code, "57P") || strings.HasPrefix(fault.Code, "08") || fault.Code == "53300" || fault.Code == readOnly
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[*net.OpError](err)
	for _, torn := range []error{driver.ErrBadConn, sql.ErrConnDone, pgconn.ErrConnClosed, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF} {
		broken = broken || errors.Is(err, torn)
	}
	return unreachable || broken || errors.Is(err, errNoFile) || errors.Is(err, context.DeadlineExceeded)
}

// Unavailable reports whether the same call may work later, with nothing about
// it changed: the database does not answer, is full, read-only for now, or busy.
func Unavailable(err error) bool {
	if NotYet(err) || errors.Is(err, ErrFull) {
		return true
	}
	if fault, ok := errors.AsType[*sqlite3.Error](err); ok {
		switch fault.Code() & 0xff { // the primary code
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_IOERR, codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN:
			return true
		}
	}
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch fault.Code {
		case readOnly,
			"40001", "40P01", // gave way to another transaction
			"55P03", "57014", // waited too long, by the server's own settings
			"58030": // the disk fails
			return true
		}
		return strings.HasPrefix(fault.Code, "53") // out of something
	}
	return false
}

// busy reports whether another process holds the SQLite file.
func busy(err error) bool {
	fault, ok := errors.AsType[*sqlite3.Error](err)
	return ok && fault.Code()&0xff == codes.SQLITE_BUSY
}

// full reports whether a database's error says that its disk takes no more.
func full(err error) bool {
	if fault, ok := errors.AsType[*sqlite3.Error](err); ok {
		return fault.Code()&0xff == codes.SQLITE_FULL
	}
	fault, ok := errors.AsType[*pgconn.PgError](err)
	return ok && fault.Code == "53100"
}

// Remedy returns what to do about an error of Open, Migrate or Version that the
// database's own settings cause, or "".
func Remedy(err error) string {
	if errors.Is(err, ErrFull) || full(err) {
		return "the disk of the database is full: free some space"
	}
	fault, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		_, unreachable := errors.AsType[*pgconn.ConnectError](err)
		_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
		switch {
		case certificate:
			return "the database's certificate is not trusted here: renew it, or name its authority there with sslrootcert"
		case unreachable:
			return "the database does not answer: start the database, or correct its host, port and sslmode there"
		}
		return ""
	}
	switch fault.Code {
	case "28P01", "28000":
		return "the database refuses this user or password: put the right ones there"
	case "3D000":
		return "the server has no such database: create it, or name another one there"
	case "42501":
		return "this user lacks a privilege in the database: let it own the database"
	case readOnly:
		return "the database takes no writing: name the primary there, promote this standby, or set default_transaction_read_only back"
	case "53300":
		return "the server has no connection free: raise its max_connections or this user's limit, stop who holds them, or put a pooler before it"
	case "57P03":
		return "the server is starting, or a standby that takes no connections: wait, or name the primary there"
	}
	return ""
}
