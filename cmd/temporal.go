package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
)

// temporalCommand makes sure that a Temporal server can be started, for
// `make test`, whose packages would otherwise each wait for the build.
func temporalCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "temporal-binary",
		Short:  "Print the path of the temporal command that dev uses, and build it if necessary",
		Hidden: true,
		Args:   noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := devstack.Temporal(c.Context(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), path)
			return nil
		},
	}
}
