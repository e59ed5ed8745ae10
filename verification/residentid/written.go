package residentid

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// ReadDay reads a day in the forms in which chips and vendors write one
// (20400115, 2040-01-15, 2040.1.15, 2040/01/15, 2040年1月15日, full-width or not,
// with a midnight behind it or not) and returns it as YYYYMMDD. ok is false for
// a form that is not understood. Whether there is such a day is another
// question: 20401399 is understood.
func ReadDay(s string) (day string, ok bool) {
	m := dayForms.FindStringSubmatch(midnight.ReplaceAllString(plain(s), ""))
	if m == nil || m[2] != m[4] || m[2] == "" && len(m[3])+len(m[5]) != 4 {
		return "", false
	}
	return m[1] + twoDigits(m[3]) + twoDigits(m[5]), true
}

// ReadEnd reads a card's last day like ReadDay. The words and the impossible
// days that stand for a card without an end come back as LongTerm.
func ReadEnd(s string) (day string, ok bool) {
	if slices.Contains(forever, plain(s)) {
		return LongTerm, true
	}
	day, ok = ReadDay(s)
	if day == "99991231" {
		return LongTerm, true
	}
	return day, ok
}

// plain drops outer white space and NULs, with which fields are padded, and
// writes digits and separators of other scripts and widths in ASCII, with a
// dash for the words after year and month.
func plain(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r == 0 || unicode.IsSpace(r) })
	s = strings.TrimSuffix(s, "日")
	return strings.Map(func(r rune) rune {
		switch r {
		case '年', '月', '－', '‐', '‑', '–', '—', '−':
			return '-'
		case '．', '。', Separator:
			return '.'
		case '／':
			return '/'
		}
		return narrow(r)
	}, s)
}

var (
	dayForms = regexp.MustCompile(`^([0-9]{4})([-./]?)([0-9]{1,2})([-./]?)([0-9]{1,2})$`)
	// midnight is the time of day that systems put behind a date.
	midnight = regexp.MustCompile(`[T ]00:00(:00(\.0+)?)?$`)
)

func twoDigits(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}
