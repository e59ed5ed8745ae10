package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/engine"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/worker"
)

// parts are what worker and api are made of.
type parts struct {
	cfg       *config.Config
	log       *slog.Logger
	temporal  client.Client
	namespace string
	store     store.Store
	keys      *sealing.Keys
	vendors   *provider.Registry
	metrics   *telemetry.Metrics
	starter   *starter.Starter
}

// open connects everything that the configuration names. The caller closes
// what it gets.
func open(ctx context.Context, cfg *config.Config, log *slog.Logger, temporal client.Options) (*parts, error) {
	vendors, err := vendors(cfg, log)
	if err != nil {
		return nil, err
	}
	keys, err := sealing.Load(cfg.Keys)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, cfg.Store, keys)
	if err != nil {
		return nil, err
	}
	c, err := engine.Dial(ctx, temporal)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	p := &parts{cfg: cfg, log: log, temporal: c, namespace: temporal.Namespace, store: st, keys: keys,
		vendors: vendors, metrics: telemetry.NewMetrics()}
	p.starter = starter.New(starter.Deps{
		Engine: c, Store: st, Keys: keys, Policies: cfg.Policies, Registry: vendors, Switches: switches(cfg), Logger: log,
	})
	return p, nil
}

func (p *parts) close() error {
	p.temporal.Close()
	return p.store.Close()
}

// openFromEnvironment is open with Temporal's own settings.
func openFromEnvironment(ctx context.Context, cfg *config.Config, logs io.Writer) (*parts, error) {
	log, err := telemetry.NewLogger(logs, cfg.LogLevel.String(), cfg.LogFormat)
	if err != nil {
		return nil, err
	}
	o, err := engine.Options(log)
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, log, o)
}

// sweepEvery is how often rows without a run and runs without an end are
// looked for.
const sweepEvery = 10 * time.Minute

// runWorker runs the workers and the sweeper until ctx ends.
func (p *parts) runWorker(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return worker.Run(ctx, worker.Deps{
			Client: p.temporal, Namespace: p.namespace, Vendors: p.vendors,
			Activities: &activities.Activities{Store: p.store, Keys: p.keys, Vendors: p.vendors,
				PublicURL: p.cfg.PublicURL, Now: time.Now, Log: p.log, ComparePatience: p.cfg.TencentIAI.Patience, Switches: switches(p.cfg)},
		})
	})
	g.Go(func() error { p.sweep(ctx); return nil })
	return g.Wait()
}

// sweep sweeps until ctx ends; a sweep that fails is told and tried again.
func (p *parts) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		done, err := p.starter.Sweep(ctx)
		p.metrics.Swept(done.Deleted, done.Ended)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// runAPI serves the API until ctx ends.
func (p *parts) runAPI(ctx context.Context, l net.Listener) error {
	h, err := api.New(api.Deps{
		Verifications: p.starter, Tickets: p.keys, Clients: apiClients(p.cfg.Clients), Logger: p.log, Metrics: p.metrics,
	})
	if err != nil {
		l.Close()
		return err
	}
	return serve(ctx, l, h, p.log)
}

// runOps serves health, readiness and metrics until ctx ends.
func (p *parts) runOps(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, api.Ops(api.OpsDeps{Store: p.store, Engine: p.temporal, Metrics: p.metrics}), p.log)
}

func apiClients(list []config.Client) []api.Client {
	var out []api.Client
	for _, c := range list {
		out = append(out, api.Client{ID: c.ID, KeyHashes: c.KeyHashes, Scopes: c.Scopes, ReturnURLs: c.ReturnURLs})
	}
	return out
}

func checkClients(list []config.Client) error { return api.CheckClients(apiClients(list)) }

// serve answers on l until ctx ends; then requests under way may finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		// A waiting read takes up to api.MaxWait.
		WriteTimeout: api.MaxWait + 30*time.Second,
		IdleTimeout:  2 * time.Minute,
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if s.Shutdown(late) != nil {
			_ = s.Close() // waiting reads do not hold a stop
		}
		return nil
	})
	return g.Wait()
}

// listen says whose port is taken and which setting moves it.
func listen(addr, setting string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%s sets another address): %w", addr, setting, err)
	}
	return l, nil
}
