package starter

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Purposes under which the keys hash.
const (
	purposeFingerprint = "request-fingerprint"
	purposeReference   = "client-reference"
	purposeReqID       = "nfc-reqid"
)

// describeTime is the part of the patience kept for asking whether a run that
// gave no answer exists at all.
const describeTime = 1500 * time.Millisecond

// Started is the result of a start.
type Started struct {
	// Replayed: the verification was there already. Created: it was not, and is now,
	// also where the start failed after that.
	Replayed, Created bool
	// Accepted: it runs, but has nothing to show yet.
	Accepted bool
}

// Start starts the verification that the client's idempotency key stands for,
// or answers the one that is there as it is now. It waits until there is
// something to show, as far as its patience goes.
//
// A request that breaks a rule writes nothing and calls nobody. Errors are
// *Error: InvalidRequest, IdempotencyKeyReused, Redacted, EngineUnavailable
// (the start may still take effect; the same key finds it again), Internal.
//
// refused are rules that only the caller knows and that the request breaks.
func (s *Starter) Start(ctx context.Context, clientID, idempotencyKey string, req verification.Request, refused ...FieldError) (View, Started, error) {
	id := s.keys.VerificationID(clientID, idempotencyKey)
	v, started, err := s.start(ctx, clientID, id, req, refused)
	if e, ok := errors.AsType[*Error](err); ok && e.ID == "" && e.Code != InvalidRequest && e.Code != ConsentRequired && e.Code != ReqIDReused {
		e.ID = id
	}
	return v, started, err
}

func (s *Starter) start(ctx context.Context, clientID, id string, req verification.Request, refused []FieldError) (View, Started, error) {
	fingerprint, err := s.fingerprint(req)
	if err != nil {
		return View{}, Started{}, internal("fingerprint the request", err)
	}
	if faults := slices.Concat(refused, s.Validate(req)); len(faults) > 0 {
		return s.replayRefused(ctx, clientID, id, fingerprint, &Error{Code: InvalidRequest, Fields: faults})
	}
	policy, now := presented(s.byName()[req.Policy], req.Presentation), s.now()
	if missing := mustBring(policy, req); len(missing) > 0 {
		return s.replayRefused(ctx, clientID, id, fingerprint, &Error{Code: ConsentRequired, Fields: consentFields(missing)})
	}
	var asks []verification.Purpose
	if policy.Paged() {
		asks = verification.Missing(policy.Consents, req.Consents)
	}
	row := store.Row{
		ID:            id,
		Client:        clientID,
		Fingerprint:   fingerprint,
		Policy:        verification.PolicyRef{Name: policy.Name, Version: policy.Version},
		CreatedAt:     now,
		StartCalledAt: now,
		State:         verification.NewState(policy, now, asks...),
		OverdueAt:     now.Add(policy.Longest(s.longestSession(policy)) + overdueSlack),
		Request:       normalised(req, now),
		ReferenceHash: s.referenceHash(clientID, req.ClientReferenceID),
		ReqIDHash:     s.reqIDHash(policy, req.NFCReqID),
		OneOpen:       policy.OneOpen,
	}
	if policy.Paged() {
		row.PageCode = newPageCode()
		row.PageHash = s.pageHash(row.PageCode)
	}
	if row.Request.Subject != nil {
		row.NumberHash = s.keys.Hash(verification.PurposeNumber, row.Request.Subject.IDNumber)
	}
	existing, created, err := s.store.Insert(ctx, row)
	if errors.Is(err, store.ErrReqIDReused) {
		return View{}, Started{}, &Error{Code: ReqIDReused}
	}
	if open, ok := errors.AsType[*store.AlreadyOpenError](err); ok {
		return View{}, Started{}, &Error{Code: AlreadyOpen, ID: open.ID}
	}
	if err != nil {
		return View{}, Started{}, storeError("insert the row", err)
	}
	if !created && (existing.Client != clientID || !equal(existing.Fingerprint, fingerprint)) {
		return View{}, Started{}, &Error{Code: IdempotencyKeyReused}
	}
	v, err := s.launch(ctx, existing, policy)
	if err != nil {
		return View{}, Started{Created: created}, err
	}
	return v, Started{Replayed: !created, Created: created, Accepted: nothingToShow(v)}, nil
}

