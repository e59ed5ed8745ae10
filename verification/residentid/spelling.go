package residentid

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run gen_privateuse.go

// One character may have several code points: GBK, and what was made for it,
// kept 95 in Unicode's private-use area, where they stayed in older systems after
// they had got code points of their own; and compatibility ideographs are doubles
// of others. A name differs by none of this. Simplified and traditional forms are
// other characters.

// standard is a rune's standard code point.
func standard(r rune) rune {
	if c, ok := coded[r]; ok {
		return c
	}
	if compatibility(r) {
		// Their canonical decomposition (UAX #15) is one other ideograph.
		if s := []rune(norm.NFC.String(string(r))); len(s) == 1 {
			return s[0]
		}
	}
	return r
}

func compatibility(r rune) bool { return 0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F }

// canonicalName is the form in which names are compared: never kept, and told to
// nobody but as another spelling.
func canonicalName(s string) string { return strings.Map(standard, NormaliseName(s)) }

// Agreement is what comparing two names finds.
type Agreement int

const (
	// NamesDiffer: they are two names. An absent one agrees with nothing.
	NamesDiffer Agreement = iota
	// NamesAgree: they are the same characters.
	NamesAgree
	// NamesUnclear: they agree but for private-use characters that nobody can
	// read: each may stand for what the other name has in its place.
	NamesUnclear
)

// CompareNames compares two names character by character, whatever the code
// points in which each is written.
func CompareNames(a, b string) Agreement {
	one, other := []rune(canonicalName(a)), []rune(canonicalName(b))
	if len(one) == 0 || len(one) != len(other) {
		return NamesDiffer
	}
	found := NamesAgree
	for i := range one {
		switch {
		case one[i] == other[i]:
		case privateUse(one[i]) || privateUse(other[i]):
			found = NamesUnclear
		default:
			return NamesDiffer
		}
	}
	return found
}

// RareName reports whether a name holds a character that another system may
// write otherwise, or not at all: a private-use one, or one beyond the first
// block of ideographs as it was first coded (U+4E00 to U+9FA5), which is what
// systems of GB 2312 and GBK know.
func RareName(name string) bool {
	return strings.ContainsFunc(NormaliseName(name), func(r rune) bool {
		return chinese(r) && r != '〇' && (r < 0x4E00 || r > 0x9FA5)
	})
}

// OtherSpelling is a name's other spelling: in standard code points, or, if it
// is in these, with GBK's private-use ones where there are any. ok is false where
// there is none.
func OtherSpelling(name string) (other string, ok bool) {
	name = NormaliseName(name)
	other = canonicalName(name)
	if other == name {
		other = strings.Map(func(r rune) rune {
			if p, ok := privately[r]; ok {
				return p
			}
			return r
		}, name)
	}
	return other, other != name && checkName(ResidentCard, other) == OK
}

// privately maps characters to GBK's private-use code points.
var privately = func() map[rune]rune {
	m := make(map[rune]rune, len(coded))
	for private, c := range coded {
		m[c] = private
	}
	return m
}()
