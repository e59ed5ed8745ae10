package verification_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/verification"
)

// declaredCodes reads the constants of type ReasonCode from their source.
func declaredCodes(t *testing.T) []ReasonCode {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	require.NoError(t, err)
	var codes []ReasonCode
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "ReasonCode" {
				continue
			}
			for _, value := range v.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				require.NoError(t, err)
				codes = append(codes, ReasonCode(text))
			}
		}
	}
	return codes
}

func TestEveryReasonStandsInTheCatalogueExactlyOnce(t *testing.T) {
	codes := declaredCodes(t)
	require.Greater(t, len(codes), 40)
	count := map[ReasonCode]int{}
	for _, e := range Catalogue {
		count[e.Code]++
	}
	for _, c := range codes {
		require.Equal(t, 1, count[c], c)
		delete(count, c)
	}
	require.Empty(t, count, "catalogue entries without a constant")
}

func TestCatalogueEntriesCanBeShownAsTheyAre(t *testing.T) {
	classes := []ReasonClass{Final, Retryable, Suspicion, Neutral, Note, Session}
	for _, e := range Catalogue {
		require.Regexp(t, `^[a-z]+\.[a-z][a-z0-9_]*$`, string(e.Code))
		require.Contains(t, classes, e.Class, e.Code)
		require.NotContains(t, e.User+e.Ops, "%", e.Code)
		require.True(t, strings.HasSuffix(e.User, "."), e.Code)
		require.True(t, strings.HasSuffix(e.Ops, "."), e.Code)
		got, ok := e.Code.Describe()
		require.True(t, ok)
		require.Equal(t, e, got)
	}
}

func TestAnUnknownReasonCanNeitherDeclineNorBeRetried(t *testing.T) {
	const unknown ReasonCode = "face.unheard_of"
	_, ok := unknown.Describe()
	require.False(t, ok)
	require.Equal(t, Neutral, unknown.Class())
	require.Equal(t, Reason{Code: unknown}, ReasonOf(unknown))
}

func TestNoFinalOrSuspiciousReasonIsToldAsRetryable(t *testing.T) {
	for _, e := range Catalogue {
		switch e.Class {
		case Final, Suspicion, Neutral, Note:
			require.False(t, ReasonOf(e.Code).Retryable, e.Code)
		case Retryable:
			require.True(t, ReasonOf(e.Code).Retryable, e.Code)
		}
	}
}
