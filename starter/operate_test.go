package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func look(session int) Operation {
	return Operation{Verb: workflows.UpdateLook, Arg: workflows.LookRequest{Session: session}, By: "mei", Why: "asked by phone", What: "newest session"}
}

func extend() Operation {
	return Operation{Verb: workflows.UpdateExtend, Arg: workflows.ExtendRequest{For: verification.Duration(time.Hour)}, By: "mei", Why: "asked by phone"}
}

// acts are the operators' lines of the audit log, by whom.
func (r *rig) acts(id string) (out []string) {
	r.t.Helper()
	lines, err := r.store.Audited(r.t.Context(), id)
	require.NoError(r.t, err)
	for _, l := range lines {
		out = append(out, l.By+" "+l.Act)
	}
	return out
}

func (r *rig) operate(id string, op Operation) error {
	var out any
	_, err := r.s.Operate(r.t.Context(), id, op, &out)
	return err
}

func refusedBecause(t *testing.T, err error, why string) {
	t.Helper()
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Why, why)
}

// What is asked again within the minute, by whomever, is one update, and two lines
// of the audit log. What asks for something else is no repeat of it.
func TestOperatorsRepeatsAreOneUpdate(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.updates = nil
	again := look(1)
	again.By, again.Why = "li", "asked by phone, too"
	for i, op := range []Operation{look(1), again, look(2)} {
		var out any
		repeated, err := r.s.Operate(t.Context(), v.ID, op, &out)
		require.NoError(t, err)
		require.Equal(t, i == 1, repeated)
	}
	require.Len(t, r.engine.updates, 3)
	require.Equal(t, r.engine.updates[0].UpdateID, r.engine.updates[1].UpdateID)
	require.NotEqual(t, r.engine.updates[0].UpdateID, r.engine.updates[2].UpdateID, "another session's look is another question")
	require.Equal(t, []string{"mei ops.look", "li ops.look", "mei ops.look"}, r.acts(v.ID))
}

// A refusal is no answer to keep: the engine remembers what a run refused late, such
// as for want of "force", or with the audit log away, and the next ask must not get
// that again.
func TestWhatWasRefusedIsAskedAnew(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.updates = nil
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return temporal.NewApplicationError("the audit log could not be written, so nothing was done", workflows.RefusedAudit)
	}
	refusedBecause(t, r.operate(v.ID, look(1)), "nothing was done")
	r.engine.update = nil
	require.NoError(t, r.operate(v.ID, look(1)))
	require.NotEqual(t, r.engine.updates[0].UpdateID, r.engine.updates[1].UpdateID)
	require.Equal(t, []string{"mei ops.look", "mei ops.look.refused", "mei ops.look"}, r.acts(v.ID))
}

// After the end each verb is refused in a sentence, with both lines in the audit log,
// and the engine is not asked.
func TestOperatorsComeLate(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.updates = nil
	r.end(v.ID, verification.Canceled)
	refusedBecause(t, r.operate(v.ID, look(1)), "it has ended (canceled): only its events can be sent again")
	require.Empty(t, r.engine.updates)
	require.Equal(t, []string{"mei ops.look", "mei ops.look.refused"}, r.acts(v.ID))
	requireCode(t, r.operate("ver_nobody", look(1)), NotFound)
}

// A reopened case's reviewers are given longer by the run that holds it; the other
// verbs are not its.
func TestOperatorsExtendAReopenedCase(t *testing.T) {
	r := newRig(t)
	v := r.completed()
	r.engine.review = r.reopens
	_, err := r.s.Reopen(t.Context(), "shop", v.ID, ReviewRequest{Reason: verification.HolderMismatch})
	require.NoError(t, err)
	require.NoError(t, r.operate(v.ID, extend()))
	require.Equal(t, v.ID+":v2", r.engine.updates[len(r.engine.updates)-1].WorkflowID)
	asked := len(r.engine.updates)
	refusedBecause(t, r.operate(v.ID, look(1)), "it can be extended, or a reviewer decides it")
	require.Len(t, r.engine.updates, asked)

	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	refusedBecause(t, r.operate(v.ID, extend()), "its review is over without a word")
}

