package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
)

// A receipt is checked with files alone, as the API gave it or as a line of its
// own; one that was changed, or another's, is refused.
func TestReceiptVerifyWorksOffline(t *testing.T) {
	dir := t.TempDir()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	public, err := keys.PublicKeys()
	require.NoError(t, err)
	signed, err := keys.Sign(statement.TypeReceipt, []byte(`{"sub":"ver_a"}`))
	require.NoError(t, err)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	published := file("keys.json", string(public))
	for name, text := range map[string]string{"line": signed + "\n", "answer": `{"verification_id":"ver_a","receipt":"` + signed + `"}`} {
		out, err := run(t.Context(), "receipt", "verify", file(name, text), "--keys", published)
		require.NoError(t, err, name)
		require.Contains(t, out, `"sub": "ver_a"`)
	}
	parts := strings.Split(signed, ".")
	_, err = run(t.Context(), "receipt", "verify", file("changed", parts[0]+"."+parts[1][:6]+"AA."+parts[2]), "--keys", published)
	require.ErrorIs(t, err, statement.ErrSignature)
	_, err = run(t.Context(), "receipt", "verify", file("line", signed))
	require.ErrorContains(t, err, "--keys")
}

// Whom to erase is said in one way, and no number stands in an argument.
func TestRedactSaysWhomItMeans(t *testing.T) {
	_, err := run(t.Context(), "redact")
	require.ErrorContains(t, err, "give ids")
	_, err = run(t.Context(), "redact", "ver_a", "--client", "shop")
	require.ErrorContains(t, err, "not both")
	_, err = readNumber(strings.NewReader("hello 110199199003070017x"))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "110199")
	number, err := readNumber(strings.NewReader(" 110199199003070017\n"))
	require.NoError(t, err)
	require.Equal(t, "110199199003070017", number)
}
