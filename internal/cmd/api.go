package cmd

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

func apiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "api",
		Short: "Serve the HTTP API and the vendors' callbacks",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(os.Environ(), config.Needs{Keys: true, Clients: true, Providers: true, CheckClients: checkClients, CheckVendors: checkVendors})
			if err != nil {
				return err
			}
			p, err := openFromEnvironment(c.Context(), cfg, c.ErrOrStderr())
			if err != nil {
				return err
			}
			return errors.Join(p.apiProcess(c.Context()), p.close())
		},
	}
}

func (p *parts) apiProcess(ctx context.Context) error {
	l, err := listen(p.cfg.API, "YANZHEN_API_LISTEN")
	if err != nil {
		return err
	}
	ops, err := listen(p.cfg.Ops, "YANZHEN_OPS_LISTEN")
	if err != nil {
		l.Close()
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.runOps(ctx, ops) })
	g.Go(func() error { return p.runAPI(ctx, l) })
	p.log.Info("api serves", "listen", p.cfg.API, "ops", p.cfg.Ops, "version", version())
	return g.Wait()
}
