package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func opsCommand() *cobra.Command {
	var who operatorFlags
	c := &cobra.Command{
		Use:   "ops",
		Short: "Act on one verification as an operator",
		Long: `Act on one verification as an operator. Each command is an update of the run, which
applies or refuses it, and is written to the audit log with who and why before
anything is done. The same updates can be sent in the Temporal UI, with the
command's name and its JSON; the audit log then says "temporal ui", because the
UI does not pass on who you are.

It uses the installation of the environment, like the worker (YANZHEN_STORE,
YANZHEN_KEYS, TEMPORAL_ADDRESS), or the running "yanzhen dev". ID may be pasted as it
is found: a run's id, or an address that contains it. Repeated within a minute on an
unchanged verification, a command returns the first result and does nothing more,
unless that was a refusal.`,
		Example: `  yanzhen ops show ver_…
  yanzhen ops look ver_… --reason "the person says they are done"
  yanzhen ops extend ver_… --for 24h --reason "the shop asked for it"
  yanzhen ops switch-provider ver_… --reason "their page does not load"
  yanzhen ops to-review ver_… --reason "the vendor is down for the day"
  yanzhen ops resend ver_… --reason "the receiver lost a day"`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&who.by, "by", "", "who is acting, for the audit log (default: the user of this process)")
	c.PersistentFlags().StringVar(&who.why, "reason", "", "the reason, for the audit log, where it is encrypted; nothing that identifies the person")
	dataFlag(c, &who.data)
	c.AddCommand(opsShow(&who), opsLook(&who), opsExtend(&who), opsSwitchProvider(&who), opsToReview(&who), opsResend(&who))
	return c
}

// operatorFlags are who asks, and why, and the local stack's folder.
type operatorFlags struct{ by, why, data string }

// operation is a verb with who asks for it and why.
func (f operatorFlags) operation(verb string, arg any, what string) (starter.Operation, error) {
	op := starter.Operation{Verb: verb, Arg: arg, By: first(strings.TrimSpace(f.by), operator()), Why: strings.TrimSpace(f.why), What: what}
	switch {
	case op.Why == "" || len(op.Why) > maxReason:
		return op, exit(exitUsage, "give the reason: --reason, at most %d bytes; it is written to the audit log", maxReason)
	case residentid.ShapedLikeIDNumber(op.Why) || residentid.ShapedLikeIDNumber(op.By):
		return op, exit(exitUsage, "--reason and --by must not contain personal data, and one of them looks like an ID number")
	case len(op.By) > 100:
		return op, exit(exitUsage, "--by: at most 100 bytes")
	}
	return op, nil
}

// opsVerb is a verb's command. ask makes its argument, with a word for the audit
// log, and answer what is printed of the run's answer.
func opsVerb[A any](who *operatorFlags, use, short, verb string, ask func() (arg any, what string), answer func(A) string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Args: oneVerification,
		RunE: func(c *cobra.Command, args []string) error {
			arg, what := ask()
			op, err := who.operation(verb, arg, what)
			if err != nil {
				return err
			}
			return who.onOne(c, args[0], func(s *starter.Starter, id string) error {
				var out A
				repeated, err := s.Operate(c.Context(), id, op, &out)
				if err != nil {
					return operateError(id, err)
				}
				said := answer(out)
				if repeated {
					said += "\n(as answered before, within this minute; nothing more was done)"
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), said)
				return err
			})
		},
	}
}

// onOne does something with the verification that an argument names. Who waits for
// a run's answer is told so.
func (f operatorFlags) onOne(c *cobra.Command, named string, do func(s *starter.Starter, id string) error) error {
	id, err := verificationID(named)
	if err != nil {
		return err
	}
	return withStarter(c.Context(), c.ErrOrStderr(), f.data, func(s *starter.Starter) error {
		defer time.AfterFunc(silence, func() {
			fmt.Fprintf(c.ErrOrStderr(), "waiting for the run's answer, at most %s: a worker must run\n", starter.OperatorPatience)
		}).Stop()
		return do(s, id)
	})
}

