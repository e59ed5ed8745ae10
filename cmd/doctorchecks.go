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

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
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
		func(ctx context.Context) []finding {
			return diagnoseEngine(ctx, environ, registry, cfg.Deployment, quiet)
		},
		func(ctx context.Context) []finding { return diagnoseProcess(ctx, cfg.Ops) },
		func(ctx context.Context) []finding {
			return diagnosePublicURL(ctx, cfg.PublicURL, cfg.SandboxForward.On())
		},
	}
	found = append(found, diagnoseAPIKeys(cfg, time.Now())...)
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
	found = append(found, diagnoseKept(ctx, st, cfg, now)...)
	found = append(found, diagnoseSwitches(ctx, st, cfg, now)...)
	found = append(found, diagnoseReceivers(ctx, st, cfg, now)...)
	return append(found, diagnoseSameFiles(ctx, st, cfg, keys)...)
}

// diagnoseAPIKeys tells of keys whose clients are refused soon.
func diagnoseAPIKeys(cfg *config.Config, now time.Time) []finding {
	soon := api.Expiring(apiClients(cfg.Clients), apiReviewers(cfg.Reviewers), now)
	if len(soon) == 0 {
		return nil
	}
	return []finding{warning("API keys", "`yanzhen client rotate ID` makes another; give it to its owner and add the printed lines.", "%s", strings.Join(soon, "; "))}
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
		{"waiting on a vendor for over an hour", "Look at the vendor's check and the run in the Temporal UI: the pending activity shows the last error.", o.Waiting},
		{"in review for over a day", "`yanzhen review list` shows them; without a decision they end expired.", o.Review},
		{"failed within a day", "`yanzhen status ID` shows the reason; GET /v1/reasons says what to do about each.", o.Failed},
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

// hostname is what this machine calls itself, for sentences about addresses.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "this machine"
	}
	return name
}
