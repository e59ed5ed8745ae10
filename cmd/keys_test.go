package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
)

// A new signing key takes the old one's place; what the old one signed is still
// checked, what was sealed still opens, and no key is shown.
func TestANewSigningKeyTakesTheOldOnesPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	t.Setenv("YANZHEN_KEYS", path)
	_, err := run(t.Context(), "setup", "--make-keys", path)
	require.NoError(t, err)
	before, err := sealing.Load(path)
	require.NoError(t, err)
	sealed, err := before.Seal("row", "column", []byte("x"))
	require.NoError(t, err)
	signed, err := before.Sign(statement.TypeReceipt, []byte(`{}`))
	require.NoError(t, err)

	_, err = run(t.Context(), "keys", "new", "hash")
	require.ErrorContains(t, err, "keys new sig")
	out, err := run(t.Context(), "keys", "new", "sig")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	after, err := sealing.Load(path)
	require.NoError(t, err)
	require.Equal(t, before.HashCheck(), after.HashCheck())
	_, err = after.Open("row", "column", sealed)
	require.NoError(t, err)
	public, err := after.PublicKeys()
	require.NoError(t, err)
	_, err = statement.Verify(signed, statement.TypeReceipt, public)
	require.NoError(t, err)
	fresh, err := after.Sign(statement.TypeReceipt, []byte(`{}`))
	require.NoError(t, err)
	old, err := before.PublicKeys()
	require.NoError(t, err)
	_, err = statement.Verify(fresh, statement.TypeReceipt, old)
	require.ErrorIs(t, err, statement.ErrUnknown)

	list, err := run(t.Context(), "keys", "list")
	require.NoError(t, err)
	require.Len(t, after.List(), 5)
	require.True(t, after.List()[4].Active)
	require.False(t, after.List()[3].Active)
	require.Contains(t, list, after.List()[4].ID)
	require.Contains(t, out, after.List()[4].ID)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"d"`)
	require.NotContains(t, list+out, `"`)
}
