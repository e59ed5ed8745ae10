package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/client"
)

// reviewFlags are the flags of a decision or a reopening.
type reviewFlags struct{ reason, note string }

func reviewCommand() *cobra.Command {
	var f callerFlags
	c := &cobra.Command{
		Use:   "review",
		Short: "List and decide the verifications in review",
		Long: `List the verifications in review, show one, decide it, or return a completed one to
review. It needs the key of a reviewer, or one with the scopes
verifications:read, review:read and review:write.

A decision applies to what was shown: if the verification has changed since, it is
refused, and the verification is shown again. Notes are for other reviewers, who
read them with show; they are encrypted, and never shown to the person.`,
		Example: `  yanzhen review list
  yanzhen review show ver_…
  yanzhen review approve ver_… --note "compared with the card on the phone"
  yanzhen review decline ver_… --reason face.spoof_suspected
  yanzhen review reopen ver_… --reason holder.mismatch --note "the person called"`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		reviewSub(&f, "list", "List what is in review", 0, nil, func(ctx context.Context, c *caller, _ string, _ reviewFlags, out io.Writer) error {
			return c.listReviews(ctx, out)
		}),
		reviewSub(&f, "show ID", "Show one verification", 1, nil, func(ctx context.Context, c *caller, id string, _ reviewFlags, out io.Writer) error {
			if err := runStatus(ctx, c, id, false, out); err != nil {
				return err
			}
			return c.showDecisions(ctx, id, out)
		}),
		reviewSub(&f, "approve ID", "Approve a verification in review", 1, &reviewFlags{reason: "review.approved"}, decider("approved")),
		reviewSub(&f, "decline ID", "Decline a verification in review", 1, &reviewFlags{reason: "review.rejected"}, decider("declined")),
		reviewSub(&f, "reopen ID", "Return a completed verification to review", 1, &reviewFlags{},
			func(ctx context.Context, c *caller, id string, w reviewFlags, out io.Writer) error {
				v, err := c.reopen(ctx, id, w)
				if err != nil {
					return err
				}
				newPrinter(out, false).whole(v)
				return nil
			}),
	)
	return c
}

// reviewSub is one of the subcommands. defaults nil: it says nothing of a
// person, and has no reason or note.
func reviewSub(f *callerFlags, use, short string, args int, defaults *reviewFlags, do func(context.Context, *caller, string, reviewFlags, io.Writer) error) *cobra.Command {
	var w reviewFlags
	c := &cobra.Command{
		Use: use, Short: short,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) == args {
				return nil
			}
			return exit(exitUsage, "%s", []string{"no argument is expected", "give the verification's id"}[args])
		},
		RunE: func(c *cobra.Command, given []string) error {
			if defaults != nil && w.reason == "" {
				return exit(exitUsage, "give a reason code with --reason (GET /v1/reasons lists them)")
			}
			caller, err := f.caller()
			if err != nil {
				return err
			}
			return do(c.Context(), caller, asPasted(append(given, "")[0]), w, c.OutOrStdout())
		},
	}
	f.register(c)
	if defaults != nil {
		c.Flags().StringVar(&w.reason, "reason", defaults.reason, "a reason code")
		c.Flags().StringVar(&w.note, "note", "", "a note for other reviewers; nothing that identifies the person")
	}
	return c
}

// decider shows what it decides on, decides exactly that, and shows the end.
func decider(decision string) func(context.Context, *caller, string, reviewFlags, io.Writer) error {
	return func(ctx context.Context, c *caller, id string, w reviewFlags, out io.Writer) error {
		r, err := c.core.GetVerificationWithResponse(ctx, id, nil)
		if err != nil {
			return c.unreachable(err)
		}
		if r.JSON200 == nil {
			return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
		}
		show := newPrinter(out, false)
		show.whole(r.JSON200)
		v, err := c.decide(ctx, id, r.HTTPResponse.Header.Get("ETag"), decision, w)
		if err != nil {
			return err
		}
		show.ending(v)
		return nil
	}
}

func (c *caller) listReviews(ctx context.Context, out io.Writer) error {
	n := 0
	status := client.StatusInReview
	for v, err := range c.api.Verifications(ctx, client.ListVerificationsParams{Status: &status}) {
		if err != nil {
			return c.failed(err)
		}
		fmt.Fprintf(out, "%s  since %s  policy %s\n", v.Id, v.UpdatedAt.Local().Format(time.DateTime), v.Policy.Name)
		n++
	}
	if n == 0 {
		fmt.Fprintln(out, "Nothing waits for a human.")
	}
	return nil
}

// showDecisions prints what reviewers said of a verification, notes included.
func (c *caller) showDecisions(ctx context.Context, id string, out io.Writer) error {
	r, err := c.core.ListDecisionsWithResponse(ctx, id)
	if err != nil {
		return c.unreachable(err)
	}
	if r.JSON200 == nil {
		return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	for _, d := range r.JSON200.Decisions {
		fmt.Fprintf(out, "  %s  %s by %s, version %d: %s", d.DecidedAt.Local().Format(time.DateTime), d.Act, d.DecidedByName, d.Version, d.Reason)
		if d.Act != client.DecisionActReopened && !d.Held {
			fmt.Fprint(out, " (no verdict rests on it)")
		}
		fmt.Fprintln(out)
		if d.Note != nil {
			fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(printable(*d.Note), "\n", "\n    "))
		}
	}
	return nil
}

func (c *caller) decide(ctx context.Context, id, tag, decision string, w reviewFlags) (*client.Verification, error) {
	r, err := c.core.DecideVerificationWithResponse(ctx, id, &client.DecideVerificationParams{IfMatch: &tag},
		client.DecisionRequest{Decision: decision, Reason: w.reason, Note: orNil(w.note)})
	if err != nil {
		return nil, c.unreachable(err)
	}
	if r.JSON200 == nil {
		return nil, refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	return r.JSON200, nil
}

func (c *caller) reopen(ctx context.Context, id string, w reviewFlags) (*client.Verification, error) {
	r, err := c.core.ReopenVerificationWithResponse(ctx, id, nil, client.ReopenRequest{Reason: w.reason, Note: orNil(w.note)})
	if err != nil {
		return nil, c.unreachable(err)
	}
	if r.JSON200 == nil {
		return nil, refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	return r.JSON200, nil
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
