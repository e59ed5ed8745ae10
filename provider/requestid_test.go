package provider_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
)

// The last id that a vendor gave is told; what has another form, or could be a
// person's number, is not kept, and where nobody asks nothing is noted.
func TestAVendorsRequestIDIsNotedInItsForm(t *testing.T) {
	provider.NoteRequestID(t.Context(), "a")
	ctx, noted := provider.WithRequestID(t.Context())
	require.Empty(t, noted())
	for _, id := range []string{"5d0f9c6e-0000-4000-8000-000000000007", "1751328000,6d2f7c4e-0b1a-4e57-9c1f-2f4b8a1d3e55"} {
		provider.NoteRequestID(ctx, id)
		require.Equal(t, id, noted())
	}
	last := noted()
	for _, bad := range []string{"", "110199199003070017", "测试甲", "a b", "<html>", strings.Repeat("a", 129)} {
		provider.NoteRequestID(ctx, bad)
		require.Equal(t, last, noted(), bad)
	}
}
