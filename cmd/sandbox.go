package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// sandboxOptions are the flags of sandbox.
type sandboxOptions struct {
	listen, publicURL, forward, state, chipKeys string
}

// stateKey names the variable with the key that seals --state. It is no flag,
// because everybody on a machine sees those.
const stateKey = "SANDBOX_STATE_KEY"

func sandboxCommand() *cobra.Command {
	var o sandboxOptions
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the stand-in vendors",
		Long: `Serve the stand-in vendors on one address. To use them, set for worker and api:

  ` + strings.Join(sandbox.Settings("127.0.0.1:8090", chipKeysFile), "\n  ") + `

where ` + chipKeysFile + ` is the response of http://127.0.0.1:8090` + sandbox.ChipKeysPath + ` of the
running stand-ins, or the private half of --chip-keys.

A restart loses everything, unless --state names a file for sessions, scans and
people. It is encrypted with the key in ` + stateKey + `, 32 random hex digits.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runSandbox(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8090", "the address to listen on")
	c.Flags().StringVar(&o.publicURL, "public-url", "", "the address as browsers reach it, if different")
	c.Flags().StringVar(&o.forward, "forward", "", "FROM=TO: also listen on FROM, on loopback, and forward everything to TO, the api")
	c.Flags().StringVar(&o.state, "state", "", "a file that keeps sessions, scans and people over a restart")
	c.Flags().StringVar(&o.chipKeys, "chip-keys", "", "a JWK set with the public keys to encrypt chip tokens to (default: generated)")
	return c
}

func runSandbox(ctx context.Context, o sandboxOptions, out, logs io.Writer) error {
	cfg, err := load(os.Environ(), config.Needs{})
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(logs, cfg.LogLevel.String(), cfg.LogFormat)
	if err != nil {
		return err
	}
	vendors, err := o.vendors(log)
	if err != nil {
		return err
	}
	l, err := listen(o.listen, "--listen")
	if err != nil {
		return err
	}
	if o.forward != "" {
		var f config.Forward
		if f.UnmarshalText([]byte(o.forward)) != nil {
			return exit(exitUsage, "--forward must be a pair such as 127.0.0.1:8080=api:8080, the first address on loopback")
		}
		to, err := listen(f.From, "--forward")
		if err != nil {
			return err
		}
		defer to.Close()
		go forward(to, f.To)
	}
	fmt.Fprintf(out, "The stand-in vendors serve on http://%s; calls and charges: http://%s/sandbox/ledger\n", l.Addr(), l.Addr())
	return serve(ctx, l, vendors.Handler(), log)
}

// vendors are the stand-ins with what they remember.
func (o sandboxOptions) vendors(log *slog.Logger) (*sandbox.Sandbox, error) {
	c, err := sandbox.ConfigOf(o.chipKeys)
	if err != nil {
		return nil, fmt.Errorf("--chip-keys: %w", err)
	}
	c.PublicURL, c.Logger = o.publicURL, log
	if err := c.Validate(); err != nil {
		return nil, exit(exitUsage, "--public-url: %w", err)
	}
	s := sandbox.New(c)
	if o.state != "" {
		if err := s.Keep(o.state, os.Getenv(stateKey)); err != nil {
			return nil, fmt.Errorf("--state, sealed by %s: %w", stateKey, err)
		}
	}
	return s, nil
}
