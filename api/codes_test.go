package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// codesInContract returns the codes that a schema's description lists.
func codesInContract(t *testing.T, schema string) []string {
	t.Helper()
	s := contractDocument(t).Components.Schemas[schema].Value
	form := regexp.MustCompile(s.Pattern)
	var codes []string
	for _, m := range regexp.MustCompile("`([^`]+\\.[^`]+)`").FindAllStringSubmatch(s.Description, -1) {
		if m[1] == "subject.rule" {
			continue
		}
		require.Regexp(t, form, m[1])
		codes = append(codes, m[1])
	}
	slices.Sort(codes)
	return codes
}

// Callers write their texts from the contract: it lists each reason, and none
// that is not given.
func TestContractListsEveryReasonCode(t *testing.T) {
	var codes []string
	for _, e := range verification.Catalogue {
		codes = append(codes, string(e.Code))
	}
	slices.Sort(codes)
	require.Equal(t, codes, codesInContract(t, "ReasonCode"))
}

// The same for field errors. Their codes are found in the source, as the
// literals of the form subject.rule, so that a new one cannot be left out.
func TestContractListsEveryFieldErrorCode(t *testing.T) {
	code := regexp.MustCompile(`^[a-z_]+\.[a-z][a-z0-9_]*$`)
	// Literals of that form that are something else.
	other := []string{"subject.name", "subject.id_number"}
	var codes []string
	for _, dir := range []string{".", "../starter"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, text := range literals(t, parsed(t, name)) {
				if code.MatchString(text) && !slices.Contains(other, text) {
					codes = append(codes, text)
				}
			}
		}
	}
	codes = append(codes, hardCodes(t)...)
	slices.Sort(codes)
	require.Equal(t, slices.Compact(codes), codesInContract(t, "FieldErrorCode"))
}

func parsed(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	require.NoError(t, err)
	return file
}

func literals(t *testing.T, n ast.Node) []string {
	t.Helper()
	var texts []string
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			texts = append(texts, text)
		}
		return true
	})
	return texts
}

// hardCodes returns the codes for malformed subjects: the first constants of
// their file, but for those that are no error of a field.
func hardCodes(t *testing.T) []string {
	t.Helper()
	for _, d := range parsed(t, "../verification/residentid/finding.go").Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			return slices.DeleteFunc(literals(t, g), func(c string) bool {
				return c == string(residentid.OK) || c == string(residentid.CardExpired)
			})
		}
	}
	t.Fatal("no constants")
	return nil
}
