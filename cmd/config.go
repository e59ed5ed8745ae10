package cmd

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
)

func configCommand() *cobra.Command {
	var markdown string
	c := &cobra.Command{
		Use:   "config",
		Short: "Validate the settings and print the effective ones, secrets masked",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if markdown == "-" {
				fmt.Fprint(c.OutOrStdout(), settingsTable())
				return nil
			}
			if markdown != "" {
				page, err := os.ReadFile(markdown)
				if err != nil {
					return err
				}
				return os.WriteFile(markdown, withSettings(page), 0o644)
			}
			cfg, err := load(os.Environ(), config.Needs{Providers: true, CheckAccess: checkAccess})
			if err != nil {
				return err
			}
			fmt.Fprint(c.OutOrStdout(), cfg)
			return nil
		},
	}
	c.Flags().StringVar(&markdown, "markdown", "", "print the table of all settings, or write it to this file")
	c.Flags().Lookup("markdown").NoOptDefVal = "-"
	return c
}

// The table of all settings stands between these lines of docs/settings.md.
const (
	tableBegins = "<!-- Written by `make generate`. -->\n\n"
	tableEnds   = "\n<!-- The end of what is written. -->\n"
)

// withSettings is the page with the table of the settings as they are.
func withSettings(page []byte) []byte {
	before, rest, ok := bytes.Cut(page, []byte(tableBegins))
	_, after, ok2 := bytes.Cut(rest, []byte(tableEnds))
	if !ok || !ok2 {
		return page
	}
	return slices.Concat(before, []byte(tableBegins+settingsTable()+tableEnds), after)
}

// settingsTable holds every setting, and what each vendor's descriptor says.
func settingsTable() string {
	var b strings.Builder
	b.WriteString(settings.Markdown(settings.Of(config.Config{})))
	for _, v := range vendors {
		fmt.Fprintf(&b, "\n### %s\n\nAsked for: %s. Switched on by %s.\n\n", v.Name, strings.Join(v.Kinds, ", "), settings.Needed(v.Settings()))
		b.WriteString(settings.Markdown(settings.Of(v.Settings())))
		b.WriteString("\n| error | what to do |\n|---|---|\n")
		for _, class := range slices.Sorted(maps.Keys(v.Remedies)) {
			fmt.Fprintf(&b, "| `%s` | %s |\n", class, v.Remedies[class])
		}
	}
	return b.String()
}
