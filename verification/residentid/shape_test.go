package residentid

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFreeTextThatHoldsANumberIsSeen(t *testing.T) {
	for _, s := range []string{
		"110199199003070017",
		"11019919900307005X",
		"11019919900307005x",
		"110199199003070011", // wrong check character: as personal
		"931999198304170014",
		"order-110199199003070017-1",
		"id:110199199003070017;north",
		"a110199199003070017b",
		"2110199199003070017", // glued to another digit
		"110199 19900307 0017",
		"110199-19900307-0017",
		"110.199.1990.03.07.0017",
		"1 1 0 1 9 9 1 9 9 0 0 3 0 7 0 0 1 7",
		"110199\u200B19900307\u200B0017",
		"１１０１９９１９９００３０７００１７",
		"１１０１９９ １９９００３０７ ００５Ｘ",
		"11019919900307005\u0425",
		"\u0661\u0661\u0660\u0661\u0669\u0669\u0661\u0669\u0669\u0660\u0660\u0663\u0660\u0667\u0660\u0660\u0661\u0667",
		"身份证110199199003070017号",
		"110199900307001",
		"old 110199-900307-001",
		"ref 17: 110199900307001",
		"x110199900307001",
	} {
		require.True(t, ShapedLikeIDNumber(s), "%+q", s)
	}
}

func TestOrdinaryReferencesAreNotTakenForNumbers(t *testing.T) {
	for _, s := range []string{
		"", "order-17", "north", "测试甲",
		"0b2f1c9e-5a77-4a4c-9a51-3f0e9c1d2b44",
		"20261120051225-123456", "202611190512250001", // the day and time look like a birth date
		"2026-11-22T14:30:15+08:00", "20261122143015", "20261122143015123",
		"+8613800000000", "13800000000",
		"6222020000000000000",    // a bank card's length
		"110199199013010018",     // month 13
		"110199202302290014",     // no such day
		"010199199003070017",     // no number begins with 0
		"1234567890123456789012", // digits in a row
		"190199199003070011",     // no such province
		"190199900307001",        // 15 digits, no such province
		"1101999003070012",       // 16 digits
		"11019919900307001",      // 17 digits
		"110199a19900307b0017",   // letters in between
		"ver_abcdefghijklmnopqrstuvwxyz",
		strings.Repeat("9", 4096),
	} {
		require.False(t, ShapedLikeIDNumber(s), "%+q", s)
	}
}

func TestEveryNumberIsSeenHoweverItIsWritten(t *testing.T) {
	letters := rapid.StringMatching(`[a-wyz ,:;/_.#-]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.IntRange(1, 28).Draw(t, "day")
		n := withCheck(rapid.StringMatching(`(11|44|65|81)[0-9]{4}(19[0-9]{2}|20[01][0-9])(0[1-9]|1[0-2])`).Draw(t, "head") +
			string([]byte{'0' + byte(day/10), '0' + byte(day%10)}) + rapid.StringMatching(`[0-9]{3}`).Draw(t, "sequence"))
		wide := rapid.Bool().Draw(t, "wide")
		separator := rapid.SampledFrom([]string{"", " ", "-", ".", "/", "\u3000", "\u00AD", "·"}).Draw(t, "separator")
		var b strings.Builder
		for i, r := range n {
			if i == 6 || i == 14 {
				b.WriteString(separator)
			}
			if wide {
				r += '！' - '!'
			}
			b.WriteRune(r)
		}
		if s := letters.Draw(t, "before") + b.String() + letters.Draw(t, "after"); !ShapedLikeIDNumber(s) {
			t.Fatalf("not seen: %q", s)
		}
	})
}
