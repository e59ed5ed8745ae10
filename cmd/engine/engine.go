// Package engine connects to Temporal and sets it up: the namespace, its retention
// and search attributes, and the versions of worker deployments.
package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"
)

// Options returns the client options that Temporal's own settings name
// (TEMPORAL_ADDRESS and the others of its environment configuration) in an
// environment, as os.Environ gives it.
func Options(environ []string, logger *slog.Logger) (client.Options, error) {
	o, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: lookup(environ)})
	if err != nil {
		return o, fmt.Errorf("temporal's settings (TEMPORAL_* and its profile file): %w", err)
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if _, _, err := net.SplitHostPort(o.HostPort); !strings.Contains(o.HostPort, ":///") && err != nil { // gRPC has forms of its own, such as dns:///
		return o, fmt.Errorf("TEMPORAL_ADDRESS (or the profile file) must be host:port, such as 127.0.0.1:7233, and %q is not", o.HostPort)
	}
	o.Logger = log.NewStructuredLogger(logger)
	return o, nil
}

// lookup is an environment; of a name that is there twice the last counts.
type lookup []string

func (l lookup) Environ() []string { return l }

func (l lookup) LookupEnv(name string) (string, bool) {
	for _, line := range slices.Backward(l) {
		if key, value, _ := strings.Cut(line, "="); key == name {
			return value, true
		}
	}
	return "", false
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
	if ends, ok := CertificateEnds(o); err != nil && ok && time.Now().After(ends) {
		// The server's word on it comes as a broken connection.
		return nil, fmt.Errorf("the client certificate for the Temporal server at %s ended on %s: renew the one that TEMPORAL_TLS_CLIENT_CERT_PATH names (or …_DATA, or the profile file)",
			o.HostPort, ends.UTC().Format(time.DateTime))
	}
	if err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (set TEMPORAL_ADDRESS, or start everything with `yanzhen dev`)%s: %w", o.HostPort, hint(o), err)
	}
	return c, nil
}

// hint says what gRPC's own error does not: that the name is unknown, or that TLS is
// spoken.
func hint(o client.Options) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if host, _, err := net.SplitHostPort(o.HostPort); err == nil {
		_, err = net.DefaultResolver.LookupHost(ctx, host)
		if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
			return fmt.Sprintf(": the name %q is unknown here", host)
		}
	}
	if o.ConnectionOptions.TLS != nil {
		return ", with TLS, because TEMPORAL_TLS, TEMPORAL_API_KEY or a certificate is set"
	}
	return ""
}

// CertificateEnds is when the client certificate ends with which the options connect;
// false: there is none.
func CertificateEnds(o client.Options) (time.Time, bool) {
	if o.ConnectionOptions.TLS == nil {
		return time.Time{}, false
	}
	for _, c := range o.ConnectionOptions.TLS.Certificates {
		leaf := c.Leaf
		if leaf == nil && len(c.Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(c.Certificate[0])
		}
		if leaf != nil {
			return leaf.NotAfter, true
		}
	}
	return time.Time{}, false
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
