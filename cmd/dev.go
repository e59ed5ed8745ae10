package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// devOptions are the flags of dev.
type devOptions struct {
	data string
	once bool
	// quiet brings the stack up and shows no verifications; for tests.
	quiet bool
	// headless leaves the Temporal UI out; for tests.
	headless bool
	ports    devPorts
	// returnURLs are further ones of the client dev.
	returnURLs []string
	// webhook is where the client dev's events are sent; empty: nowhere.
	webhook string
	// catalogue is a file whose clients, reviewers and policies are taken too.
	catalogue string
	// logs are settings of the log.
	logs []string
	// flow is the life of a session at Megvii's stand-in; 0: devFlow.
	flow time.Duration
	// ready, if not nil, hears of the running stack; for tests.
	ready func(context.Context, devState) error
}

func devCommand() *cobra.Command {
	o, ports, env := devOptions{ports: usualPorts}, portFlags{}, false
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole stack on this machine, with stand-in vendors",
		Long: `Run everything on this machine: a Temporal server with its UI (the temporal command
on PATH, or else the pinned version, built once), stand-in vendors, worker, API
and a SQLite store. It runs one verification of each policy, then keeps the stack
up until Ctrl-C. Its policies wait seconds where production waits hours, and have
no daily caps.

The built-in client is "dev"; its key is stored in the data folder. YANZHEN_CONFIG
adds the clients, reviewers and policies of a file. YANZHEN_API_LISTEN,
YANZHEN_OPS_LISTEN, YANZHEN_LOG_LEVEL and YANZHEN_LOG_FORMAT apply too; other
settings are rejected.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if env {
				return printEnv(dataDir(o.data), c.OutOrStdout())
			}
			if err := ports.read(c); err != nil {
				return err
			}
			if err := checkClient(devClient, o.returnURLs...); err != nil {
				return exit(exitUsage, "--return-url: %w", err)
			}
			if err := o.takeSettings(os.Environ()); err != nil {
				return err
			}
			return runDev(c.Context(), o, c.OutOrStdout())
		},
	}
	ports.register(c, &o.ports)
	c.Flags().StringArrayVar(&o.returnURLs, "return-url", nil, "another URL to which the client dev may return browsers; may be repeated")
	c.Flags().StringVar(&o.webhook, "webhook", "", "a URL to which the client dev's events are sent, such as http://localhost:3000/webhooks/yanzhen")
	c.Flags().BoolVar(&env, "env", false, "print API, KEY and WEBHOOK_SECRET of the running stack for a shell, and exit")
	c.Flags().StringVar(&o.data, "data", "", "the data folder (default: yanzhen/dev in the user's cache folder)")
	c.Flags().BoolVar(&o.once, "once", false, "exit after the verifications")
	return c
}

// errDone ends the stack in good order.
var errDone = errors.New("done")

// runDev brings the stack up, shows its verifications and keeps the stack up
// until ctx ends.
func runDev(ctx context.Context, o devOptions, out io.Writer) error {
	out = &lineWriter{to: out}
	began := time.Now()
	dir, err := filepath.Abs(dataDir(o.data))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	release, err := devstack.Hold(filepath.Join(dir, "lock"))
	if errors.Is(err, devstack.ErrHeld) {
		return fmt.Errorf("another `yanzhen dev` runs in %s: use it, stop it, or name another folder with --data", dir)
	}
	if err != nil {
		return err
	}
	defer release()

	binary, err := devstack.Temporal(ctx, out)
	if err != nil {
		return err
	}
	s, err := startStack(ctx, dir, binary, o, out)
	if err != nil {
		return err
	}
	err = s.run(ctx, func(ctx context.Context) error {
		fmt.Fprintf(out, "Up after %.1f s.\n\n", time.Since(began).Seconds())
		return s.demonstrate(ctx, o, out)
	})
	if ctx.Err() != nil || errors.Is(err, errDone) {
		fmt.Fprintln(out, "Stopped.")
		return nil
	}
	return err
}

// stack is the running local stack.
type stack struct {
	dir       string
	state     devState
	log       *slog.Logger
	logFile   *os.File
	server    *devstack.Server
	parts     *parts
	standIns  http.Handler
	listeners struct{ api, ops, sandbox, receiver net.Listener }
	// hooks prints what is sent to the receiver.
	hooks http.Handler
}

// startStack starts the server and connects to it; what it opened is closed again
// if it fails.
func startStack(ctx context.Context, dir, binary string, o devOptions, out io.Writer) (_ *stack, err error) {
	s := &stack{dir: dir}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	temporalPort, uiPort, err := s.listen(o, out)
	if err != nil {
		return nil, err
	}
	if err := s.receive(o, out); err != nil {
		return nil, err
	}
	state, cfg, err := prepare(dir, s.state, o)
	if err != nil {
		return nil, err
	}
	if s.logFile, err = os.OpenFile(filepath.Join(dir, "yanzhen.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if s.log, err = telemetry.NewLogger(s.logFile, cfg.LogLevel.String(), cfg.LogFormat); err != nil {
		return nil, err
	}
	sc, err := sandbox.ConfigOf(filepath.Join(dir, chipPublicKeysFile))
	if err != nil {
		return nil, err
	}
	sc.Megvii.FlowTTL, sc.Logger = cmp.Or(o.flow, devFlow), s.log.With("part", "sandbox")
	s.standIns = sandbox.New(sc).Handler()

	fmt.Fprintln(out, "Starting the Temporal server …")
	go api.Prepare()
	s.server, err = devstack.StartTemporal(ctx, devstack.Options{SearchAttributes: workflows.SearchAttributes(),
		Binary: binary, DBFile: filepath.Join(dir, "temporal.db"), LogFile: filepath.Join(dir, "temporal.log"),
		Port: temporalPort, UIPort: uiPort, Headless: o.headless,
	})
	if err != nil {
		return nil, err
	}
	state.Temporal, state.TemporalUI, state.Namespace = s.server.HostPort, s.server.UI, s.server.Namespace
	s.state = state
	if err := migrate(ctx, cfg.Store, func(string) {}); err != nil {
		return nil, err
	}
	s.parts, err = open(ctx, cfg, s.log, client.Options{
		HostPort: s.server.HostPort, Namespace: s.server.Namespace, Logger: temporallog.NewStructuredLogger(s.log),
	})
	if err != nil {
		return nil, err
	}
	s.parts.works = true
	return s, s.state.write(dir)
}

func (s *stack) listen(o devOptions, out io.Writer) (temporalPort, uiPort int, err error) {
	l := &s.listeners
	for _, p := range []struct {
		port devPort
		what string
		into *net.Listener
		url  *string
	}{
		{o.ports.api, "the API", &l.api, &s.state.API},
		{o.ports.ops, "the ops port", &l.ops, &s.state.Ops},
		{o.ports.sandbox, "the stand-in vendors", &l.sandbox, &s.state.Sandbox},
	} {
		if *p.into, err = listenLocal(p.port, p.what, out); err != nil {
			return 0, 0, err
		}
		*p.url = "http://" + (*p.into).Addr().String()
	}
	if temporalPort, err = freeLocal(o.ports.temporal, "the Temporal server", out); err != nil || o.headless {
		return temporalPort, 0, err
	}
	uiPort, err = freeLocal(o.ports.ui, "the Temporal UI", out)
	return temporalPort, uiPort, err
}

// run runs every part until ctx ends, one fails, or the script returns an
// error. The Temporal server is stopped last.
func (s *stack) run(ctx context.Context, script func(context.Context) error) error {
	defer s.close()
	g, ctx := errgroup.WithContext(ctx)
	l := s.listeners
	g.Go(func() error { return serve(ctx, l.sandbox, s.standIns, s.log) })
	g.Go(func() error { return serve(ctx, l.receiver, s.hooks, s.log) })
	g.Go(func() error { return s.parts.runWorker(ctx) })
	g.Go(func() error { s.parts.watchKeys(ctx); return nil })
	g.Go(func() error { return s.parts.runAPI(ctx, l.api) })
	g.Go(func() error { return s.parts.runOps(ctx, l.ops) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-s.server.Done():
			return s.server.Err()
		}
	})
	g.Go(func() error {
		if err := awaitReady(ctx, s.state.Ops); err != nil {
			return err
		}
		return script(ctx)
	})
	err := g.Wait()
	if err == nil || errors.Is(err, errDone) {
		return err
	}
	// Whoever talked to a dying server may have failed a moment before its
	// death was seen; the death is the cause.
	select {
	case <-s.server.Done():
		return s.server.Err()
	case <-time.After(time.Second):
		return err
	}
}

func (s *stack) close() {
	for _, l := range []net.Listener{s.listeners.api, s.listeners.ops, s.listeners.sandbox, s.listeners.receiver} {
		if l != nil {
			l.Close()
		}
	}
	if s.parts != nil {
		_ = s.parts.close()
	}
	if s.server != nil {
		s.server.Stop()
	}
	if s.logFile != nil {
		s.logFile.Close()
	}
}

// awaitReady waits until the API could serve.
func awaitReady(ctx context.Context, ops string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s/readyz does not report ready: %w", ops, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// devFlow is the life of a session at Megvii's stand-in. Nobody polls that
// vendor, so its clock is what an abandoned session waits for.
const devFlow = time.Minute

// devPolicies are the verifications that dev runs, one a policy.
var devPolicies = []struct {
	policy, what string
	chip         bool
	outcomes     []string
	want         string
}{
	{"cn-resident", "a person is named; records, and the face at Tencent", false, []string{"approved"}, "approved"},
	{"cn-chip", "no person is named: the chip identifies the holder; records, and the face at Tencent", true, []string{"approved"}, "approved"},
	{"cn-chip-capture", "the chip; records; a captured face, compared with the chip's portrait", true, []string{"same-face"}, "approved"},
	{"cn-resident-megvii", "the same with the face at Megvii, which reports the end itself", false, []string{"approved"}, "approved"},
	{"cn-no-face", "the chip and records, no face: a human decides", true, nil, "review"},
}

// demonstrate runs one verification a policy in the open and prints where to look.
func (s *stack) demonstrate(ctx context.Context, o devOptions, out io.Writer) error {
	if !o.quiet {
		c, err := newCaller(s.state.API, s.state.APIKey)
		if err != nil {
			return err
		}
		id := ""
		for _, d := range devPolicies {
			fmt.Fprintf(out, "%s: %s\n", d.policy, d.what)
			v, err := runDemo(ctx, c, demoOptions{
				policy: d.policy, chip: d.chip, sandbox: s.state.Sandbox, outcomes: d.outcomes, notify: "both",
				stage: defaultStage, pause: 100 * time.Millisecond, timeout: 2 * time.Minute,
			}, out, nil)
			if err != nil {
				return fmt.Errorf("the verification: %w (logs: %s)", err, s.dir)
			}
			if v.Outcome == nil || *v.Outcome != d.want {
				return fmt.Errorf("the verification should have ended with %s (logs: %s)", d.want, s.dir)
			}
			id = first(id, v.Id)
		}
		s.links(id, out)
	}
	if o.ready != nil {
		if err := o.ready(ctx, s.state); err != nil {
			return err
		}
	}
	if o.once {
		return errDone
	}
	return nil
}

func (s *stack) links(id string, out io.Writer) {
	for _, l := range [][2]string{
		{"the first's run", s.state.TemporalUI + "/namespaces/default/workflows/" + id},
		{"read it", fmt.Sprintf("curl -H 'Authorization: Bearer %s' %s/v1/verifications/%s", s.state.APIKey, s.state.API, id)},
		{"for curl", s.state.env()},
		{"the contract", s.state.API + "/openapi.yaml"},
		{"vendor calls", s.state.Sandbox + "/sandbox/ledger"},
		{"health", s.state.Ops + "/readyz, " + s.state.Ops + "/metrics"},
		{"data and logs", s.dir},
		{"play the person", self() + " demo" + s.dataFlag() + "   (prints a link to the stand-in's page; --help shows how to end it otherwise)"},
	} {
		fmt.Fprintf(out, "  %-16s %s\n", l[0], l[1])
	}
	fmt.Fprint(out, "\nCtrl-C stops everything.\n")
}

// dataFlag is what other commands need to find a stack in an unusual folder.
func (s *stack) dataFlag() string {
	if usual, err := filepath.Abs(dataDir("")); err != nil || s.dir == usual {
		return ""
	}
	return " --data " + s.dir
}

// self is how this binary is called: by `go run` or by its name.
func self() string {
	if strings.Contains(os.Args[0], string(filepath.Separator)+"go-build") {
		return "go run ."
	}
	return os.Args[0]
}

func trimScheme(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	return rest
}
