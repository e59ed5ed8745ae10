package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func deployCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deploy",
		Short: "Show and promote the versions of the workers",
		Long: `Show and promote the versions of the worker deployment named by
YANZHEN_DEPLOYMENT. A verification ends on the version that it started on. A new
version gets new runs once it is promoted; an old one can be stopped once it is
drained. docs/operations.md describes an upgrade step by step.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(deployStatusCommand(), deployPromoteCommand())
	return c
}

func deployStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show each version with its open runs and workers",
		Long: `Show each version of the deployment: its state, how many runs are open on it, and
how many of its workers polled for tasks in the last two minutes. Whatever stops
runs from making progress is listed below with what to do; the exit code is 1
then.

A draining version becomes drained some minutes after its last run has ended.
Its workers can then be stopped.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDeployment(c.Context(), func(t client.Client, namespace, name string) error {
				d, err := engine.DescribeDeployment(c.Context(), t, namespace, workflows.QueueVerification, name)
				if err != nil {
					return err
				}
				if err := printDeployment(c.OutOrStdout(), d, asJSON); err != nil {
					return err
				}
				if faults := d.Faults(); len(faults) > 0 {
					return exit(exitFault, "%s", strings.Join(faults, "\n  "))
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return c
}

func printDeployment(out io.Writer, d engine.Deployment, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	fmt.Fprintf(out, "worker deployment %s\n\n", d.Name)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERSION\tSTATUS\tOPEN RUNS\tWORKERS")
	for _, v := range d.Versions {
		name, status := v.Build, string(v.Status)
		if name == "" {
			name = "without a version"
		}
		if v.Status == engine.Ramping {
			status = fmt.Sprintf("ramping, %g %%", v.Percent)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", name, status, v.Open, v.Workers)
	}
	return w.Flush()
}

func deployPromoteCommand() *cobra.Command {
	var percent float32
	var unversioned, withoutQueues bool
	c := &cobra.Command{
		Use:   "promote [VERSION]",
		Short: "Start new runs on a version (default: this binary's)",
		Long: `Start new runs on a version of the deployment, by default this binary's. Open runs
stay on their version; runs without one continue on the promoted version. A
worker of the version must be running.

With --percent only that share of new runs starts on it. To roll back, promote
the previous version while its workers are still running.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || unversioned && len(args) > 0 {
				return exit(exitUsage, "one version, or --unversioned")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("percent") && (percent <= 0 || percent >= 100 || unversioned) {
				return exit(exitUsage, "--percent takes more than 0 and less than 100, of a version")
			}
			var build string
			var err error
			switch {
			case unversioned:
			case len(args) == 1:
				build = args[0]
			default:
				if build, err = buildID(); err != nil {
					return err
				}
			}
			return withDeployment(c.Context(), func(t client.Client, _, name string) error {
				before, err := engine.Promote(c.Context(), t, name, build, percent, withoutQueues)
				if err != nil {
					return err
				}
				fmt.Fprint(c.OutOrStdout(), promoted(build, before, percent))
				return nil
			})
		},
	}
	c.Flags().Float32Var(&percent, "percent", 0, "the percentage of new runs that start on it")
	c.Flags().BoolVar(&unversioned, "unversioned", false, "start new runs on workers without YANZHEN_DEPLOYMENT")
	c.Flags().BoolVar(&withoutQueues, "without-queues", false, "promote even if the version serves fewer task queues, as after a vendor was removed")
	return c
}

// promoted says what was done and what comes next.
func promoted(build, before string, percent float32) string {
	switch {
	case percent > 0:
		return fmt.Sprintf("%s is given %g %% of the new runs.\n", build, percent)
	case build == "":
		return "New runs begin on workers without a version.\n" + next(before)
	case before == build:
		return build + " was current already.\n"
	default:
		return build + " is current.\n" + next(before)
	}
}

func next(before string) string {
	if before == "" {
		return ""
	}
	return fmt.Sprintf("%s keeps its open runs: stop its workers once `yanzhen deploy status` says that it is drained.\n", before)
}

// withDeployment connects to the server for the deployment that is configured.
func withDeployment(ctx context.Context, do func(c client.Client, namespace, name string) error) error {
	cfg, err := load(os.Environ(), config.Needs{})
	if err != nil {
		return err
	}
	if cfg.Deployment == "" {
		return errors.New("YANZHEN_DEPLOYMENT is not set, so workers have no versions")
	}
	o, err := engine.Options(os.Environ(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c, err := engine.Dial(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c, o.Namespace, cfg.Deployment)
}

// buildID names this binary's code in a deployment.
func buildID() (string, error) {
	v := version()
	if v == "unknown" || v == "(devel)" || strings.Contains(v, "dirty") {
		return "", fmt.Errorf("YANZHEN_DEPLOYMENT needs a binary whose version identifies its code, and this one's is %q: build it from a commit, or with -ldflags '-X github.com/yanzhen-id/yanzhen/cmd.Version=…'", v)
	}
	return v, nil
}

// dispatched reports whether the engine gives this process's workers something to
// do. What cannot be asked is no answer: readiness tells of the engine itself.
func (p *parts) dispatched(ctx context.Context) error {
	err := engine.CheckDispatch(ctx, p.temporal, p.namespace, workflows.QueueVerification, p.cfg.Deployment)
	if u, ok := errors.AsType[engine.UndispatchedError](err); ok {
		return api.Unready(u)
	}
	return nil
}

// diagnoseDeployment looks at the worker deployment, or whether one takes the work
// of workers that have no versions.
func diagnoseDeployment(ctx context.Context, c client.Client, namespace, name string) []finding {
	const check = "worker deployment"
	remedy := "`yanzhen deploy status` shows the versions; docs/operations.md describes how to promote and drain one."
	err := engine.CheckDispatch(ctx, c, namespace, workflows.QueueVerification, name)
	if u, ok := errors.AsType[engine.UndispatchedError](err); ok {
		return []finding{wrong(check, remedy, "%s", string(u))}
	}
	if err != nil || name == "" {
		return nil // the engine's own check tells what is wrong with it
	}
	d, err := engine.DescribeDeployment(ctx, c, namespace, workflows.QueueVerification, name)
	if err != nil {
		return []finding{unknown(check, "%v", err)}
	}
	var found []finding
	for _, fault := range d.Faults() {
		found = append(found, wrong(check, remedy, "%s", fault))
	}
	if len(found) > 0 {
		return found
	}
	var stand []string
	for _, v := range d.Versions {
		if v.Build != "" && (v.Open > 0 || v.Workers > 0) {
			stand = append(stand, fmt.Sprintf("%s %s with %d open runs", v.Build, v.Status, v.Open))
		}
	}
	return []finding{ok(check, "%s: %s", name, strings.Join(stand, ", "))}
}
