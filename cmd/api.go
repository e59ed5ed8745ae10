package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
)

func apiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "api",
		Short: "Serve the HTTP API and the vendors' callbacks",
		Long: `Serve the HTTP API and the vendors' callbacks.

At start it waits up to YANZHEN_START_PATIENCE for Temporal, the store and what
"yanzhen setup" creates in them. On SIGTERM it becomes unready, then finishes the
requests in flight, within 25 s.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, o, err := fromEnvironment(config.Needs{Keys: true, Clients: true, Providers: true, CheckAccess: checkAccess}, c.ErrOrStderr())
			if err != nil {
				return err
			}
			return p.apiProcess(c.Context(), o)
		},
	}
}

func (p *parts) apiProcess(ctx context.Context, o client.Options) error {
	fitMemory()
	go api.Prepare()
	l, err := listen(p.cfg.API, "YANZHEN_API_LISTEN")
	if err != nil {
		return err
	}
	defer l.Close()
	ops, err := listen(p.cfg.Ops, "YANZHEN_OPS_LISTEN")
	if err != nil {
		return err
	}
	if err := p.export(ctx, "api", &o); err != nil {
		return errors.Join(err, ops.Close())
	}
	// Whoever comes too early is told so instead of kept waiting.
	door := newFront()
	g, ctx := errgroup.WithContext(ctx)
	open, closeDoor := after(ctx, settleFor)
	drained := make(chan struct{})
	g.Go(func() error {
		defer close(drained)
		return serve(open, api.Problems(l, p.log), door, p.log)
	})
	g.Go(func() error {
		defer closeDoor()
		return p.process(ctx, o, ops, func(_ context.Context, ready func()) error {
			h, err := p.apiHandler(open.Done())
			if err != nil {
				return err
			}
			door.run(h)
			ready()
			p.log.Info("api started", "listen", p.cfg.API, "ops", p.cfg.Ops, "version", version())
			<-drained // store and engine are needed until then
			return nil
		})
	})
	return g.Wait()
}
