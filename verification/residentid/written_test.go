package residentid

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A card without an end is one in every form in which it is written.
func TestReadEndKnowsEveryFormOfNoEnd(t *testing.T) {
	for _, s := range []string{
		"99991231", "9999-12-31", "9999.12.31", "9999/12/31", "9999年12月31日", "９９９９．１２．３１", "9999-12-31 00:00:00", "9999-12-31T00:00:00",
		"00000000", "0000-00-00", "0000.00.00", "0000/00/00", "長期", "长期", "长期有效", "長期有效", "永久", "永久有效", " 长期\u3000", "长期\x00\x00",
	} {
		day, ok := ReadEnd(s)
		require.True(t, ok, "%q", s)
		require.Equal(t, LongTerm, day, "%q", s)
	}
}

func TestReadDayKnowsTheFormsOfADay(t *testing.T) {
	for _, s := range []string{
		"20400105", "2040-01-05", "2040.01.05", "2040/01/05", "2040年01月05日", "2040年1月5日", "2040/1/5", "2040-1-5", "２０４００１０５",
		"２０４０．０１．０５", "2040－01－05", "2040–01–05", "2040。01。05", " 20400105 ", "20400105\x00", "2040-01-05 00:00:00", "2040-01-05T00:00:00.000", "2040-01-05 00:00",
	} {
		for _, read := range []func(string) (string, bool){ReadDay, ReadEnd} {
			day, ok := read(s)
			require.True(t, ok, "%q", s)
			require.Equal(t, "20400105", day, "%q", s)
		}
	}
	day, ok := ReadDay("2040.13.99")
	require.True(t, ok, "impossible days are understood: a human must see them")
	require.Equal(t, "20401399", day)
}

func TestAFormThatIsNotUnderstoodIsNoDay(t *testing.T) {
	for _, s := range []string{
		"", " ", "2040", "204001", "2040-01.05", "2040-0105", "204001-05", "2040105", "2040-001-05", "20-01-05", "05.01.2040x", "05.01.2040",
		"2040-01-05 12:30:00", "2040-01-04T16:00:00Z", "2211580800000", "yesterday", "长 期", "无", "至长期", "20200115-20400115", "99991231x",
	} {
		for _, read := range []func(string) (string, bool){ReadDay, ReadEnd} {
			day, ok := read(s)
			require.False(t, ok, "%q", s)
			require.Empty(t, day, "%q", s)
		}
	}
	_, ok := ReadDay("长期")
	require.False(t, ok, "a begin without end is none")
}
