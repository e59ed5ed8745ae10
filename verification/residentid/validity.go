package residentid

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// LongTerm is the form of an end that never comes (长期).
const LongTerm = "00000000"

// Shanghai is China's time. A fixed zone does: China has kept UTC+8 without
// daylight saving since 1992, and only today's date is ever computed in it, so
// the time zone database (and a machine without one) does not matter.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Day returns the day in China at the given time, as YYYYMMDD.
func Day(t time.Time) string { return t.In(Shanghai).Format("20060102") }

const (
	expiringDays = 30
	// firstCards: resident cards were first issued in 1984.
	firstCards = "19840101"
	// firstChipCards: cards with a chip were first issued in 2004.
	firstChipCards = "20040101"
)

// forever are the words that stand for an end that never comes.
var forever = []string{"长期", "长期有效", "長期", "長期有效", "永久", "永久有效"}

// NormaliseDate trims outer white space, maps full-width digits to ASCII and
// the words for an end that never comes to LongTerm.
func NormaliseDate(s string) string {
	s = strings.Map(narrow, strings.TrimFunc(s, unicode.IsSpace))
	if slices.Contains(forever, s) {
		return LongTerm
	}
	return s
}

// parseDate parses YYYYMMDD strictly into midnight UTC.
func parseDate(s string) (time.Time, bool) {
	if len(s) != 8 || !allDigits(s) {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102", s)
	return t, err == nil
}

// dateIn returns the day in China at the given time, as midnight UTC.
func dateIn(t time.Time) time.Time {
	y, m, d := t.In(Shanghai).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// completedYears is the age on a day. Who was born on 29 February completes a
// year on 1 March where there is no such day.
func completedYears(birth, on time.Time) int {
	years := on.Year() - birth.Year()
	if on.Before(birth.AddDate(years, 0, 0)) {
		years--
	}
	return years
}

// period is a validity period being checked.
type period struct {
	kind       Kind
	leapDayEnd bool
	birth      time.Time
	hasBirth   bool

	from, to time.Time
	longTerm bool
	// ended: to holds a date.
	ended bool
}

// parse reads both days and returns the hard code of each.
func (p *period) parse(from, to string, day time.Time) (fromCode, toCode Code) {
	fromCode, toCode = OK, OK
	begin, begins := parseDate(from)
	earliest, _ := parseDate(firstCards)
	p.from = begin
	switch {
	case !begins:
		fromCode = ValidityMalformed
	case begin.After(day), begin.Before(earliest), p.hasBirth && begin.Before(p.birth):
		fromCode = ValidityImpossible
	}

	p.longTerm = to == LongTerm
	if !p.longTerm {
		p.to, p.ended = p.parseEnd(from, to)
	}
	switch {
	case !p.longTerm && !p.ended:
		toCode = ValidityMalformed
	case !begins:
	case p.ended && !p.to.After(begin):
		toCode = ValidityMalformed
	case !p.termKnown():
		toCode = ValidityTermUnknown
	}
	return fromCode, toCode
}

// parseEnd reads the last day. How cards issued on 29 February print an end in
// a common year is unconfirmed; behind the switch the impossible day counts as
// the 28th, so that no card lives longer by it.
func (p *period) parseEnd(from, to string) (time.Time, bool) {
	t, ok := parseDate(to)
	if !ok && p.leapDayEnd && strings.HasSuffix(from, "0229") && strings.HasSuffix(to, "0229") {
		return parseDate(to[:len(to)-1] + "8")
	}
	return t, ok
}

// termKnown reports whether cards of the kind are issued for such a term. Of a
// kind that is not known nothing is asked.
func (p *period) termKnown() bool {
	switch p.kind {
	case UnknownKind:
		return true
	case ResidentCard:
		return p.longTerm || p.lasts(5, 1) || p.lasts(10, 1) || p.lasts(20, 1)
	case PermitHongKong, PermitMacau, PermitTaiwan:
		return p.lasts(5, 0)
	default:
		return p.lasts(5, 0) || p.lasts(10, 0)
	}
}

// lasts reports whether the period ends the given years after it began, within
// a tolerance in days. For a begin on 29 February both 28 February and 1 March
// are that day where there is no 29th.
func (p *period) lasts(years, tolerance int) bool {
	if !p.ended {
		return false
	}
	end := p.from.AddDate(years, 0, 0) // 29 February becomes 1 March
	leap := p.from.Month() == time.February && p.from.Day() == 29 && end.Month() == time.March
	if leap {
		return p.to.Equal(end) || p.to.Equal(end.AddDate(0, 0, -1))
	}
	return !p.to.Before(end.AddDate(0, 0, -tolerance)) && !p.to.After(end.AddDate(0, 0, tolerance))
}

// expired: the last day itself still counts as valid.
func (p *period) expired(day time.Time) bool { return p.ended && p.to.Before(day) }

func (p *period) expiring(day time.Time) bool {
	return p.ended && !p.expired(day) && !p.to.After(day.AddDate(0, 0, expiringDays))
}

// ageMismatch reports whether the term is not the one that art. 5 of the Law
// on Resident Identity Cards gives for the age on the day of issue. It holds
// for resident cards only.
func (p *period) ageMismatch() bool {
	if p.kind != ResidentCard || !p.hasBirth {
		return false
	}
	switch age := completedYears(p.birth, p.from); {
	case age < 16:
		return !p.lasts(5, 1)
	case age < 26:
		return !p.lasts(10, 1)
	case age < 46:
		return !p.lasts(20, 1)
	default:
		return !p.longTerm
	}
}
