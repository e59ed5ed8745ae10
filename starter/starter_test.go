package starter

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// fakeEngine knows one run, in whatever condition a test puts it.
type fakeEngine struct {
	client.WithStartWorkflowOperation

	mu      sync.Mutex
	calls   []string
	options []client.StartWorkflowOptions
	inputs  []workflows.VerificationInput
	updates []client.UpdateWorkflowOptions
	hints   []workflows.Hint

	// launch is what becomes of a start, update of an update.
	launch func(ctx context.Context) error
	update func(o client.UpdateWorkflowOptions) error
	// status is the run's; unspecified: there is none.
	status      enums.WorkflowExecutionStatus
	describeErr error
	signalUntil time.Time // its deadline
	signalErr   error
	// reviews are the reviews that were started; review, what becomes of one.
	reviews []workflows.ReviewInput
	review  func(o client.StartWorkflowOptions, in workflows.ReviewInput) error
	// erasureErr is what becomes of the start of an erasure; cancel, of the
	// cancellation of a run.
	erasureErr error
	cancel     func(id string) error
	// lists are the questions for a list, answered by list.
	lists []*workflowservice.ListWorkflowExecutionsRequest
	list  func() (*workflowservice.ListWorkflowExecutionsResponse, error)
}

func (f *fakeEngine) note(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeEngine) NewWithStartWorkflowOperation(o client.StartWorkflowOptions, _ any, args ...any) client.WithStartWorkflowOperation {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.options = append(f.options, o)
	f.inputs = append(f.inputs, args[0].(workflows.VerificationInput))
	return f
}

func (f *fakeEngine) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.note("start")
	f.mu.Lock()
	f.updates = append(f.updates, o.UpdateOptions)
	f.mu.Unlock()
	if f.launch == nil {
		return doneUpdate{}, nil
	}
	return doneUpdate{}, f.launch(ctx)
}

func (f *fakeEngine) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	f.note("execute " + o.ID)
	if _, erasure := args[0].(workflows.ErasureInput); erasure {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.options = append(f.options, o)
		return nil, f.erasureErr
	}
	in := args[0].(workflows.ReviewInput)
	f.mu.Lock()
	f.options = append(f.options, o)
	f.reviews = append(f.reviews, in)
	f.mu.Unlock()
	if f.review == nil {
		return nil, nil
	}
	return nil, f.review(o, in)
}

func (f *fakeEngine) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	f.note("list")
	f.lists = append(f.lists, r)
	return f.list()
}

func (f *fakeEngine) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.note("update " + o.UpdateID)
	f.mu.Lock()
	f.updates = append(f.updates, o)
	f.mu.Unlock()
	if f.update == nil {
		return doneUpdate{}, nil
	}
	// A refusal by the run comes with the handle, as the SDK tells it.
	return doneUpdate{err: f.update(o)}, nil
}

func (f *fakeEngine) CancelWorkflow(_ context.Context, id, _ string) error {
	f.note("cancel " + id)
	if f.cancel == nil {
		return nil
	}
	return f.cancel(id)
}

func (f *fakeEngine) SignalWorkflow(ctx context.Context, _, _, _ string, arg any) error {
	f.note("signal")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signalUntil, _ = ctx.Deadline()
	f.hints = append(f.hints, arg.(workflows.Hint))
	return f.signalErr
}

func (f *fakeEngine) DescribeWorkflow(context.Context, string, string) (*client.WorkflowExecutionDescription, error) {
	f.note("describe")
	switch {
	case f.describeErr != nil:
		return nil, f.describeErr
	case f.status == enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED:
		return nil, serviceerror.NewNotFound("workflow not found for ID")
	}
	return &client.WorkflowExecutionDescription{WorkflowExecutionMetadata: client.WorkflowExecutionMetadata{Status: f.status}}, nil
}

type doneUpdate struct{ err error }

func (doneUpdate) WorkflowID() string               { return "" }
func (doneUpdate) RunID() string                    { return "" }
func (doneUpdate) UpdateID() string                 { return "" }
func (d doneUpdate) Get(context.Context, any) error { return d.err }

// rig is a starter on a real store and a fake engine.
type rig struct {
	t      *testing.T
	s      *Starter
	store  store.Store
	engine *fakeEngine
	keys   *sealing.Keys
	now    time.Time
	logs   *bytes.Buffer
	// state is what the run last published.
	state verification.State
}

