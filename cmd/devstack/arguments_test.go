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
		"matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1",
	} {
		at := slices.Index(args, setting)
		require.Positive(t, at, setting)
		require.Equal(t, "--dynamic-config-value", args[at-1])
	}
}
