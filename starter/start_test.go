package starter

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func TestStartWritesTheRowAndThenStartsTheRun(t *testing.T) {
	r := newRig(t)
	id := r.keys.VerificationID("shop", "k")
	r.engine.launch = func(ctx context.Context) error {
		row, err := r.store.Get(ctx, "shop", id)
		require.NoError(t, err, "the row must be there before the run")
		require.Equal(t, request(), row.Request)
		require.Equal(t, verification.Processing, row.State.Status)
		r.run(id, 1)
		return nil
	}
	v, started, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Equal(t, Started{Created: true}, started)
	require.Equal(t, id, v.ID)
	require.Equal(t, verification.RequiresInput, v.Status)
	require.Equal(t, "https://vendor.example/page", v.Link)
	require.Equal(t, &MaskedSubject{Name: "测**", IDNumber: "110*************17"}, v.Subject)

	require.Len(t, r.engine.options, 1)
	o := r.engine.options[0]
	require.Equal(t, id, o.ID)
	require.Equal(t, workflows.QueueVerification, o.TaskQueue)
	require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, o.WorkflowIDReusePolicy)
	require.Equal(t, enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, o.WorkflowIDConflictPolicy)
	require.Zero(t, o.WorkflowExecutionTimeout, "a limit of the engine would end a run without a word")
	require.Zero(t, o.WorkflowRunTimeout)
	reference, _ := o.TypedSearchAttributes.GetKeyword(workflows.AttrReference)
	require.Equal(t, hex.EncodeToString(r.keys.Hash(purposeReference, "shop", "order-17"))[:32], reference)
	owner, _ := o.TypedSearchAttributes.GetKeyword(workflows.AttrClient)
	require.Equal(t, "shop", owner)

	require.Equal(t, workflows.VerificationInput{ID: id, Client: "shop", Policy: policy(),
		Face:    []workflows.FaceRoute{{Provider: "toy", OpenQueue: "toy", WatchQueue: "toy-status", Polled: true, OpenIn: "wechat"}},
		Records: []workflows.RecordsRoute{{Provider: "books", Queue: "books"}}}, r.engine.inputs[0])
	require.Equal(t, workflows.UpdateLaunch, r.engine.updates[0].UpdateID)
	require.Equal(t, client.WorkflowUpdateStageCompleted, r.engine.updates[0].WaitForStage)
}

func TestBadInputWritesNothingAndCallsNobody(t *testing.T) {
	at := newRig(t).now
	for name, tc := range map[string]struct {
		change      func(*verification.Request)
		field, code string
	}{
		"unknown policy":      {func(q *verification.Request) { q.Policy = "none" }, "policy", "policy.unknown"},
		"no subject":          {func(q *verification.Request) { q.Subject = nil }, "subject", "value.required"},
		"a chip nobody reads": {func(q *verification.Request) { q.NFCReqID = "x" }, "nfc_reqid", "policy.no_chip"},
		"bad check digit":     {func(q *verification.Request) { q.Subject.IDNumber = "110199199003070018" }, "subject.id_number", "id_number.check_digit"},
		"short number":        {func(q *verification.Request) { q.Subject.IDNumber = "1101991990" }, "subject.id_number", "id_number.length"},
		"bad date":            {func(q *verification.Request) { q.Subject.IDValidity.From = "20200230" }, "subject.id_validity.from", "id_validity.malformed"},
		"bad name":            {func(q *verification.Request) { q.Subject.Name = "测试1" }, "subject.name", "name.charset"},
		"number in reference": {func(q *verification.Request) { q.ClientReferenceID = "no 110199199003070017" }, "client_reference_id", "value.personal_data"},
		"number in metadata":  {func(q *verification.Request) { q.Metadata["n"] = "110199199003070017" }, "metadata", "value.personal_data"},
		"agreed tomorrow": {func(q *verification.Request) {
			q.Consents = []verification.Consent{{Purpose: "face", GivenAt: at.Add(30 * time.Second)}, {Purpose: "identity_records", GivenAt: at.AddDate(0, 0, 1)}}
		}, "consents.1.given_at", "given_at.future"},
		"agreed in 61 seconds": {func(q *verification.Request) {
			q.Consents = []verification.Consent{{Purpose: "face", GivenAt: at.Add(61 * time.Second)}}
		}, "consents.0.given_at", "given_at.future"},
		"number as a key": {func(q *verification.Request) { q.Metadata["110199199003070017"] = "" }, "metadata", "value.personal_data"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			req := request()
			tc.change(&req)
			_, _, err := r.s.Start(t.Context(), "shop", "k", req)
			e := requireCode(t, err, InvalidRequest)
			require.Len(t, e.Fields, 1)
			require.Equal(t, tc.field, e.Fields[0].Field)
			require.Equal(t, tc.code, e.Fields[0].Code)
			require.NotEmpty(t, e.Fields[0].Message)
			require.Empty(t, r.engine.calls)
			_, err = r.store.Load(t.Context(), r.keys.VerificationID("shop", "k"))
			require.ErrorIs(t, err, store.ErrNotFound)
		})
	}
}

