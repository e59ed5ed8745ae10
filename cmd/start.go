package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// startOptions are the flags of start.
type startOptions struct {
	policy, name, number, from, to string
	returnURL, reference, reqid    string
	provider, notify               string
	chip                           bool
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

With --chip nobody is named: an invented person's card is scanned at the
stand-in, and the verification starts from nothing but the scan (nfc_reqid). A
chip that cannot be read is scanned again by itself. To a real service name a
scan with --nfc-reqid.

--outcome plays the stand-in's page by itself, one outcome a session, asking
for a new session where one may be had; at Tencent

` + outcomeLines(pageTencent) + `

or a code of the vendor such as 2016; at Sino Connect (policy cn-chip-capture)

` + outcomeLines(pageSino) + `

and at Megvii (--provider megvii_faceid)

` + outcomeLines(pageMegvii) + `.

--notify says how Megvii tells of a session's end: by its own call and by the
person's browser (both), in the other order (return-first), by one of them, by
neither, by two calls (twice), or by forged calls only (forged).`,
		Example: `  yanzhen start
  yanzhen start --outcome approved
  yanzhen start --outcome not-alike,approved
  yanzhen start --outcome not-alike,not-alike,not-alike
  yanzhen start --outcome abandon --records mismatch
  yanzhen start --outcome approved --records down
  yanzhen start --tencent down
  yanzhen start --card expired
  yanzhen start --provider megvii_faceid --outcome low-score,approved
  yanzhen start --provider megvii_faceid --outcome approved --notify return-only
  yanzhen start --policy cn-resident-failover --tencent down --outcome approved
  yanzhen start --chip --outcome approved
  yanzhen start --chip --policy cn-chip-capture --outcome other-face,same-face
  yanzhen start --chip --policy cn-chip-capture --outcome same-face --comparer down
  yanzhen start --chip --policy cn-no-face
  yanzhen start --chip --card unreadable --outcome approved`,
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
	fl.StringVar(&o.policy, "policy", "", "the policy (default cn-resident, with a chip cn-chip)")
	fl.StringVar(&o.provider, "provider", "", "the policy that has only this face vendor: megvii_faceid, sino_connect, tencent_eid")
	fl.StringVar(&o.notify, "notify", "both", "how the stand-in of Megvii tells of an end: "+strings.Join(slices.Sorted(maps.Keys(notifications)), ", "))
	fl.BoolVar(&o.chip, "chip", false, "start from a scan of an invented person's card, and from nothing else")
	fl.StringVar(&o.reqid, "nfc-reqid", "", "the scan that an app handed over")
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
	fl.StringVar(&o.stage.tencent, "tencent", "up", "whether the stand-in of Tencent works for them: up, down")
	fl.StringVar(&o.stage.megvii, "megvii", "up", "the same of Megvii: up, down")
	fl.StringVar(&o.stage.card, "card", "valid", "their card: valid, expired; with --chip also implausible, other-holder (than claimed), unreadable (once)")
	fl.StringVar(&o.stage.comparer, "comparer", "up", "whether the stand-in compares faces for them: up, down")
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
	if err := o.check(); err != nil {
		return nil, err
	}
	o.policy = first(o.policy, providerPolicies[o.provider])
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, &exitError{exitTooLong, errTooLong})
	defer cancel()

	show := newPrinter(out, len(outcomes) == 0)
	f := &follower{caller: c, show: show, outcomes: outcomes, playing: len(outcomes) > 0, pause: o.pause, notify: o.notify}
	body, err := o.request(ctx, f)
	if err != nil {
		return nil, err
	}
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

func (o startOptions) check() error {
	missing := count([]string{o.name, o.number, o.from, o.to}, "")
	_, provider := providerPolicies[o.provider]
	_, notify := notifications[o.notify]
	switch {
	case o.provider != "" && (o.policy != "" || !provider):
		return exit(exitUsage, "--provider is one of %s, and goes without --policy", strings.Join(slices.Sorted(maps.Keys(providerPolicies)), ", "))
	case o.provider == "sino_connect" && !o.chip && o.reqid == "":
		return exit(exitUsage, "sino_connect's face step needs a scan: add --chip or --nfc-reqid")
	case o.notify != "" && !notify:
		return exit(exitUsage, "--notify %q is none of %s", o.notify, strings.Join(slices.Sorted(maps.Keys(notifications)), ", "))
	case missing > 0 && missing < 4:
		return exit(exitUsage, "a person needs all of --name, --id-number, --valid-from and --valid-to")
	case o.chip && (missing < 4 || o.reqid != ""):
		return exit(exitUsage, "--chip invents the person and scans their card: name neither a person nor an --nfc-reqid")
	case o.chip && o.sandbox == "":
		return exit(exitUsage, "--chip scans a card at the stand-in: start `yanzhen dev`, or name the scan with --nfc-reqid")
	case missing == 4 && o.reqid == "" && o.sandbox == "":
		return exit(exitUsage, "name the person: --name, --id-number, --valid-from, --valid-to (only `yanzhen dev` invents one)")
	}
	return o.stage.check(o.chip)
}

// request is what the flags ask for. Where they name nobody, somebody is
// invented and made known to the stand-ins, and what the follower must know of
// them is told to it.
func (o startOptions) request(ctx context.Context, f *follower) (client.StartRequest, error) {
	body := client.StartRequest{Policy: first(o.policy, "cn-resident")}
	if o.chip || o.reqid != "" {
		body.Policy = first(o.policy, "cn-chip")
	}
	if o.reqid != "" {
		body.NfcReqid = &o.reqid
	}
	if o.name != "" {
		body.Subject = claim(sandbox.Person{Name: o.name, IDNumber: o.number, ValidFrom: o.from, ValidTo: o.to})
	}
	if o.name != "" || o.reqid != "" {
		return body, nil
	}
	p, at := o.stage.person(time.Now()), newStandIn(o.sandbox)
	if err := o.stage.set(ctx, at, p); err != nil {
		return body, err
	}
	f.number = p.IDNumber
	f.show.line(fmt.Sprintf("invented %s, %s, card valid %s to %s", p.Name, p.IDNumber, p.ValidFrom, p.ValidTo))
	if !o.chip {
		body.Subject = claim(p)
		return body, nil
	}
	if o.stage.card == "other-holder" {
		body.Subject = claim(p)
	}
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

func claim(p sandbox.Person) *client.Subject {
	return &client.Subject{Name: p.Name, IdNumber: p.IDNumber, IdValidity: client.IDValidity{From: p.ValidFrom, To: p.ValidTo}}
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
