package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logKeys are the keys under which every package logs the same thing, by the
// other names that it could go by. Operators search by one key.
var logKeys = map[string]string{
	"id": "verification_id", "verification": "verification_id", "ver": "verification_id", "verificationID": "verification_id",
	"client_id": "client", "caller": "client", "tenant": "client",
	"vendor": "provider", "provider_name": "provider",
	"session_id": "session", "session_number": "session",
	"err": "error", "cause": "error",
	"request": "request_id", "requestID": "request_id",
}

var logMethods = []string{
	"Debug", "Info", "Warn", "Error", "Log", "LogAttrs", "With",
	"DebugContext", "InfoContext", "WarnContext", "ErrorContext",
}

// logged returns the literals in a call that logs, its message first, or none.
func logged(call *ast.CallExpr) []*ast.BasicLit {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		pkg, _ := f.X.(*ast.Ident)
		if !slices.Contains(logMethods, f.Sel.Name) && (pkg == nil || pkg.Name != "slog") {
			return nil
		}
	case *ast.Ident: // a method that was chosen before
		if f.Name != "log" {
			return nil
		}
	default:
		return nil
	}
	var texts []*ast.BasicLit
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			if inner, ok := n.(*ast.CallExpr); ok {
				if name, ok := inner.Fun.(*ast.Ident); !ok || name.Name != "append" {
					return false // a value, or a call that is looked at by itself
				}
			}
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// A verification, a client, a provider and a session are logged under the same
// keys everywhere. The stand-ins are outside: they are the vendors.
func TestLogKeysAreTheSameEverywhere(t *testing.T) {
	fset, calls := token.NewFileSet(), 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".git") || d.Name() == "sandbox" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			texts := logged(call)
			if len(texts) > 0 {
				calls++
			}
			for _, lit := range texts {
				key, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				if want, ok := logKeys[key]; ok && !isMessage(call, lit) {
					t.Errorf("%s: logs under the key %q: use %q", fset.Position(lit.Pos()), key, want)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls < 30 {
		t.Fatalf("only %d calls that log were found", calls)
	}
}

// isMessage reports whether a literal is what a call to a logger says, and not
// a key: the first of its arguments that is text.
func isMessage(call *ast.CallExpr, lit *ast.BasicLit) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if ok {
		if pkg, ok := f.X.(*ast.Ident); ok && pkg.Name == "slog" || f.Sel.Name == "With" {
			return false
		}
	}
	for _, arg := range call.Args {
		if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING {
			return text == lit
		}
	}
	return false
}
