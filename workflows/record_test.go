//go:build record

package workflows_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// recording is one path to record: a script on a fast clock, and what happens
// to the run from outside.
type recording struct {
	name    string
	script  func(*script)
	policy  func(*verification.Policy)
	input   func(*workflows.VerificationInput)
	books   func(*books) // two records vendors
	meddle  func(t *testing.T, c client.Client, id string)
	outcome verification.Outcome
}

func hintAt(d time.Duration, session, times int) func(*testing.T, client.Client, string) {
	return func(t *testing.T, c client.Client, id string) {
		time.Sleep(d)
		for i := range times {
			err := c.SignalWorkflow(context.Background(), id, "", workflows.SignalHint, workflows.Hint{Session: session})
			if _, over := errors.AsType[*serviceerror.NotFound](err); over && i > 0 {
				return // on a busy machine the run ends before the last of many
			}
			require.NoError(t, err)
		}
	}
}

func retryUntilEnd(t *testing.T, c client.Client, id string) {
	for {
		time.Sleep(100 * time.Millisecond)
		v, err := c.QueryWorkflow(context.Background(), id, "", workflows.QueryState)
		require.NoError(t, err)
		var s verification.State
		require.NoError(t, v.Get(&s))
		if s.Status.Ended() || s.Status == verification.InReview {
			return
		}
		if s.NextAction != nil && s.NextAction.Type == verification.ActionRetry {
			updated(t, c, id, workflows.UpdateRetry, workflows.RetryUpdateID(s.Attempt.Session), workflows.RetryRequest{Session: s.Attempt.Session})
		}
	}
}

func cancelAt(d time.Duration) func(*testing.T, client.Client, string) {
	return func(t *testing.T, c client.Client, id string) {
		time.Sleep(d)
		updated(t, c, id, workflows.UpdateCancel, workflows.UpdateCancel, workflows.CancelRequest{Reason: verification.CanceledByCaller})
	}
}

func cancelInUIAt(d time.Duration) func(*testing.T, client.Client, string) {
	return func(t *testing.T, c client.Client, id string) {
		time.Sleep(d)
		require.NoError(t, c.CancelWorkflow(context.Background(), id, ""))
	}
}

