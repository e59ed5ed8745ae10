package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
)

// jwkError says why a member of a set cannot be read as a key, as far as the
// standard tells: what is missing or of another form, and never a value.
func jwkError(raw json.RawMessage) string {
	var members map[string]json.RawMessage
	if strictjson.CheckFolded(raw) != nil || json.Unmarshal(raw, &members) != nil || members == nil {
		return "is no JSON object, or has a property twice"
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(members[name], &s)
		return s
	}
	var names []string
	switch kty := text("kty"); kty {
	case "":
		return "has no kty"
	case "RSA":
		names = []string{"n", "e"}
		if _, private := members["d"]; private {
			names = append(names, "d", "p", "q") // RFC 7518, 6.3.2, has them optional; the library does not
		}
	case "EC":
		names = []string{"crv", "x", "y"}
	case "oct":
		names = []string{"k"}
	default:
		return fmt.Sprintf("is of the kty %s, not RSA, EC or oct", shown(kty))
	}
	if missing := absent(names, text); len(missing) > 0 {
		return fmt.Sprintf("is of the kty %s and lacks %s", text("kty"), strings.Join(missing, ", "))
	}
	if text("kty") == "EC" {
		return ecError(members, text)
	}
	for _, name := range names {
		if _, err := base64.RawURLEncoding.DecodeString(text(name)); err != nil {
			return "has " + name + " not in base64url without padding"
		}
	}
	if text("kty") == "RSA" {
		return "is an RSA key whose numbers do not belong together, or are too large"
	}
	return "has another property of the wrong type"
}

// absent lists the members that are missing, or no string.
func absent(names []string, text func(string) string) []string {
	var missing []string
	for _, name := range names {
		if text(name) == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

func ecError(members map[string]json.RawMessage, text func(string) string) string {
	curve := text("crv")
	if coordinate[curve] == 0 {
		return fmt.Sprintf("is an EC key on the curve %s, not P-256, P-384 or P-521", shown(curve))
	}
	numbers := []string{"x", "y"}
	if _, private := members["d"]; private {
		numbers = append(numbers, "d")
	}
	for _, name := range numbers {
		if fault := coordinateError(name, text(name), curve); fault != "" {
			return fault
		}
	}
	return "is an EC key whose x and y are no point of its curve, or do not belong to its d"
}
