package cmd

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/webhook"
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
	// traces is nil where nothing is traced; flush sends what telemetry is left.
	traces    *telemetry.Traces
	flush     func(context.Context)
	starter   *starter.Starter
	endpoints *webhook.Endpoints
	catalogue *catalogue
	// keysSeen is the key file's content that the process began with, keysStale says
	// that it has changed and was not taken over.
	keysSeen  [sha256.Size]byte
	keysStale atomic.Bool
	// now is the newest configuration.
	now atomic.Pointer[config.Config]
	// works: this process runs the verifications.
	works bool
}

// assemble makes what needs nobody else, and tells every fault of it.
func assemble(cfg *config.Config, log *slog.Logger, namespace string) (*parts, error) {
	registry, err := cfg.Registry(log)
	seen := sumOf([]string{cfg.Keys}) // before it is read: a change meanwhile is seen
	keys, keysErr := loadKeys(context.Background(), cfg)
	if keysErr == nil {
		keysErr = keys.CanSign()
	}
	if keysErr != nil {
		err = errors.Join(err, fmt.Errorf("YANZHEN_KEYS: %w", keysErr))
	}
	err = errors.Join(err, telemetry.CheckExport(cfg.Traces))
	if err != nil {
		return nil, err
	}
	p := &parts{cfg: cfg, log: log, namespace: namespace, keys: keys, vendors: registry, metrics: telemetry.NewMetrics(), endpoints: &webhook.Endpoints{},
		catalogue: &catalogue{}, keysSeen: seen}
	p.now.Store(cfg)
	p.endpoints.Set(config.Endpoints(cfg.Clients))
	p.metrics.SetPrices(cfg.Price)
	registry.Observe(p.called)
	return p, nil
}

// open assembles and connects everything that the configuration names, or
// fails. The caller closes what it gets.
func open(ctx context.Context, cfg *config.Config, log *slog.Logger, temporal client.Options) (*parts, error) {
	p, err := assemble(cfg, log, temporal.Namespace)
	if err != nil {
		return nil, err
	}
	if err := p.export(ctx, "dev", &temporal); err != nil {
		return nil, err
	}
	if err := await(ctx, 0, log, p.openStore(), p.openEngine(temporal)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.connected()
	return p, nil
}

// connected makes what stands on store and engine.
func (p *parts) connected() {
	p.starter = starter.New(starter.Deps{
		Engine: p.temporal, Store: p.store, Keys: p.keys, PublicURL: p.cfg.PublicURL, Policies: p.cfg.Policies, Registry: p.vendors, Switches: switches(p.cfg), Logger: p.log,
		Endpoints: p.endpoints, FirstPause: p.cfg.Webhooks.Schedule[0], Signer: p.keys, Issuer: p.cfg.PublicURL, Changed: p.metrics.Changed,
		About: telemetry.About,
	})
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) {
		return func() {
			p.now.Store(cfg)
			p.starter.SetPolicies(cfg.Policies)
			p.endpoints.Set(config.Endpoints(cfg.Clients))
		}, nil
	})
}

// flushTime is how long a process that stops waits for its collector.
const flushTime = 2 * time.Second

// export begins to export metrics and traces, as the environment says, and has the
// engine's calls traced.
func (p *parts) export(ctx context.Context, process string, o *client.Options) (err error) {
	p.traces, p.flush, err = telemetry.Export(ctx, telemetry.ExportOptions{TracesTo: p.cfg.Traces, Process: process, Version: version(), Metrics: p.metrics, Log: p.log})
	o.MetricsHandler = p.metrics.Engine()
	if p.traces != nil {
		o.Interceptors = append(slices.Clip(o.Interceptors), p.traces.Client())
	}
	return err
}

// close closes what was opened.
func (p *parts) close() error {
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.flush != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		p.flush(ctx)
		cancel()
	}
	if p.store == nil {
		return nil
	}
	return p.store.Close()
}

// How often rows without a run, or past all their clocks, are looked for, and
// runs that ended without a word.
const sweepEvery, sweepLostEvery = time.Minute, 20 * time.Second

// runWorker runs the workers and the sweeper until ctx ends.
func (p *parts) runWorker(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return worker.Run(ctx, worker.Deps{
			Client: p.temporal, Vendors: p.vendors, Metrics: p.metrics, Traces: p.traces, Deliverer: p.deliverer(), Build: version(), Deployment: p.cfg.Deployment, Eraser: p.eraser(), Retainer: p.retainer(),
			Activities: &activities.Activities{Store: p.store, Keys: p.keys, Vendors: p.vendors,
				PublicURL: p.cfg.PublicURL, Now: time.Now, Log: p.log, Comparing: p.starter.Comparing, Resending: p.starter.Resend, Switches: switches(p.cfg),
				Ended: p.ended, Linked: p.linked},
		})
	})
	g.Go(func() error { p.sweep(ctx); return nil })
	g.Go(func() error { p.deliverNotices(ctx); return nil })
	g.Go(func() error { p.relay(ctx); return nil })
	g.Go(func() error { p.audit(ctx); return nil })
	g.Go(func() error { p.measure(ctx); return nil })
	g.Go(func() error { p.scheduleRetention(ctx); return nil })
	g.Go(func() error { p.reseal(ctx); return nil })
	return g.Wait()
}

