package cmd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/verification"
)

// devPort is a port of the local stack. One that was asked for is refused where
// it is taken; a usual one is replaced by a free one.
type devPort struct {
	number int
	asked  bool
}

type devPorts struct{ api, ops, sandbox, temporal, ui devPort }

var usualPorts = devPorts{
	api: devPort{number: 8080}, ops: devPort{number: 9090}, sandbox: devPort{number: 8090},
	temporal: devPort{number: 7233}, ui: devPort{number: 8233},
}

// portFlags are the flags that ask for ports, read once the command line is.
type portFlags map[string]*devPort

func (p portFlags) register(c *cobra.Command, ports *devPorts) {
	for _, f := range []struct {
		name, what string
		port       *devPort
	}{
		{"api-port", "the API", &ports.api}, {"ops-port", "health and metrics", &ports.ops}, {"sandbox-port", "the stand-in vendors", &ports.sandbox},
		{"temporal-port", "the Temporal server", &ports.temporal}, {"ui-port", "the Temporal UI", &ports.ui},
	} {
		c.Flags().IntVar(&f.port.number, f.name, f.port.number, "the port of "+f.what)
		p[f.name] = f.port
	}
}

func (p portFlags) read(c *cobra.Command) error {
	for name, port := range p {
		if port.asked = c.Flags().Changed(name); port.asked && (port.number < 1 || port.number > 65535) {
			return exit(exitUsage, "--%s %d is no port", name, port.number)
		}
	}
	return nil
}

// takeSettings takes what dev heeds of the environment, and refuses what it would
// ignore: whoever set it means it. Flags stand above it.
func (o *devOptions) takeSettings(environ []string) error {
	var faults []error
	refuse := func(name, why string) { faults = append(faults, fmt.Errorf("%s: %s", name, why)) }
	for _, line := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(line, "=")
		ours, is := strings.CutPrefix(name, settings.Prefix)
		switch {
		case value == "":
		case name == "TEMPORAL_ADDRESS", name == "TEMPORAL_NAMESPACE":
			refuse(name, "dev brings a Temporal server of its own: unset it, or run `yanzhen worker` and `yanzhen api`")
		case !is || strings.HasPrefix(ours, "TEST_"), ours == "API", ours == "API_KEY": // the last two are for who calls an API
		case ours == "LOG_LEVEL", ours == "LOG_FORMAT":
			o.logs = append(o.logs, line)
		case ours == "CONFIG":
			o.catalogue = value
		case ours == "API_LISTEN", ours == "OPS_LISTEN":
			into := map[string]*devPort{"API_LISTEN": &o.ports.api, "OPS_LISTEN": &o.ports.ops}[ours]
			number, err := loopbackPort(value)
			if err != nil {
				refuse(name, err.Error())
			} else if !into.asked {
				*into = devPort{number, true}
			}
		default:
			refuse(name, "dev sets this itself, for the stand-ins: unset it, or run `yanzhen worker` and `yanzhen api`")
		}
	}
	if len(faults) > 0 {
		return exit(exitUsage, "dev would ignore these settings of the environment; unset them:\n  - %s", strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "\n  - "))
	}
	return nil
}

func loopbackPort(address string) (int, error) {
	host, port, err := net.SplitHostPort(address)
	number, wrong := strconv.Atoi(port)
	if err != nil || wrong != nil || host != "127.0.0.1" && host != "localhost" {
		return 0, errors.New("dev listens on this machine only: write 127.0.0.1 and a port")
	}
	return number, nil
}

// addCatalogue adds the clients, reviewers and policies of a catalogue to those of
// the local stack. A policy of the same name takes the local one's place.
func addCatalogue(cfg *config.Config, path string, from []string) error {
	other, err := load(append(slices.Clone(from), "YANZHEN_CONFIG="+path), config.Needs{Keys: true, Providers: true, CheckAccess: checkAccess})
	if err != nil {
		return err
	}
	cfg.Clients = append(cfg.Clients, other.Clients...)
	cfg.Reviewers = append(cfg.Reviewers, other.Reviewers...)
	if err := checkAccess(cfg.Clients, cfg.Reviewers); err != nil {
		return fmt.Errorf("YANZHEN_CONFIG: %s, beside the local stack's own client %q: %w", path, devClient, err)
	}
	builtIn := config.BuiltIn()
	maps.DeleteFunc(other.Policies, func(name string, p verification.Policy) bool {
		built, known := builtIn[name]
		return known && built.Version == p.Version // not in the file
	})
	maps.Copy(cfg.Policies, other.Policies)
	return nil
}
