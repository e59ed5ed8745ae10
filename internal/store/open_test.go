package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

func TestADatabaseWithoutTheSchemaIsRefusedUntilItIsMade(t *testing.T) {
	for name, fresh := range fresh {
		t.Run(name, func(t *testing.T) {
			dsn := fresh(t)
			_, err := store.Open(t.Context(), dsn, keySet(t, 1, 2))
			require.ErrorContains(t, err, "yanzhen setup")
			have, want, err := store.Version(t.Context(), dsn)
			require.NoError(t, err)
			require.Zero(t, have)
			require.Positive(t, want)

			if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
				require.NoFileExists(t, path, "asking creates nothing")
			}
			require.NoError(t, store.Migrate(t.Context(), dsn))
			require.NoError(t, store.Migrate(t.Context(), dsn), "again")
			have, want, err = store.Version(t.Context(), dsn)
			require.NoError(t, err)
			require.Equal(t, want, have)
			require.NoError(t, open(t, dsn, keySet(t, 1, 2)).Ping(t.Context()))
		})
	}
}

func TestMigrateKeepsWhatIsThere(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		require.NoError(t, store.Migrate(t.Context(), dsn))
		_, err := s.Load(t.Context(), id)
		require.NoError(t, err)
	})
}

func TestSeveralMayMigrateAtOnce(t *testing.T) {
	for name, fresh := range fresh {
		t.Run(name, func(t *testing.T) {
			dsn := fresh(t)
			each(5, func(int) {
				if err := store.Migrate(t.Context(), dsn); err != nil {
					t.Error(err)
				}
			})
			require.NoError(t, open(t, dsn, keySet(t, 1, 2)).Ping(t.Context()))
		})
	}
}

// A busy machine may take longer over another's migration than one statement
// waits for SQLite's lock.
func TestAMigrationWaitsForALongOne(t *testing.T) {
	t.Parallel()
	dsn := fresh["sqlite"](t)
	require.NoError(t, os.MkdirAll(filepath.Dir(strings.TrimPrefix(dsn, "sqlite:")), 0o700))
	other, err := raw(t, dsn).Conn(t.Context())
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), `BEGIN EXCLUSIVE`)
	require.NoError(t, err)

	migrated := make(chan error, 1)
	go func() { migrated <- store.Migrate(t.Context(), dsn) }()
	select {
	case err := <-migrated:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(12 * time.Second): // a statement waits for 10 s
	}
	_, err = other.ExecContext(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	require.NoError(t, <-migrated)
	require.NoError(t, open(t, dsn, keySet(t, 1, 2)).Ping(t.Context()))
}

// A pooler's connection outlives the set-up: a lock left on it would hold up the
// next one for good.
func TestAMigrationLeavesNoLockBehind(t *testing.T) {
	dsn, direct := storetest.PgBouncer(t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, store.Migrate(stopped, dsn))

	left := 0
	require.NoError(t, raw(t, direct).QueryRowContext(t.Context(), `
		SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&left))
	require.Zero(t, left)
}

func TestAnOlderOrNewerSchemaIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		db := raw(t, dsn)
		_, err := db.Exec(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (9999, $1)`, true)
		require.NoError(t, err)
		for what, err := range map[string]error{
			"Open":    openFault(t, dsn),
			"Migrate": store.Migrate(t.Context(), dsn),
		} {
			fault, ok := errors.AsType[*store.SchemaError](err)
			require.True(t, ok, what)
			require.EqualValues(t, 9999, fault.Have, what)
			require.ErrorContains(t, err, "newer yanzhen", what)
		}

		_, err = db.Exec(`DELETE FROM yanzhen_schema WHERE version_id > 0`)
		require.NoError(t, err)
		require.ErrorContains(t, openFault(t, dsn), "yanzhen setup")
	})
}

