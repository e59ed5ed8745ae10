package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// Webhooks are the settings of what is sent to clients' endpoints.
type Webhooks struct {
	Allow        Networks      `env:"ALLOW" help:"Private networks to which webhooks can be sent, also over http, such as 10.1.0.0/16; comma-separated. Otherwise only public addresses and https."`
	Proxy        string        `env:"PROXY" secret:"dsn" help:"A proxy, http://HOST:PORT, for all webhooks. It must restrict the destinations: the worker then checks no addresses. Proxies of the environment are not used."`
	Schedule     Schedule      `env:"SCHEDULE" envDefault:"0s,5s,5m,30m,2h,5h,10h,14h,20h,24h" help:"The delay before each attempt of a delivery, plus up to a tenth. After the last attempt the delivery has failed."`
	DisableAfter time.Duration `env:"DISABLE_AFTER" envDefault:"120h" help:"How long an endpoint must have failed without a success to be disabled."`
}

// Networks are IP networks.
type Networks []netip.Prefix

// UnmarshalText reads networks, comma-separated.
func (n *Networks) UnmarshalText(text []byte) (err error) {
	*n, err = webhook.ParseNetworks(string(text))
	return err
}

// Form says how they are written.
func (Networks) Form() string { return "list of networks such as 10.1.0.0/16,fd00::/8" }

func (n Networks) String() string {
	var texts []string
	for _, p := range n {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ",")
}

// Schedule is how long to wait before each try.
type Schedule []time.Duration

// UnmarshalText reads durations, comma-separated.
func (s *Schedule) UnmarshalText(text []byte) error {
	*s = nil
	for part := range strings.SplitSeq(string(text), ",") {
		d, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil || d < 0 || d > 7*24*time.Hour {
			return errors.New("not durations")
		}
		*s = append(*s, d)
	}
	return nil
}

// Form says how it is written.
func (Schedule) Form() string { return "list of durations such as 0s,5s,5m" }

func (s Schedule) String() string {
	var texts []string
	for _, d := range s {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, ",")
}

func (c *Config) checkWebhooks(check *settings.Check) {
	w := &c.Webhooks
	if w.Proxy != "" {
		if u, err := url.Parse(w.Proxy); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			check.Bad(&w.Proxy, "must be a proxy such as http://proxy.internal:3128")
		}
	}
	if w.DisableAfter <= 0 {
		check.Bad(&w.DisableAfter, "must be more than 0s")
	}
}

// Webhook is an endpoint to which a client's events are sent.
type Webhook struct {
	ID  string `yaml:"id"`
	URL string `yaml:"url"`
	// Secrets sign what is sent; two while one is changed.
	Secrets []string `yaml:"secrets"`
	// Events are the types that are sent; none: all.
	Events   []string `yaml:"events"`
	Disabled bool     `yaml:"disabled"`
}

// checkWebhooks holds the endpoints of a client to their rules. No error holds
// a URL or a secret.
func checkWebhooks(cl Client) []error {
	var faults []error
	bad := func(i int, format string, args ...any) {
		faults = append(faults, fmt.Errorf("client %q: webhooks[%d]"+format, append([]any{cl.ID, i}, args...)...))
	}
	seen := map[string]bool{}
	for i, w := range cl.Webhooks {
		if !clientID.MatchString(w.ID) {
			bad(i, ".id must be lower case letters, digits, - and _, at most 40")
		}
		if seen[w.ID] {
			bad(i, ".id is given twice")
		}
		seen[w.ID] = true
		if err := webhook.CheckURL(w.URL); err != nil {
			bad(i, ".url %w", err)
		}
		if n := len(w.Secrets); n < 1 || n > 2 {
			bad(i, ".secrets must be one, or two while one is changed")
		}
		for k, text := range w.Secrets {
			if _, err := webhook.ParseSecret(text); err != nil {
				bad(i, ".secrets[%d] %w", k, err)
			}
		}
		for k, kind := range w.Events {
			if !slices.Contains(webhook.Types(), kind) {
				bad(i, ".events[%d] is none of %s", k, strings.Join(webhook.Types(), ", "))
			}
		}
	}
	return faults
}

// Endpoints are the clients' endpoints, as the relay and the sender know them.
func Endpoints(clients []Client) map[string][]webhook.Endpoint {
	out := map[string][]webhook.Endpoint{}
	for _, cl := range clients {
		for _, w := range cl.Webhooks {
			e := webhook.Endpoint{ID: w.ID, URL: w.URL, Types: w.Events, Disabled: w.Disabled}
			for _, text := range w.Secrets {
				if s, err := webhook.ParseSecret(text); err == nil {
					e.Secrets = append(e.Secrets, s)
				}
			}
			out[cl.ID] = append(out[cl.ID], e)
		}
	}
	return out
}

// text is how an endpoint is printed: without path and secrets.
func (w Webhook) text() string {
	host := ""
	if u, err := url.Parse(w.URL); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	events := "all events"
	if len(w.Events) > 0 {
		events = strings.Join(w.Events, " ")
	}
	if w.Disabled {
		events += ", disabled"
	}
	return fmt.Sprintf("webhook %s: %s, %s", w.ID, host, events)
}
