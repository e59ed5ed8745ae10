package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// diagnose checks everything that the environment names.
func diagnose(ctx context.Context, environ, anchors []string) []finding {
	cfg, found := diagnoseSettings(environ)
	if cfg == nil {
		return append(found, unknown("the rest", "not checked before the configuration can be read"))
	}
	quiet := slog.New(slog.DiscardHandler)
	registry, err := cfg.Registry(quiet)
	if err != nil {
		found = append(found, wrong("vendors", "Correct the setting that it names.", "%v", err))
	}
	if err := telemetry.CheckExport(cfg.Traces); err != nil {
		found = append(found, wrong("telemetry", "Correct the setting that it names.", "%v", err))
	}
	checks := []func(context.Context) []finding{
		func(ctx context.Context) []finding { return diagnoseStore(ctx, cfg, anchors) },
		func(ctx context.Context) []finding { return diagnoseEngine(ctx, registry, cfg.Deployment, quiet) },
		func(ctx context.Context) []finding { return diagnosePublicURL(ctx, cfg.PublicURL) },
	}
	for _, v := range cfg.Vendors {
		if v.On() {
			checks = append(checks, func(ctx context.Context) []finding { return diagnoseVendor(ctx, v, time.Now) })
		}
	}
	for _, c := range cfg.Clients {
		for _, w := range c.Webhooks {
			checks = append(checks, func(ctx context.Context) []finding { return diagnoseEndpoint(ctx, cfg.Webhooks, c.ID, w) })
		}
	}
	return append(found, sideBySide(ctx, checks...)...)
}

// diagnoseSettings returns the settings with what is wrong with them, and nil
// where they are not even read.
func diagnoseSettings(environ []string) (*config.Config, []finding) {
	const check, remedy = "configuration", "Correct the setting that it names; `yanzhen config` prints all of them."
	cfg, err := load(environ, config.Needs{Keys: true, Clients: true, Providers: true, CheckAccess: checkAccess})
	if err == nil {
		return cfg, []finding{ok(check, "%d clients, %d policies", len(cfg.Clients), len(cfg.Policies))}
	}
	var found []finding
	for _, one := range config.Errors(err) {
		found = append(found, wrong(check, remedy, "%v", one))
	}
	cfg, err = load(environ, config.Needs{}) // what can be checked all the same
	if err != nil {
		return nil, found
	}
	return cfg, found
}

func diagnoseStore(ctx context.Context, cfg *config.Config, anchors []string) []finding {
	keys, err := loadKeys(ctx, cfg)
	if err != nil {
		return []finding{wrong("keys", "Name the key file in YANZHEN_KEYS, or create one with `yanzhen setup --make-keys FILE`.", "%v", err),
			unknown("store", "not opened without its keys")}
	}
	found := []finding{ok("keys", "%s can be read", cfg.Keys)}
	if err := keys.CanSign(); err != nil {
		found[0] = wrong("keys", "`yanzhen keys new sig` adds one to the file that YANZHEN_KEYS names; receipts and evidence are signed with it.", "%v", err)
	}
	have, _, err := store.Version(ctx, cfg.Store)
	var st store.Store
	if err == nil {
		st, err = store.Open(ctx, cfg.Store, keys)
	}
	if err != nil {
		remedy := store.Remedy(err)
		schema, _ := errors.AsType[*store.SchemaError](err)
		switch {
		case schema != nil && (schema.Differs > 0 || schema.Have > schema.Want):
			remedy = "Run the newer yanzhen that made it, or restore the backup from before its upgrade; a schema goes forward only."
		case errors.Is(err, store.ErrOtherKeys):
			remedy = "YANZHEN_KEYS names another key file than the one that the store goes by: restore that one, or the key that it names."
		case remedy == "":
			remedy = "Correct YANZHEN_STORE, or start the database; `yanzhen setup` creates or upgrades the schema."
		}
		return append(found, wrong("store", remedy, "%v", err))
	}
	defer st.Close()
	if err := st.Ping(ctx); err != nil {
		found = append(found, wrong("store", first(store.Remedy(err), "Look at the database's log and its disk."), "it is there, and takes no writing: %v", err))
	} else {
		found = append(found, ok("store", "its schema is at version %d, and its keys are these", have))
	}
	now := time.Now()
	found = append(found, diagnoseOpen(ctx, st, now)...)
	public, _ := keys.PublicKeys() // a set always encodes; without a key that signs, which is told above, no anchor counts
	found = append(found, diagnoseAudit(ctx, st, anchors, public, now)...)
	return append(found, diagnoseKept(ctx, st, cfg, now)...)
}

// examples of a kind that are printed.
const examples = 5

