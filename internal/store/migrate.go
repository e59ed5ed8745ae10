package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

// versionTable is where goose notes the schema's version.
const versionTable = "yanzhen_schema"

// SchemaError says that the database's schema is not the one that this binary
// works with.
type SchemaError struct {
	// Have is the database's version, 0 without a schema; Want is the binary's.
	Have, Want int64
	// Differs, if not 0, is a version up to both that only one of the two has: the
	// database was made by migrations that came in another order, or were others.
	Differs int64
}

func (e *SchemaError) Error() string {
	switch {
	case e.Differs > 0:
		return fmt.Sprintf("store: the database's schema is at version %d, but an unreleased yanzhen made it "+
			"(only one of the two has version %d): make the database anew", e.Have, e.Differs)
	case e.Have == 0:
		return "store: the database has no schema yet: run `yanzhen setup`"
	case e.Have < e.Want:
		return fmt.Sprintf("store: the database's schema is at version %d and this yanzhen needs %d: run `yanzhen setup`", e.Have, e.Want)
	default:
		return fmt.Sprintf("store: the database's schema is at version %d and this yanzhen knows versions up to %d: "+
			"run the newer yanzhen whose `yanzhen setup` created it", e.Have, e.Want)
	}
}

// Migrate brings the database's schema to the version that this binary works
// with; a SQLite file is created. It changes nothing in a database that is
// there already, and refuses a newer one with a SchemaError. Several may run
// at once.
func Migrate(ctx context.Context, dsn string) (err error) {
	p, err := connect(dsn, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	// What a SQLite file's lock kept from migrating waits as long for the others
	// as PostgreSQL's lock does.
	for until := time.Now().Add(lockPatience); ; time.Sleep(busyEvery) {
		if err := p.migrate(ctx); !busy(err) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
	}
}

func (p pools) migrate(ctx context.Context) error {
	have, want, err := p.version(ctx)
	if err != nil {
		return err
	}
	for have < want {
		failed := p.up(ctx)
		if failed == nil {
			return p.noteRunsFrom(ctx, want)
		}
		// SQLite knows no lock around all migrations: when another process was
		// faster with one of them, go on after it.
		before := have
		if have, _, err = p.version(ctx); err != nil || have == before {
			return fmt.Errorf("store: migrate: %w", failed)
		}
	}
	return schemaFault(have, want)
}

// runsFrom is the schema version of the oldest code that works on this schema, too:
// that of the last release, whose workers may go on for days beside this one's. A
// migration that takes something away from them raises it.
const runsFrom = 18

// runsFromKey is where the database holds it, beside the version that it is said of.
const runsFromKey = "runs_from"

func (p pools) noteRunsFrom(ctx context.Context, version int64) error {
	_, err := p.write.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
		runsFromKey, fmt.Sprintf("%d %d", version, runsFrom))
	return wrap("migrate", err)
}

