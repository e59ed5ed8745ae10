package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/yanzhen-id/yanzhen/client"
)

// startOptions are the flags of start.
type startOptions struct {
	policy, name, number, from, to string
	returnURL, reference           string
	outcomes                       []string
	stage                          stage
	pause, timeout                 time.Duration
	sandbox                        string
}

func startCommand() *cobra.Command {
	var f callerFlags
	var o startOptions
	c := &cobra.Command{
		Use:   "start",
		Short: "Start a verification and follow it to its verdict",
		Long: `Start a verification over the API and follow it to its end.

Against "yanzhen dev" a person is invented and made known to the stand-ins; to
a real service name one with --name, --id-number, --valid-from, --valid-to.

--outcome plays the stand-in's page by itself, one outcome a session, asking
for a new session where one may be had:

` + outcomeLines() + `

or a code of the vendor such as 2016.`,
		Example: `  yanzhen start
  yanzhen start --outcome approved
  yanzhen start --outcome not-alike,approved
  yanzhen start --outcome not-alike,not-alike,not-alike
  yanzhen start --outcome abandon --records mismatch
  yanzhen start --outcome approved --records down
  yanzhen start --tencent down
  yanzhen start --card expired`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			caller, err := f.caller()
			if err != nil {
				return err
			}
			o.sandbox = first(o.sandbox, caller.sandbox)
			_, err = runStart(c.Context(), caller, o, c.OutOrStdout(), terminal(c.InOrStdin()))
			return err
		},
	}
	f.register(c)
	fl := c.Flags()
	fl.StringVar(&o.policy, "policy", "cn-resident", "the policy")
	fl.StringVar(&o.name, "name", "", "the person's name as printed on the card")
	fl.StringVar(&o.number, "id-number", "", "the card's number")
	fl.StringVar(&o.from, "valid-from", "", "first day of the card's validity, YYYYMMDD")
	fl.StringVar(&o.to, "valid-to", "", "last day, YYYYMMDD, or 00000000 for a card without end (长期)")
	fl.StringVar(&o.returnURL, "return-url", "", "where the person's browser goes in the end")
	fl.StringVar(&o.reference, "reference", "", "your own name for it (client_reference_id)")
	fl.StringSliceVar(&o.outcomes, "outcome", nil, "play the stand-in's page; a list, one for each session")
	fl.DurationVar(&o.pause, "pause", 700*time.Millisecond, "between the page's buttons when it is played")
	fl.DurationVar(&o.timeout, "timeout", 30*time.Minute, "how long to follow it")
	fl.StringVar(&o.sandbox, "sandbox", "", `the stand-ins' address (else those of the running "yanzhen dev")`)
	fl.StringVar(&o.stage.records, "records", "approved", "what the stand-in's records say of the invented person: approved, mismatch, not-found, down, lost")
	fl.StringVar(&o.stage.tencent, "tencent", "up", "whether the stand-in's face vendor works for them: up, down")
	fl.StringVar(&o.stage.card, "card", "valid", "their card: valid, expired")
	return c
}

// terminal returns the input if somebody sits there.
func terminal(in io.Reader) io.Reader {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

var errTooLong = errors.New("--timeout was over before the end")

// runStart starts one verification and follows it until it is settled.
func runStart(ctx context.Context, c *caller, o startOptions, out io.Writer, in io.Reader) (*client.Verification, error) {
	outcomes, err := parseOutcomes(o.outcomes)
	if err != nil {
		return nil, err
	}
	if err := o.stage.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, &exitError{exitTooLong, errTooLong})
	defer cancel()

	show := newPrinter(out, len(outcomes) == 0)
	subject, err := o.subject(ctx, show)
	if err != nil {
		return nil, err
	}
	body := client.StartRequest{Policy: o.policy, Subject: subject}
	if o.returnURL != "" {
		body.ReturnUrl = &o.returnURL
	}
	if o.reference != "" {
		body.ClientReferenceId = &o.reference
	}
	v, err := c.start(ctx, rand.Text(), body)
	if err != nil {
		return nil, err
	}
	f := &follower{caller: c, show: show, outcomes: outcomes, playing: len(outcomes) > 0, pause: o.pause}
	if in != nil {
		f.again = enters(in)
	}
	v, err = f.follow(ctx, v)
	if err != nil {
		return v, err
	}
	show.ending(v)
	if c.ui != "" {
		fmt.Fprintf(out, "  the run: %s/namespaces/default/workflows/%s\n", c.ui, v.Id)
	}
	return v, nil
}

// subject is the person of the flags, or one who is invented and made known to
// the stand-ins.
func (o startOptions) subject(ctx context.Context, show *printer) (*client.Subject, error) {
	given := []string{o.name, o.number, o.from, o.to}
	switch missing := count(given, ""); {
	case missing == 0:
		return &client.Subject{Name: o.name, IdNumber: o.number, IdValidity: client.IDValidity{From: o.from, To: o.to}}, nil
	case missing < len(given):
		return nil, exit(exitUsage, "a person needs all of --name, --id-number, --valid-from and --valid-to")
	case o.sandbox == "":
		return nil, exit(exitUsage, "name the person: --name, --id-number, --valid-from, --valid-to (only `yanzhen dev` invents one)")
	}
	p := o.stage.person(time.Now())
	if err := newStandIn(o.sandbox).register(ctx, p); err != nil {
		return nil, err
	}
	show.line(fmt.Sprintf("invented %s, %s, card valid %s to %s", p.Name, p.IDNumber, p.ValidFrom, p.ValidTo))
	return &client.Subject{Name: p.Name, IdNumber: p.IDNumber, IdValidity: client.IDValidity{From: p.ValidFrom, To: p.ValidTo}}, nil
}

func count(list []string, value string) int {
	n := 0
	for _, s := range list {
		if s == value {
			n++
		}
	}
	return n
}