// silence is how long an operator waits without a word.
const silence = 5 * time.Second

func oneVerification(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit(exitUsage, "give the verification's id")
	}
	return nil
}

// anyID finds a verification's id in what was pasted.
var anyID = regexp.MustCompile(`\bver_[a-z2-7]{26}\b`)

// verificationID is the id in what an operator typed or pasted: with blanks, in
// upper case, a run's id such as ver_…:v2, an address of the Temporal UI or the API.
// What holds none, or several, is not repeated: it may be a person's number.
func verificationID(text string) (string, error) {
	found := slices.Compact(slices.Sorted(slices.Values(anyID.FindAllString(strings.ToLower(text), -1))))
	if len(found) != 1 {
		return "", exit(exitUsage, "give one verification's id: ver_ and 26 letters and digits, as the Temporal UI and the log have it")
	}
	return found[0], nil
}

// asPasted is the id in what was pasted, else the text itself: the API tells what it
// is not.
func asPasted(text string) string {
	if id, err := verificationID(text); err == nil {
		return id
	}
	return strings.TrimSpace(text)
}

// untouched: nothing was done, nor will be.
func untouched(err error) bool {
	e, ok := errors.AsType[*starter.Error](err)
	return ok && e.Untouched
}

// operateError puts a refusal, or no answer, into a sentence.
func operateError(id string, err error) error {
	if refused, ok := errors.AsType[*starter.RefusedError](err); ok {
		at := ""
		if refused.Status != "" {
			at = ", " + string(refused.Status)
		}
		return exit(exitRefused, "refused%s: %s", at, refused.Why)
	}
	_, forbidden := errors.AsType[*serviceerror.PermissionDenied](err)
	_, late := errors.AsType[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err)
	switch code := starter.CodeOf(err); {
	case code == starter.NotFound:
		return exit(exitRefused, "there is no verification %s in the store that YANZHEN_STORE names", id)
	case code == starter.Redacted:
		return exit(exitRefused, "%s was erased", id)
	case errors.Is(err, store.ErrChanged):
		return exit(exitFault, "the row of %s was changed outside of yanzhen, so nothing was done with it: docs/runbook.md, ChangedRows", id)
	case forbidden:
		return exit(exitFault, "the Temporal server lets these credentials send no update, so nothing was done: use those of the worker (TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH)")
	case untouched(err) && store.Unavailable(err):
		return exit(exitNoReply, "the store that YANZHEN_STORE names does not answer, so nothing was done: %w", inOneLine{errors.Unwrap(err)})
	case untouched(err) && code == starter.EngineUnavailable:
		return exit(exitNoReply, "the Temporal server does not know the namespace that TEMPORAL_NAMESPACE names, or its search attributes, so nothing was done: correct it, or run `yanzhen setup`")
	case late || errors.Is(err, context.DeadlineExceeded):
		return exit(exitNoReply, "no worker answered within %s: the command may still take effect once one does; `yanzhen doctor` reports whether workers run", starter.OperatorPatience)
	case code == starter.EngineUnavailable:
		return exit(exitNoReply, "no answer from engine or store; the command may still take effect: `yanzhen doctor` reports what is down: %w", err)
	}
	return err
}

func opsLook(who *operatorFlags) *cobra.Command {
	var q workflows.LookRequest
	c := opsVerb(who, "look", "Query the face session's vendor now", workflows.UpdateLook,
		func() (any, string) { return q, sessionWord(q.Session) },
		func(out workflows.Looked) string {
			return fmt.Sprintf("session %d: %s", out.Session, foundText(out.Found))
		})
	c.Flags().IntVar(&q.Session, "session", 0, "the session's number (default: the newest)")
	c.Flags().BoolVar(&q.Spend, "spend", false, "use up one of the few look-ups that the vendor allows")
	return c
}

func sessionWord(n int) string {
	if n == 0 {
		return "newest session"
	}
	return fmt.Sprintf("session %d", n)
}

