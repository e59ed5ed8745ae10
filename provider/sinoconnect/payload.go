package sinoconnect

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// The members of a chip's plaintext that a verification needs, by our names.
// Address, ethnicity, issuer and the rest are passed over where they stand.
const (
	memberName      = "name"
	memberIDNumber  = "id_number"
	memberValidFrom = "valid_from"
	memberValidTo   = "valid_to"
	memberSex       = "sex"
	memberBirthDate = "birth_date"
	memberPhoto     = "photo"
)

// defaultAliases: the form is unpublished, so the names are those of services
// that sell the same thing (Tencent's ParseNfcData, Megvii's and Sunmi's eID).
var defaultAliases = map[string][]string{
	memberName:      {"name", "chName"},
	memberIDNumber:  {"id_number", "idNum", "idCard", "idNo", "idNumber", "idcard_number"},
	memberValidFrom: {"valid_from", "beginTime", "validityBegin", "validFrom", "startDate"},
	memberValidTo:   {"valid_to", "endTime", "validityEnd", "validTo", "endDate"},
	memberSex:       {"sex", "gender"},
	memberBirthDate: {"birth_date", "birthDate", "birth", "birthday"},
	memberPhoto:     {"photo", "picture", "portrait"},
}

const (
	// Lengths in bytes. The longest names of cards have some fifty characters.
	maxName   = 200
	maxNumber = 32
	maxDate   = 64
	// maxPortrait bounds the decoded portrait; a card's own has a few kB.
	maxPortrait = 1 << 20
)

// aliases maps a member's name in lower case to ours.
type aliases map[string]string

func (c *Config) newAliases(check *settings.Check) aliases {
	names := maps.Clone(defaultAliases)
	for ours, theirs := range c.Aliases {
		if _, ok := defaultAliases[ours]; !ok {
			check.Bad(&c.Aliases, "holds %.32q, which is not a stored property", ours)
			continue
		}
		names[ours] = theirs
	}
	out := aliases{}
	for _, ours := range slices.Sorted(maps.Keys(names)) {
		if len(names[ours]) == 0 {
			check.Bad(&c.Aliases, "has no name for %s", ours)
		}
		for _, name := range names[ours] {
			name = strings.ToLower(name)
			if name == "" {
				check.Bad(&c.Aliases, "has an empty name for %s", ours)
			} else if other, taken := out[name]; taken && other != ours {
				check.Bad(&c.Aliases, "has the name %.32q for both %s and %s", name, other, ours)
			}
			out[name] = ours
		}
	}
	return out
}

// reading is what a chip's plaintext told.
type reading struct {
	card verification.Card
	// unclear names the members of which nothing is known since they are missing
	// or not understood, each with its shape; for logs.
	unclear []string
}

// card reads a chip's plaintext. Whether number and dates are possible is not
// decided here: an impossible one is something that a human must see. So is a
// validity that is missing or not understood, since the card would say the same
// in the next scan: it stays empty. Without a name or a number there is nobody
// to look at, and the card is read again.
func (a aliases) card(plaintext []byte) (reading, error) {
	values, unclear, err := a.members(plaintext)
	if err != nil {
		return reading{}, err
	}
	for _, name := range []string{memberName, memberIDNumber} {
		if values[name] == "" {
			return reading{}, incomplete + refusal(name)
		}
	}
	for _, name := range []string{memberValidFrom, memberValidTo} {
		if values[name] == "" && !slices.ContainsFunc(unclear, func(u string) bool { return strings.HasPrefix(u, name+" ") }) {
			unclear = append(unclear, name+" missing")
		}
	}
	slices.Sort(unclear)
	c := verification.Card{
		Name:     values[memberName],
		IDNumber: values[memberIDNumber],
		Validity: verification.Validity{From: values[memberValidFrom], To: values[memberValidTo]},
		Sex:      values[memberSex], BirthDate: values[memberBirthDate],
	}
	if photo := values[memberPhoto]; photo != "" {
		c.Portrait = portrait(photo)
	}
	return reading{c, unclear}, nil
}

// members returns the known members in the form that we keep, by our names, and
// the dates that are not understood. Two names of one member that say different
// things leave open which holds: a date is then not understood, and anything
// else refuses the whole. An empty one says nothing.
func (a aliases) members(plaintext []byte) (values map[string]string, unclear []string, err error) {
	var raw map[string]json.RawMessage
	if strictjson.CheckFolded(plaintext) != nil || json.Unmarshal(plaintext, &raw) != nil || raw == nil {
		return nil, nil, badPayload
	}
	values = map[string]string{}
	lost := map[string]bool{} // dates that are not understood
	for name, value := range raw {
		ours, known := a[strings.ToLower(name)]
		if !known {
			continue
		}
		said, ok := plainText(value)
		text := said
		if ok && said != "" {
			text, ok = normal(ours, said)
		}
		switch same := text == "" || values[ours] == "" || values[ours] == text; {
		case ok && same && text != "":
			values[ours] = text
		case ok && same:
		case isDate(ours) && ok:
			lost[ours], unclear = true, append(unclear, ours+" contradictory")
		case isDate(ours):
			lost[ours], unclear = true, append(unclear, ours+" "+shapeOf(said))
		default:
			return nil, nil, unintelligible + refusal(ours)
		}
	}
	for ours := range lost {
		delete(values, ours)
	}
	return values, unclear, nil
}

func isDate(ours string) bool {
	return ours == memberValidFrom || ours == memberValidTo || ours == memberBirthDate
}

// shapeOf shows a form without what it says: digits as 9, letters as a, and
// nothing of text that is longer than any date.
func shapeOf(text string) string {
	if len(text) > maxDate {
		return "too long"
	}
	return strconv.QuoteToASCII(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return '9'
		case unicode.IsLetter(r):
			return 'a'
		}
		return r
	}, text))
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,18}$`)

// plainText reads a string, a number of digits alone, or nothing. Chips pad
// their fields.
func plainText(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return "", true
		}
		return strings.TrimFunc(*s, func(r rune) bool { return r == 0 || unicode.IsSpace(r) }), true
	}
	return string(raw), wholeNumber.Match(raw)
}

// normal brings a member into the form that we keep; false: it has none.
func normal(ours, text string) (string, bool) {
	switch ours {
	case memberName:
		return text, len(text) <= maxName
	case memberIDNumber:
		return strings.ToUpper(text), len(text) <= maxNumber
	case memberValidFrom, memberBirthDate:
		return ofBounded(residentid.ReadDay, text)
	case memberValidTo:
		return ofBounded(residentid.ReadEnd, text)
	case memberSex:
		return sexes[strings.ToUpper(text)], true
	}
	return text, true
}

// ofBounded reads a date from no more than maxDate bytes.
func ofBounded(read func(string) (string, bool), text string) (string, bool) {
	if len(text) > maxDate {
		return "", false
	}
	return read(text)
}

// sexes: what is not here (GB/T 2261.1 has 0 for unknown, 9 for not stated)
// counts as not told.
var sexes = map[string]string{"男": "m", "女": "f", "1": "m", "2": "f", "M": "m", "F": "f"}
