package api

import (
	"go/ast"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
)

// Callers decide by a problem's code: the contract lists each that is answered,
// and no other, says what to do about it, and names it at an answer.
func TestContractListsEveryProblemCode(t *testing.T) {
	var given []string
	for code := range starterCodes(t) {
		given = append(given, code)
	}
	for _, p := range problemsInSource(t) {
		given = append(given, p.codes...)
	}
	slices.Sort(given)
	doc := contractDocument(t)
	var listed []string
	for line := range strings.Lines(doc.Components.Schemas["ProblemCode"].Value.Description) {
		codes, todo, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- "), ": ")
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		require.NotEmpty(t, todo, line)
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(codes, -1) {
			listed = append(listed, m[1])
		}
	}
	slices.Sort(listed)
	require.Equal(t, slices.Compact(given), listed)
	var answers strings.Builder
	for _, r := range doc.Components.Responses {
		answers.WriteString(*r.Value.Description)
	}
	for _, code := range listed {
		require.Contains(t, answers.String(), "`"+code+"`", "no answer of the contract names it")
	}
}

// Who tests against the contract's examples meets the same answers: titles and
// details are those that are given, and each code in an example is a listed one.
func TestExamplesOfProblemsAreWhatIsAnswered(t *testing.T) {
	type text struct{ title, detail string }
	var told []text
	for _, p := range problemsInSource(t) {
		told = append(told, text{p.title, p.detail})
	}
	for code := range starterCodes(t) { // whose texts are put together
		f := httpErrorOf(&starter.Error{Code: starter.Code(code)})
		told = append(told, text{f.title, f.detail})
	}
	for _, scope := range []string{ScopeWrite, ScopeOutputs} {
		told = append(told, text{errScope(scope).title, errScope(scope).detail})
	}
	fields, reasons := codesInContract(t, "FieldErrorCode"), codesInContract(t, "ReasonCode")
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			code, _ := v["code"].(string)
			_, isProblem := v["type"]
			switch {
			case v["field"] != nil:
				require.Contains(t, fields, code)
			case isProblem && code != "":
				detail, _ := v["detail"].(string)
				require.Contains(t, told, text{v["title"].(string), detail}, code)
			case code != "":
				require.Contains(t, reasons, code)
			}
			walk(slices.Collect(maps.Values(v)))
		}
	}
	var examples int
	for _, item := range contractDocument(t).Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					for _, example := range examplesOf(media) {
						walk(example)
						examples++
					}
				}
			}
		}
	}
	require.Greater(t, examples, 100)
}

// problemInSource is a problem as the source writes it, as far as literals do.
type problemInSource struct {
	codes         []string
	title, detail string
}

// problemsInSource finds the literals of httpError, and what is put into one later.
func problemsInSource(t *testing.T) []problemInSource {
	t.Helper()
	literal := func(e ast.Expr) string {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			return text
		}
		return ""
	}
	var found []problemInSource
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(parsed(t, name), func(n ast.Node) bool {
			var p problemInSource
			take := func(name string, value ast.Expr) {
				switch text := literal(value); {
				case text == "":
				case name == "code":
					p.codes = append(p.codes, text)
				case name == "title":
					p.title = text
				case name == "detail":
					p.detail = text
				}
			}
			switch n := n.(type) {
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); !ok || id.Name != "httpError" {
					return true
				}
				for _, e := range n.Elts {
					pair := e.(*ast.KeyValueExpr)
					take(pair.Key.(*ast.Ident).Name, pair.Value)
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if field, ok := left.(*ast.SelectorExpr); ok && i < len(n.Rhs) {
						take(field.Sel.Name, n.Rhs[i])
					}
				}
			}
			if len(p.codes) > 0 || p.title != "" {
				found = append(found, p)
			}
			return true
		})
	}
	return found
}

// starterCodes are the codes of the package below.
func starterCodes(t *testing.T) map[string]bool {
	t.Helper()
	codes := map[string]bool{}
	for _, d := range parsed(t, "../starter/errors.go").Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, spec := range g.Specs {
				if v := spec.(*ast.ValueSpec); v.Type != nil && v.Type.(*ast.Ident).Name == "Code" {
					for _, text := range literals(t, v) {
						codes[text] = true
					}
				}
			}
		}
	}
	require.NotEmpty(t, codes)
	return codes
}
