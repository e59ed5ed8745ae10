package cmd

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"go.temporal.io/sdk/worker"
)

// perRun is what one open verification takes in a worker that has it in memory,
// measured (docs/performance.md).
const perRun = 130 << 10

// mostRuns is the SDK's own default, and fewestRuns what a worker of any size
// keeps: a run that is not in memory is read and replayed for its next step.
const mostRuns, fewestRuns = 10_000, 200

// fitMemory has the process stay within its container: the collector works harder
// before it lets the kernel kill the process, and half of the memory is for runs.
// GOMEMLIMIT, where it is set, says how much that is.
func fitMemory() {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		if limit = containerMemory("/"); limit != math.MaxInt64 {
			debug.SetMemoryLimit(limit)
		}
	}
	worker.SetStickyWorkflowCacheSize(cachedRuns(limit))
}

// cachedRuns is how many runs a worker keeps in memory.
func cachedRuns(limit int64) int {
	return int(min(mostRuns, max(fewestRuns, limit/2/perRun)))
}

// containerMemory is nine tenths of what the process's container may take, since
// not all that a process takes is the collector's; math.MaxInt64 without a limit.
func containerMemory(root string) int64 {
	for _, file := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || n <= 0 || n > 1<<50 { // "max", and cgroup v1's way to say so
			continue
		}
		return n / 10 * 9
	}
	return math.MaxInt64
}
