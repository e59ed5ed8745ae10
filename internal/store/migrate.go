package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
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
}

func (e *SchemaError) Error() string {
	switch {
	case e.Have == 0:
		return "store: the database has no schema yet: run `yanzhen setup`"
	case e.Have < e.Want:
		return fmt.Sprintf("store: the database's schema is at version %d and this yanzhen needs %d: run `yanzhen setup`", e.Have, e.Want)
	default:
		return fmt.Sprintf("store: the database's schema is at version %d and this yanzhen knows none above %d: "+
			"run the newer yanzhen whose `yanzhen setup` made it", e.Have, e.Want)
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

	have, want, err := p.version(ctx)
	if err != nil {
		return err
	}
	for have < want {
		failed := p.up(ctx)
		if failed == nil {
			return nil
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

func (p pools) up(ctx context.Context) error {
	migrator, err := p.migrator()
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx)
	return err
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
	options := []goose.ProviderOption{goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true)}
	if p.dialect.goose == goose.DialectPostgres {
		// Once a second, for five minutes: every replica may run the set-up.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, fmt.Errorf("their lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	migrator, err := goose.NewProvider(p.dialect.goose, p.write, files, options...)
	if err != nil {
		return nil, fmt.Errorf("the embedded migrations: %w", err)
	}
	return migrator, nil
}

// wantedVersion is the newest embedded migration's.
func (d dialect) wantedVersion() (int64, error) {
	files, err := fs.Glob(migrations, d.migrations+"/*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("store: no migrations in %s: %w", d.migrations, err)
	}
	version, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return 0, fmt.Errorf("store: name of a migration: %w", err)
	}
	return version, nil
}

// version reads the schema's version without goose's provider, which would
// create its table in a database that is only asked.
func (p pools) version(ctx context.Context) (have, want int64, err error) {
	if want, err = p.dialect.wantedVersion(); err != nil {
		return 0, 0, err
	}
	var exists bool
	if err := p.read.QueryRowContext(ctx, p.dialect.tableExists, versionTable).Scan(&exists); err != nil {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	if !exists {
		return 0, want, nil
	}
	versions, err := database.NewStore(p.dialect.goose, versionTable)
	if err != nil {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	have, err = versions.GetLatestVersion(ctx, p.read)
	if err != nil && !errors.Is(err, database.ErrVersionNotFound) {
		return 0, want, fmt.Errorf("store: schema version: %w", err)
	}
	return have, want, nil
}
