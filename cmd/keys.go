package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

const (
	// usualActivation is in how long a new key becomes active unless somebody says
	// otherwise: longer than a file takes to every process.
	usualActivation = 5 * time.Minute
	// leastActivation is what processes on one machine need to read a file anew.
	leastActivation = 5 * rereadEvery
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "List, add, rotate and remove keys",
		Long: `Manage the key file of YANZHEN_KEYS. Keys are never printed.

A new key becomes active only after --in, so that every process has it before one
uses it. Processes reload the file within seconds, without a restart. Workers
then re-encrypt rows under the active key, and "keys check" reports when an old
key is no longer needed. The hash key never rotates.`,
		Example: `  yanzhen keys rotate seal --reason "yearly"
  yanzhen keys check
  yanzhen keys remove seal-0123456789ab`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the keys, and which are active", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withKeyFile(func(cfg *config.Config) error { return listKeys(c.Context(), cfg, c.OutOrStdout()) })
		},
	}, keysNewCommand(), keysRotateCommand(), &cobra.Command{
		Use: "check", Short: "Report which keys are still needed, and which processes use them", Args: noArgs,
		Long: `Compare the key file with the store: which keys are active and retired, how many
rows are still under each, and which can be removed. Counting takes a moment in a
large store. It reads the store of the environment, like the worker. The exit
code is 1 if the file lacks a key that is needed.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c.Context(), "", func(_ *config.Config, st store.Store) error { return checkKeys(c.Context(), st, c.OutOrStdout()) })
		},
	}, keysRemoveCommand())
	return c
}

// keyFlags are those of commands that add keys.
type keyFlags struct {
	in     time.Duration
	reason string
}

func (f *keyFlags) register(c *cobra.Command) {
	c.Flags().DurationVar(&f.in, "in", usualActivation, "how long until it becomes active; longer than the file takes to reach every process")
	c.Flags().StringVar(&f.reason, "reason", "", "the reason, for the audit log")
}

func (f *keyFlags) check() error {
	if f.in < leastActivation {
		return exit(exitUsage, "--in: must be at least %s, so that every process has the file before", leastActivation)
	}
	return checkReason(f.reason)
}

func checkReason(reason string) error {
	if len(reason) > maxReason || residentid.ShapedLikeIDNumber(reason) {
		return exit(exitUsage, "--reason: at most %d bytes, without personal data", maxReason)
	}
	return nil
}

// usesOf are the uses that are named; none: all that rotate.
func usesOf(args []string) ([]string, error) {
	for _, use := range args {
		if !slices.Contains(sealing.Uses(), use) {
			return nil, exit(exitUsage, "%q is not a use whose keys rotate: want %s", use, strings.Join(sealing.Uses(), ", "))
		}
	}
	if len(args) == 0 {
		return sealing.Uses(), nil
	}
	return args, nil
}

func keysNewCommand() *cobra.Command {
	var f keyFlags
	c := &cobra.Command{
		Use: "new {seal|ticket|sig}", Short: "Add a key for one use",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit(exitUsage, "name one use: %s", strings.Join(sealing.Uses(), ", "))
			}
			_, err := usesOf(args)
			return err
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	f.register(c)
	return c
}

func keysRotateCommand() *cobra.Command {
	var f keyFlags
	c := &cobra.Command{
		Use: "rotate [seal] [ticket] [sig]", Short: "Add a key for each use, or for the named ones, to replace the active one",
		Args: func(_ *cobra.Command, args []string) error { _, err := usesOf(args); return err },
		RunE: func(c *cobra.Command, args []string) error {
			uses, err := usesOf(args)
			if err != nil {
				return err
			}
			return f.run(c, uses)
		},
	}
	f.register(c)
	return c
}

func (f *keyFlags) run(c *cobra.Command, uses []string) error {
	if err := f.check(); err != nil {
		return err
	}
	return withKeyFile(func(cfg *config.Config) error { return addKeys(cfg, uses, f, c.OutOrStdout()) })
}

func withKeyFile(do func(*config.Config) error) error {
	environ, _, err := installationOf("")
	if err != nil {
		return err
	}
	cfg, err := load(environ, config.Needs{Keys: true})
	if err != nil {
		return err
	}
	return do(cfg)
}

// errWrapped: what unwraps does not wrap.
func errWrapped(cfg *config.Config) error {
	if cfg.KeysUnwrap == "" {
		return nil
	}
	return exit(exitUsage, "%s is wrapped, and is not written here: unwrap it into a file of mode 0600, run this with YANZHEN_KEYS naming that and without YANZHEN_KEYS_UNWRAP, wrap it again and put it back", cfg.Keys)
}

func listKeys(ctx context.Context, cfg *config.Config, out io.Writer) error {
	keys, err := loadKeys(ctx, cfg)
	if err != nil {
		return err
	}
	for _, k := range keys.List() {
		state := ""
		switch {
		case k.Active:
			state = "active"
		case k.From.After(time.Now()):
			state = "active from " + k.From.Format(time.RFC3339)
		case k.Public:
			state = "public part only"
		}
		fmt.Fprintf(out, "%-8s %-34s %s\n", k.Use, k.ID, state)
	}
	return nil
}

func addKeys(cfg *config.Config, uses []string, f *keyFlags, out io.Writer) error {
	if err := errWrapped(cfg); err != nil {
		return err
	}
	from := time.Now().Add(f.in).UTC()
	var ids []string
	err := editKeyFile(cfg.Keys, func(text []byte) ([]byte, error) {
		for _, use := range uses {
			with, id, err := sealing.With(text, sealing.Addition{Use: use, From: from, By: operator(), Reason: f.reason})
			if err != nil {
				return nil, err
			}
			text, ids = with, append(ids, id)
		}
		return text, nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "keys: added %s, active from %s. See to it that every process has this file by then, and keep a copy where the store's backups are not.\n",
		strings.Join(ids, ", "), from.Format(time.RFC3339))
	return nil
}

func checkKeys(ctx context.Context, st store.Store, out io.Writer) error {
	uses, err := st.KeyUses(ctx)
	if err != nil {
		return err
	}
	holders, err := st.Holders(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSTATE\tSINCE\tROWS\t")
	for _, k := range uses {
		rows, says := "", ""
		if k.Use == "seal" {
			rows = fmt.Sprint(k.Rows)
		}
		switch {
		case k.State != store.KeyRetired:
		case k.Needed == "":
			says = "no longer needed: yanzhen keys remove " + k.ID
		default:
			says = "still needed: " + k.Needed
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.State, k.Since.Format(time.RFC3339), rows, says)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range holders {
		fmt.Fprintf(out, "%s uses %s\n", h.Process, strings.Join(h.Active, ", "))
	}
	return nil
}

func keysRemoveCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "remove KEY", Short: "Remove a key that is no longer needed",
		Long: `Remove a key from the file, unless it is still needed. The public part of a signing
key stays. Older backups of the store still need the key: keep the old file as
long as those backups, and separately from them.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit(exitUsage, "name one key: yanzhen keys check lists them")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkReason(reason); err != nil {
				return err
			}
			return withStore(c.Context(), "", func(cfg *config.Config, st store.Store) error {
				return removeKey(c.Context(), cfg, st, args[0], reason, c.OutOrStdout())
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "the reason, for the audit log")
	return c
}

func removeKey(ctx context.Context, cfg *config.Config, st store.Store, id, reason string, out io.Writer) error {
	if err := errWrapped(cfg); err != nil {
		return err
	}
	err := editKeyFile(cfg.Keys, func(text []byte) ([]byte, error) {
		without, err := sealing.Without(text, id)
		if err != nil {
			return nil, err
		}
		left, err := sealing.Parse(without)
		if err != nil {
			return nil, err
		}
		// The store first: what it refuses is not written, and a key that it forgot
		// and that is still there it will know again.
		return without, st.AdoptKeys(ctx, left.List(), store.Adopter{By: operator(), Reason: reason})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "keys: took out %s\n", id)
	return nil
}
