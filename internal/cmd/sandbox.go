package cmd

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sandbox"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

func sandboxCommand() *cobra.Command {
	var addr, public, pass, state, chipKeys string
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the stand-in vendors: Tencent, Megvii, Sino Connect, AceData",
		Long: `Serve the stand-in vendors on one address. Point a worker and an api at them:

  ` + strings.Join(standInSettings("127.0.0.1:8090", chipKeysFile), "\n  ") + `

where ` + chipKeysFile + ` is what http://127.0.0.1:8090/sandbox/sino/keys answers once the
stand-ins are up, or the private half of --chip-keys.

A restart forgets everything, unless --state names a file for sessions, scans and
people. They are sealed in it: ` + stateKey + ` is the key, 32 random hex digits.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(os.Environ(), config.Needs{})
			if err != nil {
				return err
			}
			log, err := telemetry.NewLogger(c.ErrOrStderr(), cfg.LogLevel.String(), cfg.LogFormat)
			if err != nil {
				return err
			}
			l, err := listen(addr, "--listen")
			if err != nil {
				return err
			}
			if pass != "" {
				var f config.Forward
				if f.UnmarshalText([]byte(pass)) != nil {
					return exit(exitUsage, "--forward must be a pair such as 127.0.0.1:8080=api:8080, the first address on loopback")
				}
				to, err := listen(f.From, "--forward")
				if err != nil {
					return err
				}
				defer to.Close()
				go forward(to, f.To)
			}
			sc, err := standIns(chipKeys)
			if err != nil {
				return fmt.Errorf("--chip-keys: %w", err)
			}
			sc.PublicURL, sc.Logger = public, log
			if err := sc.Validate(); err != nil {
				return exit(exitUsage, "--public-url: %w", err)
			}
			s := sandbox.New(sc)
			if state != "" {
				if err := s.Keep(state, os.Getenv(stateKey)); err != nil {
					return fmt.Errorf("--state, sealed by %s: %w", stateKey, err)
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "The stand-in vendors serve on http://%s; calls and charges: http://%s/sandbox/ledger\n", l.Addr(), l.Addr())
			return serve(c.Context(), l, s.Handler(), log)
		},
	}
	c.Flags().StringVar(&addr, "listen", "127.0.0.1:8090", "where to serve")
	c.Flags().StringVar(&public, "public-url", "", "their address as browsers reach it, if it is another one")
	c.Flags().StringVar(&pass, "forward", "", "FROM=TO: listen on FROM, on loopback, and pass everything on to TO, where the api is")
	c.Flags().StringVar(&state, "state", "", "a file in which sessions, scans and people outlive a restart")
	c.Flags().StringVar(&chipKeys, "chip-keys", "", "a JWK set with the public keys to which chip tokens are sealed (by default they make their own)")
	return c
}

// stateKey names the variable with the key that seals --state. It is no flag,
// because everybody on a machine sees those.
const stateKey = "SANDBOX_STATE_KEY"
