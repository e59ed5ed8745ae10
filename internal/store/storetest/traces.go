package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Traces returns the ways in which a text may lie in a file. Its characters stand
// as UTF-8, GB 18030 or UTF-16, as the escapes of JSON, HTML or Go, or backwards;
// and each of these as it is, escaped for a URL, as octal or hexadecimal escapes, as
// hexadecimal digits, or in base64 of either alphabet, wherever in a longer text it
// stood. The keys name them; of two that are the same bytes there is one.
func Traces(text string) map[string][]byte {
	traces, seen := map[string][]byte{}, map[string]bool{}
	add := func(name string, trace []byte) {
		if len(trace) > 0 && !seen[string(trace)] {
			seen[string(trace)] = true
			traces[name] = trace
		}
	}
	for _, way := range ways {
		written, ok := way.write(text)
		if !ok || way.name != "" && !utf8.ValidString(text) { // a piece of a picture has no characters
			continue
		}
		for _, wrap := range wraps {
			wrapped := wrap(written)
			for _, name := range slices.Sorted(maps.Keys(wrapped)) {
				trace := wrapped[name]
				if way.name != "" {
					name = strings.TrimSuffix(way.name+" "+name, " utf-8")
				}
				add(name, trace)
			}
		}
	}
	return traces
}

// ways are how characters are written; false: the text has none that are written
// so.
var ways = []struct {
	name  string
	write func(text string) (string, bool)
}{
	{"", func(text string) (string, bool) { return text, true }},
	{"json", func(text string) (string, bool) { return escaped(text, `\u%04x`) }},
	{"JSON", func(text string) (string, bool) { return escaped(text, `\u%04X`) }},
	{"gb18030", func(text string) (string, bool) {
		written, err := simplifiedchinese.GB18030.NewEncoder().String(text)
		return written, err == nil
	}},
	{"utf-16le", func(text string) (string, bool) { return wide(text, 0, 8), true }},
	{"utf-16be", func(text string) (string, bool) { return wide(text, 8, 0), true }},
	{"html", func(text string) (string, bool) { return entities(text, "&#%d;") }},
	{"html hex", func(text string) (string, bool) { return entities(text, "&#x%x;") }},
	{"HTML hex", func(text string) (string, bool) { return entities(text, "&#x%X;") }},
	{"html quoted", func(text string) (string, bool) { return html.EscapeString(text), true }},
	{"go", func(text string) (string, bool) { return quoted(strconv.Quote(text)), true }},
	{"go ascii", func(text string) (string, bool) { return quoted(strconv.QuoteToASCII(text)), true }},
	{"backwards", func(text string) (string, bool) {
		runes := []rune(text)
		slices.Reverse(runes)
		return string(runes), true
	}},
}

// wraps are how bytes are written.
var wraps = []func(text string) map[string][]byte{
	func(text string) map[string][]byte {
		digits := hex.EncodeToString([]byte(text))
		return map[string][]byte{"utf-8": []byte(text), "hex": []byte(digits), "HEX": []byte(strings.ToUpper(digits))}
	},
	func(text string) map[string][]byte {
		path := url.PathEscape(text)
		query := url.QueryEscape(text)
		return map[string][]byte{"URL": []byte(query), "url": []byte(lowerEscapes(query)), "URL path": []byte(path), "url path": []byte(lowerEscapes(path))}
	},
	func(text string) map[string][]byte {
		return map[string][]byte{"octal": byteEscaped(text, `\%03o`), "bytes": byteEscaped(text, `\x%02x`), "BYTES": byteEscaped(text, `\x%02X`)}
	},
	func(text string) map[string][]byte {
		out := map[string][]byte{}
		for offset := range 3 {
			// Characters that mix our bits with a neighbour's are cut off.
			first, last := (offset*8+5)/6, (offset+len(text))*8/6
			padded := append(make([]byte, offset), text...)
			for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				out[name+"+"+strconv.Itoa(offset)] = []byte(encoding.EncodeToString(padded)[first:last])
			}
		}
		return out
	},
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
func escaped(text, format string) (string, bool) {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			_, _ = fmt.Fprintf(&b, format, unit) // a Builder never fails
		}
	}
	return b.String(), b.String() != text
}

// entities writes everything beyond ASCII as HTML's.
func entities(text, format string) (string, bool) {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			_, _ = fmt.Fprintf(&b, format, r)
		}
	}
	return b.String(), b.String() != text
}

// wide writes a text in UTF-16, each unit's two bytes by their shifts.
func wide(text string, first, second int) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(unit >> first))
		b.WriteByte(byte(unit >> second))
	}
	return b.String()
}

// quoted is what stands between the quotes.
func quoted(text string) string { return text[1 : len(text)-1] }

// byteEscaped writes each byte beyond ASCII as an escape, as protocol buffers and
// databases print bytes.
func byteEscaped(text, format string) []byte {
	var b bytes.Buffer
	for i := range len(text) {
		if text[i] < 0x80 {
			b.WriteByte(text[i])
		} else {
			_, _ = fmt.Fprintf(&b, format, text[i])
		}
	}
	return b.Bytes()
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