// A run that cannot be asked is told from one that never was, and from a run that
// nobody takes up.
func TestOperatorsMeetNoRun(t *testing.T) {
	gone := serviceerror.NewNotFound("workflow not found for ID")
	for name, tc := range map[string]struct {
		update  error
		status  enums.WorkflowExecutionStatus
		started bool
		code    Code
		why     string
	}{
		"terminated":            {gone, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, true, "", "it has ended (error)"},
		"never began":           {gone, enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, false, "", "its run never began"},
		"no worker":             {client.NewWorkflowUpdateServiceTimeoutOrCanceledError(nil), enums.WORKFLOW_EXECUTION_STATUS_RUNNING, true, EngineUnavailable, ""},
		"the engine is away":    {serviceerror.NewUnavailable("x"), enums.WORKFLOW_EXECUTION_STATUS_RUNNING, true, EngineUnavailable, ""},
		"no right to do so":     {serviceerror.NewPermissionDenied("x", ""), enums.WORKFLOW_EXECUTION_STATUS_RUNNING, true, Internal, ""},
		"another one's refusal": {temporal.NewApplicationError("vendors are at work", workflows.RefusedState), enums.WORKFLOW_EXECUTION_STATUS_RUNNING, true, "", "vendors are at work"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var id string
			if tc.started {
				id = r.launched().ID
			} else {
				r.engine.launch = func(context.Context) error { return serviceerror.NewUnavailable("x") }
				_, _, err := r.s.Start(t.Context(), "shop", "k", request())
				requireCode(t, err, EngineUnavailable)
				id = r.keys.VerificationID("shop", "k")
			}
			r.engine.status = tc.status
			r.engine.update = func(client.UpdateWorkflowOptions) error { return tc.update }
			err := r.operate(id, look(1))
			want := []string{"mei ops.look"}
			if tc.code != "" {
				requireCode(t, err, tc.code)
			} else {
				refusedBecause(t, err, tc.why)
				want = append(want, "mei ops.look.refused")
			}
			require.Equal(t, want, r.acts(id))
		})
	}
}

// With the store away nothing is done, and that is what is said: the engine is not
// asked behind the audit log's back.
func TestOperatorsMeetNoStore(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.updates = nil
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	var out any
	_, err := r.s.Operate(ctx, v.ID, look(1), &out)
	require.True(t, requireCode(t, err, EngineUnavailable).Untouched)
	_, err = r.s.ResendAudited(ctx, v.ID, "", "", look(1))
	require.True(t, requireCode(t, err, EngineUnavailable).Untouched)
	require.Empty(t, r.engine.updates)
}

// What nobody would get is not said to be on its way.
func TestOperatorsResend(t *testing.T) {
	r, _ := relaying(t)
	id := r.keys.VerificationID("shop", "a")
	op := Operation{Verb: workflows.UpdateResend, By: "mei", Why: "asked by phone"}
	n, err := r.s.ResendAudited(t.Context(), id, "", "", op)
	require.NoError(t, err)
	require.Equal(t, 2, n, "created and requires_input, to main")
	for why, ask := range map[string][2]string{"no such event": {"evt_nobody", ""}, "no such endpoint": {"", "nobody"}} {
		_, err = r.s.ResendAudited(t.Context(), id, ask[0], ask[1], op)
		refusedBecause(t, err, why)
	}
	r.s.endpoints.Set(map[string][]webhook.Endpoint{"shop": {{ID: "ends", URL: "https://shop.example/ends", Types: []string{webhook.Completed}}}})
	n, err = r.s.ResendAudited(t.Context(), id, "", "", op)
	require.Zero(t, n)
	refusedBecause(t, err, "none of its client's endpoints takes its events")
	acts := r.acts(id)
	require.Equal(t, "mei ops.resend", acts[0])
	require.Equal(t, "mei ops.resend.refused", acts[len(acts)-1])
	_, err = r.s.ResendAudited(t.Context(), "ver_nobody", "", "", op)
	requireCode(t, err, NotFound)
}
