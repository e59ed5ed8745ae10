package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Whom a verification was about is told once it is completed, to its client, and
// never without a line of who read it and what for; nothing is told, and no line
// written, otherwise.
func TestReadOutputsIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		line := store.Audit{At: noon, Act: store.ActReadOutputs, Client: client, By: "first", VerificationID: id, Purpose: "account_opening", RequestID: "req_1"}

		got, err := s.ReadOutputs(t.Context(), line)
		require.NoError(t, err)
		require.Equal(t, verification.Processing, got.State.Status)
		other := line
		other.Client = "other"
		_, err = s.ReadOutputs(t.Context(), other)
		require.ErrorIs(t, err, store.ErrNotFound)
		lines, err := s.Audited(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, lines)

		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		for range 2 {
			got, err = s.ReadOutputs(t.Context(), line)
			require.NoError(t, err)
			require.Equal(t, number, got.Subject().IDNumber)
		}
		lines, err = s.Audited(t.Context(), id)
		require.NoError(t, err)
		want := line
		want.At = noon.UTC()
		require.Equal(t, []store.Audit{want, want}, lines)

		require.NoError(t, store.Redact(t.Context(), s, id))
		_, err = s.ReadOutputs(t.Context(), line)
		require.ErrorIs(t, err, store.ErrRedacted)
		lines, err = s.Audited(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, lines, 2, "the lines outlive the person")

		_, err = raw(t, dsn).Exec(`DROP TABLE audit`)
		require.NoError(t, err)
		again := row()
		again.ID = "ver_again"
		inserted(t, s, again)
		require.NoError(t, s.Finish(t.Context(), again.ID, ended(5)))
		line.VerificationID = again.ID
		got, err = s.ReadOutputs(t.Context(), line)
		require.Error(t, err, "told without its line")
		require.Zero(t, got)
	})
}
