package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// What changes while a write of an earlier state waits for the store is written as
// soon as the store is back, also where nothing follows that could tell it: no
// reviewer would find the case.
func TestWhatChangesWhileTheStoreIsAwayIsWrittenOnceItIsBack(t *testing.T) {
	sc := newScript()
	sc.storeAway = 10 * time.Minute
	sc.sessions[1] = session{over: 30 * time.Second, result: spoof()}
	e := newEnv(t, sc)
	var launched *answer
	e.at(time.Second, func() { launched = e.update(workflows.UpdateLaunch, workflows.UpdateLaunch, nil) })
	e.at(5*time.Minute, func() {
		require.Equal(t, verification.InReview, e.state().Status)
		require.False(t, launched.completed)
	})
	var told verification.State
	answered := false
	e.at(11*time.Minute, func() { told, answered = sc.published[len(sc.published)-1], launched.completed })
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome())
	require.Equal(t, verification.InReview, told.Status)
	require.True(t, answered, "an answer says what a reader finds")
}
