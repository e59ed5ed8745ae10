package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/verification"
)

// handleMessages registers every message handler before anything blocks: a
// message may be there before the first step. One that is runs right here, as
// soon as its handler is registered, so the run must be whole before.
func (r *run) handleMessages(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, QueryState, func() (verification.State, error) { return r.state, nil }); err != nil {
		return fmt.Errorf("register query %s: %w", QueryState, err)
	}
	updates := []struct {
		name, description string
		handler           any
		validator         any
	}{
		{UpdateLaunch, "Answers once there is a link or an end", r.launch, nil},
		{UpdateRetry, "Opens a new face session in place of the named one", r.retry, r.validateRetry},
		{UpdateDecide, "A reviewer's decision", r.decide, r.validateDecide},
		{UpdateOpen, "The person agreed on our page: opens a face session", r.openFor, r.validateOpen},
		{UpdateHuman, "The person asks for a human", r.askForHuman, r.validateHuman},
		{UpdateCancel, "Ends the verification", r.cancel, r.validateCancel},
		{UpdateLook, `Operators: ask the face session's vendor now. {"session": 1}`, r.look, r.validateLook},
		{UpdateExtend, describeExtend, r.extend, r.validateExtend},
		{UpdateSwitchProvider, `Operators: end the open session, open the next one elsewhere. {"provider": "…", "force": false}`, r.switchProvider, r.validateSwitchProvider},
		{UpdateToReview, `Operators: call no vendor any more, a human decides. {"reason": "review.by_operator"}`, r.toReview, r.validateToReview},
		{UpdateResend, `Operators: send the verification's events again. {"event": "evt_…", "endpoint": "…"}`, r.resend, r.validateResend},
	}
	for _, u := range updates {
		opts := workflow.UpdateHandlerOptions{Validator: u.validator, Description: u.description}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.handler, opts); err != nil {
			return fmt.Errorf("register update %s: %w", u.name, err)
		}
	}
	workflow.Go(ctx, r.listen)
	return nil
}

// listen takes every signal.
func (r *run) listen(ctx workflow.Context) {
	signals := workflow.NewSelector(ctx)
	signals.AddReceive(workflow.GetSignalChannel(ctx, SignalHint), func(c workflow.ReceiveChannel, _ bool) {
		var h Hint
		c.Receive(ctx, &h)
		r.hint(h)
	})
	signals.AddReceive(workflow.GetSignalChannel(ctx, SignalComparing), func(c workflow.ReceiveChannel, _ bool) {
		var h Hint
		c.Receive(ctx, &h)
		r.comparing = h.Session
	})
	for {
		signals.Select(ctx)
	}
}

// hint notes that a session should be looked at: the newest, or one that was
// left. Hints coalesce; one for a session whose end is known says nothing.
func (r *run) hint(h Hint) {
	for _, f := range r.replaced {
		if f.session == h.Session {
			f.hinted = true
			return
		}
	}
	if h.Session == r.state.Attempt.Session {
		r.hinted = h.Session
		if !h.Notice {
			r.returned = h.Session
		}
	}
}

// drain empties the signals' channels before the run returns, so that none is
// reported as lost.
func (r *run) drain(ctx workflow.Context) {
	for _, name := range []string{SignalHint, SignalComparing} {
		signals := workflow.GetSignalChannel(ctx, name)
		for signals.ReceiveAsync(nil) {
		}
	}
}

// showable: there is a link, or something else that needs no more waiting.
func (r *run) showable() bool { return r.state.Status != verification.Processing }

func (r *run) launch(ctx workflow.Context) (Launched, error) {
	if !r.in.Policy.Paged() {
		r.accepted(ctx) // it costs no marker of its own; it changes nothing
	}
	err := r.awaitPublished(ctx, r.showable)
	return Launched{Status: r.state.Status}, err
}

func (r *run) validateRetry(ctx workflow.Context, req RetryRequest) error {
	if r.repeats(req) {
		return nil
	}
	if req.Session != r.state.Attempt.Session {
		return refused(RefusedSession, "the newest session is another one", r.state)
	}
	next := r.state.NextAction
	if next == nil || r.retrying() || r.state.Page && next.Type != verification.ActionScanChip {
		return refused(RefusedState, "there is no session to retry", r.state)
	}
	if req.Ended && next.HasLink() {
		// The task that showed its end was lost, and is being tried again.
		return refused(RefusedState, "the session has not ended", r.state)
	}
	if r.changedSince(req.Version) {
		return refused(RefusedVersion, "the verification has changed", r.state)
	}
	if req.Scanned != (next.Type == verification.ActionScanChip) {
		return refused(RefusedScan, "a new chip scan belongs to scan_chip, and to nothing else", r.state)
	}
	if next.HasLink() && r.state.Attempt.Session >= r.in.Policy.Sessions {
		return refused(RefusedState, "no further session is left", r.state)
	}
	return nil
}

