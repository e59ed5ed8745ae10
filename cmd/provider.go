package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

func providerCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "provider",
		Short: "Switch vendors on, to draining or off, without a restart",
		Long: `Set the switch of a face or records vendor. on: use it as usual; drain: open no new
sessions and make no new checks, while open sessions finish; off: do not call it
at all. Policies with several vendors fail over to the next one. If this switch
and the configured one (YANZHEN_…_SWITCH) differ, the stricter one applies. A
change takes effect with the next session or check in every worker, and is
recorded with who, when and why.

The store is that of YANZHEN_STORE and YANZHEN_KEYS, or else of "yanzhen dev".`,
		Example: strings.ReplaceAll(`  yanzhen provider list
  yanzhen provider drain NAME --reason "announced maintenance"
  yanzhen provider on NAME --reason "maintenance is over"
  yanzhen provider off NAME --reason "secret leaked"`, "NAME", switched()[0]),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&data, "data", "", `the data folder of "yanzhen dev", if not the default`)
	for state, what := range map[store.SwitchState]string{
		store.SwitchOn: "Use a vendor as usual", store.SwitchDrain: "Begin nothing new at a vendor; open sessions finish", store.SwitchOff: "Call a vendor no more at all",
	} {
		c.AddCommand(switchCommand(state, what, &data))
	}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the switches, with who set them and why", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c.Context(), data, func(cfg *config.Config, st store.Store) error {
				return listSwitches(c.Context(), cfg, st, c.OutOrStdout())
			})
		},
	})
	return c
}

func switchCommand(state store.SwitchState, what string, data *string) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: string(state) + " PROVIDER", Short: what,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(switched(), args[0]) {
				return exit(exitUsage, "name one of %s", strings.Join(switched(), ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			reason = strings.TrimSpace(reason)
			if reason == "" || len(reason) > maxReason {
				return exit(exitUsage, "give the reason: --reason, at most %d bytes; others can read it", maxReason)
			}
			if residentid.ShapedLikeIDNumber(reason) {
				return exit(exitUsage, "--reason must not contain personal data, and part of it looks like an ID number")
			}
			return withStore(c.Context(), *data, func(_ *config.Config, st store.Store) error {
				return setSwitch(c.Context(), st, store.Switch{Provider: args[0], State: state, Reason: reason, By: operator(), At: time.Now()}, c.OutOrStdout())
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "the reason, shown in the list")
	return c
}

// maxReason in bytes.
const maxReason = 300

// switched are those that have a switch.
func switched() []string {
	var names []string
	for _, v := range vendors {
		if _, ok := v.Settings().(provider.Switched); ok {
			names = append(names, v.Name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// operator is the name of the user whose process this is.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// withStore opens the store that the environment names, else that of the
// local stack.
func withStore(ctx context.Context, data string, do func(*config.Config, store.Store) error) error {
	environ, local, err := installationOf(data)
	if err != nil {
		return err
	}
	if _, set := os.LookupEnv("YANZHEN_STORE"); local == "" && !set {
		return exit(exitUsage, "no store: set YANZHEN_STORE and YANZHEN_KEYS as the workers have them, or start `yanzhen dev`")
	}
	cfg, err := load(environ, config.Needs{Keys: true})
	if err != nil {
		return err
	}
	keys, err := loadKeys(ctx, cfg)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, cfg.Store, keys)
	if err != nil {
		return storeError(cfg.Keys, err)
	}
	return errors.Join(do(cfg, st), st.Close())
}

func setSwitch(ctx context.Context, st store.Store, v store.Switch, out io.Writer) error {
	before, err := st.Switch(ctx, v.Provider)
	if err != nil {
		return err
	}
	if err := st.SetSwitch(ctx, v); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s, was %s; by %s: %s\n", v.Provider, v.State, orOn(before.State), v.By, v.Reason)
	return nil
}

func orOn(s store.SwitchState) store.SwitchState {
	if s == "" {
		return store.SwitchOn
	}
	return s
}

// listSwitches prints every provider's switch, and below it how it came there.
func listSwitches(ctx context.Context, cfg *config.Config, st store.Store, out io.Writer) error {
	all, err := st.Switches(ctx)
	if err != nil {
		return err
	}
	configured := cfg.Switches()
	for _, name := range switched() {
		own := slices.DeleteFunc(slices.Clone(all), func(v store.Switch) bool { return v.Provider != name })
		now := store.SwitchOn
		if len(own) > 0 {
			now = own[len(own)-1].State
		}
		if own := store.SwitchState(configured[name]); own.Stricter(now) {
			now = own
		}
		line := string(now)
		if configured[name] != string(store.SwitchOn) {
			line += "  (configured: " + configured[name] + ")"
		}
		fmt.Fprintf(out, "%-15s %s\n", name, line)
		for _, v := range own {
			fmt.Fprintf(out, "  %s  %-5s  %s: %s\n", v.At.Local().Format(time.DateTime), v.State, v.By, v.Reason)
		}
	}
	return nil
}