func newRig(t *testing.T) *rig {
	t.Helper()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "yanzhen.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	st, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })

	registry := &provider.Registry{}
	registry.AddFace(provider.FaceVendor{Name: "toy", Open: provider.Queue{Name: "toy"}, Watch: provider.Queue{Name: "toy-status"},
		PollFirst: time.Second, PollMax: 10 * time.Second, OpenIn: "wechat"})
	registry.AddRecords(provider.RecordsVendor{Name: "books", Queue: provider.Queue{Name: "books"}})

	r := &rig{t: t, store: st, engine: &fakeEngine{}, keys: keys, logs: &bytes.Buffer{},
		now: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)}
	r.s = New(Deps{
		Engine: r.engine, Store: st, Keys: keys, Policies: map[string]verification.Policy{"cn-resident": policy()}, Registry: registry,
		Now: func() time.Time { return r.now }, Logger: slog.New(slog.NewTextHandler(r.logs, nil)), Patience: 400 * time.Millisecond,
		Signer: keys, Issuer: "https://kyc.example",
	})
	return r
}

func policy() verification.Policy {
	p := verification.DefaultPolicy()
	p.Name, p.Version = "cn-resident", 2
	p.FaceProviders, p.RecordsProviders = []string{"toy"}, []string{"books"}
	p.Checks = map[verification.CheckType]verification.Requirement{
		verification.DocumentValidity: verification.Required, verification.IdentityRecords: verification.Required,
		verification.Liveness: verification.Required, verification.FaceMatch: verification.Required,
	}
	return p
}

func request() verification.Request {
	return verification.Request{
		Policy: "cn-resident",
		Subject: &verification.Subject{Name: "测试甲", IDNumber: "110199199003070017",
			IDValidity: verification.Validity{From: "20200115", To: "20400115"}},
		ReturnURL: "https://shop.example/back", ClientReferenceID: "order-17", Metadata: map[string]string{"branch": "north"},
	}
}

// asking is the state of a run that waits for its person.
func (r *rig) asking(session int) verification.State {
	st := verification.NewState(policy(), r.now)
	expires := r.now.Add(10 * time.Minute)
	st.Status, st.Version, st.Attempt.Session = verification.RequiresInput, 3, session
	st.NextAction = &verification.NextAction{Type: verification.ActionRedirect, OpenIn: "wechat", ExpiresAt: &expires}
	return st
}

// run makes the run live, with an open session.
func (r *rig) run(id string, session int) {
	r.t.Helper()
	require.NoError(r.t, r.store.MarkStarted(r.t.Context(), id, r.now))
	_, err := r.store.IntendSession(r.t.Context(), store.Session{VerificationID: id, Number: session, Provider: "toy"}, store.Caps{})
	require.NoError(r.t, err)
	require.NoError(r.t, r.store.OpenSession(r.t.Context(), store.Session{VerificationID: id, Number: session, Provider: "toy",
		Link: "https://vendor.example/page", Handle: []byte("h"), OpenedAt: r.now, ExpiresAt: r.now.Add(10 * time.Minute)}))
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	r.publish(id, r.asking(session))
}

// publish lets the run write a state.
func (r *rig) publish(id string, st verification.State) {
	r.t.Helper()
	if st.Version < r.state.Version {
		st.Version = r.state.Version + 1
	}
	r.state = st
	require.NoError(r.t, r.store.Publish(r.t.Context(), id, st))
}

// changed lets the run publish what a change makes of its state.
func (r *rig) changed(id string, change func(*verification.State)) {
	r.t.Helper()
	st := r.state
	st.Version++
	change(&st)
	r.publish(id, st)
}

// launched starts a verification whose run opens a session at once.
func (r *rig) launched() View {
	r.t.Helper()
	r.engine.launch = func(context.Context) error {
		r.run(r.keys.VerificationID("shop", "k"), 1)
		return nil
	}
	v, started, err := r.s.Start(r.t.Context(), "shop", "k", request())
	require.NoError(r.t, err)
	require.Equal(r.t, Started{Created: true}, started)
	r.engine.calls = nil
	return v
}

// end lets the run write its end and close.
func (r *rig) end(id string, status verification.Status) verification.State {
	r.t.Helper()
	st := r.state
	st.Status, st.NextAction, st.Version = status, nil, 9
	require.NoError(r.t, r.store.Finish(r.t.Context(), id, st))
	r.engine.status = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	return st
}

func requireCode(t *testing.T, err error, code Code) *Error {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, CodeOf(err), err.Error())
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}
