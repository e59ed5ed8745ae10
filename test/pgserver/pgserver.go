// Package pgserver runs a Temporal server as in production: all its services, on
// PostgreSQL, with the schema that its own tool creates.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
)

// Options of a server.
type Options struct {
	// Module is the folder of the go.mod that pins the server and its schema tool.
	Module string
	// Dir holds the server's configuration and its log.
	Dir string
	// Main and Visibility are the dsns of its databases, empty ones before Setup.
	Main, Visibility string
	// Shards stays what it was at the first start.
	Shards int
	// Connections of each of the four services to the main database, at most.
	Connections int
	// Dynamic is what the dynamic configuration holds besides common, as YAML.
	Dynamic string
}

// Server is a server's process; its addresses stay through Stop and Start.
type Server struct {
	// HostPort is its frontend's, Metrics that of its metrics.
	HostPort, Metrics string

	options Options
	ports   map[string]int
	cmd     *exec.Cmd
	exited  chan struct{}
}

// services of a server, which run in one process here.
var services = []string{"frontend", "matching", "history", "worker"}

// New makes the schema in both databases, and a server that is not started.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o, ports: map[string]int{}}
	names := []string{"metrics"}
	for _, name := range services {
		names = append(names, name, name+"-membership")
	}
	for _, name := range names {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.ports[name] = port
	}
	s.HostPort, s.Metrics = loopback(s.ports["frontend"]), loopback(s.ports["metrics"])
	if err := s.Setup(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// freePort is below 32768: the server notes its ports in a smallint. From there on
// systems make connections, too.
func freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", loopback(15000+rand.IntN(15000)))
		if err == nil {
			return l.Addr().(*net.TCPAddr).Port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Setup makes the schema in empty databases.
func (s *Server) Setup(ctx context.Context) error {
	tool, err := command(ctx, s.options.Module, "go.temporal.io/server/cmd/tools/sql")
	if err != nil {
		return err
	}
	for name, dsn := range map[string]string{"temporal": s.options.Main, "visibility": s.options.Visibility} {
		d, err := parse(dsn)
		if err != nil {
			return err
		}
		host, port, err := net.SplitHostPort(d.Address)
		if err != nil {
			return err
		}
		for _, args := range [][]string{{"setup-schema", "--version", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + name}} {
			cmd := exec.CommandContext(ctx, tool, append([]string{"--plugin", "postgres12", "--quiet", "--endpoint", host, "--port", port,
				"--user", d.User, "--password", d.Password, "--database", d.Database}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s of the engine's %s database: %w\n%s", args[0], name, err, out)
			}
		}
	}
	return nil
}

// Start starts the server and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	binary, err := command(ctx, s.options.Module, "go.temporal.io/server/cmd/server")
	if err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	log, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(binary, "--root", s.options.Dir, "--config", ".", "--env", "engine", "--allow-no-auth", "start")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	ended, err := devstack.StartChild(s.cmd)
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	exited := make(chan struct{})
	s.exited = exited
	go func() { <-ended; close(exited) }()
	if err := s.await(ctx); err != nil {
		s.Stop()
		text, _ := os.ReadFile(s.Log())
		return fmt.Errorf("%w; the end of its log:\n%s", err, text[max(0, len(text)-4096):])
	}
	return nil
}

// startWithin bounds a start: its services look for each other first.
const startWithin = 2 * time.Minute

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		c, err := client.DialContext(ctx, client.Options{HostPort: s.HostPort, Logger: quiet{}})
		if err == nil {
			_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
			c.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("the engine ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("the engine did not answer within %s: %w", startWithin, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Databases are the dsns of the two databases.
func (s *Server) Databases() (main, visibility string) {
	return s.options.Main, s.options.Visibility
}

// Log is the file of the server's log.
func (s *Server) Log() string { return filepath.Join(s.options.Dir, "engine.log") }

// PID of the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server at once, as a lost machine does.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// command is the path of a pinned command, which the go command builds and keeps.
func command(ctx context.Context, module, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", name)
	cmd.Dir, cmd.Stderr = module, os.Stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return strings.TrimSpace(string(path)), nil
}

// database is where a service finds one.
type database struct{ Address, Database, User, Password string }

func parse(dsn string) (database, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return database{}, errors.New("a database's dsn is no URL") // it may hold a password
	}
	password, _ := u.User.Password()
	return database{Address: u.Host, Database: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(), Password: password}, nil
}

func (s *Server) configure() error {
	main, err := parse(s.options.Main)
	if err != nil {
		return err
	}
	visibility, err := parse(s.options.Visibility)
	if err != nil {
		return err
	}
	values := map[string]any{
		"Shards": s.options.Shards, "Connections": s.options.Connections, "Metrics": s.Metrics, "Dir": s.options.Dir, "Frontend": s.HostPort,
		"Main": main, "Visibility": visibility, "Ports": s.ports, "Services": services,
	}
	f, err := os.Create(filepath.Join(s.options.Dir, "engine.yaml"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := configuration.Execute(f, values); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.options.Dir, "dynamic.yaml"), []byte(common+s.options.Dynamic), 0o600)
}

// common is what the development server is told, too.
const common = `matching.numTaskqueueReadPartitions: [{value: 1}]
matching.numTaskqueueWritePartitions: [{value: 1}]
system.enableActivityEagerExecution: [{value: true}]
history.transferProcessorUpdateAckInterval: [{value: 2s}]
`

var configuration = template.Must(template.New("").Parse(`log: {stdout: true, level: warn}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: {{.Shards}}
  datastores:
    default: {sql: {pluginName: postgres12, databaseName: {{.Main.Database}}, connectAddr: "{{.Main.Address}}", connectProtocol: tcp, user: {{.Main.User}}, password: "{{.Main.Password}}", maxConns: {{.Connections}}, maxIdleConns: {{.Connections}}, maxConnLifetime: 1h}}
    visibility: {sql: {pluginName: postgres12, databaseName: {{.Visibility.Database}}, connectAddr: "{{.Visibility.Address}}", connectProtocol: tcp, user: {{.Visibility.User}}, password: "{{.Visibility.Password}}", maxConns: 4, maxIdleConns: 4, maxConnLifetime: 1h}}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: 127.0.0.1}
  metrics: {prometheus: {timerType: histogram, listenAddress: "{{.Metrics}}"}}
services:
{{- range .Services}}
  {{.}}: {rpc: {grpcPort: {{index $.Ports .}}, membershipPort: {{index $.Ports (print . "-membership")}}, bindOnLocalHost: true}}
{{- end}}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: "{{.Frontend}}"}}
dcRedirectionPolicy: {policy: noop}
dynamicConfigClient: {filepath: "{{.Dir}}/dynamic.yaml", pollInterval: 1m}
`))

// quiet is a client's logger that says nothing: failing to connect is what waiting
// for a server looks like.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
