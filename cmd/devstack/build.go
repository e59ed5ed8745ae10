package devstack

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// progressEvery is how often a build says that it is alive.
const progressEvery = 10 * time.Second

// build compiles the pinned command and moves it into place in one step, so
// that a broken build leaves nothing that looks like a binary.
func build(ctx context.Context, tools, version, target string, progress io.Writer) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("building the Temporal server needs the go command on PATH: %w", err)
	}
	fmt.Fprintf(progress, "Building the Temporal server %s, once: about six minutes on two cores, kept in %s\n",
		version, filepath.Dir(target))
	partial := fmt.Sprintf("%s.partial-%d", target, os.Getpid())
	defer os.Remove(partial)

	// -v names every package as it is compiled; without the version control
	// stamp, which a source folder outside git would refuse. No flag that
	// would keep the standard library, compiled already, from being used.
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-buildvcs=false", "-o", partial, Command)
	cmd.Dir = tools
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	// Ctrl-C's way out: the go command removes its own half-written files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	watch := &buildWatch{started: time.Now()}
	cmd.Stderr = watch
	stop := watch.report(progress)
	err := cmd.Run()
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("building the Temporal server was interrupted: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("building the Temporal server: %w; the go command said:\n%s", err, watch.complaints())
	}
	if err := os.Rename(partial, target); err != nil {
		return fmt.Errorf("building the Temporal server: %w", err)
	}
	fmt.Fprintf(progress, "The Temporal server is built (%s).\n", time.Since(watch.started).Round(time.Second))
	return nil
}

// buildWatch reads what `go build -v` says: names of packages, downloads, and
// complaints.
type buildWatch struct {
	started time.Time

	mu       sync.Mutex
	rest     []byte
	compiled int
	last     string
	other    []string
}

func (w *buildWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.line(string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

func (w *buildWatch) line(l string) {
	switch {
	case strings.HasPrefix(l, "go: downloading "):
		w.last = strings.TrimPrefix(l, "go: ")
	case strings.ContainsAny(l, " :") || l == "":
		w.other = append(w.other, l)
	default: // an import path
		w.compiled++
		w.last = l
	}
}

// report prints a line every progressEvery until the returned function is
// called.
func (w *buildWatch) report(progress io.Writer) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				fmt.Fprintln(progress, w.status())
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (w *buildWatch) status() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	doing := w.last
	if doing == "" {
		doing = "resolving modules"
	}
	return fmt.Sprintf("  %6s  %4d packages compiled, now %s", time.Since(w.started).Round(time.Second), w.compiled, doing)
}

// complaints returns the last lines that were no progress.
func (w *buildWatch) complaints() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.other
	s := bufio.NewScanner(bytes.NewReader(w.rest))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
