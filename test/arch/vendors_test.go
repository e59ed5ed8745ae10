package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named are the places that may name a vendor: its own package, what stands in
// for it and what tests and describes the whole, and of the product the list of
// vendors, the built-in policies, and the texts with which one begins.
var named = []string{
	"provider", "sandbox", "test", "deploy", "docs", "docker-compose.yml", "examples",
	"api/openapi.yaml", // in examples
	"internal/config/policies.yaml",
	"cmd/vendors.go",                   // the list
	"cmd/init.go", "cmd/settings.tmpl", // what init writes
	"cmd/demo.go", "cmd/demoscript.go", "cmd/demostage.go", // the demonstrations
	"cmd/dev.go", "cmd/devdata.go",
}

func mayName(file string) bool {
	if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".gen.go") || filepath.Ext(file) == ".md" || strings.Contains(file, "testdata/") {
		return true
	}
	return slices.ContainsFunc(named, func(place string) bool { return file == place || strings.HasPrefix(file, place+"/") })
}

var (
	nameConst = regexp.MustCompile(`\bName\s*= "([a-z_]+)"`)
	prefixTag = regexp.MustCompile("prefix:\"([A-Z_]+)_\"")
)

// vendorNames are what vendors are called: by their packages, by policies and
// by their settings.
func vendorNames(t *testing.T) *regexp.Regexp {
	t.Helper()
	folders, err := os.ReadDir("../../provider")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, f := range folders {
		if !f.IsDir() || f.Name() == "internal" {
			continue
		}
		words = append(words, f.Name())
		files, _ := filepath.Glob(filepath.Join("../../provider", f.Name(), "*.go"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range append(nameConst.FindAllSubmatch(text, -1), prefixTag.FindAllSubmatch(text, -1)...) {
				words = append(words, string(m[1]))
			}
		}
	}
	if len(words) < 3*5 {
		t.Fatalf("a vendor has no package, name or prefix: %v", words)
	}
	return regexp.MustCompile(`(?i)` + strings.Join(words, "|"))
}

// A new vendor is its package and a line in the list: nothing else may name
// one.
func TestNobodyElseNamesAVendor(t *testing.T) {
	names := vendorNames(t)
	kinds := []string{".go", ".tmpl", ".sql", ".yaml", ".yml", ".sh", ".html", ".js", ""}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		switch {
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && file != "../.." || file == "bin" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir(), !slices.Contains(kinds, filepath.Ext(file)), mayName(file):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if word := names.FindString(line); word != "" {
				t.Errorf("%s:%d names the vendor %s", file, i+1, word)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
