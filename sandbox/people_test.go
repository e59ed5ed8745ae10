package sandbox

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFixturesAndReservedPeopleAreWellFormed(t *testing.T) {
	require.Len(t, Fixtures(), 21)
	seen := map[string]bool{}
	for _, p := range append(Fixtures(), ReservedPeople()...) {
		require.NoError(t, p.check(), p.ID)
		require.False(t, seen[p.IDNumber], "%s twice", p.ID)
		require.Equal(t, "99", p.IDNumber[4:6], p.ID)
		seen[p.IDNumber] = true
	}
}

func TestCheckCharacters(t *testing.T) {
	for _, good := range []string{"11010519491231002X", "440524188001010014", "110199199003070017", "21019919600909006X"} {
		require.True(t, wellFormedNumber(good), good)
	}
	for _, bad := range []string{"110199199003070011", "310199201011300038", "310199200111300308", "110199202302290014",
		"110199199013010018", "110199900307001", "11019919900307001", "1101991990030700172", "11019919900307005x", "１10199199003070017"} {
		require.False(t, wellFormedNumber(bad), bad)
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"测试甲", "阿测·买样例", "㐂样", "𠮷样", "〇样"} {
		require.True(t, plausibleName(good), good)
	}
	for _, bad := range []string{"", "测", "·样例", "样例·", "样··例", "样 例", "Zhang", "阿测•买样例"} {
		require.False(t, plausibleName(bad), bad)
	}
}

// The vendors compare code points: a name in another spelling than the records'
// differs to each of them.
func TestANameInAnotherSpellingDiffersToEveryVendor(t *testing.T) {
	w := start(t, nil)
	n := 0
	for _, p := range Fixtures() {
		if p.CardName == "" {
			continue
		}
		n++
		for name, agrees := range map[string]bool{p.Name: true, p.CardName: false} {
			asked := p
			asked.Name = name
			_, records, err := w.check2e(asked, nil)
			require.NoError(t, err)
			require.Equal(t, map[bool]string{true: "0", false: "-1"}[agrees], records["result"], "%+q", name)
			token, _ := w.eidToken(map[string]any{"Name": name, "IdCard": p.IDNumber})
			require.NoError(t, w.Begin(token))
			require.NoError(t, w.End(token, "0"))
			_, text := w.result(token, "1")
			require.Equal(t, map[bool]int{true: 0, false: 2006}[agrees], *text.ErrCode)
		}
	}
	require.Equal(t, 4, n)
}

func TestAFreshPersonIsAnAdultWithAValidCardThatFitsTheAgeTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	known := map[string]bool{}
	for _, p := range append(Fixtures(), ReservedPeople()...) {
		known[p.IDNumber] = true
	}
	terms := map[int]bool{}
	for range 2000 {
		p := freshPersonAt(r, now)
		require.NoError(t, p.check())
		require.Equal(t, "99", p.IDNumber[4:6])
		require.False(t, known[p.IDNumber])
		birth, _ := time.Parse("20060102", p.IDNumber[6:14])
		from, _ := time.Parse("20060102", p.ValidFrom)
		require.GreaterOrEqual(t, completedYears(birth, now), 18)
		require.True(t, from.Before(now))
		atIssue, term := completedYears(birth, from), 0
		if p.ValidTo != longTerm {
			to, _ := time.Parse("20060102", p.ValidTo)
			require.True(t, to.After(now.AddDate(0, 3, 0)), "%s ends too soon", p.ValidTo)
			term = to.Year() - from.Year()
		}
		switch {
		case atIssue < 16:
			t.Fatal("a card of a child")
		case atIssue < 26:
			require.Equal(t, 10, term)
		case atIssue < 46:
			require.Equal(t, 20, term)
		default:
			require.Equal(t, 0, term)
		}
		terms[term] = true
	}
	require.Len(t, terms, 3, "all three terms occur")
	require.NoError(t, FreshPerson(r).check())
}
