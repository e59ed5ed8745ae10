package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Retention says how long something is kept after a verification's end, of a
// client, of a policy, or of both; of what is zero a wider entry says it.
type Retention struct {
	Client string `yaml:"client,omitempty"`
	Policy string `yaml:"policy,omitempty"`
	// Personal is the personal part, Verdict the bare verdict.
	Personal verification.Duration `yaml:"personal,omitempty"`
	Verdict  verification.Duration `yaml:"verdict,omitempty"`
	// Events are the feed's and the log's of deliveries, from when they happened.
	Events verification.Duration `yaml:"events,omitempty"`
}

const day = 24 * time.Hour

// usual is what holds where the file says nothing.
var usual = Retention{Personal: verification.Duration(30 * day), Verdict: verification.Duration(3 * 365 * day), Events: verification.Duration(30 * day)}

// RetentionOf is what holds for a client's verifications under a policy: of each
// span the narrowest entry that names it; one for a client is narrower than one
// for a policy.
func (c *Config) RetentionOf(client, policy string) Retention {
	out := usual
	for _, wanted := range []Retention{{}, {Policy: policy}, {Client: client}, {Client: client, Policy: policy}} {
		for _, r := range c.Retentions {
			if r.Client != wanted.Client || r.Policy != wanted.Policy {
				continue
			}
			for _, span := range []struct{ to, from *verification.Duration }{
				{&out.Personal, &r.Personal}, {&out.Verdict, &r.Verdict}, {&out.Events, &r.Events},
			} {
				if *span.from != 0 {
					*span.to = *span.from
				}
			}
		}
	}
	out.Client, out.Policy = client, policy
	return out
}

// takeRetention takes over how long what is kept.
func (c *Config) takeRetention(file catalogue) []error {
	c.Retentions = file.Retention
	var faults []error
	bad := func(i int, format string, args ...any) {
		faults = append(faults, fmt.Errorf("retention[%d]: "+format, append([]any{i}, args...)...))
	}
	for i, r := range file.Retention {
		if r.Client != "" && !slices.ContainsFunc(c.Clients, func(cl Client) bool { return cl.ID == r.Client }) {
			bad(i, "client is no client's id")
		}
		if _, known := c.Policies[r.Policy]; r.Policy != "" && !known {
			bad(i, "policy: there is no policy %q", r.Policy)
		}
		if slices.ContainsFunc(file.Retention[:i], func(o Retention) bool { return o.Client == r.Client && o.Policy == r.Policy }) {
			bad(i, "there is one for the same client and policy already")
		}
		for name, span := range map[string]verification.Duration{"personal": r.Personal, "verdict": r.Verdict, "events": r.Events} {
			if span < 0 {
				bad(i, "%s must not be less than 0s", name)
			}
		}
		if held := c.RetentionOf(r.Client, r.Policy); held.Verdict < held.Personal {
			bad(i, "verdict, %s, must not be shorter than personal, %s: what is left of an erased one is the verdict", held.Verdict, held.Personal)
		}
	}
	return faults
}
