//go:build engine

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
)

// TestWhatDoctorPrintsIsUnderstoodAndFindsARunThatStandsStill: each filter that doctor
// prints is one that the server takes, the one of Temporal 1.30 or later among them,
// which finds a run whose history its code no longer fits.
func TestWhatDoctorPrintsIsUnderstoodAndFindsARunThatStandsStill(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: longReview})
	open := s.opened(s.person())
	s.worker.stop(t)
	s.startRelease(release2)
	s.play(open, "0")

	out, _ := s.commanded(release2, "doctor") // it has something to say, too
	_, printed, found := strings.Cut(out, "In the Temporal UI's list of workflows")
	require.True(t, found, out)
	listed := func(query string) (ids []string) {
		l, err := s.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.namespace, Query: query})
		require.NoError(t, err, query)
		for _, e := range l.Executions {
			ids = append(ids, e.Execution.WorkflowId)
		}
		return ids
	}
	filters, stuck := 0, ""
	for line := range strings.Lines(printed) {
		filter, is := strings.CutPrefix(line, "    ")
		if !is {
			continue
		}
		filters++
		listed(strings.TrimSpace(filter))
		if strings.Contains(filter, "TemporalReportedProblems") {
			stuck = strings.TrimSpace(filter)
		}
	}
	require.Greater(t, filters, 5, printed)
	require.NotEmpty(t, stuck)
	until := time.Now().Add(comesBack)
	for len(listed(stuck)) == 0 { // after a fifth failure in a row
		require.True(t, time.Now().Before(until), "%s finds nothing", stuck)
		time.Sleep(time.Second)
	}
	require.Equal(t, []string{open.ID}, listed(stuck))
	out, err := s.commanded(release2, "doctor")
	require.Error(t, err)
	require.Regexp(t, `(?m)^error +runs +1 stand still`, out)
}
