package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func setupCommand() *cobra.Command {
	var keys string
	var retention time.Duration
	c := &cobra.Command{
		Use:   "setup",
		Short: "Create the namespace, its search attributes and the store's schema",
		Long: `Create the Temporal namespace (TEMPORAL_NAMESPACE) with its search attributes and
retention, and migrate the store (YANZHEN_STORE) to this version's schema. It can
be repeated, and prints what it did. It waits up to YANZHEN_START_PATIENCE for
Temporal and the store. Run it before starting a new version.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			if keys != "" {
				return createKeys(keys, out)
			}
			cfg, err := load(os.Environ(), config.Needs{})
			if err != nil {
				return err
			}
			log, err := telemetry.NewLogger(c.ErrOrStderr(), cfg.LogLevel.String(), cfg.LogFormat)
			if err != nil {
				return err
			}
			o, err := engine.Options(os.Environ(), log)
			if err != nil {
				return err
			}
			return runSetup(c.Context(), cfg, o, retention, log, out)
		},
	}
	c.Flags().StringVar(&keys, "make-keys", "", "only create a key file at this path; never overwrites one")
	c.Flags().DurationVar(&retention, "retention", 30*24*time.Hour, "how long the namespace keeps ended runs; also set on an existing one")
	return c
}

func runSetup(ctx context.Context, cfg *config.Config, o client.Options, retention time.Duration, log *slog.Logger, out io.Writer) error {
	say := func(line string) { fmt.Fprintln(out, line) }
	schema := &dependency{notYet: store.NotYet, try: func(short context.Context) error {
		_, _, err := store.Version(short, cfg.Store)
		if err == nil {
			err = migrate(ctx, cfg.Store, say) // as long as it takes
		}
		if err != nil {
			return storeError(cfg.Keys, err)
		}
		return nil
	}}
	var c client.Client
	err := await(ctx, cfg.StartPatience, log, schema, dial(o, func(dialed client.Client) { c = dialed }))
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return err
	}
	said := map[string]bool{}
	sayOnce := func(line string) { // the set-up is repeated until all is shown
		if !said[line] {
			say(line)
		}
		said[line] = true
	}
	namespace := &dependency{notYet: engine.NotYet, try: func(ctx context.Context) error {
		return engine.Setup(ctx, c, o.Namespace, workflows.SearchAttributes(), retention, sayOnce)
	}}
	if err := await(ctx, max(cfg.StartPatience, showWithin), log, namespace); err != nil {
		return err
	}
	say(fmt.Sprintf("namespace %q: ready, with its search attributes", o.Namespace))
	return nil
}

// showWithin is how long a server may take, at least, to show a namespace or an
// attribute that is new.
const showWithin = 30 * time.Second

func migrate(ctx context.Context, dsn string, say func(string)) error {
	have, want, err := store.Version(ctx, dsn)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, dsn); err != nil {
		return err
	}
	if have == want {
		say(fmt.Sprintf("store: its schema is at version %d", have))
	} else {
		say(fmt.Sprintf("store: schema brought from version %d to %d", have, want))
	}
	return nil
}

// createKeys writes a new key set. It never replaces one: with the old keys the
// store would be unreadable.
func createKeys(path string, out io.Writer) error {
	text, err := sealing.Generate()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s already exists and is not overwritten: without its keys the store cannot be read", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "keys: created %s. Keep a copy where the store's backups are not: who has both can read everything.\n", path)
	return nil
}
