//go:build !engine

package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// engineModule pins the server of the tests that want one on PostgreSQL: that of the
// temporal command, with which it is compiled.
const engineModule = "../../tools"

// startShared starts the Temporal server of all tests: that of development.
func startShared(ctx context.Context) (stop func(), err error) {
	binary, err := devstack.Temporal(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	shared.temporalDB, shared.temporalLog = filepath.Join(shared.dir, "temporal.db"), filepath.Join(shared.dir, "temporal.log")
	shared.temporal, err = devstack.StartTemporal(ctx, devstack.Options{SearchAttributes: workflows.SearchAttributes(),
		Binary: binary, DBFile: shared.temporalDB, LogFile: shared.temporalLog,
	})
	if err != nil {
		return nil, err
	}
	return shared.temporal.Stop, nil
}

// usualStore is the dsn of a stack that asks for none.
func (s *stack) usualStore() string { return "sqlite:" + filepath.Join(s.dir, "yanzhen.db") }

// ownEngine is the Temporal server of one test, which stops it and starts it
// again from its file, on the same port.
type ownEngine struct {
	*devstack.Server
	options devstack.Options
}

func newOwnEngine(t *testing.T) *ownEngine { return newOwnEngineWith(t, nil) }

// newOwnEngineWith is one with values of its dynamic configuration, as JSON.
func newOwnEngineWith(t *testing.T, dynamic map[string]string) *ownEngine {
	t.Helper()
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	metrics, err := devstack.FreePort()
	require.NoError(t, err)
	dir := t.TempDir()
	e := &ownEngine{options: devstack.Options{
		SearchAttributes: workflows.SearchAttributes(), Binary: binary, Headless: true, DBFile: filepath.Join(dir, "temporal.db"),
		LogFile: filepath.Join(dir, "temporal.log"), MetricsPort: metrics, Dynamic: dynamic,
	}}
	e.startAgain(t)
	t.Cleanup(func() { e.Stop() })
	_, port, err := net.SplitHostPort(e.HostPort)
	require.NoError(t, err)
	e.options.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
	return e
}

func (e *ownEngine) startAgain(t *testing.T) {
	t.Helper()
	var err error
	e.Server, err = devstack.StartTemporal(t.Context(), e.options)
	require.NoError(t, err)
}

// files are what it keeps: its database, with what lies beside it, and its log.
func (e *ownEngine) files() (database, log string) { return e.options.DBFile + "*", e.options.LogFile }
