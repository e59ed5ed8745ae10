package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/webhook"
)

func webhookConformCommand() *cobra.Command {
	var secret string
	var asJSON bool
	c := &cobra.Command{
		Use:   "conform URL",
		Short: "Test a webhook receiver, and report what it mishandles",
		Long: `Send a receiver every kind of event: also duplicated, out of order, stale, slow and
large ones, which it must accept, and ones with a bad signature, changed content
or an old timestamp, which it must reject. Use it in the receiver's own tests: the
events are invented, and about verifications that do not exist. It needs only
the receiver's secret, and no API or configuration.

The exit code is 3 if the receiver mishandles something.`,
		Example: `  WEBHOOK_SECRET=whsec_… yanzhen webhook conform http://localhost:3000/hooks
  yanzhen webhook conform --json https://staging.shop.example/hooks > report.json`,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return exit(exitUsage, "give the receiver's URL")
			}
			return nil
		},
		RunE: func(c *cobra.Command, given []string) error {
			s, err := webhook.ParseSecret(first(secret, os.Getenv("WEBHOOK_SECRET")))
			if err != nil {
				return exit(exitUsage, "--secret, or WEBHOOK_SECRET: %w", err)
			}
			if err := webhook.CheckURL(given[0]); err != nil {
				return exit(exitUsage, "the receiver's URL %w", err)
			}
			// Whoever runs this says where to; it need not be guarded.
			sender := webhook.NewSender(webhook.Options{Allow: anywhere, Agent: "yanzhen/" + version() + " conform"})
			report := webhook.Conform(c.Context(), sender, webhook.Endpoint{URL: given[0], Secrets: []webhook.Secret{s}})
			return printReport(c.OutOrStdout(), report, asJSON)
		},
	}
	c.Flags().StringVar(&secret, "secret", "", "the receiver's secret (WEBHOOK_SECRET)")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

var anywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func printReport(out io.Writer, r webhook.Report, asJSON bool) error {
	wrong := 0
	for _, f := range r.Findings {
		if !f.OK {
			wrong++
		}
		switch {
		case asJSON:
		case f.OK:
			fmt.Fprintf(out, "ok     %s\n", f.Check)
		default:
			fmt.Fprintf(out, "WRONG  %s: want %s, got %s; %s\n", f.Check, f.Want, f.Got, f.Why)
		}
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return exit(exitRefused, "the receiver mishandles %d of %d", wrong, len(r.Findings))
	}
	return nil
}
