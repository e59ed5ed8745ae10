package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// A try that is lost with its worker is made anew: within about ten seconds,
// whatever time a try has. Opening has one try, and goes on with the next vendor.
func TestLostTryIsKnownWithinTenSeconds(t *testing.T) {
	require.LessOrEqual(t, workflows.DeadAfter, 10*time.Second)
	for _, s := range workflows.AllSteps() {
		if !s.OneTry {
			require.True(t, s.Heartbeat || s.StartToClose <= 10*time.Second, "%s: %s", s.ID, s.StartToClose)
		}
	}
}
