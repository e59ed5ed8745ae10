package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/test/pgserver"
)

// postgresEngine is a Temporal server of one test with PostgreSQL, as in production.
type postgresEngine struct {
	hostPort, log string
	// databases are the dsns of its two.
	databases []string
}

// untilKnown waits until a fresh engine knows the namespace's search attributes, of
// which its parts hear one after another.
func (s *stack) untilKnown() {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.begin(s.person()).status < 300 }, comesBack, time.Second, "no verification starts")
}

func newPostgresEngine(t *testing.T) *postgresEngine {
	t.Helper()
	e := &postgresEngine{databases: []string{storetest.Postgres(t), storetest.Postgres(t)}}
	server, err := pgserver.New(t.Context(), pgserver.Options{Module: engineModule, Dir: t.TempDir(), Main: e.databases[0], Visibility: e.databases[1],
		Shards: 4, Connections: 20})
	require.NoError(t, err)
	e.hostPort, e.log = server.HostPort, server.Log()
	require.NoError(t, server.Start(t.Context()))
	t.Cleanup(func() {
		server.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(e.log)
			t.Logf("engine.log:\n%s", tail(text, 3000))
		}
	})
	return e
}
