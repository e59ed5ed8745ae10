package residentid

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidityDatesNameTheRuleThatTheyBreak(t *testing.T) {
	const resident, permit, foreign = "110199199003070017", "810000198808080013", "931999198304170014"
	for _, c := range []struct {
		what, number, from, to string
		fromCode, toCode       Code
	}{
		{"ok", resident, "20200115", "20400115", OK, OK},
		{"a day short", resident, "20200115", "20400114", OK, OK},
		{"a day long", resident, "20200115", "20400116", OK, OK},
		{"two days short", resident, "20200115", "20400113", OK, ValidityTermUnknown},
		{"two days long", resident, "20200115", "20400117", OK, ValidityTermUnknown},
		{"nine years", resident, "20200115", "20290115", OK, ValidityTermUnknown},
		{"three months, a temporary card", resident, "20260915", "20261215", OK, ValidityTermUnknown},
		{"end on the first day", resident, "20200115", "20200115", OK, ValidityMalformed},
		{"end before begin", resident, "20200115", "20190115", OK, ValidityMalformed},
		{"begin without form", resident, "2020115", "20400115", ValidityMalformed, OK},
		{"begin with dashes", resident, "2020-01-15", "20400115", ValidityMalformed, OK},
		{"begin of letters", resident, "2020011a", "20400115", ValidityMalformed, OK},
		{"begin long-term", resident, "00000000", "20400115", ValidityMalformed, OK},
		{"begin empty", resident, "", "20400115", ValidityMalformed, OK},
		{"end empty", resident, "20200115", "", OK, ValidityMalformed},
		{"month 13", resident, "20201301", "20400115", ValidityMalformed, OK},
		{"30 February", resident, "20200115", "20400230", OK, ValidityMalformed},
		{"29 February in a common year", resident, "20160229", "20260229", OK, ValidityMalformed},
		{"both", resident, "x", "y", ValidityMalformed, ValidityMalformed},
		{"begin in the future", resident, "20261123", "20461123", ValidityImpossible, OK},
		{"begin today", resident, "20261122", "20461122", OK, OK},
		{"begin before birth", resident, "19900306", "20000306", ValidityImpossible, OK},
		{"begin on the day of birth", resident, "19900307", "19950307", OK, OK},
		{"begin before there were cards", "21019919600909006X", "19831231", "00000000", ValidityImpossible, OK},
		{"long-term in words", resident, "20200115", "长期", OK, OK},
		{"full-width", resident, "２０２００１１５", "２０４００１１５", OK, OK},
		{"permit of five years", permit, "20230401", "20280401", OK, OK},
		{"permit of five years and a day", permit, "20230401", "20280402", OK, ValidityTermUnknown},
		{"permit of ten years", permit, "20230401", "20330401", OK, ValidityTermUnknown},
		{"permit long-term", permit, "20230401", "00000000", OK, ValidityTermUnknown},
		{"permit issued on 29 February", permit, "20240229", "20290228", OK, OK},
		{"foreigner, five years", foreign, "20240110", "20290110", OK, OK},
		{"foreigner, ten years", foreign, "20240110", "20340110", OK, OK},
		{"foreigner, twenty years", foreign, "20240110", "20440110", OK, ValidityTermUnknown},
		{"foreigner, long-term", foreign, "20240110", "00000000", OK, ValidityTermUnknown},
		{"old foreigner's card", "CHN110199900307", "20200110", "20300110", OK, OK},
	} {
		var want []FieldError
		if c.fromCode != OK {
			want = append(want, FieldError{FieldFrom, c.fromCode})
		}
		if c.toCode != OK {
			want = append(want, FieldError{FieldTo, c.toCode})
		}
		all := Rules{Permits: true, PermanentResidents: true}
		_, f := all.Check(Card{Number: c.number, Name: "测试甲", From: c.from, To: c.to}, testDay)
		require.Equal(t, want, f.Malformed, c.what)
	}
}

func TestTheTermFollowsTheAgeOnTheDayOfIssue(t *testing.T) {
	// Born 1998-01-01, so 16 in 2014, 26 in 2024; S1's neighbour for 46.
	const number, older = "330199199801010124", "420199197806150153"
	for _, c := range []struct {
		number, from, to string
		mismatch         bool
	}{
		{number, "20131231", "20181231", false},
		{number, "20140101", "20190101", true},
		{number, "20140101", "20240101", false},
		{number, "20131231", "20231231", true},
		{number, "20231231", "20431231", true},
		{number, "20240101", "20340101", true},
		{number, "20240101", "00000000", true},
		{older, "20240614", "00000000", true},
		{older, "20240615", "20440615", true},
	} {
		_, f := Rules{}.Check(Card{Number: c.number, Name: "测试甲", From: c.from, To: c.to}, testDay)
		require.Empty(t, f.Malformed)
		if c.mismatch {
			require.Contains(t, f.Soft, ValidityAgeMismatch, "%s-%s", c.from, c.to)
		} else {
			require.NotContains(t, f.Soft, ValidityAgeMismatch, "%s-%s", c.from, c.to)
		}
	}
}