// replayRefused answers a request that breaks a rule today. It may be the
// repeat of one that broke none when it came: rules, policies and dates change,
// a verification that runs is answered all the same.
func (s *Starter) replayRefused(ctx context.Context, clientID, id string, fingerprint []byte, refusal *Error) (View, Started, error) {
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil || row.StartedAt.IsZero() || !equal(row.Fingerprint, fingerprint) {
		return View{}, Started{}, refusal
	}
	v, err := s.launch(ctx, row, verification.Policy{})
	return v, Started{Replayed: true, Accepted: nothingToShow(v)}, err
}

// nothingToShow: the caller must read again.
func nothingToShow(v View) bool { return v.Status == verification.Processing }

// overdueSlack is how long after all clocks of its policy a row without an end
// is looked into.
const overdueSlack = time.Hour

// longestSession is the longest life of a session at the policy's vendors.
func (s *Starter) longestSession(p verification.Policy) time.Duration {
	const atLeast = time.Hour
	longest := atLeast
	for _, name := range p.FaceProviders {
		if f, ok := s.registry.Face(name); ok {
			longest = max(longest, atLeast+f.Grace)
		}
	}
	return longest
}

// normalised returns the request with its subject in the one spelling that
// vendors and checks compare.
func normalised(req verification.Request, now time.Time) verification.Request {
	if req.Subject != nil {
		subject, _ := verification.CheckSubject(*req.Subject, now)
		req.Subject = &subject
	}
	return req
}

// presented is the policy with what the request says of where the person acts.
func presented(p verification.Policy, asked verification.Presentation) verification.Policy {
	p.Presentation = cmp.Or(asked, p.Presentation)
	return p
}

// launch sees to it that the row's run exists, waits for something to show,
// and reads it.
func (s *Starter) launch(ctx context.Context, row store.Row, policy verification.Policy) (View, error) {
	if row.Ended {
		return s.view(ctx, row)
	}
	started := s.now()
	wait, cancel := context.WithTimeout(ctx, s.patience-min(describeTime, s.patience/4))
	err := s.callLaunch(wait, row, policy)
	cancel()
	if err == nil {
		return s.Read(ctx, row.Client, row.ID)
	}
	switch class := classify(err); class {
	case engineGone, engineRefused:
		// Closed already, or closing while we waited.
		return s.settled(ctx, row.Client, row.ID)
	case engineInvalid, engineUnready:
		s.notTaken(ctx, class, row.ID, "start the run", err)
		return View{}, refusedBy(class, "start the run", err)
	}
	rest, cancel := context.WithTimeout(ctx, max(s.patience-s.now().Sub(started), 100*time.Millisecond))
	defer cancel()
	if _, descErr := s.engine.DescribeWorkflow(rest, row.ID, ""); descErr != nil {
		s.log.WarnContext(ctx, "engine did not answer a start", "verification_id", row.ID, "error_type", typeOf(err))
		return View{}, unavailable("start the run", err)
	}
	// It runs; only its first word takes longer than the caller should wait.
	return s.Read(ctx, row.Client, row.ID)
}

// notTaken logs that the engine rejected a call, and what to do about it.
func (s *Starter) notTaken(ctx context.Context, class engineClass, id, op string, err error) {
	level, message := slog.LevelError, "engine rejected a call that can never work"
	if class == engineUnready {
		level, message = slog.LevelWarn, "engine does not know the namespace (TEMPORAL_NAMESPACE) or its search attributes yet: if that lasts, run `yanzhen setup`"
	}
	s.log.Log(ctx, level, message, "verification_id", id, "operation", op, "error_type", typeOf(err))
}

// callLaunch starts the run together with the update that waits for something
// to show. A row that was marked started once is never started again: with its
// run gone from the engine, a second one would ask and charge anew.
func (s *Starter) callLaunch(ctx context.Context, row store.Row, policy verification.Policy) error {
	update := client.UpdateWorkflowOptions{
		WorkflowID:   row.ID,
		UpdateID:     workflows.UpdateLaunch,
		UpdateName:   workflows.UpdateLaunch,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	var handle client.WorkflowUpdateHandle
	var err error
	if row.StartedAt.IsZero() {
		handle, err = s.engine.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: s.engine.NewWithStartWorkflowOperation(
				s.startOptions(row, policy, verification.Processing), workflows.VerificationWorkflow, s.input(row, policy)),
			UpdateOptions: update,
		})
	} else {
		handle, err = s.engine.UpdateWorkflow(ctx, update)
	}
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// startOptions set no time-out: the run's own clocks end it, and a shorter
// limit of the engine would end it without a word.
func (s *Starter) startOptions(row store.Row, policy verification.Policy, status verification.Status) client.StartWorkflowOptions {
	attributes := []temporal.SearchAttributeUpdate{
		workflows.AttrStatus.ValueSet(string(status)),
		workflows.AttrClient.ValueSet(row.Client),
		workflows.AttrPolicy.ValueSet(policy.Name),
	}
	if ref := row.Request.ClientReferenceID; ref != "" {
		attributes = append(attributes, workflows.AttrReference.ValueSet(s.ReferenceHash(row.Client, ref)))
	}
	return client.StartWorkflowOptions{
		ID:                       row.ID,
		TaskQueue:                workflows.QueueVerification,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    temporal.NewSearchAttributes(attributes...),
		StaticSummary:            fmt.Sprintf("%s v%d for %s", policy.Name, policy.Version, row.Client),
	}
}

