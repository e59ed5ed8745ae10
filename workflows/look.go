package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// This file holds the calls that a watcher makes: polls, looks, the last look and
// the fetch of the result. Which of them is made when is in watch.go.

// startPoll starts the poll of a vendor that is polled.
func (w *watcher) startPoll(ctx workflow.Context, left time.Duration) {
	if !w.route.Polled || w.poll != nil {
		return
	}
	suffix := ""
	if w.polls > 0 {
		suffix = fmt.Sprintf("-%d", w.polls+1)
	}
	w.polls++
	ctx, w.stopPoll = workflow.WithCancel(ctx)
	w.poll = w.start(ctx, stepPoll, acts.PollSession, suffix, left+pollSlack, w.input())
}

// lookOnce starts a look. What a vendor notified us of is in the store, so that
// the look asks nobody else: it is a local activity.
func (w *watcher) lookOnce(ctx workflow.Context) workflow.Future {
	suffix := fmt.Sprintf("-%d", w.looks)
	if !w.route.Notifies {
		return w.start(ctx, stepLook, acts.LookAtSession, suffix, 0, w.input())
	}
	seen, settable := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var out activities.LookResult
		regular := stepLook.on(ctx, w.route.WatchQueue, fmt.Sprintf("-%d%s", w.session, suffix), " ("+w.route.Provider+")", 0)
		err := local(ctx, regular, stepLook, acts.LookAtSession, w.input(), &out)
		settable.Set(out, err)
	})
	return seen
}

// start starts a step that asks the session's vendor.
func (w *watcher) start(ctx workflow.Context, s step, activity any, suffix string, limit time.Duration, in activities.SessionInput) workflow.Future {
	s = s.captures(w.route.Captures)
	ctx = s.on(ctx, w.route.WatchQueue, fmt.Sprintf("-%d%s", w.session, suffix), " ("+w.route.Provider+")", limit)
	if w.route.Captures {
		ctx = workflow.WithWaitForCancellation(ctx, true)
	}
	return workflow.ExecuteActivity(ctx, activity, in)
}

func (w *watcher) input() activities.SessionInput {
	in := activities.SessionInput{ID: w.in.ID, Session: w.session, Provider: w.route.Provider, MiniProgram: w.route.MiniProgram != nil}
	if w.route.Captures {
		in.Capture = w.capture(w.session >= w.in.Policy.Sessions)
	}
	return in
}

// lookUp is the input of a look that may use up one of a vendor's few look-ups.
func (w *watcher) lookUp() activities.SessionInput {
	in := w.input()
	in.LookUp = true
	return in
}

// capture says what a captured face is worth. last: no other session follows.
func (r *run) capture(last bool) *activities.CaptureInput {
	p := r.in.Policy
	return &activities.CaptureInput{
		Rule: p.Capture, Comparer: p.Comparer, Threshold: p.CompareThreshold, LastAttempt: last || r.state.Attempt.Judged+1 >= p.Attempts,
	}
}

// seen reads what a look or the poll found.
func (w *watcher) seen(ctx workflow.Context, f workflow.Future) (provider.Phase, *verification.FaceResult) {
	var out activities.LookResult
	if err := f.Get(ctx, &out); err != nil {
		if !isCanceled(err) {
			workflow.GetLogger(ctx).Warn("look at the face session failed", "session", w.session, "provider", w.route.Provider)
		}
		return "", nil
	}
	w.begun = w.begun || out.Begun
	return out.Phase, out.Result
}

// lastLook is taken when the timer fired: the vendor may be done in the very
// second, or have been unreachable before. An outage is waited out, since the
// result rests at the vendor.
func (w *watcher) lastLook(ctx workflow.Context) verification.FaceResult {
	w.fetching(ctx)
	w.by = byLastLook
	phase, result := w.waitForLast(ctx)
	switch {
	case ctx.Err() != nil:
		return verification.FaceResult{}
	case result != nil:
		return *result
	case phase == provider.Finished:
		return w.fetch(ctx)
	}
	w.by = byTimer
	if phase != provider.RanOut {
		w.leave(workflow.Now(ctx)) // nobody was judged, as far as the vendor tells
	}
	return w.ranOut()
}

// waitForLast waits for the last look. A vendor that notifies us may do so
// while an outage is waited out, and its word is there to be read.
func (w *watcher) waitForLast(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	w.look, w.pause = nil, nil // they ended with the race
	last := w.start(ctx, stepLastLook, acts.LookAtSession, "", w.in.Policy.LastLookPatience.Std(), w.lookUp())
	for {
		noticed := func() bool { return w.route.Notifies && w.mayLook() }
		if workflow.Await(ctx, func() bool { return last.IsReady() || noticed() }) != nil {
			return "", nil
		}
		if last.IsReady() {
			return w.seen(ctx, last)
		}
		w.takeHint()
		w.looks++
		if phase, result := w.seen(ctx, w.lookOnce(ctx)); over(phase) {
			w.by = byCallback
			return phase, result
		}
	}
}

// ranOut is the end of a session whose time is over.
func (w *watcher) ranOut() verification.FaceResult {
	w.takeHint() // the hint that came too late for a look
	return verification.FaceResult{Reason: verification.SessionExpired, Begun: w.begun}
}

// fetch gets the result of a finished session.
func (w *watcher) fetch(ctx workflow.Context) verification.FaceResult {
	w.fetching(ctx)
	actx := stepResult.on(ctx, w.route.OpenQueue, fmt.Sprintf("-%d", w.session), " ("+w.route.Provider+")", w.in.Policy.LastLookPatience.Std())
	actx = workflow.WithWaitForCancellation(actx, true) // as for the records
	var out activities.FetchResult
	err := workflow.ExecuteActivity(actx, acts.FetchSession, w.input()).Get(ctx, &out)
	switch {
	case err != nil && ctx.Err() != nil:
		return verification.FaceResult{}
	case err != nil:
		w.leave(workflow.Now(ctx)) // it rests at the vendor
		return verification.FaceResult{Reason: unavailableReason(err), Begun: true}
	}
	return out.Result
}

// fetching shows that the person is done and the vendor is asked.
func (w *watcher) fetching(ctx workflow.Context) { w.busy(ctx, w.in.Policy.LastLookPatience.Std()) }

// busy shows that the person has nothing to do, for so long at most. A clock that
// runs already and shows it is left.
func (r *run) busy(ctx workflow.Context, atMost time.Duration) {
	now := workflow.Now(ctx)
	if s := r.state; s.Status == verification.Processing && (s.ExpiresAt == nil || s.ExpiresAt.After(now)) {
		return
	}
	r.awaitVendors(ctx, now.Add(atMost))
}
