package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// control lies in an open column: a search that does not find it sees nothing.
const control = "control-provider-对照"

func TestNobodyIsInTheDatabasesFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		require.NoError(t, s.OpenSession(t.Context(), store.Session{VerificationID: id, Number: 1, Provider: control,
			Link: link + number, Handle: []byte(token + holder)}))
		_, err := intend(t, s)
		require.NoError(t, err)

		search := func(when string) {
			files := filesOf(t, dsn)
			require.NotEmpty(t, findIn(files, control), "%s: the search finds nothing at all", when)
			for _, secret := range []string{holder, number, link, token, "shop.example/back", "order-17"} {
				require.Empty(t, findIn(files, secret), when)
			}
		}
		search("while it runs")
		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		search("at the end")
	})
}

func findIn(files map[string][]byte, text string) (found []string) {
	for name, data := range files {
		for _, trace := range storetest.Find(data, text) {
			found = append(found, name+" as "+trace)
		}
	}
	return found
}

// filesOf returns what lies on disk for the database.
func filesOf(t testing.TB, dsn string) map[string][]byte {
	t.Helper()
	file, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return postgresFiles(t, dsn)
	}
	files := map[string][]byte{}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(file + suffix)
		require.NoError(t, err)
		files["sqlite"+suffix] = data
	}
	return files
}

// postgresFiles reads the database's files and the write-ahead log through the
// server, which works with another user's and another machine's server too.
func postgresFiles(t testing.TB, dsn string) map[string][]byte {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), unnamed(dsn))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), "CHECKPOINT")
	require.NoError(t, err)

	rows, err := conn.Query(t.Context(), `
		SELECT dir || '/' || file FROM (
			SELECT 'base/' || oid AS dir FROM pg_database WHERE datname = current_database()
			UNION ALL VALUES ('global'), ('pg_wal')) AS dirs, pg_ls_dir(dir) AS file
		WHERE NOT (pg_stat_file(dir || '/' || file, true)).isdir`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, name := range names {
		var data []byte
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT pg_read_binary_file($1)", name).Scan(&data))
		files[name] = data
	}
	return files
}

func TestErasedLinksLeaveTheSQLiteFiles(t *testing.T) {
	for name, erase := range map[string]func(store.Store) error{
		"Finish":       func(s store.Store) error { return s.Finish(context.Background(), id, ended(5)) },
		"CloseSession": func(s store.Store) error { return s.CloseSession(context.Background(), id, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			dsn := fresh["sqlite"](t)
			require.NoError(t, store.Migrate(t.Context(), dsn))
			s := open(t, dsn, keySet(t, 1, 2))
			inserted(t, s, row())
			opened(t, s, 1)
			var sealed [2][]byte
			require.NoError(t, raw(t, dsn).QueryRow(`SELECT link, handle FROM sessions`).Scan(&sealed[0], &sealed[1]))

			require.True(t, lies(t, dsn, sealed[0]) && lies(t, dsn, sealed[1]))
			require.NoError(t, erase(s))
			require.Eventually(t, func() bool { return !lies(t, dsn, sealed[0]) && !lies(t, dsn, sealed[1]) }, 20*time.Second, 50*time.Millisecond)
		})
	}
}

// Erasing everybody's links one after another, as ends come in, empties the
// write-ahead log once for many of them, beside the callers.
func TestNoEndWaitsForTheWriteAheadLogToBeEmptied(t *testing.T) {
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s := open(t, dsn, keySet(t, 1, 2))
	inserted(t, s, row())
	opened(t, s, 1)
	// A reader of another process, such as a backup, keeps the log from being
	// emptied; who empties it waits for that reader.
	reader := raw(t, dsn)
	tx, err := reader.Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	var n int
	require.NoError(t, tx.QueryRow(`SELECT count(*) FROM verifications`).Scan(&n))
	began := time.Now()
	require.NoError(t, s.CloseSession(t.Context(), id, 1))
	require.NoError(t, s.Finish(t.Context(), id, ended(5)))
	require.Less(t, time.Since(began), 1500*time.Millisecond)
}

// What was erased a moment before is gone with the process that erased it, too,
// and what a killed one left is with the next that opens the store.
func TestClosingTheStoreForgetsWhatWasErased(t *testing.T) {
	for name, end := range map[string]func(store.Store) error{
		"closed": func(s store.Store) error { return s.Close() },
		"killed": func(store.Store) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dsn := fresh["sqlite"](t)
			require.NoError(t, store.Migrate(t.Context(), dsn))
			keys := keySet(t, 1, 2)
			s, err := store.Open(t.Context(), dsn, keys)
			require.NoError(t, err)
			other := raw(t, dsn) // keeps the log's file there
			require.NoError(t, other.Ping())
			inserted(t, s, row())
			opened(t, s, 1)
			var sealed []byte
			require.NoError(t, other.QueryRow(`SELECT link FROM sessions`).Scan(&sealed))
			require.NoError(t, s.Finish(t.Context(), id, ended(5)))
			require.NoError(t, end(s))
			if name == "killed" {
				store.Abandon(s)
				require.True(t, lies(t, dsn, sealed))
				open(t, dsn, keys)
			}
			gone := func() bool { return !lies(t, dsn, sealed) }
			if name == "closed" {
				require.True(t, gone())
				return
			}
			require.Eventually(t, gone, 20*time.Second, 50*time.Millisecond)
		})
	}
}

