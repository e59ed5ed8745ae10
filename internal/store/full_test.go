package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// A full disk is told from a broken database: reads go on, readiness says it, and
// what could not be written may be written once there is room.
func TestAFullDisk(t *testing.T) {
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s := open(t, dsn, keySet(t, 1, 2))
	inserted(t, s, row())
	require.NoError(t, s.Ping(t.Context()))

	require.NoError(t, store.Fill(t.Context(), s, true))
	var err error
	for i := 0; err == nil && i < 1000; i++ { // the last page has room for a few
		r := row()
		r.ID = fmt.Sprintf("ver_%d", i)
		_, _, err = s.Insert(t.Context(), r)
	}
	require.ErrorIs(t, err, store.ErrFull)
	require.True(t, store.Unavailable(err))
	require.False(t, store.NotYet(err), "at a start it is told at once")
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrFull, "though its own write found room")
	_, err = s.Load(t.Context(), id)
	require.NoError(t, err)

	require.NoError(t, store.Fill(t.Context(), s, false))
	r := row()
	r.ID = "ver_later"
	inserted(t, s, r)
}

// Readiness that only reads would call a store ready that takes nothing.
func TestPingWrites(t *testing.T) {
	dsn := fresh["postgres"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s := open(t, dsn, keySet(t, 1, 2))
	require.NoError(t, s.Ping(t.Context()))
	_, err := raw(t, dsn).ExecContext(t.Context(), `
		CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON meta FOR EACH ROW EXECUTE FUNCTION no_room()`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrFull)
}

func TestWhatMayWorkLaterIsToldFromWhatNeverWill(t *testing.T) {
	for _, code := range []string{"53100", "53200", "53300", "57P01", "25006", "40001", "40P01", "58030", "57014"} {
		require.True(t, store.Unavailable(fmt.Errorf("store: %w", &pgconn.PgError{Code: code})), code)
	}
	for _, err := range []error{&pgconn.PgError{Code: "23505"}, &pgconn.PgError{Code: "42P01"}, store.ErrNotFound, store.ErrChanged, errors.New("x")} {
		require.False(t, store.Unavailable(err), "%v", err)
	}
	require.Contains(t, store.Remedy(store.ErrFull), "free some space")
}
