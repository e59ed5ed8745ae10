package devstack

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What slows a server of one process down is taken off: its queues' pauses, and
// task queues in parts.
func TestArgumentsTakeTheBrakesOff(t *testing.T) {
	args := arguments(Options{Port: 7233, Headless: true})
	for _, setting := range []string{
		"history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000", "history.visibilityProcessorMaxPollRPS=2000",
		`history.transferProcessorUpdateAckInterval="2s"`, // an erasure waits for it
		"matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1",
	} {
		at := slices.Index(args, setting)
		require.Positive(t, at, setting)
		require.Equal(t, "--dynamic-config-value", args[at-1])
	}
}

// On a developer's machine no step waits for the disk: a server that is killed
// loses nothing by that, only a power cut takes the last moments. Who measures asks
// for what production has.
func TestArgumentsLetNoStepWaitForTheDiskUnlessAsked(t *testing.T) {
	o := Options{DBFile: "temporal.db", Headless: true}
	require.Contains(t, arguments(o), "synchronous=normal")
	o.Durable = true
	require.NotContains(t, arguments(o), "synchronous=normal")
	o.DBFile = ""
	require.NotContains(t, arguments(o), "synchronous=normal")
}
