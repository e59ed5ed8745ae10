package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	var anchors []string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check settings, keys, store, engine, vendors, addresses; say what to do",
		Long: `Check what worker and api need, with the settings that they have: the
configuration and its key file, the store and its schema, the engine with
namespace, attributes, retention and workers, each vendor's address, clock and
(where a call that costs nothing tells it) credentials, the public address and
its certificate, the webhook endpoints. Then what is open: who waits for a
vendor or a reviewer for long, what failed today, what is past its clocks; and whether the audit log is
chained, what is kept beyond its time, and which erasures have no receipt.

Nothing is changed, opened, charged or sent. It ends with 1 if something is
wrong, so that it can stand in a deployment's pipeline; warnings end with 0.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			findings := diagnose(c.Context(), os.Environ(), anchors)
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
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	c.Flags().StringArrayVar(&anchors, "anchor", nil, "a file with the audit log's anchors, to be held against it; may be given more than once")
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
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Check, oneLine(f.Detail))
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", oneLine(f.Remedy))
		}
	}
	return w.Flush()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
