package worker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No task of a vendor's queue waits because two others are on their way, as with
// the SDK's default: sixteen persons who begin together each need a session.
func TestEveryQueueIsAskedByEightAtATime(t *testing.T) {
	o := options(t.Context(), nil, nil)
	require.Equal(t, 8, o.MaxConcurrentActivityTaskPollers)
	require.Equal(t, 8, o.MaxConcurrentWorkflowTaskPollers)
}
