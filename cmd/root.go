package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes of every command.
const (
	exitFault   = 1 // a fault of the configuration or of this machine
	exitUsage   = 2 // a wrong flag or argument
	exitRefused = 3 // the API refused the request, or a token would be
	exitNoReply = 4 // API, engine, store or worker was not reached or did not answer
	exitTooLong = 5 // --timeout exceeded before the verification ended
)

// stopWithin bounds the drain of an orderly stop. With settleFor before it the
// whole stop stays below 25 s, and below a container's grace period of 30 s.
const stopWithin = 20 * time.Second

// exitError carries an exit code beside the error that is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// Main runs the command line and returns the exit code. SIGINT and SIGTERM
// ask for an orderly stop; a second one ends the process at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // the next signal has its default effect
	}()
	root := Root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(root.ErrOrStderr(), "yanzhen: %v\n", err)
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFault
}

// Root is the command `yanzhen` with all its subcommands.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "yanzhen",
		Short: "Verify that a person is who a Chinese identity document says they are",
		Long: `yanzhen (验真) verifies that a person is the holder of a Chinese identity document:
it checks name, number and validity dates against the authority's records, and
the face at a vendor, and returns one verdict. Each verification is a durable
Temporal workflow.

To try it, run "yanzhen dev": the whole stack on this machine, with stand-in vendors.

Exit codes: 0 success, 1 error, 2 wrong flag or argument, 3 refused, 4 no answer
from API, engine, store or worker, 5 --timeout exceeded.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit(exitUsage, "unknown command %q (`yanzhen --help` shows the commands)", args[0])
			}
			return nil
		},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit(exitUsage, "%w (`%s --help` shows the flags)", err, c.CommandPath())
	})
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Try it:", []*cobra.Command{devCommand(), demoCommand(), sandboxCommand()}},
		{"Verify:", []*cobra.Command{startCommand(), statusCommand(), reviewCommand(), nfcCommand()}},
		{"Install and run:", []*cobra.Command{initCommand(), setupCommand(), configCommand(), workerCommand(), apiCommand(), healthcheckCommand(), deployCommand()}},
		{"Operate:", []*cobra.Command{doctorCommand(), opsCommand(), providerCommand(), clientCommand(), webhookCommand(), keysCommand(), judgeCommand()}},
		{"Personal data and audit:", []*cobra.Command{findCommand(), redactCommand(), retentionCommand(), receiptCommand(), evidenceCommand(), auditCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(versionCommand(), temporalCommand())
	return root
}

// noArgs refuses arguments as wrong usage.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return exit(exitUsage, "unexpected argument %q", args[0])
	}
	return nil
}
