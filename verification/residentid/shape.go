package residentid

import (
	"slices"
	"unicode"
)

// ShapedLikeIDNumber reports whether free text holds something shaped like an
// ID number, in whatever digits and with whatever separators in between: 18
// characters or 15 digits around a plausible birth date. The check character
// does not matter, since a mistyped number tells as much about the person.
//
// Eighteen characters are found inside longer digit strings too. Fifteen, whose
// two-digit year fits far more text, must fill whole groups of digits. Both
// must start with a known prefix: else one order number in a hundred of the form
// YYYYMMDDhhmmss and a counter would be taken for a person.
func ShapedLikeIDNumber(s string) bool {
	for _, groups := range digitGroups(s) {
		run := slices.Concat(groups...)
		for i := 0; i+18 <= len(run); i++ {
			if shaped18(run[i : i+18]) {
				return true
			}
		}
		for i := range groups {
			length := 0
			for j := i; j < len(groups) && length < 15; j++ {
				length += len(groups[j])
				if length == 15 && shaped15(slices.Concat(groups[i:j+1]...)) {
					return true
				}
			}
		}
	}
	return false
}

// digitGroups splits text at letters into stretches, and each stretch at its
// separators into groups of ASCII digits. An X belongs to the group that it
// ends.
func digitGroups(s string) [][][]byte {
	var stretches [][][]byte
	var stretch [][]byte
	var group []byte
	endGroup := func() {
		if len(group) > 0 {
			stretch, group = append(stretch, group), nil
		}
	}
	endStretch := func() {
		endGroup()
		if len(stretch) > 0 {
			stretches, stretch = append(stretches, stretch), nil
		}
	}
	for _, r := range s {
		switch d, ok := digit(r); {
		case ok:
			group = append(group, d)
		case likeX(r):
			group = append(group, 'X')
			endGroup()
		case unicode.IsLetter(r):
			endStretch()
		default:
			endGroup()
		}
	}
	endStretch()
	return stretches
}

// digit maps a decimal digit of any script to ASCII: the ranges of Unicode's
// Nd are made of runs from zero to nine.
func digit(r rune) (byte, bool) {
	if '0' <= r && r <= '9' {
		return byte(r), true
	}
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, x := range unicode.Nd.R16 {
		if lo := rune(x.Lo); lo <= r && r <= rune(x.Hi) {
			return '0' + byte((r-lo)%10), true
		}
	}
	for _, x := range unicode.Nd.R32 {
		if lo := rune(x.Lo); lo <= r && r <= rune(x.Hi) {
			return '0' + byte((r-lo)%10), true
		}
	}
	return 0, false
}

// likeX: X in Latin, Cyrillic and Greek, and the sign for multiplication.
func likeX(r rune) bool {
	switch narrow(r) {
	case 'x', 'X', '\u0425', '\u0445', '\u03A7', '\u03C7', '\u00D7':
		return true
	}
	return false
}

func shaped18(b []byte) bool {
	n := string(b)
	return wellFormed(n) && knownPrefix(b) && plausibleBirth(n[6:14])
}

func shaped15(b []byte) bool {
	n := string(b)
	return n[0] != '9' && knownPrefix(b) && allDigits(n) && plausibleBirth("19"+n[6:12])
}

// knownPrefix: a province, Taiwan, a permit, or the 9 of foreigners' cards.
func knownPrefix(b []byte) bool {
	switch prefix := string(b[:2]); prefix {
	case "71", "81", "82", "83":
		return true
	default:
		return b[0] == '9' || slices.Contains(provinces, prefix)
	}
}

// plausibleBirth leaves the upper end open by a century, so that it needs no
// clock.
func plausibleBirth(yyyymmdd string) bool {
	t, ok := parseDate(yyyymmdd)
	return ok && t.Year() >= firstBirthYear && t.Year() < firstBirthYear+200
}
