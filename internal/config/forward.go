package config

import (
	"errors"
	"net"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/settings"
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
	if !ok || err != nil || err2 != nil || !settings.Loopback(host) {
		return errors.New("not FROM=TO")
	}
	f.From, f.To = from, to
	return nil
}

// Form says how a pair is written.
func (Forward) Form() string {
	return "pair such as 127.0.0.1:8090=sandbox:8090, the first address on loopback"
}

// On reports whether there is something to pass on.
func (f Forward) On() bool { return f.From != "" }

func (f Forward) String() string {
	if !f.On() {
		return ""
	}
	return f.From + "=" + f.To
}
