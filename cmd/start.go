package cmd

import (
	"context"
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
	returnURL, reference, reqid    string
	timeout                        time.Duration
}

func startCommand() *cobra.Command {
	var f callerFlags
	var o startOptions
	c := &cobra.Command{
		Use:   "start",
		Short: "Start a verification and follow it to its verdict",
		Long: `Start a verification over the API and follow it to its end. Name a person with
--name, --id-number, --valid-from and --valid-to, or a scan of a card's chip with
--nfc-reqid, or both.

"yanzhen demo" does the same with invented people at the stand-in vendors.`,
		Example: `  yanzhen start --name 测试甲 --id-number 110199199003070017 --valid-from 20200115 --valid-to 20400115`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			caller, err := f.caller()
			if err != nil {
				return err
			}
			_, err = runStart(c.Context(), caller, o, c.OutOrStdout(), terminal(c.InOrStdin()))
			return err
		},
	}
	f.register(c)
	fl := c.Flags()
	fl.StringVar(&o.policy, "policy", "", "the policy (default cn-resident, with a scan cn-chip)")
	fl.StringVar(&o.reqid, "nfc-reqid", "", "the scan that an app handed over")
	fl.StringVar(&o.name, "name", "", "the person's name as printed on the card")
	fl.StringVar(&o.number, "id-number", "", "the card's number")
	fl.StringVar(&o.from, "valid-from", "", "first day of the card's validity, YYYYMMDD")
	fl.StringVar(&o.to, "valid-to", "", "last day, YYYYMMDD, or 00000000 for a card without end (长期)")
	fl.StringVar(&o.returnURL, "return-url", "", "where the person's browser goes in the end")
	fl.StringVar(&o.reference, "reference", "", "your own name for it (client_reference_id)")
	fl.DurationVar(&o.timeout, "timeout", followFor, "how long to follow it")
	return c
}

// followFor is how long a verification is followed, unless a flag says otherwise.
const followFor = 30 * time.Minute

// terminal returns the input if somebody sits there.
func terminal(in io.Reader) io.Reader {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

var errTooLong = errors.New("--timeout exceeded before the verification ended")

// runStart starts one verification and follows it until it is settled.
func runStart(ctx context.Context, c *caller, o startOptions, out io.Writer, in io.Reader) (*client.Verification, error) {
	body, err := o.request()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, &exitError{exitTooLong, errTooLong})
	defer cancel()
	f := &follower{caller: c, show: newPrinter(out, true), again: enterKeys(in)}
	return f.run(ctx, body)
}

// request is what the flags ask for.
func (o startOptions) request() (client.StartRequest, error) {
	body := client.StartRequest{Policy: first(o.policy, "cn-resident")}
	missing := 0
	for _, value := range []string{o.name, o.number, o.from, o.to} {
		if value == "" {
			missing++
		}
	}
	switch {
	case missing > 0 && missing < 4:
		return body, exit(exitUsage, "a person needs all of --name, --id-number, --valid-from and --valid-to")
	case missing == 4 && o.reqid == "":
		return body, exit(exitUsage, "name a person (--name, --id-number, --valid-from, --valid-to) or a scan (--nfc-reqid); `yanzhen demo` invents somebody")
	}
	if missing == 0 {
		body.Subject = &client.Subject{Name: o.name, IdNumber: o.number, IdValidity: client.IDValidity{From: o.from, To: o.to}}
	}
	if o.reqid != "" {
		body.Policy, body.NfcReqid = first(o.policy, "cn-chip"), &o.reqid
	}
	if o.returnURL != "" {
		body.ReturnUrl = &o.returnURL
	}
	if o.reference != "" {
		body.ClientReferenceId = &o.reference
	}
	return body, nil
}

// run starts a verification and follows it until it is settled.
func (f *follower) run(ctx context.Context, body client.StartRequest) (*client.Verification, error) {
	v, err := f.caller.api.Start(ctx, "", body)
	if err != nil {
		return nil, f.caller.failed(err)
	}
	if v, err = f.follow(ctx, v); err != nil {
		return v, err
	}
	f.show.ending(v)
	if f.caller.ui != "" {
		fmt.Fprintf(f.show.out, "  the run: %s/namespaces/default/workflows/%s\n", f.caller.ui, v.Id)
	}
	return v, nil
}
