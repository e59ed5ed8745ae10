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
// separator to it. Nothing else: a name is kept and told to vendors in the code
// points in which it came, since the authority may hold it in the same ones. How
// two names are compared is CompareNames' to say.
func NormaliseName(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u2022', '\u2027', '\u2219', '\u22C5', '\u30FB', '\uFF65', '\u318D', '\u16EB', '\uFF0E', '.',
			'\u0387', '\u2024', '\u2E31', '\uFE52':
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
	case r == '〇', privateUse(r), unicode.Is(newerHan, r):
		return true
	}
	return unicode.Is(unicode.Han, r) && unicode.IsLetter(r)
}

// newerHan are letters that Go's tables (Unicode 15.0) do not know yet, among
// them Extension I, which was coded for the names in China's registers.
var newerHan = &unicode.RangeTable{R32: []unicode.Range32{
	{Lo: 0x2B73A, Hi: 0x2B73F, Stride: 1}, // Unicode 17, in Extension C
	{Lo: 0x2CEA2, Hi: 0x2CEAD, Stride: 1}, // and in E
	{Lo: 0x2EBF0, Hi: 0x2EE5D, Stride: 1}, // Extension I, Unicode 15.1
	{Lo: 0x323B0, Hi: 0x33479, Stride: 1}, // Extension J, Unicode 17
}}

func privateUse(r rune) bool { return 0xE000 <= r && r <= 0xF8FF }
