//go:build bench

package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/test/pgserver"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// startEngine starts the Temporal server: that of development with SQLite, or the
// one for production with PostgreSQL. It returns its address.
func (s *stack) startEngine(kind string) (hostPort string) {
	t := s.t
	metrics := freeAddress(t)
	if kind == "postgres" {
		server, err := pgserver.New(t.Context(), pgserver.Options{Module: "../../tools", Dir: s.dir, Main: storetest.Postgres(t), Visibility: storetest.Postgres(t),
			Shards: shards, Connections: 20})
		require.NoError(t, err)
		require.NoError(t, server.Start(t.Context()))
		t.Cleanup(server.Stop)
		hostPort, metrics, s.pids["engine"] = server.HostPort, server.Metrics, server.PID()
	} else {
		binary, err := devstack.Temporal(t.Context(), os.Stderr)
		require.NoError(t, err)
		server, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, DBFile: filepath.Join(s.dir, "temporal.db"),
			SearchAttributes: workflows.SearchAttributes(), Headless: true, LogFile: filepath.Join(s.dir, "temporal.log"), MetricsPort: port(metrics), Durable: true})
		require.NoError(t, err)
		t.Cleanup(server.Stop)
		hostPort, s.pids["engine"] = server.HostPort, server.PID()
	}
	s.metricsURL = "http://" + metrics + "/metrics"
	s.temporal = dial(t, hostPort, client.DefaultNamespace)
	if kind == "postgres" {
		retry(t, func() error {
			return engine.Setup(t.Context(), s.temporal, client.DefaultNamespace, workflows.SearchAttributes(), 24*time.Hour, func(string) {})
		})
	}
	return hostPort
}

// dial connects to the server, which listens before it serves.
func dial(t *testing.T, hostPort, namespace string) (c client.Client) {
	retry(t, func() (err error) {
		c, err = client.Dial(client.Options{HostPort: hostPort, Namespace: namespace, Logger: log.NewStructuredLogger(discard),
			ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
		return err
	})
	t.Cleanup(c.Close)
	return c
}

// retry tries what a server that is starting refuses.
func retry(t *testing.T, try func() error) {
	err := try()
	for until := time.Now().Add(2 * time.Minute); err != nil && time.Now().Before(until); err = try() {
		time.Sleep(500 * time.Millisecond)
	}
	require.NoError(t, err)
}

// shards are as many as a cluster of some size has.
const shards = 512
