package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// header is the protected header of a token, as far as it matters.
type header struct {
	alg, enc, kid string
	typ, cty, zip string
	// curve of the sender's ephemeral key, "P-256"; empty: there is none.
	curve string
	// epk says what is wrong with that key; empty: nothing.
	epk string
	// wrapped is the encrypted key's length in bytes.
	wrapped int
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
	if err != nil || strictjson.CheckFolded(text) != nil {
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
	for name, want := range agreed[h.alg] {
		if value, ok := base64Member(h.members[name]); !ok || want != 0 && len(value) != want {
			h.malformed = append(h.malformed, name)
		}
	}
	if raw, ok := h.members["epk"]; ok {
		h.curve, h.epk = ephemeral(raw)
	}
	slices.Sort(h.malformed)
	return h, true
}

// agreed are the members that an algorithm reads beside those of every header,
// in base64url, with their length in bytes; 0: any.
var agreed = map[string]map[string]int{
	"A256GCMKW": {"iv": 12, "tag": 16},
	"ECDH-ES":   {"apu": 0, "apv": 0}, "ECDH-ES+A128KW": {"apu": 0, "apv": 0}, "ECDH-ES+A256KW": {"apu": 0, "apv": 0},
}

func base64Member(raw json.RawMessage) (value []byte, ok bool) {
	if raw == nil {
		return nil, true
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, false
	}
	value, err := base64.RawURLEncoding.DecodeString(text)
	return value, err == nil
}

// coordinate is the length in bytes of a curve's coordinates (RFC 7518, 6.2.1.2).
var coordinate = map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}

// ephemeral reads the curve of a sender's ephemeral key: a public EC key. Other
// members that are no part of a key are passed over (RFC 7517, 4), such as
// WebCrypto's ext and key_ops.
func ephemeral(raw json.RawMessage) (curve, fault string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return "", "is no JSON object"
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(members[name], &s)
		return s
	}
	curve = text("crv")
	if text("kty") != "EC" || coordinate[curve] == 0 {
		return "", "is no EC key on P-256, P-384 or P-521"
	}
	for _, name := range []string{"d", "k", "x5u", "x5c"} {
		if _, ok := members[name]; ok {
			return "", "holds more than a public key: " + name
		}
	}
	for _, name := range []string{"x", "y"} {
		if fault := coordinateError(name, text(name), curve); fault != "" {
			return curve, fault
		}
	}
	// The last word has the one that will read it: whether the point is on the
	// curve, and whether kid, use and alg are strings, if they are there.
	var key jose.JSONWebKey
	if key.UnmarshalJSON(raw) != nil {
		return curve, "is no public key on its curve"
	}
	return curve, ""
}

// coordinateError says what is wrong with a coordinate, or with a private
// number, of an EC key; empty: nothing.
func coordinateError(name, text, curve string) string {
	if text == "" {
		return "lacks " + name
	}
	value, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "has " + name + " not in base64url without padding"
	}
	if want := coordinate[curve]; len(value) != want {
		return fmt.Sprintf("has %s of %d bytes where %s has %d (RFC 7518, 6.2.1.2: leading zeros stay)", name, len(value), curve, want)
	}
	return ""
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
		errs = append(errs, refusal("its header has a property of the wrong type: "+name))
	}
	if h.epk != "" {
		errs = append(errs, refusal("the sender's ephemeral key (epk) "+h.epk))
	}
	return errs
}

// errors lists why a header is refused, the gravest first; no key has been
// looked at.
func (o *opener) errors(h header) []refusal {
	errs := h.forbidden()
	add := func(format string, args ...any) { errs = append(errs, refusal(fmt.Sprintf(format, args...))) }
	if !slices.Contains(o.algs, h.alg) {
		add("its alg %s is not allowed", shown(h.alg))
	}
	if !slices.Contains(o.encs, h.enc) {
		add("its enc %s is not allowed", shown(h.enc))
	}
	if keyAlgorithms[h.alg].kind == kindEC && h.curve == "" && h.epk == "" {
		add("its header lacks the sender's ephemeral key: epk")
	}
	if h.zip != "" && (!o.zip || h.zip != "DEF") {
		add("it is compressed, with %s", shown(h.zip))
	}
	switch {
	case h.nested() && o.nested == nil:
		errs = append(errs, nestedNoKey)
	case !h.nested() && o.nested != nil:
		errs = append(errs, notNested)
	}
	return errs
}

// shown is a word of a stranger's header as it may stand in a log: printable
// ASCII, at most 64 characters, and no person's number.
func shown(s string) string {
	kept := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), 256)])
	if residentid.ShapedLikeIDNumber(kept) {
		return "unrecognized"
	}
	return kept[:min(len(kept), 64)]
}
