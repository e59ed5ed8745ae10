//go:build bench

package bench

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// startEngine starts the Temporal server: that of development with SQLite, or the
// one for production with PostgreSQL. It returns its address.
func (s *stack) startEngine(kind string) (hostPort string) {
	t := s.t
	metrics := freeAddress(t)
	s.metricsURL = "http://" + metrics + "/metrics"
	if kind == "postgres" {
		hostPort = s.postgresEngine(metrics)
	} else {
		binary, err := devstack.Temporal(t.Context(), os.Stderr)
		require.NoError(t, err)
		server, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, DBFile: filepath.Join(s.dir, "temporal.db"),
			SearchAttributes: workflows.SearchAttributes(), Headless: true, LogFile: filepath.Join(s.dir, "temporal.log"), MetricsPort: port(metrics), Durable: true})
		require.NoError(t, err)
		t.Cleanup(server.Stop)
		hostPort, s.pids["engine"] = server.HostPort, server.PID()
	}
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

// postgresEngine runs the server of the pinned module, all its services in one
// process, on two fresh databases with the schema that it brings.
func (s *stack) postgresEngine(metrics string) (hostPort string) {
	t := s.t
	frontend := freeAddress(t)
	values := map[string]any{"Shards": shards, "Metrics": metrics, "Dir": s.dir, "Frontend": frontend}
	for _, name := range []string{"temporal", "visibility"} {
		u, err := url.Parse(storetest.Postgres(t))
		require.NoError(t, err)
		password, _ := u.User.Password()
		for _, args := range [][]string{{"setup-schema", "--version", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + name}} {
			cmd := exec.Command(tool(t, "go.temporal.io/server/cmd/tools/sql"), append([]string{"--plugin", "postgres12", "--quiet",
				"--endpoint", u.Hostname(), "--port", u.Port(), "--user", u.User.Username(), "--password", password, "--database", strings.TrimPrefix(u.Path, "/")}, args...)...)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		values[name] = map[string]string{"Database": strings.TrimPrefix(u.Path, "/"), "Address": u.Host, "User": u.User.Username(), "Password": password}
	}
	for _, service := range []string{"frontend", "matching", "history", "worker"} {
		values[service] = map[string]int{"GRPC": port(freeAddress(t)), "Membership": port(freeAddress(t))}
	}
	values["frontend"].(map[string]int)["GRPC"] = port(frontend)
	f, err := os.Create(filepath.Join(s.dir, "bench.yaml"))
	require.NoError(t, err)
	require.NoError(t, serverConfig.Execute(f, values))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "dynamic.yaml"), []byte(dynamicConfig), 0o600))
	s.start("engine", tool(t, "go.temporal.io/server/cmd/server"), os.Environ(), "--root", s.dir, "--config", ".", "--env", "bench", "--allow-no-auth", "start")
	return frontend
}

// tool is the path of a pinned command, which the go command builds and keeps.
func tool(t *testing.T, name string) string {
	cmd := exec.Command("go", "tool", "-n", name)
	cmd.Dir, cmd.Stderr = "../../tools", os.Stderr
	path, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(path))
}

// dynamicConfig is what the development server is told, too; with hundreds of
// shards nothing has to be said of how often each looks.
const dynamicConfig = `matching.numTaskqueueReadPartitions: [{value: 1}]
matching.numTaskqueueWritePartitions: [{value: 1}]
system.enableActivityEagerExecution: [{value: true}]
`

var serverConfig = template.Must(template.New("").Parse(fmt.Sprintf(`log: {stdout: true, level: warn}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: {{.Shards}}
  datastores:
    default: {sql: {pluginName: postgres12, databaseName: {{.temporal.Database}}, connectAddr: "{{.temporal.Address}}", connectProtocol: tcp, user: {{.temporal.User}}, password: "{{.temporal.Password}}", maxConns: 20, maxIdleConns: 20, maxConnLifetime: 1h}}
    visibility: {sql: {pluginName: postgres12, databaseName: {{.visibility.Database}}, connectAddr: "{{.visibility.Address}}", connectProtocol: tcp, user: {{.visibility.User}}, password: "{{.visibility.Password}}", maxConns: 4, maxIdleConns: 4, maxConnLifetime: 1h}}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: 127.0.0.1}
  metrics: {prometheus: {timerType: histogram, listenAddress: "{{.Metrics}}"}}
services:
%s%s%s%sclusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: "{{.Frontend}}"}}
dcRedirectionPolicy: {policy: noop}
dynamicConfigClient: {filepath: "{{.Dir}}/dynamic.yaml", pollInterval: 1m}
`, serviceConfig("frontend"), serviceConfig("matching"), serviceConfig("history"), serviceConfig("worker"))))

func serviceConfig(name string) string {
	return fmt.Sprintf("  %[1]s: {rpc: {grpcPort: {{.%[1]s.GRPC}}, membershipPort: {{.%[1]s.Membership}}, bindOnLocalHost: true}}\n", name)
}
