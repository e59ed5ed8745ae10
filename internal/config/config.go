package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Config is the configuration of a process. Its tags are those of
// internal/settings.
type Config struct {
	File        string        `env:"CONFIG" help:"The catalogue: YAML with clients, their keys' hashes and return URLs, and policies. Without it there are no clients and only the built-in policies."`
	API         string        `env:"API_LISTEN" envDefault:"127.0.0.1:8080" help:"Where the API listens."`
	Ops         string        `env:"OPS_LISTEN" envDefault:"127.0.0.1:9090" help:"Where health, readiness and metrics are served. Do not expose it."`
	PublicURL   string        `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080" help:"The API's address as browsers and vendors reach it; callbacks use it. https, except on loopback."`
	Store       string        `env:"STORE" envDefault:"sqlite:yanzhen.db" secret:"dsn" help:"The store: sqlite:PATH or postgres://…"`
	Keys        string        `env:"KEYS" help:"The key file (a JWK set), the same for every process. yanzhen setup --make-keys creates one."`
	KeysUnwrap  string        `env:"KEYS_UNWRAP" help:"For an encrypted key file: a command that reads it on standard input and prints the JWK set, such as age -d -i /etc/yanzhen/age.key. Split at spaces; no shell."`
	BackupsKept time.Duration `env:"BACKUPS_KEPT" envDefault:"0s" help:"How long you keep backups of the store: the receipt of an erasure states when the last one with the person is deleted. 0s: it states that this is unknown."`
	LogLevel    slog.Level    `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error."`
	LogFormat   string        `env:"LOG_FORMAT" envDefault:"json" help:"json or text."`

	Traces string `env:"TRACES" help:"file:PATH appends the traces of each process to a file, one span per line, in addition to what OpenTelemetry's variables export (operations.md)."`

	StartPatience  time.Duration `env:"START_PATIENCE" envDefault:"5m" help:"How long worker, api and setup wait at start for Temporal, the store and what setup creates. 0s: they do not wait."`
	Deployment     string        `env:"DEPLOYMENT" help:"The worker deployment of the workers, such as yanzhen: each verification then ends on the version that it started on, and a new version waits for yanzhen deploy promote. Without it workers have no versions. Requires Temporal 1.29.1."`
	SandboxForward Forward       `env:"SANDBOX_FORWARD" help:"For stand-in vendors on another host, never for real ones: the worker listens on the first address, on loopback, and forwards everything to the second, such as 127.0.0.1:8090=sandbox:8090."`

	Webhooks Webhooks `envPrefix:"WEBHOOK_"`

	Caller Caller

	// Vendors are those of the list, in its order, with what they were told.
	Vendors []Vendor

	// Clients, Reviewers and Policies come from the catalogue; Policies is keyed by name
	// and holds the built-in ones too. Where providers are needed, it holds only
	// those of them that the configured providers can run.
	Clients   []Client
	Reviewers []Reviewer
	Policies  map[string]verification.Policy
	// Retentions say how long what is kept; see RetentionOf.
	Retentions []Retention
	// Brands are what the person's page shows of each client, by its id.
	Brands map[string]brand.Brand

	// consents are the consent texts, by purpose.
	consents map[verification.Purpose]consentText
	// written names the policies that the catalogue holds.
	written map[string]bool
	// older: a client is in the older form, and missing from Clients.
	older bool
}

// Caller is what the commands that only talk to an API need.
type Caller struct {
	API    string `env:"API" help:"For start and status: the API to talk to."`
	APIKey string `env:"API_KEY" secret:"all" help:"For start and status: the key."`
}

// Vendor is a vendor with its settings.
type Vendor struct {
	provider.Vendor
	Settings provider.Settings
}

// On reports whether the vendor is configured.
func (v Vendor) On() bool { return settings.On(v.Settings) }

// remote returns the setting that names a host of the vendor which is not this
// machine; "": none does.
func (v Vendor) remote() string {
	for _, s := range settings.Of(v.Settings) {
		if address := s.Value(v.Settings); s.Address && address != "" {
			if host, ok := settings.Host(address); !ok || !settings.Loopback(host) {
				return s.Name
			}
		}
	}
	return ""
}

// Registry makes the clients of every vendor that is configured.
func (c *Config) Registry(log *slog.Logger) (*provider.Registry, error) {
	r := &provider.Registry{}
	var errs []error
	for _, v := range c.Vendors {
		if v.On() {
			errs = append(errs, v.Settings.Register(r, log))
			r.Describe(v.Vendor)
		}
	}
	return r, errors.Join(errs...)
}

// Price is what an operation of a vendor costs; false: nobody said.
func (c *Config) Price(name, operation string) (amount float64, currency string, known bool) {
	for _, v := range c.Vendors {
		if s, ok := v.Settings.(provider.Priced); ok && v.Name == name {
			m := s.Costs(operation)
			return m.Amount, m.Currency, m.Currency != ""
		}
	}
	return 0, "", false
}

// Switches are the configured switches of the vendors that have one, by name: on, drain
// or off.
func (c *Config) Switches() map[string]string {
	out := map[string]string{}
	for _, v := range c.Vendors {
		if s, ok := v.Settings.(provider.Switched); ok {
			out[v.Name] = *s.State()
		}
	}
	return out
}

// String prints the effective settings with secrets masked, as NAME=value
// lines, then the names of clients, reviewers and policies.
func (c Config) String() string {
	var b strings.Builder
	b.WriteString(settings.Lines(c))
	for _, v := range c.Vendors {
		b.WriteString(settings.Lines(v.Settings))
	}
	for _, cl := range c.Clients {
		fmt.Fprintf(&b, "client %s: return URLs %s\n", cl.ID, strings.Join(cl.ReturnURLs, " "))
		for _, w := range cl.Webhooks {
			fmt.Fprintf(&b, "client %s: %s\n", cl.ID, w.text())
		}
		for _, k := range cl.Keys {
			fmt.Fprintf(&b, "client %s: key %s, scopes %s%s\n", cl.ID, k.Name, strings.Join(k.Scopes, " "), k.Expires.text())
		}
	}
	for _, r := range c.Reviewers {
		fmt.Fprintf(&b, "reviewer %s: clients %s%s\n", r.Name, strings.Join(r.Clients, " "), r.Expires.text())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[name]
		fmt.Fprintf(&b, "policy %s version %d: chip %s, face %s, comparer %s, records %s\n", p.Name, p.Version,
			orNone(p.ChipProvider), orNone(strings.Join(p.FaceProviders, " ")), orNone(p.Comparer), orNone(strings.Join(p.RecordsProviders, " ")))
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// GoString keeps %#v from printing what String masks.
func (c Config) GoString() string { return c.String() }
