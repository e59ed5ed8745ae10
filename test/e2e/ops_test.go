package e2e

import (
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// refusedBy is what a command says that ends with an exit code.
func (s *stack) refusedBy(code int, args ...string) string {
	s.t.Helper()
	c := exec.Command(shared.yanzhen, args...)
	c.Env, c.Dir = s.env, s.dir
	out, err := c.CombinedOutput()
	require.Error(s.t, err, "%s", out)
	require.Equal(s.t, code, c.ProcessState.ExitCode(), "%s", out)
	return string(out)
}

// Operators act on a run by command and from the Temporal UI; who and why stands
// in the audit log, and nothing of the reason in the engine.
func TestOperatorsActOnARunByCommandAndFromTheUI(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := newStack(t, options{env: reaching("0s,1s"), webhooks: "[" + r.yaml("main") + "]"})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	id := a.view.ID
	const why = "mei asked by phone"

	require.Contains(t, s.yanzhen("ops", "look", id, "--reason", why, "--by", "li"), "session 1: the person has not begun")
	require.Contains(t, s.refusedBy(3, "ops", "extend", id, "--reason", why), "the vendor's own")
	require.Contains(t, s.refusedBy(3, "ops", "switch-provider", id, "--reason", why), "no other face provider")
	require.Contains(t, s.refusedBy(2, "ops", "look", id), "give the reason")

	// As the UI sends it: an update with JSON, and no name.
	handle, err := s.temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.UpdateToReview, Args: []any{map[string]any{"reason": "review.by_operator"}}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(t.Context(), nil))
	v := s.read(id)
	require.Equal(t, verification.InReview, v.Status)
	require.Contains(t, s.refusedBy(3, "ops", "to-review", id, "--reason", why), "refused, in_review: it is in review already")

	require.Contains(t, s.yanzhen("ops", "extend", id, "--for", "48h", "--reason", why), "it ends at ")
	st := s.openStore()
	row, err := st.Load(t.Context(), id)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(48*time.Hour), *row.State.ExpiresAt, time.Minute)
	require.True(t, row.OverdueAt.After(*row.State.ExpiresAt), "it is not overdue before")

	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), id, ""))
	require.Equal(t, verification.OutcomeCanceled, s.untilEnd(id, comesBack).Outcome)
	require.Contains(t, s.refusedBy(3, "ops", "look", id, "--reason", why), "it has ended (canceled)")
	events, err := st.Events(t.Context(), id)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.events()[id]) == len(events) }, comesBack, 100*time.Millisecond)
	require.Contains(t, s.yanzhen("ops", "resend", id, "--reason", why), "events are being sent")
	require.Eventually(t, func() bool {
		list, err := st.Audited(t.Context(), id)
		return err == nil && len(list) > 0
	}, comesBack, 100*time.Millisecond)

	lines, err := st.Audited(t.Context(), id)
	require.NoError(t, err)
	by := map[string]string{}
	for _, l := range lines {
		if by[l.Act] == "" { // the first; a later one was refused
			by[l.Act] = l.By
		}
	}
	require.Equal(t, "li", by["ops.look"])
	require.Equal(t, "temporal ui", by["ops.to_review"])
	for _, act := range []string{"ops.extend.refused", "ops.switch_provider.refused", "ops.extend", "ops.resend"} {
		require.Contains(t, by, act)
	}
	require.NotContains(t, s.history(id).String(), why)
}
