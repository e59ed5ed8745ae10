package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/page"
)

// settleFor is how long a stopping process goes on answering after its
// readiness fell, so that whoever sends it requests has seen that.
const settleFor = 3 * time.Second

// phase is where a process stands, as its readiness tells it.
type phase string

const (
	starting phase = "starting"
	running  phase = "running"
	stopping phase = "stopping"
)

// front answers for a process from its first moment to its last: it is alive,
// and not ready before everything is there or once it was asked to stop.
type front struct {
	phase atomic.Value // phase
	// inner is the running process's own handler.
	inner atomic.Pointer[http.Handler]
}

func newFront() *front {
	f := &front{}
	f.phase.Store(starting)
	return f
}

// run lets the handler answer, unless the process is stopping already.
func (f *front) run(h http.Handler) {
	f.inner.Store(&h)
	f.phase.CompareAndSwap(starting, running)
}

func (f *front) stop() { f.phase.Store(stopping) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now, inner := f.phase.Load().(phase), f.inner.Load()
	switch {
	case r.URL.Path == "/readyz" && now != running:
		answer(w, http.StatusServiceUnavailable, "application/json", map[string]any{"process": now})
	case inner != nil:
		(*inner).ServeHTTP(w, r)
	case r.URL.Path == "/healthz":
		answer(w, http.StatusOK, "application/json", map[string]any{"process": "ok"})
	case strings.HasPrefix(r.URL.Path, pagePath):
		page.Starting(w, r)
	default:
		api.Starting(w, r)
	}
}

func answer(w http.ResponseWriter, status int, kind string, body map[string]any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// fromEnvironment assembles the parts with Temporal's own settings.
func fromEnvironment(needs config.Needs, logs io.Writer) (*parts, client.Options, error) {
	return fromSettings(os.Environ(), needs, logs)
}

func fromSettings(environ []string, needs config.Needs, logs io.Writer) (*parts, client.Options, error) {
	cfg, err := load(environ, needs)
	if err != nil {
		return nil, client.Options{}, err
	}
	log, err := telemetry.NewLogger(logs, cfg.LogLevel.String(), cfg.LogFormat)
	if err != nil {
		return nil, client.Options{}, err
	}
	o, err := engine.Options(environ, log)
	if err != nil {
		return nil, client.Options{}, err
	}
	p, err := assemble(cfg, log, o.Namespace)
	if err != nil {
		return nil, o, err
	}
	p.catalogue.seen = sumOf(cfg.Files())
	if cfg.File != "" {
		p.catalogue.goneBy = p.catalogue.seen
	}
	p.catalogue.load = func() (*config.Config, error) { return load(environ, needs) }
	return p, o, nil
}

// process is the life of a worker or an api: the ops port answers all the
// time, run begins when everything is there and says when it is ready, and its
// end ends the process. A stop that is asked for while it still waits is no
// fault.
func (p *parts) process(ctx context.Context, o client.Options, ops net.Listener, run func(ctx context.Context, ready func()) error) error {
	port := newFront()
	defer context.AfterFunc(ctx, func() {
		port.stop()
		p.log.Info("stopping")
	})()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // from the start: it would end the process
	defer signal.Stop(hup)
	asked := ctx
	g, ctx := errgroup.WithContext(ctx)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return serve(life, ops, port, p.log) })
	g.Go(func() error {
		defer end()
		if err := p.connect(ctx, o); err != nil {
			if asked.Err() != nil {
				return nil
			}
			return err
		}
		g.Go(func() error { p.watchCatalogue(ctx, hup); return nil })
		g.Go(func() error { p.watchKeys(ctx); return nil })
		return run(ctx, func() {
			port.run(p.opsHandler())
		})
	})
	err := errors.Join(g.Wait(), p.close())
	if err == nil {
		p.log.Info("stopped")
	}
	return err
}

// after is a context that ends some time after another one.
func after(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(d):
		case <-late.Done():
		}
		cancel()
	})
	return late, func() { stop(); cancel() }
}
