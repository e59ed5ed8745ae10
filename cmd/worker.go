package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run the workflows and activities of verifications",
		Long: `Run the workflows and activities of verifications: vendor calls, webhooks,
retention, and the sweeper.

At start it waits up to YANZHEN_START_PATIENCE for Temporal, the store and what
"yanzhen setup" creates in them. On SIGTERM it finishes the activities in flight,
or leaves them to another worker, within 25 s.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, o, err := fromEnvironment(config.Needs{Keys: true, Providers: true}, c.ErrOrStderr())
			if err != nil {
				return err
			}
			return p.workerProcess(c.Context(), o)
		},
	}
}

func (p *parts) workerProcess(ctx context.Context, o client.Options) error {
	p.works = true
	if p.cfg.Deployment != "" {
		if _, err := buildID(); err != nil {
			return err
		}
	}
	fitMemory()
	ops, err := listen(p.cfg.Ops, "YANZHEN_OPS_LISTEN")
	if err != nil {
		return err
	}
	if f := p.cfg.SandboxForward; f.On() {
		l, err := listen(f.From, "YANZHEN_SANDBOX_FORWARD")
		if err != nil {
			ops.Close()
			return err
		}
		defer l.Close() // after the last vendor call
		go forward(l, f.To)
		p.log.Warn("using stand-in vendors: verdicts of this worker are not real", "forward", f.String())
	}
	if err := p.export(ctx, "worker", &o); err != nil {
		return errors.Join(err, ops.Close())
	}
	return p.process(ctx, o, ops, func(ctx context.Context, ready func()) error {
		ready()
		p.log.Info("worker started", "ops", p.cfg.Ops, "namespace", p.namespace, "version", version())
		if err := p.dispatched(ctx); err != nil {
			p.log.Warn(err.Error())
		}
		return p.runWorker(ctx)
	})
}