// sweep sweeps until ctx ends; a sweep that fails is told and tried again.
func (p *parts) sweep(ctx context.Context) {
	all, lost := time.NewTicker(sweepEvery), time.NewTicker(sweepLostEvery)
	defer all.Stop()
	defer lost.Stop()
	report := func(done starter.Swept, err error) {
		p.metrics.Swept(done.Deleted, done.Ended)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("failed to sweep; retrying", "error", err)
		}
	}
	ended, err := p.starter.SweepClosed(ctx)
	report(starter.Swept{Ended: ended}, err)
	for {
		ended, err := p.starter.SweepLost(ctx)
		report(starter.Swept{Ended: ended}, err)
		if _, err := p.starter.SweepWithdrawn(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("failed to sweep withdrawn consents; retrying", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-all.C:
			report(p.starter.Sweep(ctx))
			if _, err := p.starter.SweepErasures(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("failed to sweep erasures; retrying", "error", err)
			}
		case <-lost.C:
		}
	}
}

// deliverEvery is how often notices are looked for of which the engine could not be
// told: somebody is waiting for what they say.
const deliverEvery = 3 * time.Second

// deliverNotices delivers notices to their runs until ctx ends.
func (p *parts) deliverNotices(ctx context.Context) {
	tick := time.NewTicker(deliverEvery)
	defer tick.Stop()
	for failing := false; ; {
		told, err := p.starter.DeliverNotices(ctx)
		if told > 0 {
			p.log.Info("delivered notices left from before the start", "notices", told)
		}
		if err != nil && !failing && ctx.Err() == nil {
			p.log.Warn("failed to deliver notices; retrying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// apiHandler answers the API's requests. When stopping is closed, reads that
// wait for a change are answered as they stand. A new catalogue takes effect with
// the next request; a rate limit that was used up stays so.
func (p *parts) apiHandler(stopping <-chan struct{}) (http.Handler, error) {
	h, err := api.New(api.Deps{
		Verifications: p.starter, Outbox: p.starter, Tickets: p.keys, Signatures: p.keys, Clients: apiClients(p.cfg.Clients), Reviewers: apiReviewers(p.cfg.Reviewers), Logger: p.log, Metrics: p.metrics,
		Traces: p.traces, Stopping: stopping,
	})
	if err != nil {
		return nil, err
	}
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) {
		clients, reviewers := apiClients(cfg.Clients), apiReviewers(cfg.Reviewers)
		return func() { _ = h.Replace(clients, reviewers) }, api.CheckAccess(clients, reviewers)
	})
	return p.withPage(h), nil
}

// runAPI serves the API until ctx ends.
func (p *parts) runAPI(ctx context.Context, l net.Listener) error {
	h, err := p.apiHandler(ctx.Done())
	if err != nil {
		l.Close()
		return err
	}
	return serve(ctx, api.Problems(l, p.log), h, p.log)
}

// runOps serves health, readiness and metrics until ctx ends.
func (p *parts) runOps(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, p.opsHandler(), p.log)
}

func (p *parts) opsHandler() http.Handler {
	d := api.OpsDeps{Store: pinged{p.store}, Engine: p.temporal, Metrics: p.metrics, Logger: p.log, Catalogue: p.catalogue.fault, KeyFile: p.keyFault}
	var now atomic.Pointer[config.Config]
	now.Store(p.cfg)
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) { return func() { now.Store(cfg) }, nil })
	d.Expiring = func() []string {
		cfg := now.Load()
		return api.Expiring(apiClients(cfg.Clients), apiReviewers(cfg.Reviewers), time.Now())
	}
	if p.works {
		d.Workflows = p.workflows
		d.Dispatched = p.dispatched
	}
	return api.Ops(d)
}

// workflows says whether those of this process run.
func (p *parts) workflows() error {
	if p.metrics.WorkflowsFail() {
		return api.Unready("failing")
	}
	return nil
}

// pinged is the store as readiness tells of it.
type pinged struct{ store store.Store }

func (s pinged) Ping(ctx context.Context) error {
	err := s.store.Ping(ctx)
	if errors.Is(err, store.ErrFull) {
		return api.Unready("disk_full")
	}
	return err
}

func apiClients(list []config.Client) []api.Client {
	var out []api.Client
	for _, c := range list {
		client := api.Client{ID: c.ID, SelfReview: c.SelfReview, Policies: c.Policies, Purposes: c.Purposes, ReturnURLs: c.ReturnURLs}
		for _, k := range c.Keys {
			client.Keys = append(client.Keys, api.Key{Name: k.Name, Hash: k.Hash, Scopes: k.Scopes, Expires: k.Expires.Time, RateLimit: k.RateLimit})
		}
		out = append(out, client)
	}
	return out
}

func apiReviewers(list []config.Reviewer) []api.Reviewer {
	var out []api.Reviewer
	for _, r := range list {
		out = append(out, api.Reviewer{Name: r.Name, Hash: r.Hash, Clients: r.Clients, Expires: r.Expires.Time})
	}
	return out
}

func checkAccess(clients []config.Client, reviewers []config.Reviewer) error {
	return api.CheckAccess(apiClients(clients), apiReviewers(reviewers))
}

// maxHeaders is what a request's line and headers may take together: what browsers
// and proxies send fits. net/http's own megabyte, made of short headers, becomes
// five in memory before anybody knows who asks.
const maxHeaders = 32 << 10

// serve answers on l until ctx ends; then requests under way may finish.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		// A waiting read takes up to api.MaxWait.
		WriteTimeout:   api.MaxWait + 30*time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: maxHeaders,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
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
