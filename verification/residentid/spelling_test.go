package residentid

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/unicode/norm"
)

// rows reads a kept table; lines that begin with # are about it.
func rows(t *testing.T, name string, read func(line string)) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "#") {
			read(lines.Text())
		}
	}
}

// The 95 characters are those of glibc's tables, and x/text's and the Encoding
// Standard's say the same, as far as they reach.
func TestThePrivateUseCharactersAreThoseOfEveryTable(t *testing.T) {
	require.Len(t, coded, 95)
	require.Len(t, privately, 95, "no two of them are one character")
	byCell, private := map[[2]byte]rune{}, map[int]rune{}
	rows(t, "gbk.txt", func(line string) {
		var cell [2]byte
		var from, to rune
		_, err := fmt.Sscanf(line, "%02X%02X\tU+%X\tU+%X", &cell[0], &cell[1], &from, &to)
		require.NoError(t, err, line)
		require.Equal(t, to, coded[from], line)
		byCell[cell] = to
		pointer := (int(cell[0])-0x81)*190 + int(cell[1]) - 0x40
		if cell[1] > 0x7F {
			pointer--
		}
		private[pointer] = from
	})
	require.Len(t, byCell, 95)
	known := 0
	for cell, want := range byCell {
		got, err := simplifiedchinese.GB18030.NewDecoder().Bytes(cell[:])
		require.NoError(t, err)
		if string(got) != "\uFFFD" {
			require.Equal(t, string(want), string(got), "%X", cell)
			known++
		}
	}
	require.Equal(t, 80, known, "x/text does not know the other 15")
	still := 0
	rows(t, "index-gb18030.txt", func(line string) {
		var pointer int
		var point rune
		_, err := fmt.Sscanf(line, "%d\t0x%X", &pointer, &point)
		require.NoError(t, err, line)
		if privateUse(point) {
			require.Equal(t, private[pointer], point, line)
			still++
		} else {
			require.Equal(t, coded[private[pointer]], point, line)
		}
		delete(private, pointer)
	})
	require.Empty(t, private)
	require.Equal(t, 6, still)
}

func TestTheTableIsWhatItsGeneratorWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	out, err := exec.CommandContext(t.Context(), "go", "run", "gen_privateuse.go", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := os.ReadFile("privateuse.gen.go")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run make generate")
}

// Two code points of one character are the same wherever names are compared;
// everything else differs.
func TestNamesAreComparedByTheirCharacters(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want Agreement
	}{
		{"测试甲", "测试甲", NamesAgree},
		{"王䶮", "王\uE863", NamesAgree},
		{"样\uFA30", "样\u4FAE", NamesAgree},         // a compatibility ideograph
		{"样\uF900", "样\u8C48", NamesAgree},         // and another
		{"样\U0002F803", "样\U00020122", NamesAgree}, // and one beyond the first plane
		{"样\uE816", "样\U00020087", NamesAgree},     // beyond the first plane
		{"样\uE81E", "样\u9FB4", NamesAgree},         // coded after 2005
		{"\uE863\uFA30", "䶮侮", NamesAgree},         // several
		{"阿测·\uE863样", "阿测\u2E31䶮样", NamesAgree},   // and a dot
		{" 测试甲\u3000", "测试甲", NamesAgree},
		{"样\uFA0E", "样\u4E00", NamesDiffer}, // among the compatibility ones, and no double
		{"万样", "萬样", NamesDiffer},           // simplified and traditional
		{"样䶮", "样龑", NamesDiffer},           // likewise
		{"测试甲", "测试乙", NamesDiffer},
		{"测试", "测试甲", NamesDiffer},
		{"样\uE863", "样丁", NamesDiffer}, // what it stands for is known
		{"样\uE123", "样\uE123", NamesAgree},
		{"样\uE123", "样丁", NamesUnclear}, // what it stands for is not
		{"样\uE123", "样\uE124", NamesUnclear},
		{"样\uE123", "例丁", NamesDiffer},
		{"样\uE123", "样", NamesDiffer},
		{"", "", NamesDiffer},
		{" ", "", NamesDiffer},
	} {
		require.Equal(t, c.want, CompareNames(c.a, c.b), "%+q %+q", c.a, c.b)
		require.Equal(t, c.want, CompareNames(c.b, c.a), "%+q %+q", c.b, c.a)
	}
}

// Every compatibility ideograph is its canonical decomposition, and no other
// character has become another one.
func TestStandardCodePointsAreUnicodesOwn(t *testing.T) {
	changed := 0
	for r := rune(0x80); r <= 0x33FFF; r++ {
		if _, ours := coded[r]; ours || 0xD800 <= r && r <= 0xDFFF {
			continue
		}
		got := standard(r)
		if compatibility(r) {
			require.Equal(t, norm.NFD.String(string(r)), string(got), "%U", r)
		} else {
			require.Equal(t, r, got, "%U", r)
		}
		if got != r {
			changed++
		}
	}
	require.Greater(t, changed, 900)
	require.Equal(t, '\uFA0E', standard('\uFA0E'), "one of the twelve that are ideographs of their own")
}

func TestRareNamesAreThoseThatAnotherSystemMayWriteOtherwise(t *testing.T) {
	for name, rare := range map[string]bool{
		"测试甲": false, "阿测·买样例": false, "样〇": false, "李金梁": false, "侮": false, "样龥": false, // U+9FA5
		"样\u9FA6": true, "样\u9FBB": true, "㐂样": true, "𠮷样": true, "样\U000323B0": true,
		"样䶮": true, "样\uE863": true, "样\uE123": true, "样\uFA30": true, "样\uFA0E": true, "": false, "Smith": false,
	} {
		require.Equal(t, rare, RareName(name), "%+q", name)
	}
}

func TestTheOtherSpellingIsTheSameName(t *testing.T) {
	for name, want := range map[string]string{
		"样\uE863": "样䶮", "样䶮": "样\uE863", "样\uFA30": "样侮", "样\uFA30\uE863": "样侮䶮", "样䶮\uE81E": "样䶮龴",
		"样侮": "", "㐂样": "", "样\uE123": "", "测试甲": "", "样\uFA0E": "",
		"样\uE815": "", // a radical, and no character of a name
	} {
		other, ok := OtherSpelling(name)
		require.Equal(t, want != "", ok, "%+q", name)
		if ok {
			require.Equal(t, want, other)
			require.Equal(t, NamesAgree, CompareNames(name, other))
		}
	}
}