func TestEveryHardRuleHasASentence(t *testing.T) {
	for code, text := range explanations {
		require.NotEmpty(t, text, code)
	}
	require.NotEmpty(t, explain("a rule of tomorrow"))
}

func TestTheSameKeyForAnotherPersonIsRefusedBeforeTheEngineIsCalled(t *testing.T) {
	r := newRig(t)
	r.launched()
	before, err := r.store.Load(t.Context(), r.keys.VerificationID("shop", "k"))
	require.NoError(t, err)
	other := request()
	other.Subject = &verification.Subject{Name: "测试乙", IDNumber: "110199199003070017", IDValidity: other.Subject.IDValidity}
	_, _, err = r.s.Start(t.Context(), "shop", "k", other)
	requireCode(t, err, IdempotencyKeyReused)
	require.Empty(t, r.engine.calls)
	after, err := r.store.Load(t.Context(), before.ID)
	require.NoError(t, err)
	require.Equal(t, before.Request, after.Request)
	require.Equal(t, before.State, after.State)
}

func TestTheSameKeyOfAnotherClientIsAnotherVerification(t *testing.T) {
	r := newRig(t)
	mine := r.launched()
	r.engine.launch = nil
	v, started, err := r.s.Start(t.Context(), "other", "k", request())
	require.NoError(t, err)
	require.NotEqual(t, mine.ID, v.ID)
	require.False(t, started.Replayed)
}

func TestAReplayAnswersTheVerificationAsItIsNow(t *testing.T) {
	r := newRig(t)
	first := r.launched()
	v, started, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Equal(t, Started{Replayed: true}, started)
	require.Equal(t, first, v)
	require.Equal(t, []string{"update launch"}, r.engine.calls, "a run that was marked is never started again")

	r.now = r.now.Add(11 * time.Minute)
	v, _, err = r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Empty(t, v.Link, "a dead link is never handed out")
	require.Nil(t, v.NextAction)

	r.end(first.ID, verification.Expired)
	r.engine.calls = nil
	v, started, err = r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Equal(t, Started{Replayed: true}, started)
	require.Equal(t, verification.Expired, v.Status)
	require.Empty(t, r.engine.calls, "an ended one is answered from the store")
}

func TestAReplayIsNoOtherRequestWhenThePolicyHasANewVersion(t *testing.T) {
	r := newRig(t)
	r.launched()
	newer := policy()
	newer.Version = 3
	r.s.SetPolicies(map[string]verification.Policy{"cn-resident": newer})
	_, started, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.True(t, started.Replayed)

	r.s.SetPolicies(nil)
	_, started, err = r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err, "a verification that runs does not need its policy in the configuration")
	require.True(t, started.Replayed)
	_, _, err = r.s.Start(t.Context(), "shop", "other key", request())
	requireCode(t, err, InvalidRequest)
}

func TestASlowVendorIsAcceptedAndNotAwaitedForEver(t *testing.T) {
	r := newRig(t)
	r.engine.launch = func(ctx context.Context) error {
		r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		<-ctx.Done()
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(ctx.Err())
	}
	began := time.Now()
	v, started, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, Started{Accepted: true, Created: true}, started)
	require.Equal(t, verification.Processing, v.Status)
	require.Len(t, v.Checks, 4)
}

func TestAnEngineThatIsAwayIsSaidToBeAway(t *testing.T) {
	away := serviceerror.NewUnavailable("connection refused")
	for name, launch := range map[string]func(ctx context.Context) error{
		"at once": func(context.Context) error { return away },
		"silent": func(ctx context.Context) error {
			<-ctx.Done()
			return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(ctx.Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.engine.launch, r.engine.describeErr = launch, away
			_, _, err := r.s.Start(t.Context(), "shop", "k", request())
			requireCode(t, err, EngineUnavailable)

			// The same key finds it again.
			r.engine.describeErr = nil
			r.engine.launch = func(context.Context) error { r.run(r.keys.VerificationID("shop", "k"), 1); return nil }
			v, started, err := r.s.Start(t.Context(), "shop", "k", request())
			require.NoError(t, err)
			require.True(t, started.Replayed)
			require.NotEmpty(t, v.Link)
		})
	}
}

func TestARunThatClosedMeanwhileIsAnsweredFromTheStore(t *testing.T) {
	for name, refusal := range map[string]error{
		"already started": &serviceerror.WorkflowExecutionAlreadyStarted{Message: "closed"},
		"closing":         temporal.NewApplicationError("closing", "AcceptedUpdateCompletedWorkflow"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			id := r.keys.VerificationID("shop", "k")
			r.engine.launch = func(context.Context) error {
				r.run(id, 1)
				r.end(id, verification.Canceled)
				return refusal
			}
			v, _, err := r.s.Start(t.Context(), "shop", "k", request())
			require.NoError(t, err)
			require.Equal(t, verification.Canceled, v.Status)
		})
	}
}

