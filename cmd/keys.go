package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "List the keys, and add one that signs",
		Long: `See to the key file that YANZHEN_KEYS names. No key is ever printed.

A new signing key signs once the processes are started anew; the public keys of the
others stay published, so that what they signed can still be checked.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the keys' ids, uses and which of each use is active", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withKeyFile(func(path string) error { return listKeys(path, c.OutOrStdout()) })
		},
	}, &cobra.Command{
		Use: "new sig", Short: "Add a key that signs receipts and evidence from then on",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] != "sig" {
				return exit(exitUsage, "keys are made for signing only: yanzhen keys new sig")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return withKeyFile(func(path string) error { return addSigKey(path, c.OutOrStdout()) })
		},
	})
	return c
}

func withKeyFile(do func(path string) error) error {
	cfg, err := load(os.Environ(), config.Needs{Keys: true})
	if err != nil {
		return err
	}
	return do(cfg.Keys)
}

func listKeys(path string, out io.Writer) error {
	keys, err := sealing.Load(path)
	if err != nil {
		return err
	}
	for _, k := range keys.List() {
		active := ""
		if k.Active {
			active = "active"
		}
		fmt.Fprintf(out, "%-8s %-7s %s\n", k.Use, active, k.ID)
	}
	return nil
}

// addSigKey replaces the file by one with one more key: whole, or not at all.
func addSigKey(path string, out io.Writer) error {
	if _, err := sealing.Load(path); err != nil { // its mode, too
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	with, id, err := sealing.WithNewSigKey(text)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.Write(with)
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	fmt.Fprintf(out, "keys: added %s. Start every process anew; keep a copy of the file where the store's backups are not.\n", id)
	return nil
}