func TestASweptPersonLeavesTheSQLiteFiles(t *testing.T) {
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s := open(t, dsn, keySet(t, 1, 2))
	inserted(t, s, row())
	var sealed []byte
	require.NoError(t, raw(t, dsn).QueryRow(`SELECT request FROM verifications`).Scan(&sealed))
	require.True(t, lies(t, dsn, sealed))
	swept, err := s.Sweep(t.Context(), id, noon.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.True(t, swept)
	require.Eventually(t, func() bool { return !lies(t, dsn, sealed) }, 20*time.Second, 50*time.Millisecond)
}

func lies(t testing.TB, dsn string, data []byte) bool {
	t.Helper()
	for _, file := range filesOf(t, dsn) {
		if bytes.Contains(file, data) {
			return true
		}
	}
	return false
}

func TestARotatedKeyStillOpensOldRows(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		want := inserted(t, open(t, dsn, keySet(t, 1, 2)), row())
		opened(t, open(t, dsn, keySet(t, 1, 2)), 1)

		rotated := open(t, dsn, keySet(t, 1, 2, 3))
		got, err := rotated.Load(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, got)
		session, err := rotated.LatestSession(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, link, session.Link)

		// What is written now is sealed with the new key.
		opened(t, rotated, 2)
		sealed := func(query string) (value []byte) {
			require.NoError(t, raw(t, dsn).QueryRow(query).Scan(&value))
			return value
		}
		plain, err := keySet(t, 1, 3).Open(id+"/session/2", "sessions.link", sealed(`SELECT link FROM sessions WHERE number = 2`))
		require.NoError(t, err)
		require.Equal(t, link, string(plain))
		_, err = keySet(t, 1, 3).Open(id, "verifications.request", sealed(`SELECT request FROM verifications`))
		require.ErrorContains(t, err, `key "seal-2"`)
	})
}

func TestASealedColumnThatDoesNotOpenIsNamedAndNotQuoted(t *testing.T) {
	other := keySet(t, 1, 2)
	elsewhere := func(row, column string, plain string) []byte {
		sealed, err := other.Seal(row, column, []byte(plain))
		require.NoError(t, err)
		return sealed
	}
	garbage := map[string][]byte{
		"plain text":             []byte(`{"subject":{"name":"` + holder + `"}}`),
		"one byte":               {1},
		"of another row":         elsewhere("ver_other", "verifications.request", `{}`),
		"of another column":      elsewhere(id, "sessions.link", `{}`),
		"sealed, but no request": elsewhere(id, "verifications.request", `{"subject":"`+holder+`"}`),
		"sealed, but no JSON":    elsewhere(id, "verifications.request", holder),
	}
	onBoth(t, func(t *testing.T, dsn string) {
		s, db := open(t, dsn, keySet(t, 1, 2)), raw(t, dsn)
		inserted(t, s, row())
		opened(t, s, 1)
		for what, data := range garbage {
			_, err := db.Exec(`UPDATE verifications SET request = $1`, data)
			require.NoError(t, err)
			_, err = s.Get(t.Context(), client, id)
			require.ErrorContains(t, err, "verifications.request", what)
			require.NotContains(t, err.Error(), holder, what)
			_, _, err = s.Insert(t.Context(), row())
			require.ErrorContains(t, err, "verifications.request", what)
		}
		for _, column := range []string{"link", "handle"} {
			garble(t, db, column)
			_, err := s.Session(t.Context(), id, 1)
			require.ErrorContains(t, err, "sessions."+column)
			require.NotContains(t, err.Error(), token)
			opened(t, s, 1)
		}
		_, err := db.Exec(`UPDATE verifications SET request = NULL`)
		require.NoError(t, err)
		_, err = s.Load(t.Context(), id)
		require.ErrorContains(t, err, "verifications.request", "gone, and not redacted")
		_, err = db.Exec(`UPDATE verifications SET state = $1`, token)
		require.NoError(t, err)
		_, err = s.Load(t.Context(), id)
		require.ErrorIs(t, err, store.ErrChanged)
		require.NotContains(t, err.Error(), token)
	})
}

func garble(t testing.TB, db *sql.DB, column string) {
	t.Helper()
	_, err := db.Exec(`UPDATE sessions SET `+column+` = $1`, []byte(token))
	require.NoError(t, err)
}