// foundText says what a look found.
func foundText(found string) string {
	switch found {
	case "finished":
		return "it is over, and its result is taken"
	case "ran_out":
		return "its time ran out at the vendor"
	case "begun":
		return "the person has begun, and is not done"
	case "untouched":
		return "the person has not begun"
	case "unasked":
		return "nothing came of it so far; whether the person has begun, its vendor does not tell"
	}
	return "the vendor gave no answer this time"
}

func opsExtend(who *operatorFlags) *cobra.Command {
	var d time.Duration
	c := opsVerb(who, "extend", "Extend the time that person, caller or reviewer have", workflows.UpdateExtend,
		func() (any, string) {
			return workflows.ExtendRequest{For: verification.Duration(d)}, d.String()
		},
		func(out workflows.Extended) string {
			return "it ends at " + out.ExpiresAt.UTC().Format(time.DateTime) + " UTC"
		})
	c.PreRunE = func(*cobra.Command, []string) error {
		if d <= 0 || d > workflows.LongestExtension {
			return exit(exitUsage, "--for is how long from now: more than nothing, and %s at most", workflows.LongestExtension)
		}
		return nil
	}
	c.Flags().DurationVar(&d, "for", 24*time.Hour, "how long from now, at most 720h")
	return c
}

func opsSwitchProvider(who *operatorFlags) *cobra.Command {
	var q workflows.SwitchProviderRequest
	c := opsVerb(who, "switch-provider", "End the open face session, and open the next one at another provider", workflows.UpdateSwitchProvider,
		func() (any, string) { return q, first(q.Provider, "next of the policy") },
		func(out workflows.Switched) string {
			return fmt.Sprintf("session %d is the newest; %s serves the person from here on", out.Session, out.Provider)
		})
	c.Flags().IntVar(&q.Session, "session", 0, "refuse unless this session is the open one (default: any)")
	c.Flags().StringVar(&q.Provider, "to", "", "a provider of the policy (default: the next one)")
	c.Flags().BoolVar(&q.Force, "force", false, "switch even if the person has begun or the vendor cannot tell")
	return c
}

func opsToReview(who *operatorFlags) *cobra.Command {
	var code string
	c := opsVerb(who, "to-review", "Call no vendor any more, and have a human decide", workflows.UpdateToReview,
		func() (any, string) {
			return workflows.ToReviewRequest{Reason: verification.ReasonCode(code)}, word(code)
		},
		func(out workflows.SentToReview) string { return "it is " + string(out.Status) })
	c.Flags().StringVar(&code, "code", string(verification.ReviewByOperator), "a reason code that leads to review")
	return c
}

// word is a reason's code, if it is one: whatever else was typed is not logged.
func word(code string) string {
	if _, known := verification.ReasonCode(code).Describe(); known {
		return code
	}
	return ""
}

func opsResend(who *operatorFlags) *cobra.Command {
	var event, endpoint string
	c := &cobra.Command{
		Use: "resend ID", Short: "Send the events of a verification again", Args: oneVerification,
		RunE: func(c *cobra.Command, args []string) error {
			op, err := who.operation(workflows.UpdateResend, nil, first(endpoint, "every endpoint"))
			if err != nil {
				return err
			}
			return who.onOne(c, args[0], func(s *starter.Starter, id string) error {
				return runResend(c.Context(), s, id, event, endpoint, op, c.OutOrStdout())
			})
		},
	}
	c.Flags().StringVar(&event, "event", "", "only this event (default: all of the verification)")
	c.Flags().StringVar(&endpoint, "endpoint", "", "only to this endpoint (default: all that subscribe to them)")
	return c
}

func runResend(ctx context.Context, s *starter.Starter, id, event, endpoint string, op starter.Operation, out io.Writer) error {
	n, err := s.ResendAudited(ctx, id, event, endpoint, op)
	if err != nil {
		return operateError(id, err)
	}
	_, err = fmt.Fprintf(out, "%d events are being sent; `yanzhen webhook list` shows the results\n", n)
	return err
}