// runs reports whether code of an older schema version works on that of the
// database, as the newer code said that made it.
func (p pools) runs(ctx context.Context, have, code int64) bool {
	var said string
	if p.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = $1`, runsFromKey).Scan(&said) != nil {
		return false
	}
	var version, from int64
	n, _ := fmt.Sscanf(said, "%d %d", &version, &from)
	return n == 2 && version == have && from <= code
}

func (p pools) up(ctx context.Context) error {
	migrator, err := p.migrator()
	if err != nil {
		return err
	}
	unlock, err := p.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	defer unlock()
	_, err = migrator.Up(ctx)
	return err
}

const (
	// migrationLock is the advisory lock under which PostgreSQL's schema is changed.
	migrationLock = 0x79616e7a68656e // "yanzhen"
	// lockPatience is how long another migration is waited for, and lockEvery how
	// often it is looked at.
	lockPatience = 5 * time.Minute
	lockEvery    = 300 * time.Millisecond
)

// lockMigrations keeps others from migrating: every replica may run the set-up.
// The lock belongs to a transaction, on a connection beside the one that
// migrates, and goes with it however this ends. A session's lock stays, behind a
// pooler, with whatever connection the pooler had chosen.
func (p pools) lockMigrations(ctx context.Context) (unlock func(), err error) {
	if p.dialect.goose != goose.DialectPostgres {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, errors.New("another migration takes too long"))
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	for {
		tx, err := p.write.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		// It idles while the other connection works.
		_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
		locked := false
		if err == nil {
			err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, migrationLock).Scan(&locked)
		}
		if locked {
			return func() { _ = tx.Rollback(); cancel() }, nil
		}
		// Whoever waits keeps no connection: a small pool has few, and the one who
		// migrates needs another.
		if err := errors.Join(err, tx.Rollback()); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockEvery):
		}
	}
}

// Version returns the version of the database's schema, 0 without one, and the
// version that this binary works with. It changes nothing.
func Version(ctx context.Context, dsn string) (have, want int64, err error) {
	p, err := connect(dsn, false)
	if errors.Is(err, errNoFile) {
		want, err = sqlite.wantedVersion()
		return 0, want, err
	}
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return p.version(ctx)
}

func schemaFault(have, want int64) error {
	if have == want {
		return nil
	}
	return &SchemaError{Have: have, Want: want}
}

func (p pools) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, p.dialect.migrations)
	if err != nil {
		return nil, fmt.Errorf("the embedded migrations: %w", err)
	}
	migrator, err := goose.NewProvider(p.dialect.goose, p.write, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("the embedded migrations: %w", err)
	}
	return migrator, nil
}

// versions are those of the embedded migrations, the newest last.
func (d dialect) versions() ([]int64, error) {
	files, err := fs.Glob(migrations, d.migrations+"/*.sql")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("store: no migrations in %s: %w", d.migrations, err)
	}
	var all []int64
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, fmt.Errorf("store: name of a migration: %w", err)
		}
		all = append(all, version)
	}
	return all, nil
}

// wantedVersion is the newest embedded migration's.
func (d dialect) wantedVersion() (int64, error) {
	all, err := d.versions()
	if err != nil {
		return 0, err
	}
	return all[len(all)-1], nil
}

const (
	// busyPatience bounds how long version waits for a SQLite file's lock, and
	// busyEvery is how often it tries.
	busyPatience = 10 * time.Second
	busyEvery    = 20 * time.Millisecond
)

// version reads the schema's version. While another process turns a new SQLite
// file to its write-ahead log, a reader is refused without having waited.
func (p pools) version(ctx context.Context) (have, want int64, err error) {
	for until := time.Now().Add(busyPatience); ; time.Sleep(busyEvery) {
		have, want, err = p.readVersion(ctx)
		if !busy(err) || ctx.Err() != nil || time.Now().After(until) {
			return have, want, err
		}
	}
}

// readVersion does so without goose's provider, which would create its table in
// a database that is only asked.
func (p pools) readVersion(ctx context.Context) (have, want int64, err error) {
	ours, err := p.dialect.versions()
	if err != nil {
		return 0, 0, err
	}
	want = ours[len(ours)-1]
	var exists bool
	if err := p.read.QueryRowContext(ctx, p.dialect.tableExists, versionTable).Scan(&exists); err != nil {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	if !exists {
		return 0, want, nil
	}
	table, err := database.NewStore(p.dialect.goose, versionTable)
	if err != nil {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	applied, err := table.ListMigrations(ctx, p.read)
	if err != nil {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	var theirs []int64
	for _, m := range applied {
		if m.IsApplied && m.Version > 0 {
			theirs = append(theirs, m.Version)
		}
	}
	slices.Sort(theirs)
	if len(theirs) > 0 {
		have = theirs[len(theirs)-1]
	}
	if differs := firstDifference(theirs, ours); differs > 0 {
		return have, want, &SchemaError{Have: have, Want: want, Differs: differs}
	}
	return have, want, nil
}

// firstDifference is the first version that only one of the two has, where
// neither ends before it; 0 if one of them begins with the other.
func firstDifference(a, b []int64) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return min(a[i], b[i])
		}
	}
	return 0
}