func TestAMisconfiguredEngineIsOurFault(t *testing.T) {
	r := newRig(t)
	r.engine.launch = func(context.Context) error {
		return serviceerror.NewInvalidArgument("invalid value for search attribute YzStatus of type Int: requires_input")
	}
	_, _, err := r.s.Start(t.Context(), "shop", "k", request())
	requireCode(t, err, Internal)
}

// TestAnEngineThatDoesNotKnowWhatSetupMadeIsNotReady: for some seconds after yanzhen
// setup a server refuses starts. The caller may repeat one, and hears that it did not
// take effect; the log names the remedy if it lasts.
func TestAnEngineThatDoesNotKnowWhatSetupMadeIsNotReady(t *testing.T) {
	for name, refusal := range map[string]error{
		// As test/e2e sees them from servers 1.29.1 and 1.32.1.
		"no mapping":   serviceerror.NewInvalidArgument("Namespace yanzhen has no mapping defined for search attribute YzClient"),
		"not defined":  serviceerror.NewInvalidArgument("search attribute YzClient is not defined"),
		"no namespace": serviceerror.NewNamespaceNotFound("yanzhen"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.engine.launch = func(context.Context) error { return fmt.Errorf("failed workflow start: %w", refusal) }
			_, _, err := r.s.Start(t.Context(), "shop", "k", request())
			requireCode(t, err, EngineUnavailable)
			refused, _ := errors.AsType[*Error](err)
			require.True(t, refused.Untouched)
			require.Contains(t, r.logs.String(), "run `yanzhen setup`")
			require.NotContains(t, r.engine.calls, "describe", "it has said what it knows")

			r.engine.launch = func(context.Context) error { r.run(r.keys.VerificationID("shop", "k"), 1); return nil }
			v, _, err := r.s.Start(t.Context(), "shop", "k", request())
			require.NoError(t, err)
			require.NotEmpty(t, v.Link)
		})
	}
}

func TestManyStartsUnderOneKeyAreOne(t *testing.T) {
	r := newRig(t)
	id := r.keys.VerificationID("shop", "k")
	var once sync.Once
	r.engine.launch = func(context.Context) error {
		once.Do(func() { r.run(id, 1) })
		return nil
	}
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh, failed := 0, []error{}
	for range 50 {
		wg.Go(func() {
			v, started, err := r.s.Start(context.WithoutCancel(t.Context()), "shop", "k", request())
			mu.Lock()
			defer mu.Unlock()
			if err != nil || v.ID != id {
				failed = append(failed, errors.Join(err, errors.New(v.ID)))
			}
			if !started.Replayed {
				fresh++
			}
		})
	}
	wg.Wait()
	require.Empty(t, failed)
	require.Equal(t, 1, fresh)
}

func TestErrorsTellNothingOfTheirCause(t *testing.T) {
	err := internal("read the row", errors.New("near 110199199003070017"))
	require.Equal(t, "starter: internal_error: read the row (*errors.errorString)", err.Error())
}

func TestAStoreThatIsAwayIsToldFromAFault(t *testing.T) {
	away := storeError("read the row", fmt.Errorf("store: load: %w", &pgconn.PgError{Code: "57P01"}))
	require.Equal(t, EngineUnavailable, CodeOf(away), "the caller repeats it")
	require.Equal(t, Internal, CodeOf(storeError("read the row", errors.New("anything else"))))
}

// What only the caller refuses starts nothing, but a repeat of what was started
// before is answered: the configuration was narrowed meanwhile.
func TestStartRefusedByTheCaller(t *testing.T) {
	r := newRig(t)
	narrowed := FieldError{Field: "policy", Code: "policy.unknown"}
	_, _, err := r.s.Start(t.Context(), "shop", "a", request(), narrowed)
	require.Equal(t, []FieldError{narrowed}, requireCode(t, err, InvalidRequest).Fields)
	require.Empty(t, r.engine.calls)

	id := r.keys.VerificationID("shop", "a")
	r.engine.launch = func(context.Context) error { r.run(id, 1); return nil }
	_, _, err = r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	v, started, err := r.s.Start(t.Context(), "shop", "a", request(), narrowed)
	require.NoError(t, err)
	require.True(t, started.Replayed)
	require.Equal(t, id, v.ID)
}

// Under a policy with one_open a person has one open verification of a client: a
// further start is told which, starts nothing, and is free again after its end.
func TestStartOneOpen(t *testing.T) {
	r := newRig(t)
	policies := map[string]verification.Policy{}
	for name, p := range r.s.byName() {
		p.OneOpen = true
		policies[name] = p
	}
	r.s = New(Deps{Engine: r.engine, Store: r.store, Keys: r.keys, Policies: policies, Registry: r.s.registry, Now: func() time.Time { return r.now }})
	id := r.keys.VerificationID("shop", "a")
	r.engine.launch = func(context.Context) error { r.run(id, 1); return nil }
	_, _, err := r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	asked := len(r.engine.calls)
	_, _, err = r.s.Start(t.Context(), "shop", "b", request())
	require.Equal(t, id, requireCode(t, err, AlreadyOpen).ID)
	require.Len(t, r.engine.calls, asked)
	v, started, err := r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	require.True(t, started.Replayed)
	require.Equal(t, id, v.ID)
}
