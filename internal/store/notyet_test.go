package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

func TestWhatMayStillComeIsToldFromWhatMustBeMended(t *testing.T) {
	refused := openFault(t, "postgres://yanzhen:x@127.0.0.1:1/yanzhen")
	require.Error(t, refused)
	for what, err := range map[string]error{
		"nobody listens":   refused,
		"no file":          openFault(t, "sqlite:"+filepath.Join(t.TempDir(), "none.db")),
		"starting":         fmt.Errorf("store: %w", &pgconn.PgError{Code: "57P03"}),
		"no schema":        &store.SchemaError{Have: 0, Want: 3},
		"an older schema":  &store.SchemaError{Have: 2, Want: 3},
		"nobody answers":   fmt.Errorf("store: %w", context.DeadlineExceeded),
		"all places taken": &pgconn.PgError{Code: "53300"},
		"a standby":        &pgconn.PgError{Code: "25006"},
		"gone meanwhile":   fmt.Errorf("store: load: %w", io.ErrUnexpectedEOF),
		"gone before":      fmt.Errorf("store: load: %w", &net.OpError{Op: "write", Err: errors.New("broken pipe")}),
	} {
		require.True(t, store.NotYet(err), "%s: %v", what, err)
	}
	for what, err := range map[string]error{
		"a newer schema":  &store.SchemaError{Have: 4, Want: 3},
		"another's steps": &store.SchemaError{Have: 2, Want: 3, Differs: 2},
		"other keys":      store.ErrOtherKeys,
		"wrong password":  &pgconn.PgError{Code: "28P01"},
		"no database":     &pgconn.PgError{Code: "3D000"},
		"something else":  errors.New("something else"),
		"a malformed dsn": openFault(t, "mysql://h/d"),
	} {
		require.False(t, store.NotYet(err), "%s: %v", what, err)
	}
	require.Contains(t, store.Remedy(&pgconn.PgError{Code: "28P01"}), "password")
	require.Contains(t, store.Remedy(&pgconn.PgError{Code: "3D000"}), "create it")
	require.Contains(t, store.Remedy(&pgconn.PgError{Code: "53300"}), "max_connections")
	require.Contains(t, store.Remedy(&pgconn.PgError{Code: "25006"}), "primary")
	require.Contains(t, store.Remedy(&pgconn.PgError{Code: "57P03"}), "starting")
	require.Empty(t, store.Remedy(store.ErrOtherKeys))
}
