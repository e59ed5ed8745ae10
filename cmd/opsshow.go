package cmd

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func opsShow(who *operatorFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a verification's state, steps and deliveries", Args: oneVerification,
		Long: `Show where a verification stands, what was done for it and what became of its
events. It is read from the store, so that it works with engine and worker away and
after the run is gone, and needs no client's key. Nothing in it is personal.`,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := verificationID(args[0])
			if err != nil {
				return err
			}
			return withStore(c.Context(), who.data, func(_ *config.Config, st store.Store) error {
				v, err := starter.New(starter.Deps{Store: st}).Examine(c.Context(), id)
				if err != nil {
					return operateError(id, err)
				}
				return printExamined(c.OutOrStdout(), id, v)
			})
		},
	}
}

// stampUTC is a time as the Temporal UI and the log have it.
func stampUTC(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

func printExamined(out io.Writer, id string, v starter.Examined) error {
	s := v.State
	fmt.Fprintf(out, "%s  client %s, policy %s version %d\n", id, v.Client, s.Policy.Name, s.Policy.Version)
	stands := string(s.Status)
	if s.Decision != "" {
		stands += ", " + string(s.Decision)
	}
	stands += ", changed " + stampUTC(s.UpdatedAt)
	if s.ExpiresAt != nil {
		stands += ", until " + stampUTC(*s.ExpiresAt)
	}
	fmt.Fprintf(out, "  %s\n", stands)
	switch {
	case v.Ended && s.Status == verification.InReview:
		fmt.Fprintf(out, "  reopened: its run is %s:v%d\n", id, s.Verdict.Version+1)
	case !v.Began && !v.Ended:
		fmt.Fprintln(out, "  its run has not begun: no worker took it up, or its start did not reach the engine")
	}
	for _, r := range s.Reasons() {
		fmt.Fprintf(out, "  because of %s\n", reasonText(string(r.Code)))
	}
	fmt.Fprintf(out, "  attempt %d of %d, session %d%s\n\n", s.Attempt.Number, s.Attempt.Max, s.Attempt.Session, prefixed(" at ", s.Provider))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range s.Checks {
		var codes []string
		for _, r := range c.Reasons {
			codes = append(codes, string(r.Code))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", c.Type, c.Status, c.Provider, prefixed("code ", c.ProviderCode), strings.Join(codes, ", "))
	}
	fmt.Fprintln(w)
	for _, m := range v.Timeline {
		at := m.Provider
		if m.Session != nil {
			at = fmt.Sprintf("session %d%s", *m.Session, prefixed(" at ", m.Provider))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", stampUTC(m.At), m.Type, at, prefixed("code ", m.ProviderCode))
	}
	if len(v.Deliveries) > 0 {
		fmt.Fprintln(w)
	}
	for _, d := range v.Deliveries {
		fmt.Fprintf(w, "  %s\t%s\tto %s\t%s, %d tries%s\n", d.EventID, d.EventType, d.Endpoint, d.State, d.Attempts, prefixed(", the last one ", d.LastClass))
	}
	return w.Flush()
}

// prefixed is the text with a word before it; nothing for none.
func prefixed(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}
