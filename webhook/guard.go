package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// ErrAddress: the guard does not let the sender go there.
// ErrAddress is why no connection is made to an address.
var ErrAddress = errors.New("webhook: the address is private or reserved")

// reserved are the networks that netip does not tell by its own methods: IANA's
// special-purpose registries for IPv4 (RFC 6890) and what stands for IPv4 in
// IPv6.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// public reports whether an address may be anybody's in the Internet.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	return !within(a, reserved)
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// guard refuses addresses at the moment when a connection is made, so that what a
// name resolved to before does not matter.
type guard struct {
	// allowed may be gone to, whatever they are.
	allowed []netip.Prefix
	// plain: the connection is not encrypted, and goes to allowed ones only.
	plain  bool
	dialer net.Dialer
}

func newGuard(allowed []netip.Prefix, plain bool, resolver *net.Resolver) *guard {
	g := &guard{allowed: allowed, plain: plain}
	g.dialer = net.Dialer{Timeout: connectTime, Resolver: resolver, ControlContext: g.control}
	return g
}

// Dialer connects as a Sender does, which refuses addresses (ErrAddress) that are
// neither public nor allowed; plain: without TLS, to allowed ones only.
func Dialer(allowed []netip.Prefix, plain bool) *net.Dialer {
	return &newGuard(allowed, plain, nil).dialer
}

func (g *guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return ErrAddress
	}
	if within(at.Addr(), g.allowed) || !g.plain && public(at.Addr()) {
		return nil
	}
	return ErrAddress
}

// CheckURL returns what is wrong with an endpoint's URL, whatever its name
// resolves to. http is only for the networks that the sender is allowed.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > 1000:
		return errors.New("must be an https URL of at most 1,000 bytes")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an https URL with a host")
	case u.User != nil || u.Fragment != "":
		return errors.New("must have no user part and no fragment")
	}
	return nil
}

// ParseNetworks reads networks such as 10.1.0.0/16, comma-separated.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil || p != p.Masked() {
			return nil, fmt.Errorf("must be networks such as 10.1.0.0/16, comma-separated, without host bits")
		}
		out = append(out, p)
	}
	return out, nil
}