// The workers of the release before may be started again while they drain: a newer
// schema says whether their code works on it. Migrate still leaves it alone.
func TestANewerSchemaIsTakenIfItSaysThatThisCodeRunsOnIt(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		db := raw(t, dsn)
		var said string
		require.NoError(t, db.QueryRow(`SELECT value FROM meta WHERE key = 'runs_from'`).Scan(&said), "each says it")
		_, ours, err := store.Version(t.Context(), dsn)
		require.NoError(t, err)
		require.Regexp(t, fmt.Sprintf(`^%d \d+$`, ours), said)

		_, err = db.Exec(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (9999, $1)`, true)
		require.NoError(t, err)
		for said, taken := range map[string]bool{
			fmt.Sprintf("9999 %d", ours): true, "9999 1": true, fmt.Sprintf("9999 %d", ours+1): false,
			fmt.Sprintf("9998 %d", ours): false, "": false, "soon": false,
		} {
			_, err = db.Exec(`UPDATE meta SET value = $1 WHERE key = 'runs_from'`, said)
			require.NoError(t, err)
			if taken {
				require.NoError(t, open(t, dsn, keySet(t, 1, 2)).Ping(t.Context()), said)
			} else {
				require.ErrorContains(t, openFault(t, dsn), "newer yanzhen", said)
			}
			require.ErrorContains(t, store.Migrate(t.Context(), dsn), "newer yanzhen", said)
		}
	})
}

// A schema that was brought to its version by other steps lacks tables or columns
// that nobody would make any more.
func TestASchemaThatSkippedAMigrationIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		db := raw(t, dsn)
		_, err := db.Exec(`UPDATE yanzhen_schema SET version_id = 0 WHERE version_id = 1`)
		require.NoError(t, err)
		_, err = db.Exec(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (2, $1)`, true)
		require.NoError(t, err)
		_, _, asked := store.Version(t.Context(), dsn)
		for what, err := range map[string]error{
			"Version": asked,
			"Open":    openFault(t, dsn),
			"Migrate": store.Migrate(t.Context(), dsn),
		} {
			fault, ok := errors.AsType[*store.SchemaError](err)
			require.True(t, ok, "%s: %v", what, err)
			require.EqualValues(t, 1, fault.Differs, what)
			require.ErrorContains(t, err, "make the database anew", what)
			require.False(t, store.NotYet(err), what)
		}
	})
}

func openFault(t testing.TB, dsn string) error {
	t.Helper()
	_, err := store.Open(t.Context(), dsn, keySet(t, 1, 2))
	return err
}

func TestAStoreMadeWithAnotherHashKeyIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		open(t, dsn, keySet(t, 1, 2))
		_, err := store.Open(t.Context(), dsn, keySet(t, 9, 2))
		require.ErrorIs(t, err, store.ErrOtherKeys)
	})
}

// A key file from before a rotation, say, restored from an old backup.
func TestAKeySetWithoutASealingKeyThatWasUsedIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		for _, seals := range [][]byte{{2}, {3, 2}, {2, 3}, {2, 3}} { // a rotation, step by step
			open(t, dsn, keySet(t, 1, seals...))
		}
		for _, seals := range [][]byte{{2}, {3}, {4}} {
			_, err := store.Open(t.Context(), dsn, keySet(t, 1, seals...))
			require.ErrorIs(t, err, store.ErrOtherKeys, seals)
			require.ErrorContains(t, err, `the key "seal-`)
		}
		open(t, dsn, keySet(t, 1, 3, 2))
	})
}

func TestADSNThatNamesNoDatabaseIsRefusedWithoutBeingShown(t *testing.T) {
	const secret = "pa55word"
	for _, dsn := range []string{
		"", secret, "mysql://u:" + secret + "@h/d", "postgres://u:" + secret + "@h:port/d", "postgres://u:" + secret + "@[::1/d",
		"sqlite:", "sqlite::memory:", "sqlite:file::memory:?cache=shared",
	} {
		for _, err := range []error{openFault(t, dsn), store.Migrate(t.Context(), dsn)} {
			require.ErrorContains(t, err, "store: ", dsn)
			require.NotContains(t, err.Error(), secret)
		}
	}
	refused := "postgres://yanzhen:" + secret + "@127.0.0.1:1/yanzhen"
	require.Error(t, openFault(t, refused))
	require.NotContains(t, openFault(t, refused).Error(), secret)
}

func TestTheSQLiteFilesAreTheirOwnersOnly(t *testing.T) {
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	inserted(t, open(t, dsn, keySet(t, 1, 2)), row())
	files, err := filepath.Glob(filepath.Join(filepath.Dir(strings.TrimPrefix(dsn, "sqlite:")), "*"))
	require.NoError(t, err)
	require.Len(t, files, 3, "the database, -wal and -shm")
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, file)
	}
}

func TestPingFailsWithoutTheSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.NoError(t, s.Ping(t.Context()))
		_, err := raw(t, dsn).Exec(`DROP TABLE meta`)
		require.NoError(t, err)
		require.Error(t, s.Ping(t.Context()))
	})
}