func TestTheAgeTableHoldsForResidentCardsOnly(t *testing.T) {
	all := Rules{Permits: true, PermanentResidents: true}
	for _, c := range []Card{
		{Number: "810000198808080013", From: "20230401", To: "20280401"},
		{Number: "931999198304170014", From: "20240110", To: "20340110"},
	} {
		c.Name = "测试甲"
		_, f := all.Check(c, testDay)
		require.Equal(t, OK, f.Code())
		require.Empty(t, f.Soft)
	}
}

func TestTheLastDayStillCountsInChina(t *testing.T) {
	card := Card{Number: "510199200010100173", Name: "测试甲", From: "20161210", To: "20261210"}
	at := func(now time.Time) Findings { _, f := Rules{}.Check(card, now); return f }

	lastSecond := time.Date(2026, 12, 10, 23, 59, 59, 0, Shanghai)
	require.False(t, at(lastSecond).Expired)
	require.Contains(t, at(lastSecond).Soft, CardExpiring)
	require.False(t, at(lastSecond.UTC()).Expired, "the zone of the clock does not matter")
	require.True(t, at(lastSecond.Add(time.Second)).Expired)
	require.NotContains(t, at(lastSecond.Add(time.Second)).Soft, CardExpiring)

	require.Contains(t, at(time.Date(2026, 11, 10, 0, 0, 0, 0, Shanghai)).Soft, CardExpiring, "30 days before")
	require.NotContains(t, at(time.Date(2026, 11, 9, 0, 0, 0, 0, Shanghai)).Soft, CardExpiring, "31 days before")
}

func TestAnImpossibleLeapDayIsAnEndOnlyBehindTheSwitch(t *testing.T) {
	card := Card{Number: "230199199612240242", Name: "测试甲", From: "20160229", To: "20260229"}
	_, f := Rules{}.Check(card, testDay)
	require.Equal(t, ValidityMalformed, f.Code())

	normal, f := Rules{LeapDayEnd: true}.Check(card, testDay)
	require.Empty(t, f.Malformed)
	require.True(t, f.Expired)
	require.Equal(t, "20260229", normal.To, "what the card says is kept")

	// It stands for the 28th: the card lives no longer by it.
	_, f = Rules{LeapDayEnd: true}.Check(card, time.Date(2026, 2, 28, 0, 0, 0, 0, Shanghai))
	require.False(t, f.Expired)
	_, f = Rules{LeapDayEnd: true}.Check(card, time.Date(2026, 3, 1, 0, 0, 0, 0, Shanghai))
	require.True(t, f.Expired)

	card.From = "20160228"
	_, f = Rules{LeapDayEnd: true}.Check(card, testDay)
	require.Equal(t, ValidityMalformed, f.Code(), "only for cards issued on a 29 February")
}

func TestDayIsTheDayInChina(t *testing.T) {
	require.Equal(t, "20261122", Day(time.Date(2026, 11, 22, 15, 59, 59, 0, time.UTC)))
	require.Equal(t, "20261123", Day(time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)))
}

func TestAChipIsComparedWithItsNumber(t *testing.T) {
	const number = "110199199003070017"
	for _, c := range []struct {
		what   string
		number string
		chip   Chip
		want   []Code
	}{
		{"agrees", number, Chip{Birth: "19900307", Sex: Male, From: "20200115"}, nil},
		{"nothing read", number, Chip{}, nil},
		{"another birth date", number, Chip{Birth: "19900308"}, []Code{ChipBirthMismatch}},
		{"another sex", number, Chip{Sex: Female}, []Code{ChipSexMismatch}},
		{"begin before chip cards", number, Chip{From: "20031231"}, []Code{ChipBefore2004}},
		{"begin of the first chip cards", number, Chip{From: "20040101"}, nil},
		{"all", number, Chip{Birth: "1", Sex: Female, From: "19990101"}, []Code{ChipBirthMismatch, ChipSexMismatch, ChipBefore2004}},
		{"a number that tells no sex", "931999198304170014", Chip{Birth: "19830417", Sex: Female}, nil},
	} {
		require.Equal(t, c.want, CheckChip(c.number, c.chip), c.what)
	}
}
