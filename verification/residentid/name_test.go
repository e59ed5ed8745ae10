package residentid

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreTakenOrRefusedByTheirCharacters(t *testing.T) {
	for _, c := range []struct {
		name string
		want Code
	}{
		{"测试甲", OK},
		{"样例乙", OK},
		{"阿测·买样例", OK},
		{"阿测•买样例", OK},
		{"㐂样", OK},          // Extension A
		{"𠮷样", OK},          // Extension B, four bytes
		{"样\U0002EBF0", OK}, // Extension I
		{"样\U000323AF", OK}, // the end of Extension H
		{"样\U000323B0", OK}, // Extension J
		{"样\U00033479", OK}, // and its end
		{"样\U0002B73F", OK}, // of Unicode 17, in Extension C
		{"样\U0002CEAD", OK}, // and in E
		{"样\U0003347A", NameCharset},
		{"样〇", OK},
		{"样\uE000", OK},
		{"样\uF900", OK}, // compatibility ideograph
		{"样", OK},
		{" 测试甲\u3000", OK},
		{strings.Repeat("样", 50), OK},
		{strings.Repeat("样", 51), NameLength},
		{"", NameEmpty},
		{" \u3000", NameEmpty},
		{"·样例", NameSeparator},
		{"样例.", NameSeparator},
		{"样··例", NameSeparator},
		{"样•.例", NameSeparator},
		{"样 例", NameCharset},
		{"样\u3000例", NameCharset},
		{"样\u200B例", NameCharset},
		{"样1", NameCharset},
		{"样A", NameCharset},
		{"样\u2F00", NameCharset}, // a radical that looks like 一
		{"样\uFE00", NameCharset}, // variation selector
		{"样<b>", NameCharset},
		{"样\U000F0000", NameCharset}, // private use, but not the area of older systems
		{"样\xff", NameCharset},
	} {
		require.Equal(t, c.want, checkName(ResidentCard, NormaliseName(c.name)), "%+q", c.name)
	}
}

func TestEveryLookAlikeOfTheSeparatorIsMapped(t *testing.T) {
	for _, r := range []rune{0x2022, 0x2027, 0x2219, 0x22C5, 0x30FB, 0xFF65, 0x318D, 0x16EB, 0xFF0E, '.', 0x00B7, 0x0387, 0x2024, 0x2E31, 0xFE52} {
		require.Equal(t, "阿测·买样例", NormaliseName("阿测"+string(r)+"买样例"), "%U", r)
	}
}

// A name is kept and told in the code points in which it came.
func TestNamesAreNotFoldedIntoOtherNames(t *testing.T) {
	for _, n := range []string{"\uF900样", "\u8C48样", "万", "萬", "\uE123", "\uE863", "e\u0301", "Ａ"} {
		require.Equal(t, n, NormaliseName(n))
	}
}

func TestPermanentResidentsMayHaveLatinNames(t *testing.T) {
	r := Rules{PermanentResidents: true}
	card := Card{Number: "931999198304170014", Name: " O'TEST, J. MARIE-ANNE ", From: "20240110", To: "20340110"}
	normal, f := r.Check(card, testDay)
	require.Equal(t, OK, f.Code())
	require.Equal(t, "O'TEST, J. MARIE-ANNE", normal.Name, "its points are no separators")

	card.Name = "TEST2"
	_, f = r.Check(card, testDay)
	require.Equal(t, NameCharset, f.Code())
}
