package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/client"
)

func statusCommand() *cobra.Command {
	var f callerFlags
	var watch bool
	c := &cobra.Command{
		Use:   "status ID",
		Short: "Show a verification",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit(exitUsage, "give the verification's id")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			caller, err := f.caller()
			if err != nil {
				return err
			}
			return runStatus(c.Context(), caller, asPasted(args[0]), watch, c.OutOrStdout())
		},
	}
	f.register(c)
	c.Flags().BoolVarP(&watch, "watch", "w", false, "follow it to its end")
	return c
}

func runStatus(ctx context.Context, c *caller, id string, watch bool, out io.Writer) error {
	v, err := c.api.Get(ctx, id)
	if err != nil {
		return c.failed(err)
	}
	show := newPrinter(out, !client.Settled(v))
	if !watch || client.Settled(v) {
		show.whole(v)
		return nil
	}
	v, err = (&follower{caller: c, show: show}).follow(ctx, v)
	if err != nil {
		return err
	}
	show.ending(v)
	return nil
}

// whole prints a verification as it is.
func (p *printer) whole(v *client.Verification) {
	fmt.Fprintf(p.out, "%s  policy %s version %d\n", v.Id, v.Policy.Name, v.Policy.Version)
	fmt.Fprintf(p.out, "  %s\n", statusLine(v))
	if v.Subject != nil {
		fmt.Fprintf(p.out, "  subject %s %s\n", v.Subject.Name, v.Subject.IdNumber)
	}
	for _, c := range v.Checks {
		fmt.Fprintf(p.out, "  %s\n", checkLine(c))
	}
	if e := lastError(v); e != "" {
		fmt.Fprintf(p.out, "  last session: %s\n", e)
	}
	if client.Settled(v) {
		p.ending(v)
	} else if a := v.NextAction; a != nil && a.Url != nil {
		p.person(a)
	}
}
