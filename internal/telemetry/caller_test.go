package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A person's number that a caller sends for the ids of its own trace is linked nowhere.
func TestACallersIdsThatAreANumberAreNoIds(t *testing.T) {
	require.False(t, random("51019919710904003051019919710904"))
	require.False(t, random("ab510199197109040030cdefabcdefab"))
	require.False(t, random("5101991971090400"))
	require.True(t, random("4bf92f3577b34da6a3ce929d0e0e4736"))
	require.True(t, random("00f067aa0ba902b7"))
}
