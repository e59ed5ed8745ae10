package verification

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// Every reason has a guide, and a person's text in both languages.
func TestEveryReasonHasAGuide(t *testing.T) {
	require.Len(t, Guides, len(Catalogue))
	for _, e := range Catalogue {
		guide, ok := Guides[e.Code]
		require.True(t, ok, e.Code)
		require.NotEmpty(t, guide.Do, e.Code)
		require.NotEmpty(t, e.User, e.Code)
		require.NotEmpty(t, guide.Chinese, e.Code)
		for _, r := range guide.Chinese {
			require.True(t, unicode.Is(unicode.Han, r) || r == '，' || r == '。', "%s: %q", e.Code, r)
		}
	}
}
