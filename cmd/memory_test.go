package cmd

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A container's limit is read from its cgroup, of either version, and without one
// nothing is limited.
func TestContainerMemory(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       int64
	}{
		"v2":          {"sys/fs/cgroup/memory.max", "536870912\n", 536870912 / 10 * 9},
		"v2, none":    {"sys/fs/cgroup/memory.max", "max\n", math.MaxInt64},
		"v1":          {"sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n", 268435456 / 10 * 9},
		"v1, none":    {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n", math.MaxInt64},
		"no cgroup":   {"elsewhere", "1\n", math.MaxInt64},
		"not a limit": {"sys/fs/cgroup/memory.max", "-1\n", math.MaxInt64},
	} {
		root := t.TempDir()
		path := filepath.Join(root, c.file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
		require.Equal(t, c.want, containerMemory(root), name)
	}
}

// A worker keeps as many runs in memory as half of its memory holds.
func TestCachedRuns(t *testing.T) {
	for limit, want := range map[int64]int{
		math.MaxInt64: mostRuns, 16 << 30: mostRuns, 512 << 20: 2016, 64 << 20: 252, 1 << 20: fewestRuns,
	} {
		require.Equal(t, want, cachedRuns(limit), limit)
	}
}
