package docs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// The page tells of each place in which something of a person rests as the code
// has it, and of no other.
func TestPrivacyTellsWhatRestsWhereAndHowLong(t *testing.T) {
	page := pages(t)["docs/privacy.md"]
	_, table, found := strings.Cut(page, "<!-- places -->\n")
	require.True(t, found)
	table, _, found = strings.Cut(table, "<!-- end of places -->")
	require.True(t, found)
	want := "| place | what | how | until, at the longest |\n|---|---|---|---|\n"
	for _, p := range store.Places {
		how := "keyed hash, or a code"
		if p.Sealed {
			how = "sealed"
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", p.Name(), p.What, how, p.Until)
	}
	require.Equal(t, want, table)
}
