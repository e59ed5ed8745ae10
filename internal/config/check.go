package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
)

// deploymentName is what Temporal takes as one, and no less.
var deploymentName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]{0,63})?$`)

// checkSettings holds the rules for single settings of our own.
func (c *Config) checkSettings() []error {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	check := settings.NewCheck(c)
	for _, addr := range []*string{&c.API, &c.Ops} {
		if _, _, err := net.SplitHostPort(*addr); err != nil {
			check.Bad(addr, "must be host:port, such as 127.0.0.1:8080")
		}
	}
	check.URL(&c.PublicURL)
	if !strings.HasPrefix(c.Store, "sqlite:") && !strings.HasPrefix(c.Store, "postgres://") && !strings.HasPrefix(c.Store, "postgresql://") {
		check.Bad(&c.Store, "must begin with sqlite: or postgres://")
	}
	if why := knownPassword(c.Store); why != "" {
		check.Bad(&c.Store, "%s", why)
	}
	check.OneOf(&c.LogFormat, "json", "text")
	if c.StartPatience < 0 {
		check.Bad(&c.StartPatience, "must not be less than 0s")
	}
	if !deploymentName.MatchString(c.Deployment) {
		check.Bad(&c.Deployment, "must be up to 64 letters, digits, - and _, such as yanzhen")
	}
	check.URL(&c.Caller.API)
	c.checkWayBack(check)
	c.checkWebhooks(check)
	return Errors(check.Err())
}

// checkVendors holds what the vendors were told to their own rules and to
// those that hold for all.
func (c *Config) checkVendors(needs Needs) []error {
	var faults []error
	for _, v := range c.Vendors {
		if s, ok := v.Settings.(provider.Switched); ok {
			check := settings.NewCheck(v.Settings)
			check.OneOf(s.State(), provider.SwitchStates...)
			faults = append(faults, Errors(check.Err())...)
		}
		if v.On() && needs.Providers {
			faults = append(faults, Errors(v.Settings.Validate())...)
		}
	}
	return append(faults, c.checkStandIns(needs.StandIns)...)
}

// checkStandIns: whoever speaks to stand-ins must not speak to a real vendor at
// the same time, for nothing that the others say is true; and secrets that
// everybody can read in our source, left over from a first look, are none
// where a real vendor is asked.
func (c *Config) checkStandIns(standIns []string) []error {
	secrets := map[string]bool{}
	published := toMap(standIns)
	for _, s := range c.settings() {
		if value := published[s.Name]; s.Secret == "all" && value != "" {
			secrets[strings.ToLower(value)] = true
		}
	}
	var faults []error
	for _, v := range c.Vendors {
		address := v.remote()
		if !v.On() || address == "" {
			continue
		}
		if c.SandboxForward.On() {
			faults = append(faults, fmt.Errorf("YANZHEN_SANDBOX_FORWARD brings stand-in vendors, but %s names a real one: unset one of the two", address))
		}
		for _, s := range settings.Of(v.Settings) {
			if secrets[strings.ToLower(s.Value(v.Settings))] {
				faults = append(faults, &settings.Error{Setting: s.Name, What: "is the stand-in's, but " + address + " names a real vendor: set the credential that this one gave you"})
			}
		}
	}
	return faults
}

// checkWayBack: a real vendor's page sends the person's browser back to the API,
// and some vendors call it; neither gets to this machine's own address.
func (c *Config) checkWayBack(check *settings.Check) {
	if host, ok := settings.Host(c.PublicURL); !ok || !settings.Loopback(host) {
		return
	}
	for _, v := range c.Vendors {
		if address := v.remote(); address != "" && v.On() && slices.Contains(v.Kinds, provider.KindFace) {
			check.Bad(&c.PublicURL, "is this machine's own address, to which nobody comes back from the real vendor of %s: set the API's https address as browsers and vendors reach it", address)
			return
		}
	}
}

// guessed are passwords that everybody tries first.
var guessed = []string{"postgres", "password", "passwd", "secret", "changeme", "change-me", "change_me", "yanzhen", "temporal", "admin", "root", "123456", "12345678"}

// knownPassword tells what is wrong with the password in a store's DSN, or "".
// A database on this machine alone may have whatever password it likes.
func knownPassword(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil || settings.Loopback(u.Hostname()) || u.Hostname() == "" {
		return ""
	}
	if password, has := u.User.Password(); has && (password == "" || slices.Contains(guessed, strings.ToLower(password))) {
		return "has a password that everybody knows: give its user another one, such as 32 random hex digits"
	}
	return ""
}
