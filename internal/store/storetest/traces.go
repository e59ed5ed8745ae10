package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Traces returns the ways in which a text may lie in a file: as UTF-8, escaped
// for JSON or for a URL, as hexadecimal digits, and in base64 of either
// alphabet, wherever in a longer text it stood. The keys name them.
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
	if escaped := url.QueryEscape(text); escaped != text {
		traces["URL"] = []byte(escaped)
		traces["url"] = []byte(lowerEscapes(escaped))
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

// lowerEscapes writes a URL's escapes with small digits, as some encoders do.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:i+3], bytes.ToLower(b[i:i+3]))
		}
	}
	return string(b)
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
