package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Traces returns the ways in which a text may lie in a file: as UTF-8, escaped
// for JSON, as hexadecimal digits, and in base64 of either alphabet, wherever
// in a longer text it stood. The keys name them.
func Traces(text string) map[string][]byte {
	traces := map[string][]byte{
		"utf-8": []byte(text),
		"hex":   []byte(hex.EncodeToString([]byte(text))),
		"HEX":   []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
	}
	if lower := escaped(text, `\u%04x`); lower != text {
		traces["json"] = []byte(lower)
		traces["JSON"] = []byte(escaped(text, `\u%04X`))
	}
	for offset := range 3 {
		// Characters that mix our bits with a neighbour's are cut off.
		first, last := (offset*8+5)/6, (offset+len(text))*8/6
		padded := append(make([]byte, offset), text...)
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			traces[name+"+"+strconv.Itoa(offset)] = []byte(encoding.EncodeToString(padded)[first:last])
		}
	}
	return traces
}

// escaped writes everything beyond ASCII as JSON's escapes.
func escaped(text, format string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			_, _ = fmt.Fprintf(&b, format, unit) // a Builder never fails
		}
	}
	return b.String()
}

// Find returns the names of the traces of the text that lie in the data.
func Find(data []byte, text string) (found []string) {
	for name, trace := range Traces(text) {
		if bytes.Contains(data, trace) {
			found = append(found, name)
		}
	}
	return found
}
