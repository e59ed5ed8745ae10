package residentid

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stretchr/testify/require"
)

var testDay = time.Date(2026, 11, 22, 12, 0, 0, 0, Shanghai)

func TestCheckNumberNamesTheRuleThatANumberBreaks(t *testing.T) {
	for _, c := range []struct {
		what, number string
		want         Code
	}{
		{"published vector", "11010519491231002X", OK},
		{"published vector", "440524188001010014", IDBirthInvalid}, // right check character, but born in 1880
		{"sequence 000", "110199199003070009", OK},
		{"wrong check character", "110199199003070011", IDChecksum},
		{"neighbours swapped at 9 and 10", "310199201011300038", IDChecksum},
		{"neighbours swapped at 16 and 17", "310199200111300308", IDChecksum},
		{"29 February 2023", "110199202302290014", IDBirthInvalid},
		{"month 13", "110199199013010018", IDBirthInvalid},
		{"birth in the future", "110199209912310010", IDBirthFuture},
		{"year 1654", "110199165412200016", IDBirthInvalid},
		{"province 19", "190199199003070011", IDProvinceUnknown},
		{"province 00", withCheck("00019919900307001"), IDProvinceUnknown},
		{"Hong Kong with a division", withCheck("81010119880808001"), IDProvinceUnknown},
		{"prefix 71", withCheck("71000019880808001"), UnsupportedDocument},
		{"15 digits", "110199900307001", Legacy15Digit},
		{"15 full-width digits", "１１０１９９９００３０７００１", Legacy15Digit},
		{"15 characters with a letter", "11019990030700A", IDLength},
		{"17 characters", "11019919900307001", IDLength},
		{"19 characters", "1101991990030700170", IDLength},
		{"empty", "", IDLength},
		{"letter inside", "11019919900A070017", IDCharset},
		{"X inside", "1101991990030X0017", IDCharset},
		{"space inside", "110199 9900307001X", IDCharset},
		{"Cyrillic Х", "11019919900307005\u0425", IDCharset},
		{"Cyrillic х", "11019919900307005\u0445", IDCharset},
		{"Greek Χ", "11019919900307005\u03A7", IDCharset},
		{"Roman numeral Ⅹ", "11019919900307005\u2169", IDCharset},
		{"Arabic-Indic digit", "11019919900307001\u0667", IDCharset},
		{"not UTF-8", "11019919900307001\xff", IDCharset},
		{"old permanent resident", "CHN110199900307", UnsupportedDocument},
		{"permit with a typing error", "810000198808080014", IDChecksum},
		{"foreign card, birth date not judged", withCheck("93199919831317001"), UnsupportedDocument},
	} {
		require.Equal(t, c.want, Rules{}.CheckNumber(c.number, testDay), c.what)
	}
}

func withCheck(d17 string) string { return d17 + string(checkChar(d17)) }

func TestPublishedVectorsHaveTheirCheckCharacters(t *testing.T) {
	require.Equal(t, byte('X'), checkChar("11010519491231002"))
	require.Equal(t, byte('4'), checkChar("44052418800101001"))
}

func TestNumbersAreNormalisedBeforeTheyAreJudged(t *testing.T) {
	for _, typed := range []string{
		"11019919900307005x", "１１０１９９１９９００３０７００５Ｘ", "１１０１９９１９９００３０７００５ｘ",
		" 11019919900307005X\n", "\u300011019919900307005X\u3000",
	} {
		require.Equal(t, "11019919900307005X", NormaliseNumber(typed))
		require.Equal(t, OK, Rules{}.CheckNumber(typed, testDay))
		require.Equal(t, ResidentCard, KindOf(typed))
	}
}

