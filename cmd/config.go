package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

func configCommand() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:   "config",
		Short: "Check the settings and print the effective ones, secrets masked",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if markdown {
				fmt.Fprint(c.OutOrStdout(), config.Markdown())
				return nil
			}
			cfg, err := config.Load(os.Environ(), config.Needs{Providers: true, CheckAccess: checkAccess, CheckVendors: checkVendors})
			if err != nil {
				return err
			}
			fmt.Fprint(c.OutOrStdout(), cfg)
			return nil
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "print the table of all settings for docs/settings.md")
	return c
}
