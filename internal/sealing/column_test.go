package sealing

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatIsSealedOpensInItsOwnPlaceOnly(t *testing.T) {
	keys := generated(t)
	rapid.Check(t, func(t *rapid.T) {
		row, column := rapid.String().Draw(t, "row"), rapid.String().Draw(t, "column")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := keys.Seal(row, column, plain)
		require.NoError(t, err)
		opened, err := keys.Open(row, column, sealed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))

		for _, place := range [][2]string{{row + "x", column}, {row, column + "x"}, {row + column + "y", ""}, {column + "\x00", row}} {
			_, err = keys.Open(place[0], place[1], sealed)
			require.ErrorIs(t, err, ErrSealed)
		}
	})
}

func TestTheBorderBetweenRowAndColumnCounts(t *testing.T) {
	keys := generated(t)
	sealed, err := keys.Seal("ab", "c", []byte("x"))
	require.NoError(t, err)
	_, err = keys.Open("a", "bc", sealed)
	require.ErrorIs(t, err, ErrSealed)
}

func TestEveryChangedOrMissingByteIsSeen(t *testing.T) {
	keys := generated(t)
	sealed, err := keys.Seal("row", "column", []byte("plain text"))
	require.NoError(t, err)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := keys.Open("row", "column", changed)
		require.ErrorIs(t, err, ErrSealed, "byte %d", i)
		_, err = keys.Open("row", "column", sealed[:i])
		require.ErrorIs(t, err, ErrSealed, "first %d bytes", i)
	}
	_, err = keys.Open("row", "column", append(bytes.Clone(sealed), 0))
	require.ErrorIs(t, err, ErrSealed)
}

func TestTheSameValueIsSealedDifferentlyEachTime(t *testing.T) {
	keys := generated(t)
	a, err := keys.Seal("row", "column", []byte("same"))
	require.NoError(t, err)
	b, err := keys.Seal("row", "column", []byte("same"))
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	require.NotContains(t, string(a), "same")
}

func TestRotationSealsWithTheLastKeyAndOpensWithAny(t *testing.T) {
	before := parsed(t, seal1, hash1, ticket1)
	after := parsed(t, seal1, hash1, ticket1, seal2)

	old, err := before.Seal("row", "column", []byte("old"))
	require.NoError(t, err)
	plain, err := after.Open("row", "column", old)
	require.NoError(t, err)
	require.Equal(t, "old", string(plain))

	fresh, err := after.Seal("row", "column", []byte("new"))
	require.NoError(t, err)
	require.Contains(t, string(fresh), "seal-2")
	_, err = before.Open("row", "column", fresh)
	require.ErrorIs(t, err, ErrSealed)
	require.ErrorContains(t, err, `key "seal-2" is not in the key set`)

	retired := parsed(t, seal2, hash1, ticket1)
	_, err = retired.Open("row", "column", fresh)
	require.NoError(t, err)
	_, err = retired.Open("row", "column", old)
	require.ErrorContains(t, err, `key "seal-1" is not in the key set`)
}
