package cmd

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	policy, provider, notify string
	chip                     bool
	outcomes                 []string
	stage                    stage
	pause, timeout           time.Duration
	sandbox                  string
}

func demoCommand() *cobra.Command {
	var f callerFlags
	var o demoOptions
	c := &cobra.Command{
		Use:     "demo",
		Short:   "Verify an invented person at the stand-in vendors",
		Long:    demoLong(),
		Example: demoExamples,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			caller, err := f.caller()
			if err != nil {
				return err
			}
			o.sandbox = first(o.sandbox, caller.sandbox)
			_, err = runDemo(c.Context(), caller, o, c.OutOrStdout(), terminal(c.InOrStdin()))
			return err
		},
	}
	f.register(c)
	o.register(c.Flags())
	return c
}

func demoLong() string {
	return `Invent a person, register them with the stand-in vendors, start a verification
over the API and follow it to its end. Without --outcome it prints the link to
the stand-in's page, which has a button for each way to end the session.

With --chip the request does not name a person: the card is scanned at the
stand-in, and the verification starts from the scan alone (nfc_reqid). A chip
that cannot be read is scanned again.

--outcome acts as the person, with one outcome per session, and opens further
sessions where the verification allows it. Outcomes at Tencent:

` + outcomeLines(sandbox.Tencent) + `

or a code of the vendor such as 2016; at Sino Connect (policy cn-chip-capture):

` + outcomeLines(sandbox.SinoConnect) + `

and at Megvii (--provider megvii_faceid):

` + outcomeLines(sandbox.Megvii) + `.

--notify is how Megvii reports the end of a session: by its own call and by the
person's browser (both), in the opposite order (return-first), by only one of
them, by neither, by two calls (twice), or only by forged calls (forged).`
}

const demoExamples = `  yanzhen demo
  yanzhen demo --outcome approved
  yanzhen demo --outcome not-alike,approved
  yanzhen demo --outcome not-alike,not-alike,not-alike
  yanzhen demo --outcome abandon --records mismatch
  yanzhen demo --outcome approved --records down
  yanzhen demo --tencent down
  yanzhen demo --card expired
  yanzhen demo --provider megvii_faceid --outcome low-score,approved
  yanzhen demo --provider megvii_faceid --outcome approved --notify return-only
  yanzhen demo --policy cn-resident-failover --tencent down --outcome approved
  yanzhen demo --chip --outcome approved
  yanzhen demo --chip --policy cn-chip-capture --outcome other-face,same-face
  yanzhen demo --chip --policy cn-chip-capture --outcome same-face --comparer down
  yanzhen demo --chip --policy cn-no-face
  yanzhen demo --chip --card unreadable --outcome approved`

func (o *demoOptions) register(fl *pflag.FlagSet) {
	fl.StringVar(&o.policy, "policy", "", "the policy (default cn-resident, with a chip cn-chip)")
	fl.StringVar(&o.provider, "provider", "", "the policy that has only this face vendor: "+names(providerPolicies))
	fl.StringVar(&o.notify, "notify", "both", "how the stand-in of Megvii reports an end: "+names(sandbox.Notifications))
	fl.BoolVar(&o.chip, "chip", false, "start from a scan of the person's card only")
	fl.StringSliceVar(&o.outcomes, "outcome", nil, "play the stand-in's page; a list, one for each session")
	fl.DurationVar(&o.pause, "pause", 700*time.Millisecond, "between the page's buttons when it is played")
	fl.DurationVar(&o.timeout, "timeout", followFor, "how long to follow it")
	fl.StringVar(&o.sandbox, "sandbox", "", `the stand-ins' address (else those of the running "yanzhen dev")`)
	fl.StringVar(&o.stage.records, "records", "approved", "what the stand-in's records say about the person: approved, mismatch, not-found, down, lost")
	fl.StringVar(&o.stage.tencent, "tencent", "up", "whether the stand-in of Tencent works for them: up, down")
	fl.StringVar(&o.stage.megvii, "megvii", "up", "the same of Megvii: up, down")
	fl.StringVar(&o.stage.card, "card", "valid", "their card: valid, expired; with --chip also implausible, other-holder (than claimed), unreadable (once)")
	fl.StringVar(&o.stage.comparer, "comparer", "up", "whether the stand-in compares faces for them: up, down")
}