// updated sends an update and waits for its answer.
func updated(t *testing.T, c client.Client, id, name, updateID string, arg any) {
	h, err := c.UpdateWorkflow(context.Background(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: name, UpdateID: updateID, Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, h.Get(context.Background(), nil))
}

func onPage(p *verification.Policy) {
	p.Presentation, p.LinkLife = verification.PresentationPage, verification.Duration(time.Minute)
}

// opens presses the page's button as often as it is asked for.
func opens(times int) func(*testing.T, client.Client, string) {
	return func(t *testing.T, c client.Client, id string) {
		for n := 1; n <= times; {
			time.Sleep(300 * time.Millisecond)
			v, err := c.QueryWorkflow(context.Background(), id, "", workflows.QueryState)
			require.NoError(t, err)
			var s verification.State
			require.NoError(t, v.Get(&s))
			if s.Status == verification.RequiresInput && s.Open == nil {
				updated(t, c, id, workflows.UpdateOpen, workflows.OpenUpdateID(n), workflows.OpenRequest{Session: n})
				n++
			}
		}
	}
}

func relinkAt(d time.Duration) func(*testing.T, client.Client, string) {
	return func(t *testing.T, c client.Client, id string) {
		time.Sleep(d)
		updated(t, c, id, workflows.UpdateRetry, workflows.RelinkUpdateID(1, 1), workflows.RetryRequest{Session: 1})
	}
}

func withSecond(in *workflows.VerificationInput) {
	route := in.Face[0]
	route.Provider = "second"
	in.Face = append(in.Face, route)
}

func withNotices(in *workflows.VerificationInput) {
	in.Face[0].Polled, in.Face[0].Notifies, in.Face[0].Grace = false, true, verification.Duration(time.Second)
}

func withMiniProgram(in *workflows.VerificationInput) {
	in.Policy.Presentation = verification.PresentationMiniProgram
	in.Face[0].MiniProgram, in.Face[0].Grace = &inMiniProgram, verification.Duration(time.Second)
}

// quick are session fates on the fast clock.
func quick(results ...verification.FaceResult) func(*script) {
	return func(s *script) {
		s.sessions = map[int]session{}
		for i, r := range results {
			s.sessions[i+1] = session{begun: 100 * time.Millisecond, over: 600 * time.Millisecond, result: r}
		}
	}
}

var misconfigured = func() verification.FaceResult {
	r := unjudged(verification.ProviderMisconfigured)
	r.NextProvider = true
	return r
}()

var recordings = []recording{
	{name: "approved-by-poll", outcome: verification.OutcomeApproved},
	{name: "approved-by-hint", script: func(s *script) { s.sessions[1] = session{over: 300 * time.Millisecond, result: passed()} }, meddle: hintAt(350*time.Millisecond, 1, 3), outcome: verification.OutcomeApproved},
	{name: "hint-before-the-session", script: func(s *script) {
		s.delay["OpenSession"] = time.Second
		s.sessions[1] = session{over: -1, result: passed()}
	}, meddle: hintAt(300*time.Millisecond, 1, 1), outcome: verification.OutcomeApproved},
	{name: "many-hints", script: func(s *script) { s.sessions[1] = session{over: 2 * time.Second, result: passed()} }, meddle: hintAt(200*time.Millisecond, 1, 200), outcome: verification.OutcomeApproved},
	{name: "not-alike-then-approved", script: quick(notAlike(), passed()), meddle: retryUntilEnd, outcome: verification.OutcomeApproved},
	{name: "not-alike-three-times", script: quick(notAlike(), notAlike(), notAlike()), meddle: retryUntilEnd, outcome: verification.OutcomeDeclined},
	{name: "canceled-sessions-until-the-cap", script: quick(unjudged(verification.SessionCanceled), unjudged(verification.SessionCanceled), unjudged(verification.SessionCanceled)), policy: func(p *verification.Policy) { p.Sessions = 3 }, meddle: retryUntilEnd, outcome: verification.OutcomeExpired},
	{name: "retry-window-over", script: quick(notAlike()), outcome: verification.OutcomeExpired},
	{name: "suspicion-review-deadline", script: quick(spoof()), outcome: verification.OutcomeExpired},
	{name: "suspicion-declined", script: quick(spoof()), policy: func(p *verification.Policy) { p.Suspicion = verification.SuspicionDecline }, outcome: verification.OutcomeDeclined},
	{name: "nobody-came", script: func(s *script) { s.sessions = nil }, outcome: verification.OutcomeExpired},
	{name: "begun-and-left-then-approved", script: func(s *script) {
		s.sessions = map[int]session{1: {begun: 100 * time.Millisecond}, 2: {over: 300 * time.Millisecond, result: passed()}}
	}, meddle: retryUntilEnd, outcome: verification.OutcomeApproved},
	{name: "vendor-ended-the-session", script: func(s *script) {
		s.sessions = map[int]session{1: {over: 500 * time.Millisecond, phase: provider.RanOut}}
	}, outcome: verification.OutcomeExpired},
	{name: "last-look-after-an-outage", script: func(s *script) {
		s.lookError = until(4500*time.Millisecond, provider.Unavailable)
	}, outcome: verification.OutcomeApproved},
	{name: "last-look-never-answered", script: func(s *script) { s.lookError = until(time.Hour, provider.Unavailable) }, outcome: verification.OutcomeExpired},
	{name: "result-of-its-own", script: func(s *script) { s.resultInLook = false }, outcome: verification.OutcomeApproved},
	{name: "result-after-an-outage", script: func(s *script) { s.resultInLook = false; s.fetchError = until(2*time.Second, provider.Unavailable) }, outcome: verification.OutcomeApproved},
	{name: "result-never-answered", script: func(s *script) { s.resultInLook = false; s.fetchError = until(time.Hour, provider.Unavailable) }, outcome: verification.OutcomeExpired},
	{name: "records-slower-than-the-face", script: func(s *script) { s.delay["CheckRecords"] = 2 * time.Second }, outcome: verification.OutcomeApproved},
	{name: "records-after-the-face", policy: func(p *verification.Policy) { p.RecordsWhen = verification.AfterFace }, outcome: verification.OutcomeApproved},
	{name: "records-differ-while-the-face-is-open", script: func(s *script) {
		s.records = verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
		s.delay["CheckRecords"] = 300 * time.Millisecond
	}, outcome: verification.OutcomeDeclined},
	{name: "records-after-an-outage", script: func(s *script) { s.recordsError = until(2*time.Second, provider.Unavailable) }, outcome: verification.OutcomeApproved},
	{name: "records-never-answered", script: func(s *script) { s.recordsError = until(time.Hour, provider.Unavailable) }, outcome: verification.OutcomeExpired},
	{name: "records-passed-over", books: func(b *books) { b.vendors["first"].answers = always(limited) }, outcome: verification.OutcomeApproved},
	{name: "records-lost-then-passed-over", books: func(b *books) { b.vendors["first"].answers = always(lostCharged) }, outcome: verification.OutcomeApproved},
	{name: "both-records-down-and-back", books: func(b *books) {
		b.vendors["first"].answers, b.vendors["second"].answers = always(refused), downUntil(2*time.Second, refused)
	}, outcome: verification.OutcomeApproved},
	{name: "both-records-never-answered", books: func(b *books) {
		b.vendors["first"].answers, b.vendors["second"].answers = always(refused), always(refused)
	}, outcome: verification.OutcomeExpired},
	{name: "vendor-down-and-back", script: func(s *script) { s.openError = until(2*time.Second, provider.Unavailable) }, outcome: verification.OutcomeApproved},
	{name: "vendor-down-for-good", script: func(s *script) { s.openError = until(time.Hour, provider.Unavailable) }, outcome: verification.OutcomeError},
	{name: "vendor-misconfigured-inside-a-result", script: quick(misconfigured), outcome: verification.OutcomeError},
	{name: "holder-unknown-to-the-vendor", script: func(s *script) { s.openError = until(time.Hour, provider.Refused) }, outcome: verification.OutcomeExpired},
	{name: "card-expired", script: func(s *script) {
		s.document = verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired)
	}, outcome: verification.OutcomeDeclined},
	{name: "row-missing", script: func(s *script) { s.beginError = rowMissing() }, outcome: verification.OutcomeError},
	{name: "canceled-by-the-caller", script: func(s *script) { s.sessions = nil }, meddle: cancelAt(500 * time.Millisecond), outcome: verification.OutcomeCanceled},
	{name: "canceled-in-the-ui", script: func(s *script) { s.sessions = nil }, meddle: cancelInUIAt(500 * time.Millisecond), outcome: verification.OutcomeCanceled},
	{name: "chip-first", input: withChip, outcome: verification.OutcomeApproved},
	{name: "chip-scanned-again", input: withChip, script: func(s *script) {
		s.scans = map[int]activities.ChipResult{0: {Unreadable: true}}
		s.sessions = map[int]session{2: {over: 300 * time.Millisecond, result: passed()}}
	}, meddle: func(t *testing.T, c client.Client, id string) {
		time.Sleep(300 * time.Millisecond)
		updated(t, c, id, workflows.UpdateRetry, workflows.RetryUpdateID(0), workflows.RetryRequest{Scanned: true})
	}, outcome: verification.OutcomeApproved},
	{name: "captured", script: func(s *script) { s.sessions[1] = session{over: time.Second, result: passed()} },
		input: func(in *workflows.VerificationInput) { in.Face[0].Captures = true }, meddle: hintAt(500*time.Millisecond, 1, 1), outcome: verification.OutcomeApproved},
	{name: "failed-over", script: func(s *script) { s.openFails = map[string]provider.Class{"face": provider.Unavailable} }, input: withSecond, outcome: verification.OutcomeApproved},
	{name: "lost-link-given-again", script: func(s *script) { s.sessions[1] = session{over: time.Second, result: passed()} },
		input: func(in *workflows.VerificationInput) { in.Face[0].TellsBegun = true }, meddle: relinkAt(500 * time.Millisecond), outcome: verification.OutcomeApproved},
	{name: "lost-link-replaced", script: func(s *script) {
		s.sessions = map[int]session{1: {}, 2: {over: 300 * time.Millisecond, result: passed()}}
	}, meddle: relinkAt(500 * time.Millisecond), outcome: verification.OutcomeApproved},
	{name: "old-tab-judged", script: func(s *script) {
		s.sessions = map[int]session{1: {over: time.Second, result: passed()}, 2: {}}
	}, meddle: func(t *testing.T, c client.Client, id string) {
		relinkAt(500*time.Millisecond)(t, c, id)
		hintAt(time.Second, 1, 1)(t, c, id)
	}, outcome: verification.OutcomeApproved},
	{name: "notice", input: withNotices, meddle: hintAt(700*time.Millisecond, 1, 2), outcome: verification.OutcomeApproved},
	{name: "notice-that-never-came", input: withNotices, outcome: verification.OutcomeApproved},
	{name: "mini-program-by-hint", input: withMiniProgram, script: func(s *script) { s.tellsNothing, s.sessions[1] = true, session{over: time.Second, result: passed()} },
		meddle: hintAt(1200*time.Millisecond, 1, 2), outcome: verification.OutcomeApproved},
	{name: "mini-program-retried", input: withMiniProgram, script: func(s *script) {
		s.tellsNothing = true
		quick(unjudged(verification.SessionInterrupted), passed())(s)
	}, meddle: retryUntilEnd, outcome: verification.OutcomeApproved},
	{name: "mini-program-nobody-came", input: withMiniProgram, script: func(s *script) { s.tellsNothing, s.sessions = true, nil }, outcome: verification.OutcomeExpired},
	{name: "reviewed", script: quick(spoof()), meddle: func(t *testing.T, c client.Client, id string) {
		time.Sleep(1500 * time.Millisecond)
		updated(t, c, id, workflows.UpdateDecide, workflows.DecideUpdateID(1), workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved})
	}, outcome: verification.OutcomeApproved},
	{name: "page", policy: onPage, meddle: opens(1), outcome: verification.OutcomeApproved},
	{name: "page-two-sessions", policy: onPage, script: quick(unjudged(verification.SessionCanceled), passed()), meddle: opens(2), outcome: verification.OutcomeApproved},
	{name: "page-abandoned", policy: func(p *verification.Policy) {
		onPage(p)
		p.LinkLife = verification.Duration(2 * time.Second)
	}, outcome: verification.OutcomeExpired},
	{name: "page-outage", policy: onPage, script: func(s *script) { s.openError = until(2*time.Second, provider.Unavailable) }, meddle: opens(1), outcome: verification.OutcomeApproved},
	{name: "page-human", policy: onPage, meddle: func(t *testing.T, c client.Client, id string) {
		time.Sleep(500 * time.Millisecond)
		updated(t, c, id, workflows.UpdateHuman, workflows.UpdateHuman, workflows.HumanRequest{})
	}, outcome: verification.OutcomeExpired},
	{name: "page-human-in-a-session", policy: onPage, script: func(s *script) {
		s.sessions = nil
		s.delay["CheckRecords"] = 2 * time.Second
	}, meddle: func(t *testing.T, c client.Client, id string) {
		opens(1)(t, c, id)
		time.Sleep(500 * time.Millisecond)
		updated(t, c, id, workflows.UpdateHuman, workflows.UpdateHuman, workflows.HumanRequest{})
	}, outcome: verification.OutcomeExpired},
	{name: "page-not-agreed", policy: onPage, meddle: cancelAt(500 * time.Millisecond), outcome: verification.OutcomeCanceled},
	{name: "canceled-in-review", script: quick(spoof()), meddle: cancelAt(1500 * time.Millisecond), outcome: verification.OutcomeCanceled},
}