func TestABirthDateIsBoundByTodayInChinaAndByAge(t *testing.T) {
	born := func(day string) string { return withCheck("110199" + day + "001") }
	require.Equal(t, OK, Rules{}.CheckNumber(born("20261122"), testDay))
	require.Equal(t, IDBirthFuture, Rules{}.CheckNumber(born("20261123"), testDay))
	// 16:00 UTC is midnight in China.
	evening := time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)
	require.Equal(t, OK, Rules{}.CheckNumber(born("20261123"), evening))
	require.Equal(t, IDBirthFuture, Rules{}.CheckNumber(born("20261123"), evening.Add(-time.Second)))

	later := time.Date(2040, 6, 1, 0, 0, 0, 0, Shanghai)
	require.Equal(t, OK, Rules{}.CheckNumber(born("19000101"), testDay))
	require.Equal(t, IDBirthInvalid, Rules{}.CheckNumber(born("18991231"), testDay))
	require.Equal(t, OK, Rules{}.CheckNumber(born("19090602"), later))
	require.Equal(t, IDBirthInvalid, Rules{}.CheckNumber(born("19090601"), later))
}

func TestKindSexAndBirthDateOfANumber(t *testing.T) {
	for number, want := range map[string]struct {
		kind Kind
		sex  Sex
	}{
		"110199199003070017": {ResidentCard, Male},
		"110199199003070025": {ResidentCard, Female},
		"810000198808080013": {PermitHongKong, Male},
		"820000199512120027": {PermitMacau, Female},
		"830000197910050039": {PermitTaiwan, Male},
		"931999198304170014": {PermanentResident, SexUnknown},
		"CHN110199900307":    {PermanentResidentOld, SexUnknown},
		"710000198808080011": {TaiwanDivision, SexUnknown},
		"190199199003070011": {UnknownKind, SexUnknown},
		"nonsense":           {UnknownKind, SexUnknown},
	} {
		require.Equal(t, want.kind, KindOf(number))
		require.Equal(t, want.sex, SexOf(number))
	}
	for _, number := range []string{"", "110199900307001", "CHN110199900307", "110199199013010018"} {
		_, ok := BirthDate(number)
		require.False(t, ok)
	}
}

// digits17 draws the first 17 characters of a number.
var digits17 = rapid.StringMatching(`[1-6][0-9]{16}`)

func TestTheCheckCharacterSeesEverySingleErrorAndEverySwapOfNeighbours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := []byte(withCheck(digits17.Draw(t, "number")))
		i := rapid.IntRange(0, 16).Draw(t, "position")

		wrong := append([]byte(nil), n...)
		wrong[i] = '0' + (wrong[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "error")))%10
		if checkChar(string(wrong[:17])) == n[17] {
			t.Fatal("a single error went unseen")
		}

		if i < 16 && n[i] != n[i+1] {
			swapped := append([]byte(nil), n...)
			swapped[i], swapped[i+1] = n[i+1], n[i]
			if checkChar(string(swapped[:17])) == n[17] {
				t.Fatal("a swap went unseen")
			}
		}
	})
}

func TestNormalisingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		for what, f := range map[string]func(string) string{
			"number": NormaliseNumber, "name": NormaliseName, "date": NormaliseDate,
		} {
			if once := f(s); f(once) != once {
				t.Fatalf("%s: not idempotent", what)
			}
		}
	})
}

func TestNoInputMakesTheRulesPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9X]{15,19}`), rapid.StringMatching(`[A-Z]{3}[0-9]{12}`), rapid.StringMatching(`(19|20)[0-9]{6}`))
		c := Card{piece.Draw(t, "number"), piece.Draw(t, "name"), piece.Draw(t, "from"), piece.Draw(t, "to")}
		r := Rules{rapid.Bool().Draw(t, "permits"), rapid.Bool().Draw(t, "residents"), rapid.Bool().Draw(t, "leap")}
		normal, f := r.Check(c, testDay)
		again, g := r.Check(normal, testDay)
		if again != normal || f.Code() != g.Code() {
			t.Fatal("a normalised card is judged differently")
		}
		CheckChip(c.Number, Chip{Birth: c.From, Sex: Male, From: c.To})
		ShapedLikeIDNumber(c.Name)
	})
}
