package sinoconnect

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
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
	maxDate   = 32
	// maxPortrait bounds the decoded portrait; a card's own has a few kB.
	maxPortrait = 1 << 20
)

// aliases maps a member's name in lower case to ours.
type aliases map[string]string

func newAliases(configured map[string][]string) (aliases, []error) {
	names := maps.Clone(defaultAliases)
	var errs []error
	for ours, theirs := range configured {
		if _, ok := defaultAliases[ours]; !ok {
			errs = append(errs, fmt.Errorf("sinoconnect: Aliases: %.32q is no member that is kept", ours))
			continue
		}
		names[ours] = theirs
	}
	out := aliases{}
	for _, ours := range slices.Sorted(maps.Keys(names)) {
		if len(names[ours]) == 0 {
			errs = append(errs, fmt.Errorf("sinoconnect: Aliases: %s has no name", ours))
		}
		for _, name := range names[ours] {
			name = strings.ToLower(name)
			if name == "" {
				errs = append(errs, fmt.Errorf("sinoconnect: Aliases: %s has an empty name", ours))
			} else if other, taken := out[name]; taken && other != ours {
				errs = append(errs, fmt.Errorf("sinoconnect: Aliases: %.32q names both %s and %s", name, other, ours))
			}
			out[name] = ours
		}
	}
	return out, errs
}

// card reads a chip's plaintext. Whether number and dates are possible is not
// decided here: an impossible one is something that a human must see, while
// what is not understood at all is read again.
func (a aliases) card(plaintext []byte) (verification.Card, error) {
	values, err := a.members(plaintext)
	if err != nil {
		return verification.Card{}, err
	}
	c := verification.Card{
		Name:     values[memberName],
		IDNumber: values[memberIDNumber],
		Validity: verification.Validity{From: values[memberValidFrom], To: values[memberValidTo]},
		Sex:      values[memberSex], BirthDate: values[memberBirthDate],
	}
	if c.Name == "" || c.IDNumber == "" || c.Validity.From == "" || c.Validity.To == "" {
		return verification.Card{}, incomplete
	}
	if photo := values[memberPhoto]; photo != "" {
		c.Portrait = portrait(photo)
	}
	return c, nil
}

// members returns the known members in the form that we keep, by our names.
// Two names of one member that say different things leave open which holds, so
// the whole is refused; an empty one says nothing.
func (a aliases) members(plaintext []byte) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if provider.Unambiguous(plaintext) != nil || json.Unmarshal(plaintext, &raw) != nil || raw == nil {
		return nil, badPayload
	}
	values := map[string]string{}
	for name, value := range raw {
		ours, known := a[strings.ToLower(name)]
		if !known {
			continue
		}
		text, ok := plainText(value)
		if ok && text != "" {
			text, ok = normal(ours, text)
		}
		if !ok || text != "" && values[ours] != "" && values[ours] != text {
			return nil, unintelligible
		}
		if text != "" {
			values[ours] = text
		}
	}
	return values, nil
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
		return date(text)
	case memberValidTo:
		if text == "长期" || text == noEnd {
			return noEnd, true
		}
		return date(text)
	case memberSex:
		return sexes[strings.ToUpper(text)], true
	}
	return text, true
}

// noEnd is how a card without an end is written down.
const noEnd = "00000000"

// sexes: what is not here (GB/T 2261.1 has 0 for unknown, 9 for not stated)
// counts as not told.
var sexes = map[string]string{"男": "m", "女": "f", "1": "m", "2": "f", "M": "m", "F": "f"}

var dateForms = regexp.MustCompile(`^([0-9]{4})([-./]?)([0-9]{2})([-./]?)([0-9]{2})$`)

func date(text string) (string, bool) {
	if len(text) > maxDate {
		return "", false
	}
	m := dateForms.FindStringSubmatch(text)
	if m == nil || m[2] != m[4] {
		return "", false
	}
	return m[1] + m[3] + m[5], true
}
