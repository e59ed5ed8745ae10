//go:build engine

package e2e

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/test/pgserver"
)

// With the tag engine the tests run as production does: engine and store on
// PostgreSQL.

// engineModule pins the server: a newer one than without the tag.
const engineModule = "../engine"

// startShared starts the Temporal server of all tests.
func startShared(ctx context.Context) (stop func(), err error) {
	server, drop, err := newPostgresServer(ctx, shared.dir, nil)
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, errors.Join(err, drop())
	}
	shared.temporal = &devstack.Server{HostPort: server.HostPort}
	shared.temporalLog = server.Log()
	return func() { server.Stop(); _ = drop() }, nil
}

// quick are settings by which a new namespace and its attributes are known soon.
const quick = `system.namespaceCacheRefreshInterval: [{value: 1s}]
system.forceSearchAttributesCacheRefreshOnRead: [{value: true}]
`

func newPostgresServer(ctx context.Context, dir string, dynamic map[string]string) (server *pgserver.Server, drop func() error, err error) {
	o := pgserver.Options{Module: engineModule, Dir: dir, Shards: 4, Connections: 6, Dynamic: quick}
	for name, value := range dynamic {
		o.Dynamic += name + ": [{value: " + value + "}]\n"
	}
	drop = func() error { return nil }
	for _, dsn := range []*string{&o.Main, &o.Visibility} {
		if *dsn, err = storetest.Create(); err != nil {
			return nil, nil, errors.Join(err, drop())
		}
		before, fresh := drop, *dsn
		drop = func() error { return errors.Join(before(), storetest.Drop(fresh)) }
	}
	if server, err = pgserver.New(ctx, o); err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	return server, drop, nil
}

// usualStore is the dsn of a stack that asks for none.
func (s *stack) usualStore() string { return storetest.Postgres(s.t) }

// ownEngine is the Temporal server of one test, which stops it and starts it again
// on the same databases and port.
type ownEngine struct {
	*pgserver.Server
	options struct{ MetricsPort int }
}

func newOwnEngine(t *testing.T) *ownEngine { return newOwnEngineWith(t, nil) }

// newOwnEngineWith is one with values of its dynamic configuration, as JSON.
func newOwnEngineWith(t *testing.T, dynamic map[string]string) *ownEngine {
	t.Helper()
	server, drop, err := newPostgresServer(t.Context(), t.TempDir(), dynamic)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, drop()) })
	e := &ownEngine{Server: server}
	_, port, err := net.SplitHostPort(server.Metrics)
	require.NoError(t, err)
	e.options.MetricsPort, err = strconv.Atoi(port)
	require.NoError(t, err)
	e.startAgain(t)
	t.Cleanup(func() {
		e.Stop()
		if text, _ := os.ReadFile(e.Log()); t.Failed() {
			t.Logf("the engine's log:\n%s", tail(text, 4000))
		}
	})
	return e
}

func (e *ownEngine) startAgain(t *testing.T) {
	t.Helper()
	require.NoError(t, e.Start(t.Context()))
}

// databases are the engine's, by what the docs call them.
func (e *ownEngine) databases() map[string]string {
	main, visibility := e.Databases()
	return map[string]string{"temporal": main, "temporal_visibility": visibility}
}

// files are its log alone: its databases are the server's, which others share.
func (e *ownEngine) files() (database, log string) { return "", e.Log() }
