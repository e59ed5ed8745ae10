package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/provider"
)

// header is the protected header of a token, as far as it matters.
type header struct {
	alg, enc, kid string
	typ, cty, zip string
	// curve of the sender's ephemeral key, "P-256"; empty: there is none.
	curve string
	// members holds every member, by its exact name.
	members map[string]json.RawMessage
	// malformed names the members that are not of the standard's type.
	malformed []string
}

// senderKeys are members by which a token would choose the key, or the work,
// that it is opened with.
var senderKeys = []string{"jwk", "jku", "x5u", "x5c", "p2s", "p2c"}

// parseHeader reads a protected header. Names are compared as they are spelled
// (RFC 7515, 5.2), and one that is there twice, whatever its case, is refused.
func parseHeader(part string) (h header, ok bool) {
	if len(part) > maxHeader {
		return header{}, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || provider.Unambiguous(text) != nil {
		return header{}, false
	}
	if json.Unmarshal(text, &h.members) != nil || h.members == nil {
		return header{}, false
	}
	for name, into := range map[string]*string{"alg": &h.alg, "enc": &h.enc, "kid": &h.kid, "typ": &h.typ, "cty": &h.cty, "zip": &h.zip} {
		raw, ok := h.members[name]
		if !ok {
			continue
		}
		// A member that is there says something; null and "" say nothing clear.
		var value *string
		if json.Unmarshal(raw, &value) != nil || value == nil || *value == "" {
			h.malformed = append(h.malformed, name)
			continue
		}
		*into = *value
	}
	if raw, ok := h.members["epk"]; ok {
		if h.curve, ok = ephemeral(raw); !ok {
			h.malformed = append(h.malformed, "epk")
		}
	}
	slices.Sort(h.malformed)
	return h, true
}

// ephemeral reads the curve of a sender's ephemeral key: a public EC key and
// nothing beside it.
func ephemeral(raw json.RawMessage) (curve string, ok bool) {
	var epk map[string]string
	if json.Unmarshal(raw, &epk) != nil || epk["kty"] != "EC" || epk["x"] == "" || epk["y"] == "" {
		return "", false
	}
	for name := range epk {
		if !slices.Contains([]string{"kty", "crv", "x", "y", "kid", "use", "alg"}, name) {
			return "", false
		}
	}
	return epk["crv"], slices.Contains([]string{"P-256", "P-384", "P-521"}, epk["crv"])
}

// nested reports whether the plaintext is a token itself.
func (h header) nested() bool { return strings.EqualFold(h.cty, "JWT") }

// forbidden lists what is refused in any header, outer or inner.
func (h header) forbidden() []refusal {
	var errs []refusal
	for _, name := range senderKeys {
		if _, ok := h.members[name]; ok {
			errs = append(errs, refusal("its header brings its own key or work: "+name))
		}
	}
	// We understand no extension, so one that must be understood is refused.
	if _, ok := h.members["crit"]; ok {
		errs = append(errs, refusal("its header names extensions that must be understood: crit"))
	}
	for _, name := range h.malformed {
		errs = append(errs, refusal("its header has a member of the wrong type: "+name))
	}
	return errs
}

// faults lists why a header is refused, the gravest first; no key has been
// looked at.
func (o *opener) faults(h header) []refusal {
	errs := h.forbidden()
	add := func(format string, args ...any) { errs = append(errs, refusal(fmt.Sprintf(format, args...))) }
	if !slices.Contains(o.algs, h.alg) {
		add("its alg %s is not allowed", shown(h.alg))
	}
	if !slices.Contains(o.encs, h.enc) {
		add("its enc %s is not allowed", shown(h.enc))
	}
	if keyAlgorithms[h.alg].kind == kindEC && h.curve == "" && !slices.Contains(h.malformed, "epk") {
		add("its header lacks the sender's ephemeral key: epk")
	}
	if h.zip != "" && (!o.zip || h.zip != "DEF") {
		add("it is compressed, with %s", shown(h.zip))
	}
	if h.nested() && o.nested == nil {
		errs = append(errs, nestedNoKey)
	}
	return errs
}

// shown is a word of a stranger's header as it may stand in a log: printable
// ASCII, at most 64 characters.
func shown(s string) string {
	kept := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), 256)])
	return kept[:min(len(kept), 64)]
}
