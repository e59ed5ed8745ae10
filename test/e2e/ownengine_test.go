package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// ownEngine is the Temporal server of one test, which stops it and starts it
// again from its file, on the same port.
type ownEngine struct {
	*devstack.Server
	options devstack.Options
}

func newOwnEngine(t *testing.T) *ownEngine {
	t.Helper()
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	metrics, err := devstack.FreePort()
	require.NoError(t, err)
	e := &ownEngine{options: devstack.Options{
		SearchAttributes: workflows.SearchAttributes(), Binary: binary, Headless: true, DBFile: filepath.Join(t.TempDir(), "temporal.db"),
		MetricsPort: metrics,
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
