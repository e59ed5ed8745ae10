package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// redactFlags are what redact is told.
type redactFlags struct {
	client, ids      string
	data             string
	number, end, yes bool
	receipts         string
	wait             time.Duration
}

func redactCommand() *cobra.Command {
	var f redactFlags
	c := &cobra.Command{
		Use:   "redact [ID...]",
		Short: "Erase people, by verification, ID number or client",
		Long: `Erase the personal data of verifications: from the store and its files, from vendors
that offer deletion, and from the engine. The bare verdict stays. Erasure cannot
be undone.

It uses the installation of the environment, like the worker (YANZHEN_STORE,
YANZHEN_KEYS, TEMPORAL_ADDRESS), or the running "yanzhen dev", and needs a running worker. Open verifications are
skipped and reported, unless --end ends them first. ID numbers are read from
standard input, which keeps them out of process lists and shell histories.
Without --yes, the verifications of a person or client are only counted.`,
		Example: `  yanzhen redact ver_… --receipts receipts.jws
  yanzhen redact --number-stdin --end --yes < number.txt
  yanzhen redact --client shop --yes
  yanzhen redact --ids ids.txt`,
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := f.selection(args, c.InOrStdin())
			if err != nil {
				return err
			}
			return withStarter(c.Context(), c.ErrOrStderr(), f.data, func(s *starter.Starter) error {
				return f.run(c.Context(), s, sel, c.OutOrStdout())
			})
		},
	}
	dataFlag(c, &f.data)
	c.Flags().BoolVar(&f.number, "number-stdin", false, "erase the person whose ID number is on standard input")
	c.Flags().StringVar(&f.client, "client", "", "erase everybody of this client; with --number-stdin, the person at this client")
	c.Flags().StringVar(&f.ids, "ids", "", "erase the verifications listed in this file, one id per line; - reads standard input")
	c.Flags().BoolVar(&f.end, "end", false, "end open verifications first")
	c.Flags().BoolVar(&f.yes, "yes", false, "erase; otherwise they are only counted")
	c.Flags().StringVar(&f.receipts, "receipts", "", "append the receipts to this file, one per line")
	c.Flags().DurationVar(&f.wait, "wait", time.Minute, "how long to wait for the receipts; 0s: do not wait")
	return c
}

// selection reads whom the arguments mean.
func (f redactFlags) selection(args []string, stdin io.Reader) (starter.Selection, error) {
	sel := starter.Selection{Client: f.client, IDs: args}
	if f.ids != "" {
		text, err := readOne(f.ids, stdin)
		if err != nil {
			return sel, err
		}
		sel.IDs = append(sel.IDs, strings.Fields(string(text))...)
	}
	byOther := f.client != "" || f.number
	switch {
	case len(sel.IDs) > 0 && byOther:
		return sel, exit(exitUsage, "give ids, or a person or a client, not both")
	case len(sel.IDs) == 0 && !byOther:
		return sel, exit(exitUsage, "give ids, --ids, --number-stdin or --client")
	case !f.number:
		return sel, nil
	}
	var err error
	sel.Number, err = readNumber(stdin)
	return sel, err
}

// readNumber reads an ID number from standard input. Its error does not repeat it.
func readNumber(stdin io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(stdin, 1000)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	number := residentid.NormaliseNumber(strings.TrimSpace(line))
	if len(number) != 18 || !residentid.ShapedLikeIDNumber(number) {
		return "", exit(exitUsage, "no ID number on standard input")
	}
	return number, nil
}

// withStarter opens the installation that the environment names.
func withStarter(ctx context.Context, logs io.Writer, data string, do func(*starter.Starter) error) error {
	return withParts(ctx, logs, data, func(p *parts) error { return do(p.starter) })
}

func (f redactFlags) run(ctx context.Context, s *starter.Starter, sel starter.Selection, out io.Writer) error {
	n, err := s.Selected(ctx, sel)
	if err != nil {
		return err
	}
	if len(sel.IDs) == 0 && !f.yes {
		fmt.Fprintf(out, "%d to erase; --yes erases them\n", n)
		return nil
	}
	cause := starter.CauseRequest
	switch {
	case sel.Number != "":
		cause = starter.CausePerson
	case sel.Client != "":
		cause = starter.CauseClient
	}
	var erased []string
	failed, told := 0, time.Now()
	q := starter.RedactRequest{Cause: cause, By: operator(), End: f.end}
	err = s.RedactAll(ctx, sel, q, func(id string, err error) {
		if err != nil {
			failed++
			fmt.Fprintf(out, "%s: left: %s\n", id, whyLeft(err))
		} else {
			erased = append(erased, id)
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(out, "%d of %d\n", len(erased)+failed, n)
		}
	})
	if err != nil {
		return err
	}
	signed, err := f.awaitReceipts(ctx, s, erased)
	fmt.Fprintf(out, "erased %d, with %d receipts; left %d\n", len(erased), signed, failed)
	if err == nil && failed > 0 {
		err = exit(exitRefused, "%d were left", failed)
	}
	return err
}

func whyLeft(err error) string {
	e, ok := errors.AsType[*starter.Error](err)
	switch {
	case ok && e.Code == starter.InvalidState:
		return "it is " + string(e.Status) + " (--end ends it first)"
	case ok && e.Code == starter.NotFound:
		return "there is no such verification"
	}
	return err.Error()
}

// awaitReceipts waits until all have their receipts, or for as long as it may, and
// appends them to the file.
func (f redactFlags) awaitReceipts(ctx context.Context, s *starter.Starter, ids []string) (signed int, err error) {
	var file io.Writer = io.Discard
	if f.receipts != "" {
		opened, err := os.OpenFile(f.receipts, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		defer opened.Close()
		file = opened
	}
	for until := time.Now().Add(f.wait); len(ids) > 0 && ctx.Err() == nil; {
		e, err := s.ErasureOf(ctx, ids[0])
		switch {
		case err != nil:
			return signed, err
		case e.Receipt == "" && time.Now().After(until):
			return signed, nil
		case e.Receipt == "":
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if _, err := fmt.Fprintln(file, e.Receipt); err != nil {
			return signed, err
		}
		signed, ids = signed+1, ids[1:]
	}
	return signed, ctx.Err()
}
