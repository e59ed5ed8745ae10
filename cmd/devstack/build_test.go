package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// withFakeGo puts a `go` on PATH that does what the script says and counts its
// calls, and hides a real `temporal`.
func withFakeGo(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	body := "#!/bin/sh\necho call >>" + calls + "\nwhile [ \"$1\" != -o ]; do shift; done\nout=$2\n" + script
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(body), 0o755))
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("HOME", dir)
	return calls
}

func TestTwoCallersAtATimeBuildOnce(t *testing.T) {
	calls := withFakeGo(t, "sleep 0.5; echo binary >$out\n")
	var wg sync.WaitGroup
	paths := make([]string, 4)
	errs := make([]error, 4)
	for i := range paths {
		wg.Go(func() { paths[i], errs[i] = Temporal(t.Context(), &strings.Builder{}) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	text, err := os.ReadFile(calls)
	require.NoError(t, err)
	require.Equal(t, "call\n", string(text))
	for _, p := range paths {
		require.Equal(t, paths[0], p)
		require.Contains(t, p, "temporal-v1.5.1-")
	}
}

func TestABrokenBuildLeavesNoBinaryAndSaysWhy(t *testing.T) {
	withFakeGo(t, "echo half >$out; echo 'go: no such module: x' >&2; exit 1\n")
	_, err := Temporal(t.Context(), &strings.Builder{})
	require.ErrorContains(t, err, "go: no such module: x")
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "yanzhen", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, left, "the lock file stays")
	for _, f := range left {
		require.True(t, strings.HasSuffix(f, ".lock"), "%s was left behind", f)
	}
}

func TestAnInterruptedBuildEnds(t *testing.T) {
	withFakeGo(t, "exec sleep 60\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Temporal(ctx, &strings.Builder{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestProgressNamesTimePackagesAndComplaints(t *testing.T) {
	w := &buildWatch{}
	fmt.Fprint(w, "go: downloading example.org/a v1.0.0\n")
	require.Contains(t, w.status(), "now downloading example.org/a v1.0.0")
	fmt.Fprint(w, "example.org/a\nexample.org/b/")
	fmt.Fprint(w, "c\n# example.org/d\nfile.go:3: undefined: x\n")
	require.Contains(t, w.status(), "2 packages compiled, now example.org/b/c")
	require.Contains(t, w.complaints(), "undefined: x")
}

func TestThePinnedVersionIsReadFromTheToolsModule(t *testing.T) {
	dir, err := toolsDir()
	require.NoError(t, err)
	v, err := pinnedVersion(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Equal(t, "v1.5.1", v)
}
