package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
)

// From the Temporal UI nobody says who they are: the audit log says so, once. A line
// that the command line wrote before is left as it is.
func TestAuditActNotesWhatNobodyHasNoted(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	require.NoError(t, b.store.AuditAct(t.Context(), store.Audit{Act: "ops.look", By: "mei", Note: "asked by phone", VerificationID: "ver_1", RequestID: "look-4-1"}, false))
	for _, update := range []string{"look-4-1", "from-the-ui", "from-the-ui"} {
		_, err := run[struct{}](b, b.AuditAct, activities.AuditActInput{ID: "ver_1", Verb: "look", Update: update})
		require.NoError(t, err)
	}
	lines, err := b.store.Audited(t.Context(), "ver_1")
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, []string{"mei", "temporal ui"}, []string{lines[0].By, lines[1].By})
	require.Equal(t, "ops.look", lines[1].Act)
	require.Equal(t, "shop", lines[1].Client)

	_, err = run[struct{}](b, b.AuditAct, activities.AuditActInput{ID: "ver_none", Verb: "look", Update: "x"})
	require.Equal(t, activities.TypeRowMissing, errorType(t, err).Type())
}
