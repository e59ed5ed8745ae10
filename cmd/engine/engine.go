// Package engine connects to Temporal and sets it up: the namespace, its retention
// and search attributes, and the versions of worker deployments.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"
)

// Options returns the client options that Temporal's own settings name
// (TEMPORAL_ADDRESS and the others of its environment configuration).
func Options(logger *slog.Logger) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("temporal's settings (TEMPORAL_* and its profile file): %w", err)
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	o.Logger = log.NewStructuredLogger(logger)
	return o, nil
}

// Dial connects with the options of Temporal's settings. The error says where
// it looked and how to point it elsewhere.
func Dial(ctx context.Context, o client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	// Nobody publishes how to speak to Temporal in DNS, and gRPC would not connect
	// before that question is answered: where names of this network alone are
	// resolved, as on Docker's internal networks, it never is.
	o.ConnectionOptions.DialOptions = append(slices.Clip(o.ConnectionOptions.DialOptions), grpc.WithDisableServiceConfig())
	if o.ConnectionOptions.GrpcCompression == nil && loopback(o.HostPort) {
		// Within a machine it only costs: both ends pack and unpack what no wire carries.
		o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (set TEMPORAL_ADDRESS, or start everything with `yanzhen dev`): %w", o.HostPort, err)
	}
	return c, nil
}

// loopback reports whether an address is this machine's own.
func loopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// oldest is the first server version whose Update-with-Start, by which every
// verification begins, is generally available.
var oldest = [2]int{1, 28}

// CheckVersion refuses a server that is too old for us. One whose version
// cannot be read is taken: hosted services name theirs as they like.
func CheckVersion(ctx context.Context, c client.Client) error {
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return fmt.Errorf("asking the Temporal server for its version: %w", err)
	}
	return versionFault(info.GetServerVersion())
}

func versionFault(version string) error {
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 {
		return nil
	}
	if major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		return fmt.Errorf("the Temporal server at TEMPORAL_ADDRESS has version %s: upgrade it to %d.%d or later", version, oldest[0], oldest[1])
	}
	return nil
}

// NotYet reports whether an error of this package may mend itself while others
// start: the server does not answer, or not for this namespace yet. Refused
// credentials do not.
func NotYet(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	_, unavailable := errors.AsType[*serviceerror.Unavailable](err)
	_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
	_, noNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, noNamespaceYet := errors.AsType[*serviceerror.NotFound](err)
	return unavailable || late || noNamespace || noNamespaceYet || errors.Is(err, ErrSetup) || errors.Is(err, errNotShown)
}
