package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// once holds what stands in one place of the code, by the words that give a
// second place away. The stand-ins and the client share nothing with the rest,
// and have their own.
var once = map[string]string{
	"time.FixedZone(":      "verification/residentid/validity.go", // China's day
	`"00000000"`:           "verification/residentid/validity.go", // an end that never comes
	"DisableKeepAlives":    "provider/http.go",                    // a charged call is not repeated
	"GetBody = nil":        "provider/http.go",
	"ErrDuplicateName":     "internal/strictjson/strictjson.go", // a property that is named twice
	`"***"`:                "internal/settings/print.go",        // masked settings
	`strings.Repeat("*", `: "verification/request.go",           // masked people
	"YAMLToJSON":           "api/operations.go",
}

func TestWhatIsSaidOnce(t *testing.T) {
	seen := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		file := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (file == "sandbox" || file == "client" || file == "test" || file == "tools" || strings.HasPrefix(entry.Name(), ".") && path != "../.."):
			return fs.SkipDir
		case entry.IsDir(), filepath.Ext(file) != ".go", strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for words, home := range once {
			switch found := strings.Contains(string(text), words); {
			case found && file == home:
				seen[words]++
			case found:
				t.Errorf("%s holds %s, whose one place is %s", file, words, home)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for words, home := range once {
		if seen[words] == 0 {
			t.Errorf("%s does not hold %s any more: where is it now?", home, words)
		}
	}
}
