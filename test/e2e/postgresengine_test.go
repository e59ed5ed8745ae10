package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/test/pgengine"
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
	dir := t.TempDir()
	server := pgengine.Prepare(t, dir, 4, freeAddress(t))
	e := &postgresEngine{hostPort: server.HostPort, log: filepath.Join(dir, "engine.log"), databases: server.Databases}
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(server.Binary, server.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(e.log)
			t.Logf("engine.log:\n%s", tail(text, 3000))
		}
	})
	require.Eventually(t, func() bool {
		c, err := client.DialContext(t.Context(), client.Options{HostPort: e.hostPort, Logger: temporallog.NewStructuredLogger(discard)})
		if err != nil {
			return false
		}
		c.Close()
		return true
	}, comesBack, 200*time.Millisecond, "the engine does not serve")
	return e
}