// TestRecord runs each path on a real server and writes its history.
func TestRecord(t *testing.T) {
	sessionLife, pollPause, faultPause = 4*time.Second, 200*time.Millisecond, 300*time.Millisecond
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	server, err := devstack.StartTemporal(t.Context(), devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary, Headless: true})
	require.NoError(t, err)
	defer server.Stop()
	c, err := client.Dial(client.Options{HostPort: server.HostPort, Namespace: server.Namespace, Identity: "recorder"})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, os.MkdirAll("testdata/histories", 0o755))
	var all scripts
	w := worker.New(c, workflows.QueueVerification, worker.Options{})
	w.RegisterWorkflowWithOptions(workflows.Verification, workflow.RegisterOptions{Name: workflows.VerificationWorkflow})
	w.RegisterWorkflowWithOptions(workflows.Review, workflow.RegisterOptions{Name: workflows.ReviewWorkflow})
	registerErasing(w)
	all.register(w)
	require.NoError(t, w.Start())
	defer w.Stop()
	webhooks := worker.New(c, workflows.QueueWebhooks, worker.Options{})
	webhooks.RegisterWorkflowWithOptions(workflows.WebhookDelivery, workflow.RegisterOptions{Name: workflows.DeliveryWorkflow})
	webhooks.RegisterActivityWithOptions(deliver, activity.RegisterOptions{Name: "Deliver"})
	require.NoError(t, webhooks.Start())
	defer webhooks.Stop()
	t.Run("paths", func(t *testing.T) {
		for _, r := range recordings {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.record(t, c, &all)
			})
		}
		t.Run("reopened", func(t *testing.T) {
			t.Parallel()
			recordReopened(t, c, &all)
		})
		for name := range erasures {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				recordErasure(t, c, name)
			})
		}
		t.Run("retained", func(t *testing.T) {
			t.Parallel()
			recordRetention(t, c)
		})
		for name, answers := range deliveries {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				recordDelivery(t, c, name, answers)
			})
		}
	})
}

// scripts finds the script of a verification, for activities that serve all
// recordings on the queues of production.
type scripts struct{ byID sync.Map }

// step calls the script's step of the verification, after its delay.
func step[In, Out any](all *scripts, name string, id func(In) string, f func(*script) func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		v, ok := all.byID.Load(id(in))
		if !ok {
			var zero Out
			return zero, errTest
		}
		s := v.(*script)
		time.Sleep(s.delay[name])
		return f(s)(ctx, in)
	}
}

func (all *scripts) register(w worker.Worker) {
	session := func(in activities.SessionInput) string { return in.ID }
	for name, f := range map[string]any{
		"Begin": step(all, "Begin", func(in activities.BeginInput) string { return in.ID }, func(s *script) func(context.Context, activities.BeginInput) (activities.BeginResult, error) {
			return s.Begin
		}),
		"OpenSession": step(all, "OpenSession", func(in activities.OpenInput) string { return in.ID }, func(s *script) func(context.Context, activities.OpenInput) (activities.OpenResult, error) {
			return s.OpenSession
		}),
		"PollSession": step(all, "PollSession", session, func(s *script) func(context.Context, activities.SessionInput) (activities.LookResult, error) {
			return s.PollSession
		}),
		"LookAtSession": step(all, "LookAtSession", session, func(s *script) func(context.Context, activities.SessionInput) (activities.LookResult, error) {
			return s.LookAtSession
		}),
		"FetchSession": step(all, "FetchSession", session, func(s *script) func(context.Context, activities.SessionInput) (activities.FetchResult, error) {
			return s.FetchSession
		}),
		"ReadChip": step(all, "ReadChip", func(in activities.ChipInput) string { return in.ID }, func(s *script) func(context.Context, activities.ChipInput) (activities.ChipResult, error) {
			return s.ReadChip
		}),
		"CheckRecords": step(all, "CheckRecords", func(in activities.RecordsInput) string { return in.ID }, func(s *script) func(context.Context, activities.RecordsInput) (activities.RecordsResult, error) {
			return s.CheckRecords
		}),
		"Publish": step(all, "Publish", func(in activities.PublishInput) string { return in.ID }, func(s *script) func(context.Context, activities.PublishInput) (struct{}, error) {
			return func(ctx context.Context, in activities.PublishInput) (struct{}, error) {
				return struct{}{}, s.Publish(ctx, in)
			}
		}),
		"Finish": step(all, "Finish", func(in activities.FinishInput) string { return in.ID }, func(s *script) func(context.Context, activities.FinishInput) (struct{}, error) {
			return func(ctx context.Context, in activities.FinishInput) (struct{}, error) {
				return struct{}{}, s.Finish(ctx, in)
			}
		}),
		"Amend": step(all, "Amend", func(in activities.FinishInput) string { return in.ID }, func(s *script) func(context.Context, activities.FinishInput) (struct{}, error) {
			return func(ctx context.Context, in activities.FinishInput) (struct{}, error) {
				return struct{}{}, s.Amend(ctx, in)
			}
		}),
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func (r recording) record(t *testing.T, c client.Client, all *scripts) {
	s := newScript()
	s.sessions[1] = session{begun: 100 * time.Millisecond, over: 600 * time.Millisecond, result: passed()}
	s.resultInLook = true // the look that sees the end fetches the result
	if r.script != nil {
		r.script(s)
	}
	in := input()
	in.ID = "ver_" + r.name
	p := &in.Policy
	for clock, d := range map[*verification.Duration]time.Duration{
		&p.StartPatience: 4 * time.Second, &p.RecordsPatience: 6 * time.Second, &p.LastLookPatience: 4 * time.Second,
		&p.RetryWindow: 2 * time.Second, &p.ReviewDeadline: 4 * time.Second,
	} {
		*clock = verification.Duration(d)
	}
	if r.meddle != nil { // whoever retries finds the time for it on a busy machine, too
		p.RetryWindow = verification.Duration(time.Minute)
	}
	if r.policy != nil {
		r.policy(p)
	}
	if r.input != nil {
		r.input(&in)
	}
	if r.books != nil {
		s.books = newBooks(time.Now, "first", "second")
		in.Policy.RecordsProviders, in.Records = routedTo("first", "second")
		r.books(s.books)
	}
	all.byID.Store(in.ID, s)
	start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: in.ID, TaskQueue: workflows.QueueVerification, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, workflows.VerificationWorkflow, in)
	_, err := c.UpdateWithStartWorkflow(t.Context(), client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: workflows.UpdateLaunch, UpdateID: workflows.UpdateLaunch, WaitForStage: client.WorkflowUpdateStageAccepted,
		},
	})
	require.NoError(t, err)
	run, err := start.Get(t.Context())
	require.NoError(t, err)
	if r.meddle != nil {
		r.meddle(t, c, in.ID)
	}
	var out workflows.VerificationResult
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, r.outcome, out.Outcome)
	r.write(t, c, run)
}