// retry opens a new session. Over an open one it stands for a lost link: the
// same link while its vendor says that it was not opened, else a new session. A
// repeat gets the answer of the retry that it repeats.
func (r *run) retry(ctx workflow.Context, req RetryRequest) (Retried, error) {
	r.accepted(ctx)
	switch {
	case r.repeats(req):
	case r.state.NextAction.HasLink():
		r.relinkOf = &req
	default:
		r.retryOf = &req
	}
	err := r.awaitPublished(ctx, func() bool { return !r.retrying() && r.showable() })
	return Retried{Session: r.state.Attempt.Session}, err
}

// repeats reports whether a retry says again what another one has said: one that
// is under way, or one whose session is there already. Its update id is no help:
// over an open session each retry has one of its own.
func (r *run) repeats(req RetryRequest) bool {
	for _, other := range []*RetryRequest{r.retryOf, r.relinkOf} {
		if other != nil && other.Session == req.Session && other.Scanned == req.Scanned {
			return true
		}
	}
	return r.retried[req.Session]
}

// retrying: a retry was called for and not taken yet.
func (r *run) retrying() bool { return r.retryOf != nil || r.relinkOf != nil }

// takeRetry takes the retry that was called for: the next session makes up for it.
func (r *run) takeRetry() {
	for _, req := range []*RetryRequest{r.retryOf, r.relinkOf} {
		if req != nil {
			r.retried[req.Session] = true
		}
	}
	r.retryOf, r.relinkOf = nil, nil
}

func (r *run) validateDecide(ctx workflow.Context, req DecideRequest) error {
	if r.state.Status != verification.InReview || r.decided != nil {
		return refused(RefusedState, "the verification is not in review", r.state)
	}
	if r.changedSince(req.Version) {
		return refused(RefusedVersion, "the verification has changed", r.state)
	}
	return decidable(req, r.state)
}

// decidable holds a reviewer's word to what can be decided.
func decidable(req DecideRequest, s verification.State) error {
	if !req.Reason.Fits(req.Decision) {
		return refused(RefusedReason, "a decision is approved or declined, with a reason of the catalogue that fits it", s)
	}
	return nil
}

func (r *run) decide(ctx workflow.Context, req DecideRequest) (Decided, error) {
	r.accepted(ctx)
	r.decided = &req
	err := r.awaitEnd(ctx)
	return Decided{Status: r.state.Status}, err
}

func (r *run) validateCancel(ctx workflow.Context, req CancelRequest) error {
	if r.state.Status.Ended() {
		return refused(RefusedState, "the verification has ended", r.state)
	}
	if r.changedSince(req.Version) {
		return refused(RefusedVersion, "the verification has changed", r.state)
	}
	if req.Reason != "" && !req.Reason.Cancels() {
		// It would stand in the row, in events and in metrics, whatever it is.
		return refused(RefusedReason, "\"reason\" is a code of the catalogue that cancels, such as "+string(verification.CanceledByOperator)+", and no text of one's own", r.state)
	}
	return nil
}

// changedSince reports whether a reader of the version must read again; 0: it
// is all the same to them. What was last published is what they could read.
func (r *run) changedSince(version int) bool {
	return version != 0 && version != r.state.Version && version != r.published.version
}

func (r *run) cancel(ctx workflow.Context, req CancelRequest) (Canceled, error) {
	r.canceled = req.Reason
	if r.canceled == "" {
		r.canceled = verification.CanceledByCaller
	}
	r.endWith(verification.Canceled, r.canceled)
	r.accepted(ctx)
	r.stop()
	err := r.awaitEnd(ctx)
	return Canceled{Status: r.state.Status}, err
}

// refused makes a validator's error: a stable type, and the state that the
// caller should have known.
func refused(kind, why string, s verification.State) error {
	return temporal.NewApplicationErrorWithOptions(why, kind, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{s}})
}

// RetryUpdateID is the update id of a retry, so that a repeat gets the first
// one's answer.
func RetryUpdateID(session int) string { return fmt.Sprintf("retry-%d", session) }

// OpenUpdateID is the update id of the opening of a session from our page, so
// that a second tab, or the other device, gets the first one's answer.
func OpenUpdateID(session int) string { return fmt.Sprintf("open-%d", session) }

// DecideUpdateID is the update id of a decision, so that a repeat gets the first
// one's answer.
func DecideUpdateID(version int) string { return fmt.Sprintf("decide-%d", version) }

// RelinkUpdateID is the update id of a retry over an open session: the same
// link may be lost again later, so the state's version is in it.
func RelinkUpdateID(session, version int) string {
	return fmt.Sprintf("relink-%d-%d", session, version)
}
