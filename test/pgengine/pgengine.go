// Package pgengine readies Temporal's server with PostgreSQL for tests: as in
// production, while the one of development has SQLite.
package pgengine

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// Server is what runs the server, all its services in one process.
type Server struct {
	// HostPort is where it will serve.
	HostPort string
	Binary   string
	Args     []string
	// Databases are the dsns of its two, fresh ones.
	Databases []string
}

// Prepare makes two databases with the schema that the pinned module brings, and the
// server's configuration in dir. It serves its own metrics at an address.
func Prepare(t testing.TB, dir string, shards int, metrics string) Server {
	t.Helper()
	tools := filepath.Join(root(t), "tools")
	frontend := freeAddress(t)
	s := Server{HostPort: frontend, Binary: tool(t, tools, "go.temporal.io/server/cmd/server"),
		Args: []string{"--root", dir, "--config", ".", "--env", "engine", "--allow-no-auth", "start"}}
	values := map[string]any{"Shards": shards, "Metrics": metrics, "Dir": dir, "Frontend": frontend}
	for _, name := range []string{"temporal", "visibility"} {
		dsn := storetest.Postgres(t)
		s.Databases = append(s.Databases, dsn)
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		password, _ := u.User.Password()
		for _, args := range [][]string{{"setup-schema", "--version", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + name}} {
			cmd := exec.Command(tool(t, tools, "go.temporal.io/server/cmd/tools/sql"), append([]string{"--plugin", "postgres12", "--quiet",
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
	f, err := os.Create(filepath.Join(dir, "engine.yaml"))
	require.NoError(t, err)
	require.NoError(t, config.Execute(f, values))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dynamic.yaml"), []byte(dynamicConfig), 0o600))
	return s
}

// root is the folder of the module.
func root(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	require.NoError(t, err)
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// tool is the path of a pinned command, which the go command builds and keeps.
func tool(t testing.TB, tools, name string) string {
	t.Helper()
	cmd := exec.Command("go", "tool", "-n", name)
	cmd.Dir, cmd.Stderr = tools, os.Stderr
	path, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(path))
}

// freeAddress is below the ports from which systems make connections.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(15000))))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func port(address string) int {
	_, text, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(text)
	return n
}

// dynamicConfig is what the development server is told, too; with hundreds of
// shards nothing has to be said of how often each looks.
const dynamicConfig = `matching.numTaskqueueReadPartitions: [{value: 1}]
matching.numTaskqueueWritePartitions: [{value: 1}]
system.enableActivityEagerExecution: [{value: true}]
history.transferProcessorUpdateAckInterval: [{value: 2s}]
`

var config = template.Must(template.New("").Parse(fmt.Sprintf(`log: {stdout: true, level: warn}
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
