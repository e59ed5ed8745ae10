package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// keeping is how long what is kept, as the newest configuration says.
func (p *parts) keeping() func(client, policy string) starter.Keeping {
	return keepingOf(p.now.Load())
}

func keepingOf(cfg *config.Config) func(client, policy string) starter.Keeping {
	return func(client, policy string) starter.Keeping {
		r := cfg.RetentionOf(client, policy)
		return starter.Keeping{Personal: r.Personal.Std(), Verdict: r.Verdict.Std(), Events: r.Events.Std()}
	}
}

func (p *parts) retainer() *activities.Retainer {
	return &activities.Retainer{Do: func(ctx context.Context) (activities.RetainResult, error) {
		done, err := p.starter.Retain(ctx, p.keeping())
		return activities.RetainResult(done), err
	}}
}

// retainEvery is how often what is due is erased.
const retainEvery = time.Hour

// scheduleRetention makes the schedule where it is not there. One that an
// operator paused or changed stays as it is.
func (p *parts) scheduleRetention(ctx context.Context) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		_, err := p.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: workflows.RetentionSchedule, Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
			Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: retainEvery}}},
			Action: &client.ScheduleWorkflowAction{ID: workflows.RetentionSchedule, Workflow: workflows.RetentionWorkflow, TaskQueue: workflows.QueueVerification},
		})
		if err == nil || errors.Is(err, temporal.ErrScheduleAlreadyRunning) || ctx.Err() != nil {
			return
		}
		p.log.Warn("failed to create the retention schedule; retrying", "error_type", fmt.Sprintf("%T", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// countDue tells the metrics what is due.
func (p *parts) countDue(ctx context.Context) {
	due, err := p.starter.Due(ctx, p.keeping())
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("failed to count data past its retention; retrying", "error", err)
		}
		return
	}
	p.metrics.Due(telemetry.Due{Personal: due.Personal, Verdicts: due.Verdicts, Events: due.Events})
}

func retentionCommand() *cobra.Command {
	var now bool
	var data string
	c := &cobra.Command{
		Use:   "retention",
		Short: "Count data that is past its retention, or erase it now",
		Long: `Count data that is past its retention, as configured under retention: personal data
(by default 30 days after the end), bare verdicts (3 years), events (30 days).
Workers erase it every hour, by the schedule ` + workflows.RetentionSchedule + `; --run erases it now. It
uses the installation of the environment, like the worker, or the running "yanzhen dev".`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withParts(c.Context(), c.ErrOrStderr(), data, func(p *parts) error {
				return runRetention(c.Context(), p, now, c.OutOrStdout())
			})
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&now, "run", false, "erase it now")
	return c
}

func runRetention(ctx context.Context, p *parts, now bool, out io.Writer) error {
	do, what := p.starter.Due, "due"
	if now {
		do, what = p.starter.Retain, "done"
	}
	r, err := do(ctx, p.keeping())
	fmt.Fprintf(out, "%s: personal parts %d, verdicts %d, events %d\n", what, r.Personal, r.Verdicts, r.Events)
	return err
}

// withParts opens the installation that the environment names, else the local stack.
func withParts(ctx context.Context, logs io.Writer, data string, do func(*parts) error) error {
	environ, _, err := installationOf(data)
	if err != nil {
		return err
	}
	p, o, err := fromSettings(environ, config.Needs{Keys: true}, logs)
	if err != nil {
		return err
	}
	if err := await(ctx, 0, p.log, p.openStore(), p.openEngine(o)); err != nil {
		if away := store.NotYet(err) || engine.NotYet(err); away {
			err = exit(exitNoReply, "nothing was done: %w", err)
		}
		return errors.Join(err, p.close())
	}
	p.connected()
	return errors.Join(do(p), p.close())
}
