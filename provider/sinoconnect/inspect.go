package sinoconnect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/settings"
)

// Inspection is what can be read of a chip token without decrypting it.
type Inspection struct {
	// Bytes is the token's length.
	Bytes int `json:"bytes"`
	// Header lists the members of the protected header by name. Values stand
	// beside those that describe the encryption; what else a sender puts there
	// may be about a person.
	Header []HeaderField `json:"header"`
	// Accepted: our settings would try to open it. Refusals say why not.
	Accepted bool     `json:"accepted"`
	Refusals []string `json:"refusals,omitempty"`
	// Keys are those that would be tried, in this order.
	Keys []InspectedKey `json:"keys"`
}

// HeaderField is one member of a protected header, made safe for a terminal.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// InspectedKey is a key of ours, without the key. Kid is empty for the shared
// key and for one that has no name.
type InspectedKey struct {
	Kid  string `json:"kid,omitempty"`
	Type string `json:"type"`
}

// described are the members whose values are shown.
var described = []string{"alg", "enc", "kid", "typ", "cty", "zip", "crit"}

// InspectToken implements provider.TokenInspector: it reads a token's protected
// header and says what the settings would do with it, so that a first real
// token settles what the vendor uses. It decrypts nothing. Of the settings only
// those about tokens are looked at, and what is wrong with them is the only
// error; with no key configured at all the rest is told nevertheless.
func (c *Config) InspectToken(token string) (description string, accepted bool, err error) {
	in, err := c.inspect(token)
	return in.String(), in.Accepted, err
}

func (c *Config) inspect(token string) (Inspection, error) {
	token = strings.TrimSpace(token)
	in := Inspection{Bytes: len(token), Header: []HeaderField{}, Keys: []InspectedKey{}}
	check := settings.NewCheck(c)
	o := c.newOpener(check)
	if err := check.Err(); err != nil {
		return in, err
	}
	h, _, refusals := o.examine(token)
	in.Header = h.describe()
	for _, why := range refusals {
		in.Refusals = append(in.Refusals, string(why))
	}
	for _, k := range choose(o.keys, h) {
		in.Keys = append(in.Keys, InspectedKey{Kid: shown(k.kid), Type: k.describe()})
	}
	if len(in.Keys) == 0 && h.members != nil {
		in.Refusals = append(in.Refusals, string(noKey))
	}
	in.Accepted = len(in.Refusals) == 0
	return in, nil
}

func (h header) describe() []HeaderField {
	out := []HeaderField{}
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		m := HeaderField{Name: shown(name)}
		switch {
		case name == "epk":
			m.Value = shown(h.curve)
		case slices.Contains(described, name):
			var s string
			if json.Unmarshal(h.members[name], &s) != nil {
				s = string(h.members[name])
			}
			m.Value = shown(s)
		}
		out = append(out, m)
	}
	return out
}

// String prints the inspection for a person.
func (in Inspection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes\n", in.Bytes)
	for _, m := range in.Header {
		fmt.Fprintf(&b, "  %s: %s\n", m.Name, m.Value)
	}
	for _, k := range in.Keys {
		fmt.Fprintf(&b, "key: %s %s\n", k.Type, k.Kid)
	}
	if in.Accepted {
		b.WriteString("accepted: it would be tried to open\n")
	}
	for _, why := range in.Refusals {
		fmt.Fprintf(&b, "refused: %s\n", why)
	}
	return b.String()
}
