package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/provider"
)

// Forward passes what reaches a loopback address on to another one. Vendors'
// clients speak plain http to loopback only; a stand-in vendor in a container
// of its own is brought there instead of the rule being loosened.
type Forward struct{ From, To string }

// UnmarshalText reads FROM=TO; the error does not matter, the setting's name
// and form are told instead.
func (f *Forward) UnmarshalText(text []byte) error {
	if *f = (Forward{}); len(text) == 0 {
		return nil
	}
	from, to, ok := strings.Cut(string(text), "=")
	host, _, err := net.SplitHostPort(from)
	_, _, err2 := net.SplitHostPort(to)
	if !ok || err != nil || err2 != nil || !provider.Loopback(host) {
		return errors.New("not FROM=TO")
	}
	f.From, f.To = from, to
	return nil
}

// On reports whether there is something to pass on.
func (f Forward) On() bool { return f.From != "" }

func (f Forward) String() string {
	if !f.On() {
		return ""
	}
	return f.From + "=" + f.To
}

// check: whoever speaks to stand-ins must not speak to a real vendor at the
// same time, for nothing that the others say is true.
func (f Forward) check(c *Config) []error {
	if !f.On() {
		return nil
	}
	var faults []error
	for _, v := range c.vendorHosts() {
		if v.on && !provider.Loopback(v.host) {
			faults = append(faults, fmt.Errorf("YANZHEN_SANDBOX_FORWARD brings stand-in vendors, but %s names a real one: unset one of the two", v.setting))
		}
	}
	return faults
}

// checkWayBack: a real vendor's page sends the person's browser back to the API,
// and some vendors call it; neither gets to this machine's own address.
func (c *Config) checkWayBack() []error {
	u, err := url.Parse(c.PublicURL)
	if err != nil || !provider.Loopback(u.Hostname()) {
		return nil
	}
	for _, v := range c.vendorHosts() {
		if v.on && v.pages && !provider.Loopback(v.host) {
			return []error{fmt.Errorf("YANZHEN_PUBLIC_URL is this machine's own address, to which nobody comes back from the real vendor of %s: set the API's https address as browsers and vendors reach it", v.setting)}
		}
	}
	return nil
}

type vendorHost struct {
	on            bool
	setting, host string
	// pages: persons go there and come back.
	pages bool
}

func (c *Config) vendorHosts() []vendorHost {
	of := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		return u.Hostname()
	}
	return []vendorHost{
		{c.Tencent.Enabled(), "YANZHEN_TENCENT_ENDPOINT", hostOf(c.Tencent.Endpoint), true},
		{c.TencentIAI.Enabled(), "YANZHEN_TENCENT_IAI_ENDPOINT", hostOf(c.TencentIAI.Endpoint), false},
		{c.AceData.Enabled(), "YANZHEN_ACEDATA_BASE_URL", of(c.AceData.BaseURL), false},
		{c.Sino.Enabled(), "YANZHEN_SINO_BASE_URL", of(c.Sino.BaseURL), true},
		{c.Megvii.Enabled(), "YANZHEN_MEGVII_BASE_URL", of(c.Megvii.BaseURL), true},
	}
}

// guessed are passwords that everybody tries first.
var guessed = []string{"postgres", "password", "passwd", "secret", "changeme", "change-me", "change_me", "yanzhen", "temporal", "admin", "root", "123456", "12345678"}

// knownPassword tells what is wrong with the password in a store's DSN, or "".
// A database on this machine alone may have whatever password it likes.
func knownPassword(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil || provider.Loopback(u.Hostname()) || u.Hostname() == "" {
		return ""
	}
	if password, has := u.User.Password(); has && (password == "" || slices.Contains(guessed, strings.ToLower(password))) {
		return "has a password that everybody knows: give its user another one, such as 32 random hex digits"
	}
	return ""
}
