package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sandbox"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

func sandboxCommand() *cobra.Command {
	var addr, public, pass string
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve the stand-in vendors: Tencent, Megvii, Sino Connect, AceData",
		Long: `Serve the stand-in vendors on one address. Point a worker and an api at them:

  YANZHEN_TENCENT_SCHEME=http YANZHEN_TENCENT_ENDPOINT=127.0.0.1:8090/tencent
  YANZHEN_TENCENT_SECRET_ID=` + sandbox.DefaultSecretID + `
  YANZHEN_TENCENT_SECRET_KEY=` + sandbox.DefaultSecretKey + `
  YANZHEN_TENCENT_MERCHANT_ID=` + sandbox.DefaultMerchantID + `
  YANZHEN_MEGVII_BASE_URL=http://127.0.0.1:8090/megvii
  YANZHEN_MEGVII_API_KEY=` + sandbox.DefaultMegviiKey + `
  YANZHEN_MEGVII_API_SECRET=` + sandbox.DefaultMegviiSecret + `
  YANZHEN_ACEDATA_BASE_URL=http://127.0.0.1:8090/acedata
  YANZHEN_ACEDATA_TOKEN=` + sandbox.DefaultAceDataToken + `

For chips, faces without a verdict, and their comparison also

  YANZHEN_SINO_BASE_URL=http://127.0.0.1:8090/sino
  YANZHEN_SINO_CLIENT_ID=` + sandbox.DefaultSinoClientID + `
  YANZHEN_SINO_CLIENT_SECRET=` + sandbox.DefaultSinoClientSecret + `
  YANZHEN_SINO_JWKS=chip-keys.json
  YANZHEN_TENCENT_IAI_ENABLED=true YANZHEN_TENCENT_IAI_SCHEME=http
  YANZHEN_TENCENT_IAI_ENDPOINT=127.0.0.1:8090/iai

where chip-keys.json is what http://127.0.0.1:8090/sandbox/sino/keys answers,
once the stand-ins are up.

Nothing is kept: a restart forgets sessions, people and the ledger.`,
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
			sc := sandbox.DefaultConfig()
			sc.PublicURL, sc.Logger = public, log
			fmt.Fprintf(c.OutOrStdout(), "The stand-in vendors serve on http://%s; calls and charges: http://%s/sandbox/ledger\n", l.Addr(), l.Addr())
			return serve(c.Context(), l, sandbox.New(sc).Handler(), log)
		},
	}
	c.Flags().StringVar(&addr, "listen", "127.0.0.1:8090", "where to serve")
	c.Flags().StringVar(&public, "public-url", "", "their address as browsers reach it, if it is another one")
	c.Flags().StringVar(&pass, "forward", "", "FROM=TO: listen on FROM, on loopback, and pass everything on to TO, where the api is")
	return c
}
