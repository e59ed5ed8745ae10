package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	var anchors []string
	var data string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check settings, keys, store, engine, vendors and addresses",
		Long: `Check everything that worker and api need, with the settings of the environment, or of
the running "yanzhen dev" if the environment names no installation: the configuration
and the key file; the store and its schema; the engine with namespace, search
attributes, retention and workers; each vendor's address, clock and, if a free
call can tell, credentials; the public address and its certificate; the webhook
endpoints. Then report what is open: verifications that have waited long for a
vendor or a reviewer, that failed today or are past all their timeouts; and
whether the audit log is chained, data is past its retention, or an erasure has
no receipt. Each error comes with what to do about it.

It changes nothing, opens no session, makes no charged call and sends nothing.
The exit code is 1 if anything is wrong; warnings exit with 0.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			environ, local, err := installationOf(data)
			if err != nil {
				return err
			}
			findings := diagnose(c.Context(), environ, anchors)
			if local != "" && !asJSON {
				fmt.Fprintf(c.OutOrStdout(), "The local stack in %s: no installation is named by YANZHEN_STORE.\n\n", local)
			}
			if err := printFindings(c.OutOrStdout(), findings, asJSON); err != nil {
				return err
			}
			if !asJSON {
				printQuestions(c.OutOrStdout(), time.Now())
			}
			for _, f := range findings {
				if f.Status == findingError {
					return exit(exitFault, "something is wrong")
				}
			}
			return nil
		},
	}
	dataFlag(c, &data)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	c.Flags().StringArrayVar(&anchors, "anchor", nil, "a file of anchors to compare the audit log with; may be repeated")
	return c
}

type findingStatus string

const (
	findingOK      findingStatus = "ok"
	findingWarning findingStatus = "warning"
	findingError   findingStatus = "error"
	// findingUnknown: it could not be checked, and the detail says why.
	findingUnknown findingStatus = "unknown"
)

// finding is what was found about one thing.
type finding struct {
	Check  string        `json:"check"`
	Status findingStatus `json:"status"`
	Detail string        `json:"detail"`
	Remedy string        `json:"remedy,omitempty"`
}

func ok(check, detail string, args ...any) finding {
	return finding{Check: check, Status: findingOK, Detail: fmt.Sprintf(detail, args...)}
}

func warning(check, remedy, detail string, args ...any) finding {
	return finding{Check: check, Status: findingWarning, Detail: fmt.Sprintf(detail, args...), Remedy: remedy}
}

func wrong(check, remedy, detail string, args ...any) finding {
	return finding{Check: check, Status: findingError, Detail: fmt.Sprintf(detail, args...), Remedy: remedy}
}

func unknown(check, detail string, args ...any) finding {
	return finding{Check: check, Status: findingUnknown, Detail: fmt.Sprintf(detail, args...)}
}

// checkWithin bounds one check.
const checkWithin = 10 * time.Second

// sideBySide runs checks at once and returns what they found in their order.
func sideBySide(ctx context.Context, checks ...func(context.Context) []finding) []finding {
	found := make([][]finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkWithin)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	all.Wait()
	var out []finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

func printFindings(out io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(findings)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Check, printable(oneLine(f.Detail)))
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", oneLine(f.Remedy))
		}
	}
	return w.Flush()
}

// oneLine is text in one line of the table. A certificate's names, say, are another
// one's text.
func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }
