// Package starter is the only way to start, read, retry, hint, review, cancel and
// erase a verification. Changes go to the engine; reads are answered from the store
// alone. Its errors are domain errors, with the codes of the API.
package starter

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Engine is what is asked of a Temporal client.
type Engine interface {
	NewWithStartWorkflowOperation(o client.StartWorkflowOptions, workflow any, args ...any) client.WithStartWorkflowOperation
	UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error)
	ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	CancelWorkflow(ctx context.Context, workflowID, runID string) error
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
	ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
}

var _ Engine = client.Client(nil)

// Keys derives what must be found again without being told.
type Keys interface {
	// VerificationID is the id that a client's idempotency key stands for.
	VerificationID(client, idempotencyKey string) string
	// Hash is a keyed hash under a purpose, its parts length-prefixed.
	Hash(purpose string, parts ...string) []byte
}

// Deps is what a Starter works with.
type Deps struct {
	Engine Engine
	Store  store.Store
	Keys   Keys
	// PublicURL is the base of the person's page, without a slash at its end.
	PublicURL string
	// Policies by name, each in its newest version.
	Policies map[string]verification.Policy
	Registry *provider.Registry
	// Endpoints are those to which clients' events are sent; nil: there are none.
	Endpoints *webhook.Endpoints
	// FirstPause is how long the first try of a delivery waits.
	FirstPause time.Duration
	// Switches are the providers' configured switches; none: on.
	Switches map[string]store.SwitchState
	// Signer signs evidence, in the name of Issuer, our public address.
	Signer Signer
	Issuer string
	// Changed hears of each row or event found that somebody changed outside of
	// yanzhen; nil: nobody does.
	Changed func()
	// About says in a context which verification a call is about, for whoever traces
	// it; nil: nobody does.
	About func(ctx context.Context, verification string) context.Context
	// Now defaults to time.Now.
	Now func() time.Time
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Patience is how long the engine is waited for; it defaults to
	// workflows.StatusTimeout.
	Patience time.Duration
}

// Starter starts, reads, lists, retries, hints, reviews and cancels
// verifications. It is safe
// for concurrent use.
type Starter struct {
	engine    Engine
	store     store.Store
	keys      Keys
	publicURL string
	// policies may be replaced while others ask: see SetPolicies.
	policies atomic.Pointer[map[string]verification.Policy]
	registry *provider.Registry
	// endpoints and firstPause are for deliveries.
	endpoints  *webhook.Endpoints
	firstPause time.Duration
	switches   map[string]store.SwitchState
	signer     Signer
	issuer     string
	now        func() time.Time
	log        *slog.Logger
	patience   time.Duration
	waiting    waiters
	changed    func()
	about      func(ctx context.Context, verification string) context.Context
	// sweptAt is when SweepLost last ended; it runs in one goroutine.
	sweptAt time.Time
}

// New makes a Starter.
func New(d Deps) *Starter {
	s := &Starter{
		signer: d.Signer, issuer: d.Issuer,
		engine: d.Engine, store: d.Store, keys: d.Keys, publicURL: d.PublicURL, registry: d.Registry, switches: d.Switches,
		endpoints: d.Endpoints, firstPause: d.FirstPause,
		now: d.Now, log: d.Logger, patience: d.Patience, changed: d.Changed, about: d.About,
	}
	if s.about == nil {
		s.about = func(ctx context.Context, _ string) context.Context { return ctx }
	}
	if s.changed == nil {
		s.changed = func() {}
	}
	s.SetPolicies(d.Policies)
	if s.now == nil {
		s.now = time.Now
	}
	if s.endpoints == nil {
		s.endpoints = &webhook.Endpoints{}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.waiting.differ = s.store.Changed
	if s.patience <= 0 {
		s.patience = workflows.StatusTimeout
	}
	return s
}

// SetPolicies replaces the policies under which verifications start; those that
// run keep theirs.
func (s *Starter) SetPolicies(byName map[string]verification.Policy) { s.policies.Store(&byName) }

// byName are the policies by name, each in its newest version.
func (s *Starter) byName() map[string]verification.Policy { return *s.policies.Load() }

// View is a verification as its client sees it: the state, and of the person
// only what may be shown.
type View struct {
	verification.State

	ID                string
	ClientReferenceID string
	Metadata          map[string]string
	// Subject is nil while nobody is known: nobody was claimed, and no chip read.
	Subject *MaskedSubject
	// Link is the page for the person, set with a redirect that still works.
	Link string
	// MiniProgram is what the caller's mini program begins the session with, in
	// place of a link.
	MiniProgram *MiniProgram
	// Deciders names, by the verdict's version, the keys with which reviewers gave
	// the verdicts. It comes from the store: the engine does not know them.
	Deciders map[int]string
	// Revision rises with every change of the public state: the ETag.
	Revision int
}

// MiniProgram is the secret part of what a mini program begins a session with.
type MiniProgram struct {
	Token string
	// ReturnedURL is told, by a POST, that the person is back.
	ReturnedURL string
}

// MaskedSubject is what may be shown of a person.
type MaskedSubject struct{ Name, IDNumber string }

// view makes the view of a row.
func (s *Starter) view(ctx context.Context, r store.Row) (View, error) {
	v := View{
		State:             r.State,
		ID:                r.ID,
		ClientReferenceID: r.Request.ClientReferenceID,
		Metadata:          r.Request.Metadata,
		Revision:          r.Revision,
	}
	if subject := r.Subject(); subject != nil {
		name, number := subject.Masked()
		v.Subject = &MaskedSubject{Name: name, IDNumber: number}
	}
	var err error
	if v.Deciders, err = s.deciders(ctx, r.ID, r.State); err != nil {
		return View{}, err
	}
	if v.NextAction == nil || !v.NextAction.HasLink() {
		return v, nil
	}
	if r.State.Page {
		v.Link = s.pageLink(r)
		return v, nil
	}
	link, returned, err := s.begins(ctx, r.ID, v.Attempt.Session)
	switch {
	case err != nil:
		return View{}, err
	case link == "":
		// A redirect without a working link would be a dead end; the run will
		// soon say what comes after it.
		v.NextAction = nil
	case v.NextAction.Type == verification.ActionMiniProgram:
		v.MiniProgram = &MiniProgram{Token: link, ReturnedURL: returned}
	default:
		v.Link = link
	}
	return v, nil
}

// link returns the session's link, or nothing when it is over.
func (s *Starter) link(ctx context.Context, id string, session int) (string, error) {
	link, _, err := s.begins(ctx, id, session)
	return link, err
}

// begins returns with what the session begins, a link or a token, and the address
// that a mini program tells of its person's return; nothing when it is over.
func (s *Starter) begins(ctx context.Context, id string, session int) (link, returned string, err error) {
	latest, err := s.store.LatestSession(ctx, id)
	switch {
	case isNotFound(err):
		return "", "", nil
	case err != nil:
		return "", "", storeError("read the session", err)
	case latest.Number != session || !s.now().Before(latest.ExpiresAt):
		return "", "", nil
	}
	return latest.Link, latest.Returned, nil
}
