package residentid

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of card that a number belongs to.
type Kind string

const (
	UnknownKind    Kind = ""
	ResidentCard   Kind = "resident_card"
	PermitHongKong Kind = "permit_hong_kong"
	PermitMacau    Kind = "permit_macau"
	PermitTaiwan   Kind = "permit_taiwan"
	// PermanentResident is the foreign permanent resident's card of 2023, with
	// 18 characters.
	PermanentResident Kind = "permanent_resident"
	// PermanentResidentOld is the one before it: three letters, twelve digits.
	PermanentResidentOld Kind = "permanent_resident_old"
	// TaiwanDivision: prefix 71 stands in GB/T 2260, but no card with it is
	// known. No rule accepts it.
	TaiwanDivision Kind = "taiwan_division"
)

// hasSequence reports whether positions 15 to 17 are known to be a sequence
// whose last digit tells the sex. On permanent residents' cards that layout is
// unconfirmed.
func (k Kind) hasSequence() bool {
	switch k {
	case ResidentCard, PermitHongKong, PermitMacau, PermitTaiwan:
		return true
	}
	return false
}

// Sex according to the number.
type Sex string

const (
	SexUnknown Sex = ""
	Male       Sex = "male"
	Female     Sex = "female"
)

// provinces are the prefixes of resident cards. Only the first two digits are
// checked: divisions below are renamed and abolished, numbers stay for life.
var provinces = []string{
	"11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37",
	"41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65",
}

// NormaliseNumber trims outer white space and maps full-width and lower-case
// forms to ASCII digits and capital letters. Look-alikes of other scripts stay
// as they are and fail the check.
func NormaliseNumber(s string) string {
	return strings.Map(func(r rune) rune {
		if r = narrow(r); 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}, strings.TrimFunc(s, unicode.IsSpace))
}

// narrow maps the full-width forms of ASCII digits and letters to ASCII.
func narrow(r rune) rune {
	switch {
	case '０' <= r && r <= '９', 'Ａ' <= r && r <= 'Ｚ', 'ａ' <= r && r <= 'ｚ':
		return r - '！' + '!'
	}
	return r
}

// KindOf returns the kind of card from a number's form alone; whether the number
// is right is another question.
func KindOf(number string) Kind {
	n := NormaliseNumber(number)
	if oldPermanentResident(n) {
		return PermanentResidentOld
	}
	if !wellFormed(n) {
		return UnknownKind
	}
	switch {
	case n[0] == '9':
		return PermanentResident
	case n[:6] == "810000":
		return PermitHongKong
	case n[:6] == "820000":
		return PermitMacau
	case n[:6] == "830000":
		return PermitTaiwan
	case n[:2] == "71":
		return TaiwanDivision
	case slices.Contains(provinces, n[:2]):
		return ResidentCard
	}
	return UnknownKind
}

// BirthDate returns the date in an 18-character number, at midnight UTC.
func BirthDate(number string) (time.Time, bool) {
	n := NormaliseNumber(number)
	if !wellFormed(n) {
		return time.Time{}, false
	}
	return parseDate(n[6:14])
}

// Age returns the completed years of a number's holder on a day in China.
func Age(number string, at time.Time) (years int, ok bool) {
	birth, ok := BirthDate(number)
	return completedYears(birth, dateIn(at)), ok
}

// SexOf returns the sex in an 18-character number: the last digit of
// its sequence is odd for men (GB 11643-1999).
func SexOf(number string) Sex {
	if !KindOf(number).hasSequence() {
		return SexUnknown
	}
	if n := NormaliseNumber(number); (n[16]-'0')%2 == 1 {
		return Male
	}
	return Female
}

// CheckNumber checks a number under the rules and returns the first hard code,
// or OK.
func (r Rules) CheckNumber(number string, today time.Time) Code {
	return r.checkNumber(NormaliseNumber(number), dateIn(today))
}

func (r Rules) checkNumber(n string, day time.Time) Code {
	switch {
	case len(n) == 15 && allDigits(n):
		return Legacy15Digit
	case oldPermanentResident(n):
		if !r.accepts(PermanentResidentOld) {
			return UnsupportedDocument
		}
		return OK
	case utf8.RuneCountInString(n) != 18:
		return IDLength
	case !wellFormed(n):
		return IDCharset
	}
	kind := KindOf(n)
	if kind == UnknownKind {
		return IDProvinceUnknown
	}
	accepted := r.accepts(kind)
	// The layout of a card that is not taken is none of our business.
	if accepted {
		if code := checkBirth(n[6:14], day); code != OK {
			return code
		}
	}
	// A mistyped number may look like another kind of card, so its check
	// character is judged before its kind.
	if checkChar(n[:17]) != n[17] {
		return IDChecksum
	}
	if !accepted {
		return UnsupportedDocument
	}
	return OK
}

const (
	firstBirthYear = 1900
	oldestAge      = 130
)

func checkBirth(yyyymmdd string, day time.Time) Code {
	birth, ok := parseDate(yyyymmdd)
	switch {
	case !ok || birth.Year() < firstBirthYear:
		return IDBirthInvalid
	case birth.After(day):
		return IDBirthFuture
	case completedYears(birth, day) > oldestAge:
		return IDBirthInvalid
	}
	return OK
}

// checkChar computes the check character over 17 ASCII digits: ISO 7064
// MOD 11-2, with weights 2^(18-i) mod 11.
func checkChar(d17 string) byte {
	sum := 0
	for i := range 17 {
		sum = (sum + int(d17[i]-'0')) * 2 % 11
	}
	return "10X98765432"[sum]
}

// wellFormed: 17 digits, then a digit or X, all ASCII.
func wellFormed(n string) bool {
	return len(n) == 18 && allDigits(n[:17]) && (n[17] == 'X' || allDigits(n[17:]))
}

func oldPermanentResident(n string) bool {
	return len(n) == 15 && allDigits(n[3:]) &&
		!strings.ContainsFunc(n[:3], func(r rune) bool { return r < 'A' || r > 'Z' })
}

func allDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