// providerPolicies are the built-in policies that have one face vendor only.
var providerPolicies = map[string]string{
	"tencent_eid": "cn-resident", "megvii_faceid": "cn-resident-megvii", "sino_connect": "cn-chip-capture",
}

// names are a table's keys in order, for a help text.
func names[V any](table map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(table)), ", ")
}

// outcomeLines are a vendor's outcomes in lines that fit a narrow terminal.
func outcomeLines(vendor string) string {
	var lines []string
	for some := range slices.Chunk(sandbox.Outcomes(vendor), 5) {
		lines = append(lines, "  "+strings.Join(some, ", "))
	}
	return strings.Join(lines, ",\n")
}

// runDemo invents somebody, starts their verification and follows it until it
// is settled.
func runDemo(ctx context.Context, c *caller, o demoOptions, out io.Writer, in io.Reader) (*client.Verification, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, &exitError{exitTooLong, errTooLong})
	defer cancel()
	f := &follower{caller: c, show: newPrinter(out, len(o.outcomes) == 0)}
	body, err := o.prepare(ctx, f)
	if err != nil {
		return nil, err
	}
	f.again = enterKeys(in)
	return f.run(ctx, body)
}

func (o *demoOptions) check() error {
	for i, outcome := range o.outcomes {
		o.outcomes[i] = strings.TrimSpace(outcome)
		if err := sandbox.CheckOutcome(o.outcomes[i]); err != nil {
			return exit(exitUsage, "--outcome %w", err)
		}
	}
	_, provider := providerPolicies[o.provider]
	_, notify := sandbox.Notifications[o.notify]
	switch {
	case o.provider != "" && (o.policy != "" || !provider):
		return exit(exitUsage, "--provider is one of %s, and goes without --policy", names(providerPolicies))
	case o.provider == "sino_connect" && !o.chip:
		return exit(exitUsage, "sino_connect's face step needs a scan: add --chip")
	case !notify:
		return exit(exitUsage, "--notify %q: want one of %s", o.notify, names(sandbox.Notifications))
	case o.sandbox == "":
		return exit(exitUsage, "demo needs the stand-in vendors: start `yanzhen dev` in another terminal, or set --sandbox")
	}
	return o.stage.check(o.chip)
}

// prepare invents the person and makes them known to the stand-ins. It returns
// the request that starts their verification, and hands the follower what it
// needs to play them.
func (o *demoOptions) prepare(ctx context.Context, f *follower) (client.StartRequest, error) {
	body := client.StartRequest{Policy: first(o.policy, providerPolicies[o.provider], "cn-resident")}
	if len(o.outcomes) > 0 { // the stand-in's page is what is played
		vendor := client.PresentationVendor
		body.Presentation = &vendor
	}
	p, at := o.stage.person(time.Now()), sandbox.NewPlayer(o.sandbox)
	if err := o.stage.set(ctx, at, p); err != nil {
		return body, err
	}
	f.show.line(fmt.Sprintf("invented %s, %s, card valid %s to %s", p.Name, p.IDNumber, p.ValidFrom, p.ValidTo))
	if len(o.outcomes) > 0 {
		notify := sandbox.Notifications[o.notify]
		f.script = &script{outcomes: o.outcomes, playing: sandbox.Playing{Number: p.IDNumber, Pause: o.pause, Notify: &notify}}
	}
	if !o.chip || o.stage.card == "other-holder" {
		body.Subject = &client.Subject{Name: p.Name, IdNumber: p.IDNumber, IdValidity: client.IDValidity{From: p.ValidFrom, To: p.ValidTo}}
	}
	if !o.chip {
		return body, nil
	}
	body.Policy = first(o.policy, providerPolicies[o.provider], "cn-chip")
	scans := 0
	f.rescan = func(ctx context.Context) (string, error) {
		reqid, err := o.stage.scan(ctx, at, p, scans == 0)
		if err == nil {
			f.show.line([]string{"their card is scanned: ", "their card is scanned again: "}[min(scans, 1)] + reqid)
		}
		scans++
		return reqid, err
	}
	reqid, err := f.rescan(ctx)
	body.NfcReqid = &reqid
	return body, err
}