// diagnoseOpen tells what is open and what may need somebody.
func diagnoseOpen(ctx context.Context, st store.Store, now time.Time) []finding {
	o, err := st.Overview(ctx, now, examples)
	if err != nil {
		return []finding{wrong("verifications", "Look at the store.", "%v", err)}
	}
	var open []string
	for _, status := range slices.Sorted(maps.Keys(o.Open)) {
		open = append(open, fmt.Sprintf("%d %s", o.Open[status], status))
	}
	found := []finding{ok("verifications", "open: %s", orNothing(strings.Join(open, ", ")))}
	for _, k := range []struct {
		check, remedy string
		list          []store.Since
	}{
		{"waiting on a vendor for over an hour", "Look at the vendor's check and the run in the Temporal UI: its pending activity tells the last error.", o.Waiting},
		{"in review for over a day", "`yanzhen review list` shows them; without a decision they end expired.", o.Review},
		{"failed within a day", "`yanzhen status ID` tells the reason; GET /v1/reasons says what to do about each.", o.Failed},
		{"past all their clocks", "No worker runs them, or their run stands still: look at it in the Temporal UI.", o.Overdue},
	} {
		if len(k.list) > 0 {
			found = append(found, warning(k.check, k.remedy, "%s", sinceText(k.list, now)))
		}
	}
	if at, err := st.Backlog(ctx); err == nil && !at.IsZero() && now.Sub(at) > time.Minute {
		found = append(found, warning("webhooks", "No worker relays them: start one, or look at its log.", "the oldest event waits since %s", now.Sub(at).Round(time.Second)))
	}
	return found
}

func sinceText(list []store.Since, now time.Time) string {
	var b []string
	for _, v := range list {
		b = append(b, fmt.Sprintf("%s (%s)", v.ID, now.Sub(v.At).Round(time.Minute)))
	}
	return listText(b)
}

func orNothing(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// leastRetention is how long ended runs should be there to be looked at.
const leastRetention = 72 * time.Hour

func diagnoseEngine(ctx context.Context, registry *provider.Registry, deployment string, quiet *slog.Logger) []finding {
	const check = "engine"
	o, err := engine.Options(quiet)
	if err != nil {
		return []finding{wrong(check, "Correct TEMPORAL_ADDRESS and its profile file.", "%v", err)}
	}
	c, err := engine.Dial(ctx, o)
	if err != nil {
		return []finding{wrong(check, "Start it, or correct TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its certificates.", "%v", err)}
	}
	defer c.Close()
	if err := engine.CheckVersion(ctx, c); err != nil {
		return []finding{wrong(check, "Upgrade the Temporal server.", "%v", err)}
	}
	if err := engine.CheckSearchAttributes(ctx, c, o.Namespace, workflows.SearchAttributes()); err != nil {
		remedy := "Set TEMPORAL_NAMESPACE to a namespace of yanzhen's own."
		if errors.Is(err, engine.ErrSetup) {
			remedy = "Run `yanzhen setup` once."
		}
		return []finding{wrong(check, remedy, "%v", err)}
	}
	found := []finding{ok(check, "%s, namespace %q with its search attributes", o.HostPort, o.Namespace)}
	if n, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace}); err == nil {
		if kept := n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept < leastRetention {
			found = append(found, warning("retention", "`yanzhen setup --retention 720h`.", "ended runs are gone after %s", kept))
		}
	}
	found = append(found, diagnoseWorkers(ctx, c, o.Namespace, registry)...)
	return append(found, diagnoseDeployment(ctx, c, o.Namespace, deployment)...)
}

// diagnoseWorkers: each queue needs somebody who asks it.
func diagnoseWorkers(ctx context.Context, c client.Client, namespace string, registry *provider.Registry) []finding {
	queues := []string{workflows.QueueVerification, workflows.QueueWebhooks}
	if registry != nil {
		for _, q := range registry.Queues() {
			queues = append(queues, q.Name)
		}
	}
	var idle []string
	for _, name := range queues {
		kind := enums.TASK_QUEUE_TYPE_ACTIVITY
		if name == workflows.QueueVerification {
			kind = enums.TASK_QUEUE_TYPE_WORKFLOW
		}
		d, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: name}, TaskQueueType: kind})
		if err != nil {
			return []finding{unknown("workers", "%v", err)}
		}
		if len(d.GetPollers()) == 0 {
			idle = append(idle, name)
		}
	}
	if len(idle) > 0 {
		return []finding{wrong("workers", "Start `yanzhen worker` with the same settings.", "nobody asks the task queues %s", strings.Join(idle, ", "))}
	}
	return []finding{ok("workers", "each of %d task queues is asked", len(queues))}
}

// hostname is what this machine calls itself, for sentences about addresses.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "this machine"
	}
	return name
}