func (s *Starter) input(row store.Row, policy verification.Policy) workflows.VerificationInput {
	// As it was inserted: a policy that has changed since presents nothing else.
	policy.Presentation = verification.PresentationVendor
	switch {
	case row.State.Page:
		policy.Presentation = verification.PresentationPage
	case row.State.MiniProgram:
		policy.Presentation = verification.PresentationMiniProgram
	}
	in := workflows.VerificationInput{ID: row.ID, Client: row.Client, Policy: policy, Asks: row.State.Asks}
	for _, f := range s.faces(policy) {
		route := workflows.FaceRoute{
			Provider: f.Name, OpenQueue: f.Open.Name, WatchQueue: f.Watch.Name, Polled: f.PollFirst > 0, OpenIn: f.OpenIn,
			Captures: f.Captures, Grace: verification.Duration(f.Grace),
			TellsBegun: f.TellsBegun, Notifies: f.Callback != nil,
		}
		if row.State.MiniProgram {
			route.MiniProgram = &verification.MiniProgram{Provider: f.Name, SDK: f.MiniProgram.SDK, MinSDKVersion: f.MiniProgram.MinSDK}
		}
		in.Face = append(in.Face, route)
	}
	for _, name := range policy.RecordsProviders {
		if r, ok := s.registry.Records(name); ok {
			in.Records = append(in.Records, workflows.RecordsRoute{Provider: r.Name, Queue: r.Queue.Name})
		}
	}
	if c, ok := s.registry.Chip(policy.ChipProvider); ok && row.Scanned {
		in.Chip = &workflows.ChipRoute{Provider: c.Name, Queue: c.Queue.Name, Life: verification.Duration(c.Life)}
	}
	return in
}

// faces are the policy's face vendors, in its order, as they are where the person
// acts: in a mini program those alone that can be begun there.
func (s *Starter) faces(policy verification.Policy) []provider.FaceVendor {
	var out []provider.FaceVendor
	for _, name := range policy.FaceProviders {
		f, ok := s.registry.Face(name)
		if ok && policy.Presentation == verification.PresentationMiniProgram {
			f, ok = f.InMiniProgram()
		}
		if ok {
			out = append(out, f)
		}
	}
	return out
}

// reqIDHash is what keeps a chip scan from being used twice; nil without one.
// It names the provider, whose ids they are, and not the client: a scan that
// somebody else used proves nothing about this person.
func (s *Starter) reqIDHash(policy verification.Policy, reqid string) []byte {
	if reqid == "" {
		return nil
	}
	return s.keys.Hash(purposeReqID, policy.ChipProvider, reqid)
}

// ReferenceHash is what stands for a client's reference in the search
// attribute YzReference.
func (s *Starter) ReferenceHash(clientID, reference string) string {
	return hex.EncodeToString(s.referenceHash(clientID, reference))[:32]
}

// referenceHash is what a client's reference is found by in the store; nil
// without one.
func (s *Starter) referenceHash(clientID, reference string) []byte {
	if reference == "" {
		return nil
	}
	return s.keys.Hash(purposeReference, clientID, reference)
}

// fingerprint tells a repeated request from another one. It covers the request
// as it was parsed and nothing that we added, so that a new version of the
// policy leaves it as it is; members in the struct's order and maps sorted by
// key make its JSON canonical.
func (s *Starter) fingerprint(req verification.Request) ([]byte, error) {
	canonical, err := json.Marshal(req)
	if err != nil {
		return nil, errors.New("request does not marshal")
	}
	return s.keys.Hash(purposeFingerprint, string(canonical)), nil
}

func typeOf(err error) slog.Value { return slog.StringValue(fmt.Sprintf("%T", err)) }