// recordReopened records the review of a reopened case.
func recordReopened(t *testing.T, c client.Client, all *scripts) {
	in := workflows.ReviewInput{ID: "ver_reopened", Client: "shop", Reason: verification.IdentityMismatch, Deadline: verification.Duration(time.Minute),
		State: verification.State{Status: verification.Completed, Decision: verification.Declined, Version: 7,
			Verdict: &verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy}}}
	all.byID.Store(in.ID, newScript())
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.ReviewID(in.ID, 2), TaskQueue: workflows.QueueVerification}, workflows.ReviewWorkflow, in)
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	updated(t, c, run.GetID(), workflows.UpdateDecide, workflows.DecideUpdateID(8), workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved})
	require.NoError(t, run.Get(t.Context(), nil))
	recording{name: "reopened"}.write(t, c, run)
}

// deliveries are the paths of a delivery: what each try comes to.
var deliveries = map[string][]error{
	"delivered":                  {nil},
	"delivered-at-the-third-try": {untaken, untaken, nil},
	"not-delivered":              {untaken, temporal.NewNonRetryableApplicationError("not delivered after the last try: 5xx", activities.TypeUndelivered, nil)},
}

var untaken = temporal.NewApplicationErrorWithOptions("not delivered: 5xx", activities.TypeUndelivered,
	temporal.ApplicationErrorOptions{NextRetryDelay: 100 * time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign})

