package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

func findCommand() *cobra.Command {
	var client, purpose, data string
	c := &cobra.Command{
		Use:   "find",
		Short: "Find the verifications of a person, by ID number",
		Long: `Read an ID number from standard input and print the ids of that person's
verifications: for support, and to answer a person who asks what is stored about
them. The audit log records who searched, when and why, and each verification
that was found. It uses the installation of the environment, like the worker, or the
running "yanzhen dev".`,
		Example: `  yanzhen find --purpose "the person asked" < number.txt`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			purpose = strings.TrimSpace(purpose)
			if purpose == "" || len(purpose) > maxReason || residentid.ShapedLikeIDNumber(purpose) {
				return exit(exitUsage, "give the purpose: --purpose, at most %d bytes, without personal data", maxReason)
			}
			number, err := readNumber(c.InOrStdin())
			if err != nil {
				return err
			}
			return withStarter(c.Context(), c.ErrOrStderr(), data, func(s *starter.Starter) error {
				ids, err := s.Search(c.Context(), starter.Reading{Client: client, By: operator(), Purpose: purpose}, number)
				for _, id := range ids {
					fmt.Fprintln(c.OutOrStdout(), id)
				}
				return err
			})
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&client, "client", "", "search only this client's verifications")
	c.Flags().StringVar(&purpose, "purpose", "", "the purpose of the search, for the audit log")
	return c
}
