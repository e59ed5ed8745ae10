package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

func findCommand() *cobra.Command {
	var client, purpose string
	c := &cobra.Command{
		Use:   "find",
		Short: "Find what is held about a person, by their number",
		Long: `Print the ids of the verifications of the person whose number standard input
holds: for support, and for a person who asks what is held about them. Who searched,
when and what for is on record, with each that was found. It works on the installation
that the environment names, as the worker does.`,
		Example: `  yanzhen find --purpose "the person asked" < number.txt`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			purpose = strings.TrimSpace(purpose)
			if purpose == "" || len(purpose) > maxReason || residentid.ShapedLikeIDNumber(purpose) {
				return exit(exitUsage, "say what for: --purpose, at most %d bytes, nothing personal", maxReason)
			}
			number, err := readNumber(c.InOrStdin())
			if err != nil {
				return err
			}
			return withStarter(c.Context(), c.ErrOrStderr(), func(s *starter.Starter) error {
				ids, err := s.Search(c.Context(), starter.Reading{Client: client, By: operator(), Purpose: purpose}, number)
				for _, id := range ids {
					fmt.Fprintln(c.OutOrStdout(), id)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&client, "client", "", "of this client only")
	c.Flags().StringVar(&purpose, "purpose", "", "what for; others read it")
	return c
}
