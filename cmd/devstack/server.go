package devstack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
)

const startWithin = 60 * time.Second

// Options of a development server. It listens on loopback only.
type Options struct {
	// Binary is what Temporal returned.
	Binary string
	// DBFile keeps the server's data (SQLite, WAL); empty: in memory.
	DBFile string
	// Durable: no power cut takes what the server has answered for, as in production.
	// Each of its steps then waits for the disk.
	Durable bool
	// Port of the frontend; 0: a free one.
	Port int
	// UIPort of the web UI; 0: a free one. Headless leaves the UI out.
	UIPort   int
	Headless bool
	// MetricsPort of the server's own metrics; 0: a free one that nobody knows.
	MetricsPort int
	// Namespace; empty: "default".
	Namespace string
	// SearchAttributes that the namespace has.
	SearchAttributes engine.Attributes
	// Dynamic are values of the server's dynamic configuration, as JSON, beside ours.
	Dynamic map[string]string
	// LogFile receives the server's log, truncated first; empty: its end is
	// kept in memory for error texts only.
	LogFile string
}

// Server is a running development server.
type Server struct {
	// HostPort is the frontend's address, UI the web UI's, "" when headless.
	HostPort  string
	UI        string
	Namespace string

	attributes engine.Attributes
	cmd        *exec.Cmd
	exited     chan struct{}
	err        error // set before exited is closed
	tail       *tail
	stop       sync.Once
}

// StartTemporal starts a development server and returns when it serves and
// knows our search attributes. The caller stops it.
func StartTemporal(ctx context.Context, o Options) (*Server, error) {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	// A port that was free may be taken before the server has it.
	for tries := 3; ; tries-- {
		s, err := startTemporal(ctx, o)
		if s == nil || err == nil {
			return s, err
		}
		s.Stop()
		if o.Port != 0 || tries == 1 || !strings.Contains(s.tail.String(), "address already in use") {
			return nil, err
		}
	}
}

// startTemporal returns a server that does not serve with the error.
func startTemporal(ctx context.Context, o Options) (*Server, error) {
	var err error
	if o.Port == 0 {
		if o.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	if o.UIPort == 0 && !o.Headless {
		if o.UIPort, err = FreePort(); err != nil {
			return nil, err
		}
	}
	s := &Server{
		HostPort:   net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)),
		Namespace:  o.Namespace,
		attributes: o.SearchAttributes,
		exited:     make(chan struct{}),
		tail:       &tail{keep: 4 << 10},
	}
	if !o.Headless {
		s.UI = "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(o.UIPort))
	}
	if err := s.launch(o); err != nil {
		return nil, err
	}
	return s, s.awaitHealth(ctx)
}

// FreePort returns a loopback port that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// unhurried are the server's queues that look for tasks at most 20 times a second
// unless they are told otherwise. With hundreds of shards nobody notices; the one
// shard of a development server then makes each step of a lone run take 50 ms.
var unhurried = []string{"transfer", "timer", "visibility"}

func arguments(o Options) []string {
	args := []string{"server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(o.Port),
		"--namespace", o.Namespace, "--log-level", "warn", "--log-format", "json"}
	for _, queue := range unhurried {
		args = append(args, "--dynamic-config-value", "history."+queue+"ProcessorMaxPollRPS=2000")
	}
	// A run that has just ended is deleted in seconds, and not in half a minute.
	args = append(args, "--dynamic-config-value", `history.transferProcessorUpdateAckInterval="2s"`)
	// What a run's own worker does for it, the writing of the end above all, comes
	// back with the task that asks for it.
	args = append(args, "--dynamic-config-value", "system.enableActivityEagerExecution=true")
	if o.Headless {
		args = append(args, "--headless")
	} else {
		args = append(args, "--ui-port", strconv.Itoa(o.UIPort))
	}
	// One process gains nothing by parts of a queue: what comes to a part for which
	// no worker asks at that moment takes a way round.
	for _, side := range []string{"Read", "Write"} {
		args = append(args, "--dynamic-config-value", "matching.numTaskqueue"+side+"Partitions=1")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Dynamic)) {
		args = append(args, "--dynamic-config-value", name+"="+o.Dynamic[name])
	}
	if o.MetricsPort != 0 {
		args = append(args, "--metrics-port", strconv.Itoa(o.MetricsPort))
	}
	if o.DBFile != "" {
		args = append(args, "--db-filename", o.DBFile, "--sqlite-pragma", "journal_mode=wal")
		if !o.Durable {
			args = append(args, "--sqlite-pragma", "synchronous=normal")
		}
	}
	for name, kind := range o.SearchAttributes {
		args = append(args, "--search-attribute", name+"="+kind.String())
	}
	return args
}

// StartChild starts a command that ends with this process at the latest, however
// that ends. The channel tells once that it has ended, and how. Linux ends a child
// when the *thread* that made it ends, so that thread is kept until the child is gone.
func StartChild(cmd *exec.Cmd) (ended <-chan error, err error) {
	cmd.SysProcAttr = childAttributes()
	started, end := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			end <- cmd.Wait()
		}
	}()
	return end, <-started
}

// launch starts the process.
func (s *Server) launch(o Options) error {
	var out io.Writer = s.tail
	var file *os.File
	if o.LogFile != "" {
		var err error
		if file, err = os.OpenFile(o.LogFile, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("the Temporal server's log: %w", err)
		}
		out = io.MultiWriter(file, s.tail)
	}
	s.cmd = exec.Command(o.Binary, arguments(o)...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	ended, err := StartChild(s.cmd)
	if err != nil {
		if file != nil {
			file.Close()
		}
		return fmt.Errorf("starting the Temporal server: %w", err)
	}
	go func() {
		s.err = <-ended
		if file != nil {
			file.Close()
		}
		close(s.exited)
	}()
	return nil
}

func (s *Server) awaitHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var last error
	for {
		if last = s.healthy(ctx); last == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the Temporal server ended while starting (%v); its last output:\n%s", s.err, s.tail)
		case <-ctx.Done():
			return fmt.Errorf("the Temporal server did not serve within %s: %w", startWithin, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// healthy: the namespace is there and holds every search attribute, for an
// unknown one would fail the first run that sets it.
func (s *Server) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: s.HostPort, Namespace: s.Namespace, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	return engine.CheckSearchAttributes(ctx, c, s.Namespace, s.attributes)
}

// PID of the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server's process has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.exited }

// Err returns, after Done, why the server ended, with its last output.
func (s *Server) Err() error {
	return fmt.Errorf("the Temporal server ended (%v); its last output:\n%s", s.err, s.tail)
}

// Stop ends the server and returns when it is gone. It may be called twice. The
// server is not asked to end, for which it takes a second: whatever it has
// answered for is in its file, and it is made to begin again after a crash.
func (s *Server) Stop() {
	s.stop.Do(func() { _ = s.cmd.Process.Kill() })
	<-s.exited
}

// tail keeps the end of what was written.
type tail struct {
	keep int
	mu   sync.Mutex
	buf  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.keep; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}

// quiet is a client's logger that says nothing: failing to connect is what
// waiting for a server looks like.
type quiet struct{}

var _ log.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
