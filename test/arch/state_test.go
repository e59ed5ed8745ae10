package arch

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A State changes by its own methods, which hold what must be true of it: no
// other package assigns to its fields, nor to those of its attempt.
func TestAStateChangesByItsMethods(t *testing.T) {
	exports := map[string]string{}
	listed := list(t, "-export", "-deps", "./...")
	for _, p := range listed {
		exports[p.ImportPath] = p.Export
	}
	looked := 0
	for _, p := range listed {
		if !strings.HasPrefix(p.ImportPath, module+"/") || p.ImportPath == module+"/verification" {
			continue
		}
		looked++
		files := token.NewFileSet()
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		known := types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		from := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
		conf := types.Config{Importer: from, Error: func(error) {}} // a package with cgo does not check whole
		_, _ = conf.Check(p.ImportPath, files, parsed, &known)
		for _, f := range parsed {
			for _, at := range assigned(f, known.Selections) {
				t.Errorf("%s assigns to a field of a verification's state: it has methods", files.Position(at))
			}
		}
	}
	if looked < 20 {
		t.Errorf("only %d packages were looked at", looked)
	}
}

// assigned finds the assignments to fields of a State, or through one.
func assigned(f *ast.File, selections map[*ast.SelectorExpr]*types.Selection) (found []token.Pos) {
	through := func(target ast.Expr) {
		for e := target; e != nil; {
			switch x := e.(type) {
			case *ast.SelectorExpr:
				if s := selections[x]; s != nil && isState(s.Recv()) {
					found = append(found, x.Pos())
					return
				}
				e = x.X
			case *ast.IndexExpr:
				e = x.X
			case *ast.StarExpr:
				e = x.X
			case *ast.ParenExpr:
				e = x.X
			default:
				return
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, target := range n.Lhs {
				through(target)
			}
		case *ast.IncDecStmt:
			through(n.X)
		case *ast.UnaryExpr: // nor is a field's address handed on
			if n.Op == token.AND {
				through(n.X)
			}
		}
		return true
	})
	return found
}

func isState(t types.Type) bool {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "State" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module+"/verification"
}
