package cmd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
)

func healthcheckCommand() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check whether the worker or api on this machine is ready",
		Long: `Check whether the process with the ops port YANZHEN_OPS_LISTEN is ready, and exit with
0 if it is. It serves container images that have no other HTTP client.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if address == "" {
				address = readyAddress(os.Getenv(settings.Prefix + "OPS_LISTEN"))
			}
			return askHealth(c.Context(), address)
		},
	}
	c.Flags().StringVar(&address, "url", "", "query this address instead")
	return c
}

// readyAddress is where a process that listens there can be asked from the
// same machine.
func readyAddress(listen string) string {
	for _, s := range settings.Of(config.Config{}) {
		if s.Name == settings.Prefix+"OPS_LISTEN" && listen == "" {
			listen = s.Default
		}
	}
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		listen = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + listen + "/readyz"
}

func askHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return exit(exitUsage, "--url is no address")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no answer from %s (YANZHEN_OPS_LISTEN says where worker and api serve it): %w", address, unwrapURL(err))
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: HTTP %d: %s", res.StatusCode, text)
	}
	return nil
}