// deliver answers as the endpoint's recording says.
func deliver(ctx context.Context, in activities.DeliverInput) (activities.DeliverResult, error) {
	err := deliveries[in.Endpoint][activity.GetInfo(ctx).Attempt-1]
	if err != nil {
		return activities.DeliverResult{}, err
	}
	return activities.DeliverResult{State: store.DeliveryDelivered}, nil
}

func recordDelivery(t *testing.T, c client.Client, name string, answers []error) {
	in := workflows.DeliveryInput{Event: "evt_5xq2m7kd3fhtbyc4w6nzr2pjea", Endpoint: name}
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.DeliveryID(in.Event, in.Endpoint, 0), TaskQueue: workflows.QueueWebhooks},
		workflows.DeliveryWorkflow, in)
	require.NoError(t, err)
	var out activities.DeliverResult
	err = run.Get(t.Context(), &out)
	require.Equal(t, answers[len(answers)-1] != nil, err != nil)
	recording{name: name}.write(t, c, run)
}

// write keeps the run's history.
func (r recording) write(t *testing.T, c client.Client, run client.WorkflowRun) {
	var h historypb.History
	events := c.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, e)
	}
	raw, err := protojson.Marshal(&h)
	require.NoError(t, err)
	host, err := os.Hostname() // stands in the names of sticky queues
	require.NoError(t, err)
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, bytes.ReplaceAll(raw, []byte(host), []byte("recorder")), "", " "))
	require.NoError(t, os.WriteFile(filepath.Join("testdata/histories", r.name+".json"), pretty.Bytes(), 0o644))
	t.Logf("%s: %d events", r.name, len(h.Events))
}

var errTest = errors.New("test")
