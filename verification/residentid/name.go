package residentid

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Separator stands between the parts of a name (民委发〔2016〕33号).
const Separator = '·' // U+00B7

// maxName is the length of the longest name in code points: name fields need
// hold no more (民委发〔2016〕33号 asks for 25 Chinese characters at least).
const maxName = 50

// NormaliseName trims outer white space and maps the look-alikes of the
// separator to it. Nothing else: NFC and NFKC would replace compatibility
// ideographs (U+F900 to U+FAFF) and so change who is meant, and simplified
// and traditional forms are different names.
func NormaliseName(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u2022', '\u2027', '\u2219', '\u22C5', '\u30FB', '\uFF65', '\u318D', '\u16EB', '\uFF0E', '.':
			return Separator
		}
		return r
	}, strings.TrimFunc(s, unicode.IsSpace))
}

// normaliseNameOn leaves the points of Latin names alone, which only permanent
// residents' cards carry.
func normaliseNameOn(kind Kind, s string) string {
	if latinNames(kind) {
		return strings.TrimFunc(s, unicode.IsSpace)
	}
	return NormaliseName(s)
}

// SameName compares two names by their code points after normalising both. No
// name is the same as none: absent data must never match.
func SameName(a, b string) bool {
	a, b = NormaliseName(a), NormaliseName(b)
	return a != "" && a == b
}

func checkName(kind Kind, name string) Code {
	n := utf8.RuneCountInString(name)
	allowed := func(r rune) bool { return r == Separator || chinese(r) }
	if latinNames(kind) {
		allowed = func(r rune) bool {
			return r == Separator || chinese(r) || strings.ContainsRune(" -'.,", r) ||
				unicode.Is(unicode.Latin, r)
		}
	}
	switch {
	case n == 0:
		return NameEmpty
	case strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }):
		return NameCharset
	case strings.HasPrefix(name, "·"), strings.HasSuffix(name, "·"), strings.Contains(name, "··"):
		return NameSeparator
	case n > maxName:
		return NameLength
	}
	return OK
}

func latinNames(kind Kind) bool { return kind == PermanentResident || kind == PermanentResidentOld }

// chinese reports whether a name may hold the character: Han letters with
// their extensions, 〇, and private-use ones, where older systems keep rare
// characters. Han radicals and numerals only look like letters.
func chinese(r rune) bool {
	switch {
	case r == '〇', privateUse(r):
		return true
	case 0x2EBF0 <= r && r <= 0x2EE5D:
		// Extension I was coded for the names in China's registers; Go's tables
		// (Unicode 15.0) do not know it yet.
		return true
	}
	return unicode.Is(unicode.Han, r) && unicode.IsLetter(r)
}

func privateUse(r rune) bool { return 0xE000 <= r && r <= 0xF8FF }
