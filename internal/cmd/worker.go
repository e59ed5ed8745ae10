package cmd

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run the verifications: workflows, vendor calls, the sweeper",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(os.Environ(), config.Needs{Keys: true, Providers: true, CheckVendors: checkVendors})
			if err != nil {
				return err
			}
			p, err := openFromEnvironment(c.Context(), cfg, c.ErrOrStderr())
			if err != nil {
				return err
			}
			return errors.Join(p.workerProcess(c.Context()), p.close())
		},
	}
}

func (p *parts) workerProcess(ctx context.Context) error {
	ops, err := listen(p.cfg.Ops, "YANZHEN_OPS_LISTEN")
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.runOps(ctx, ops) })
	g.Go(func() error { return p.runWorker(ctx) })
	p.log.Info("worker runs", "ops", p.cfg.Ops, "namespace", p.namespace, "version", version())
	return g.Wait()
}
