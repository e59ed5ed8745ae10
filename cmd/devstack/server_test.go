package devstack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func binary(t *testing.T) string {
	t.Helper()
	path, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	return path
}

func TestServerServesWithOurSearchAttributesInAFileWithWAL(t *testing.T) {
	dir := t.TempDir()
	o := devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary(t), DBFile: filepath.Join(dir, "temporal.db"),
		LogFile: filepath.Join(dir, "temporal.log"), Namespace: "yz-test", Headless: true}
	s, err := devstack.StartTemporal(t.Context(), o)
	require.NoError(t, err)
	defer s.Stop()
	require.Empty(t, s.UI, "headless")

	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: s.Namespace})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, engine.CheckSearchAttributes(t.Context(), c, s.Namespace, workflows.SearchAttributes()))

	wal, err := os.Stat(o.DBFile + "-wal")
	require.NoError(t, err, "the journal is a write-ahead log")
	require.NotZero(t, wal.Size())
}

func TestServersDataOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	o := devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary(t), DBFile: filepath.Join(dir, "temporal.db"), Headless: true}

	s, err := devstack.StartTemporal(t.Context(), o)
	require.NoError(t, err)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
	require.NoError(t, err)
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody"}, "None")
	require.NoError(t, err)
	c.Close()
	began := time.Now()
	s.Stop()
	require.Less(t, time.Since(began), 800*time.Millisecond, "it is not waited for: its own way to end takes over a second")

	s, err = devstack.StartTemporal(t.Context(), o)
	require.NoError(t, err, "a second start over the same file, attributes registered already")
	defer s.Stop()
	c, err = client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.DescribeWorkflow(t.Context(), "kept", "")
	require.NoError(t, err)
}

func TestADeadServerIsNoticedAndToldWithItsLastWords(t *testing.T) {
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary(t), Headless: true})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	select {
	case <-s.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the death was not noticed")
	}
	require.ErrorContains(t, s.Err(), "killed")
	s.Stop() // stopping a dead one is harmless
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "temporal")
	require.NoError(t, os.WriteFile(broken, []byte("#!/bin/sh\necho 'no such flag: start-dev' >&2\nexit 3\n"), 0o755))
	_, err := devstack.StartTemporal(t.Context(), devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: broken, Headless: true})
	require.ErrorContains(t, err, "no such flag: start-dev")
	require.ErrorContains(t, err, "exit status 3")
}

// Between the look for a free port and the server's own use of it somebody else
// may take it.
func TestAPortThatWasTakenMeanwhileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	unlucky := filepath.Join(dir, "temporal")
	script := fmt.Sprintf("#!/bin/sh\n[ -e %[1]s/tried ] && exec %[2]s \"$@\"\ntouch %[1]s/tried\necho 'bind: address already in use' >&2\nexit 1\n", dir, binary(t))
	require.NoError(t, os.WriteFile(unlucky, []byte(script), 0o755))
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: unlucky, Headless: true})
	require.NoError(t, err)
	s.Stop()
	require.FileExists(t, filepath.Join(dir, "tried"))
}

func TestTheCommandOnPathIsPreferred(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "temporal")
	require.NoError(t, os.WriteFile(mine, []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	got, err := devstack.Temporal(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	require.Equal(t, mine, got)
}

// A lone run's steps follow each other at once: `make dev` shows what the engine
// takes, and no test waits for a brake. With it these 160 steps take over 7 s.
func TestStepsOfALoneRunFollowWithoutAPause(t *testing.T) {
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary(t), Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort})
	require.NoError(t, err)
	defer c.Close()
	w := worker.New(c, "steps", worker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "nothing"})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, DisableEagerExecution: true})
		for range 80 {
			if err := workflow.ExecuteActivity(ctx, "nothing").Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}, workflow.RegisterOptions{Name: "steps"})
	require.NoError(t, w.Start())
	defer w.Stop()
	took := time.Hour
	for range 3 { // a busy machine is slow, and not every time
		began := time.Now()
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "steps"}, "steps")
		require.NoError(t, err)
		require.NoError(t, run.Get(t.Context(), nil))
		took = min(took, time.Since(began))
	}
	require.Less(t, took, 6*time.Second)
}
