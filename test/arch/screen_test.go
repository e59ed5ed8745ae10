package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// screen is how many lines of a function are seen at once.
const screen = 60

// A command loads, connects, runs and stops; what is longer has a part that
// wants a name of its own.
func TestCommandsFitOnAScreen(t *testing.T) {
	files := token.NewFileSet()
	err := filepath.WalkDir("../../cmd", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := files.Position(fn.End()).Line - files.Position(fn.Pos()).Line + 1; n > screen {
				t.Errorf("%s: %s has %d lines, more than %d", path, fn.Name.Name, n, screen)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
