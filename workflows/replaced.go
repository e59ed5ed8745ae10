package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// replacedSession is a session that the run has left before its vendor said how it ended:
// another one took its place, or its vendor could not be asked. Its page may
// still be open in an old tab, or on another device, and what the vendor judges
// of the person there counts.
type replacedSession struct {
	route   FaceRoute
	session int
	// hinted: its vendor, or a browser, says "look now".
	hinted bool
	// wanted: something is about to count that it may outweigh.
	wanted bool
	// looking: it is being looked at.
	looking bool
	// over: its vendor said how it ended. Nothing more comes of it.
	over  bool
	looks int
	// found is what its vendor said at the last look; empty: it gave no answer.
	found provider.Phase
	// looked is when the last look ended.
	looked time.Time
	// asked is when its vendor could not tell at its end; zero: it was replaced.
	asked time.Time
}

// leave keeps the session in sight: its vendor has not said how it ended. A hint
// whose look has not ended is still to be followed.
func (w *watcher) leave(asked time.Time) {
	if len(w.replaced) == 0 {
		w.follow()
	}
	hinted := w.hinted == w.session || w.look != nil
	w.replaced = append(w.replaced, &replacedSession{route: w.route, session: w.session, asked: asked, hinted: hinted})
}

// watchReplaced looks at a session that was left when a hint comes for it, and
// once before something counts that it may outweigh. Nothing waits in between,
// and a run that left no session is none the wiser; a look costs six events, a
// result that must be fetched six more.
func (r *run) watchReplaced(ctx workflow.Context) {
	for {
		var due *replacedSession
		if workflow.Await(ctx, func() bool { due = r.due(); return due != nil }) != nil {
			return
		}
		due.looking = true
		workflow.Go(ctx, func(ctx workflow.Context) { r.lookAt(ctx, due) })
	}
}

// due is the next session to be looked at.
func (r *run) due() *replacedSession {
	i := slices.IndexFunc(r.replaced, func(f *replacedSession) bool {
		return !f.over && !f.looking && (f.wanted || f.hinted && f.looks < maxLooks)
	})
	if i < 0 {
		return nil
	}
	return r.replaced[i]
}

// lookAt looks at a session that was left, and weighs what its vendor says.
func (r *run) lookAt(ctx workflow.Context, f *replacedSession) {
	if rest := f.looked.Add(lookPause).Sub(workflow.Now(ctx)); rest > 0 && !f.wanted {
		_ = workflow.Sleep(ctx, rest)
	}
	// Where a look that a hint caused spends none of the vendor's look-ups, it is
	// not the one that a pass waits for.
	answers := f.wanted || !f.route.Notifies
	f.hinted = false
	f.looks++
	result := r.ask(ctx, f)
	if result != nil {
		r.countCharge(ctx, f.route.Provider, *result)
	}
	f.looked, f.looking, f.over = workflow.Now(ctx), false, result != nil
	f.wanted = f.wanted && !answers && !f.over
	if result != nil && (ctx.Err() == nil || r.human) { // after the end nothing changes
		r.countReplaced(ctx, *result)
	}
}

// ask asks the vendor of a session that was left how it ended; nil: it goes on,
// or nobody can tell. Each call has one try, since a pass may wait for it.
func (r *run) ask(ctx workflow.Context, f *replacedSession) *verification.FaceResult {
	in := activities.SessionInput{ID: r.in.ID, Session: f.session, Provider: f.route.Provider, LookUp: f.wanted}
	look := stepLookBack
	if f.route.Captures {
		in.Capture = r.capture(false)
		look = look.captures(!f.wanted)
	}
	// Pictures that are on their way are handed out once: a human is shown them.
	on := func(s step, queue string) workflow.Context {
		return workflow.WithWaitForCancellation(s.on(ctx, queue, fmt.Sprintf("-%d-%d", f.session, f.looks), " ("+f.route.Provider+")", 0), f.route.Captures)
	}
	var seen activities.LookResult
	err := workflow.ExecuteActivity(on(look, f.route.WatchQueue), acts.LookAtSession, in).Get(ctx, &seen)
	f.found = seen.Phase
	switch {
	case err != nil:
		return nil
	case seen.Result != nil:
		return seen.Result
	case seen.Phase == provider.RanOut:
		return &verification.FaceResult{Reason: verification.SessionExpired}
	case seen.Phase != provider.Finished:
		return nil
	}
	var fetched activities.FetchResult
	if workflow.ExecuteActivity(on(stepResultBack, f.route.OpenQueue), acts.FetchSession, in).Get(ctx, &fetched) != nil {
		return nil
	}
	return &fetched.Result
}

// countReplaced takes what came of a session that was left. An ending without a judgement
// counts only from the newest session. Beside a pass that is about to count, and
// once the face side is settled, only what speaks against the person weighs.
func (r *run) countReplaced(ctx workflow.Context, result verification.FaceResult) {
	ending, checks := result.Ending(), result.Checks
	switch ending {
	case verification.EndedFinally, verification.EndedSuspicious:
	case verification.EndedPassed:
		if r.faceDone || r.passing > 0 || !r.passCounts(ctx) {
			return
		}
	case verification.EndedInconclusive:
		if r.faceDone || r.passing > 0 {
			return
		}
	case verification.EndedRetryable:
		if r.faceDone {
			return
		}
		checks = verification.Exhausted(checks)
	default:
		return
	}
	if !r.faceDone {
		r.change(ctx, (*verification.State).CountJudged)
	}
	if ending == verification.EndedRetryable && r.state.Attempt.Judged < r.in.Policy.Attempts {
		return // one attempt less is left
	}
	reason := verification.Reason{} // this is how the last session that counts ended
	if result.Reason != "" {
		reason = verification.ReasonOf(result.Reason)
		reason.Retryable = reason.Retryable && ending != verification.EndedRetryable
	}
	r.fail(ctx, reason)
	r.setFaceChecks(ctx, checks)
	if r.state.Status == verification.InReview {
		r.awaitReview(ctx, *r.state.ExpiresAt)
		return
	}
	r.waiting(ctx)
	r.stopFace() // the newest session is not waited for any more
}

// passCounts reports whether a pass counts: each session that was left is looked
// at before, and may outweigh it.
func (r *run) passCounts(ctx workflow.Context) bool {
	r.passing++
	settled := r.lookBack(ctx, r.passing)
	r.passing--
	return !settled
}

// lookBack waits until each session that was left has been looked at, once and no
// longer than one try takes, and reports whether that settled the face side. It
// is called before a pass counts, and before the face side ends for want of one.
// More passes than passing count, or not, before the caller goes on.
func (r *run) lookBack(ctx workflow.Context, passing int) (settled bool) {
	wanted := func() bool {
		return r.passing > passing || slices.ContainsFunc(r.replaced, func(f *replacedSession) bool { return f.wanted })
	}
	for _, f := range r.replaced {
		f.wanted = !f.over && workflow.Now(ctx).Sub(f.asked) > justNow
	}
	if wanted() {
		r.endRace()
		r.busy(ctx, stepLookBack.scheduleToClose+stepResultBack.scheduleToClose)
		_ = workflow.Await(ctx, func() bool { return !wanted() })
	}
	return r.faceDone || ctx.Err() != nil
}

// justNow is how long after a session's end, at which its vendor could not tell,
// it is not asked again.
const justNow = time.Minute

// expire ends the verification for want of a verdict, unless a session that was
// left has one.
func (r *run) expire(ctx workflow.Context, reason verification.ReasonCode) {
	if !r.lookBack(ctx, 0) {
		r.endWith(verification.Expired, reason)
	}
}
