package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider"
)

func nfcCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "nfc",
		Short: "Inspect the tokens that carry chip data",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "inspect [TOKEN]",
		Short: "Show how a chip token is encrypted, and whether the settings would accept it",
		Long: `Read the protected header of a chip token, from the argument or standard input, and
show how the token is encrypted, which keys would be tried, and whether and why
the settings would reject it. Nothing is decrypted, no vendor is called, and only
the header is printed.

The exit code is 3 if the settings would reject the token.`,
		Example: `  yanzhen nfc inspect < token.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exit(exitUsage, "give one token, or none to read it from standard input")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			token, err := tokenOf(args, c.InOrStdin())
			if err != nil {
				return err
			}
			cfg, err := load(os.Environ(), config.Needs{})
			if err != nil {
				return err
			}
			return inspect(token, cfg, c.OutOrStdout())
		},
	})
	return c
}

// maxToken bounds what is read: far more than a chip's data needs.
const maxToken = 4 << 20

func tokenOf(args []string, in io.Reader) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	switch {
	case err != nil:
		return "", errors.New("standard input cannot be read")
	case len(text) == 0:
		return "", exit(exitUsage, "no token: give it as an argument or on standard input")
	case len(text) > maxToken:
		return "", exit(exitUsage, "standard input is longer than any token")
	}
	return string(text), nil
}

func inspect(token string, cfg *config.Config, out io.Writer) error {
	refused := false
	for _, v := range cfg.Vendors {
		inspector, ok := v.Settings.(provider.TokenInspector)
		if !ok {
			continue
		}
		text, accepted, err := inspector.InspectToken(token)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, printable(strings.TrimSpace(text)))
		refused = refused || !accepted
	}
	if refused {
		return exit(exitRefused, "the settings would refuse this token")
	}
	return nil
}
