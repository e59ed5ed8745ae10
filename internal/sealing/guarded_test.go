//go:build unix

package sealing

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key file is nobody else's to read or change. Kubernetes gives a secret to root
// and to the container's group: that one may be read.
func TestAKeyFileIsItsOwnersAlone(t *testing.T) {
	for mode, want := range map[fs.FileMode][2]bool{
		0o400: {true, true}, 0o600: {true, true}, 0o440: {false, true}, 0o640: {false, true},
		0o660: {false, false}, 0o450: {false, false}, 0o444: {false, false}, 0o604: {false, false}, 0o602: {false, false},
	} {
		require.Equal(t, want[0], guardedFrom(mode, false), "ours, %o", mode)
		require.Equal(t, want[1], guardedFrom(mode, true), "root's, %o", mode)
	}
}
