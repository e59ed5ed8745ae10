package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// maxLooks bounds the looks that hints can cause in one session: whoever
// holds a callback's ticket could otherwise make us call the vendor at will.
const maxLooks = 20

// lookPause is how long after a look no hint causes another one.
const lookPause = 2 * time.Second

// watch follows one open session to its end. Three things race: the poll, the
// callbacks' hints, and the session's timer. None of them is the result:
// whoever wins only says that there is one to fetch.
func (r *run) watch(ctx workflow.Context, route FaceRoute) verification.FaceResult {
	w := &watcher{run: r, route: route, session: r.state.Attempt.Session}
	racing, stop := workflow.WithCancel(ctx)
	phase, result := w.race(racing, r.state.ExpiresAt.Add(route.Grace.Std()))
	stop() // the losers
	switch {
	case ctx.Err() != nil:
		return verification.FaceResult{}
	case result != nil:
		return *result
	case phase == replaced:
		return verification.FaceResult{}
	case phase == provider.Finished:
		return w.fetch(ctx)
	case phase == provider.RanOut:
		return verification.FaceResult{Reason: verification.SessionExpired, Begun: w.begun}
	}
	return w.lastLook(ctx)
}

// watcher is the state of one session's race.
type watcher struct {
	*run
	route   FaceRoute
	session int
	// begun: the vendor was seen saying that the person had begun, or the
	// person's browser came back.
	begun bool
	// poll is the poll that runs, if any, and stopPoll ends it.
	poll     workflow.Future
	stopPoll workflow.CancelFunc
	polls    int
	looks    int
	// looked is when the last look ended.
	looked time.Time
}

// race waits until the session is over or its timer fires. It returns the
// phase that was seen last.
func (w *watcher) race(ctx workflow.Context, expires time.Time) (provider.Phase, *verification.FaceResult) {
	left := expires.Sub(workflow.Now(ctx))
	timer := workflow.NewTimerWithOptions(ctx, left, workflow.TimerOptions{Summary: "The face session's link expires"})
	var look, pause workflow.Future
	w.startPoll(ctx, left)
	for {
		err := workflow.Await(ctx, func() bool {
			return ready(w.poll) || ready(look) || ready(pause) || timer.IsReady() ||
				(w.mayLook() || w.relinkOf != nil) && look == nil && pause == nil
		})
		if err != nil {
			return "", nil
		}
		switch {
		case ready(w.poll):
			if phase, result := w.seen(ctx, w.poll); over(phase) {
				return phase, result
			}
			w.poll = nil // it failed for good; hints and the timer remain
		case ready(look):
			phase, result := w.seen(ctx, look)
			if over(phase) {
				return phase, result
			}
			if w.relinkOf != nil {
				if phase != provider.Untouched {
					return replaced, nil
				}
				w.relinkOf = nil // nobody opened the link: it is still good
				w.touch(ctx)
			}
			look, w.looked = nil, workflow.Now(ctx)
			if w.route.Captures {
				w.startPoll(ctx, expires.Sub(workflow.Now(ctx)))
			}
		case timer.IsReady():
			return w.pausePoll(ctx)
		case ready(pause):
			pause = nil
		case w.relinkOf != nil && !w.route.TellsBegun:
			return replaced, nil
		default:
			if rest := w.looked.Add(lookPause).Sub(workflow.Now(ctx)); rest > 0 {
				pause = workflow.NewTimerWithOptions(ctx, rest, workflow.TimerOptions{Summary: "Looked a moment ago"})
				continue
			}
			if phase, result := w.pausePoll(ctx); over(phase) {
				return phase, result
			}
			if w.hinted == w.session {
				w.hinted, w.begun = 0, true
			}
			w.looks++
			look = w.look(ctx, stepLook, acts.LookAtSession, fmt.Sprintf("-%d", w.looks), 0)
		}
	}
}

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
	w.poll = w.look(ctx, stepPoll, acts.PollSession, suffix, left+pollSlack)
}

// pausePoll ends the poll before another look where a look may hand out
// pictures only once: a try that is under way keeps them if it gets them.
func (w *watcher) pausePoll(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	if !w.route.Captures || w.poll == nil {
		return "", nil
	}
	w.stopPoll()
	phase, result := w.seen(ctx, w.poll)
	w.poll = nil
	return phase, result
}

// replaced: a new session takes this one's place, since its link was lost.
const replaced provider.Phase = "replaced"

// mayLook: a hint came for this session, and looks are left.
func (w *watcher) mayLook() bool { return w.hinted == w.session && w.looks < maxLooks }

func (w *watcher) look(ctx workflow.Context, s step, activity any, suffix string, limit time.Duration) workflow.Future {
	return w.lookWith(ctx, s, activity, suffix, limit, w.input())
}

func (w *watcher) lookWith(ctx workflow.Context, s step, activity any, suffix string, limit time.Duration, in activities.SessionInput) workflow.Future {
	s = s.captures(w.route.Captures)
	ctx = s.on(ctx, w.route.WatchQueue, fmt.Sprintf("-%d%s", w.session, suffix), " ("+w.route.Provider+")", limit)
	if w.route.Captures {
		ctx = workflow.WithWaitForCancellation(ctx, true)
	}
	return workflow.ExecuteActivity(ctx, activity, in)
}

func (w *watcher) input() activities.SessionInput {
	in := activities.SessionInput{ID: w.in.ID, Session: w.session, Provider: w.route.Provider}
	if p := w.in.Policy; w.route.Captures {
		in.Capture = &activities.CaptureInput{
			Rule: p.Capture, Comparer: p.Comparer, Threshold: p.CompareThreshold,
			LastAttempt: w.judged+1 >= p.Attempts || w.session >= p.Sessions,
		}
	}
	return in
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
	phase, result := w.waitForLast(ctx)
	switch {
	case ctx.Err() != nil:
		return verification.FaceResult{}
	case result != nil:
		return *result
	case phase == provider.Finished:
		return w.fetch(ctx)
	}
	// It ran out, or the vendor cannot tell any more. Nobody was judged.
	return verification.FaceResult{Reason: verification.SessionExpired, Begun: w.begun}
}

// waitForLast waits for the last look. A vendor that notifies us may do so
// while an outage is waited out, and its word is there to be read.
func (w *watcher) waitForLast(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	last := w.lookWith(ctx, stepLastLook, acts.LookAtSession, "", w.in.Policy.LastLookPatience.Std(), w.lastInput())
	for {
		noticed := func() bool { return w.route.Notifies && w.mayLook() }
		if workflow.Await(ctx, func() bool { return last.IsReady() || noticed() }) != nil {
			return "", nil
		}
		if last.IsReady() {
			return w.seen(ctx, last)
		}
		w.hinted = 0
		w.looks++
		if phase, result := w.seen(ctx, w.look(ctx, stepLook, acts.LookAtSession, fmt.Sprintf("-%d", w.looks), 0)); over(phase) {
			return phase, result
		}
	}
}

// lastInput is the input of the last look, which may use up one of a vendor's
// few look-ups.
func (w *watcher) lastInput() activities.SessionInput {
	in := w.input()
	in.Last = w.route.Notifies
	return in
}

// fetch gets the result of a finished session.
func (w *watcher) fetch(ctx workflow.Context) verification.FaceResult {
	w.fetching(ctx)
	actx := stepResult.on(ctx, w.route.OpenQueue, fmt.Sprintf("-%d", w.session), " ("+w.route.Provider+")", w.in.Policy.LastLookPatience.Std())
	var out activities.FetchResult
	err := workflow.ExecuteActivity(actx, acts.FetchSession, w.input()).Get(ctx, &out)
	if err != nil {
		return verification.FaceResult{Reason: unavailableReason(err), Begun: true}
	}
	return out.Result
}

// fetching shows that the person is done and the vendor is asked.
func (w *watcher) fetching(ctx workflow.Context) {
	if w.state.Status == verification.Processing {
		return
	}
	until := workflow.Now(ctx).Add(w.in.Policy.LastLookPatience.Std())
	w.show(ctx, verification.Processing, nil, &until)
}

func over(p provider.Phase) bool { return p == provider.Finished || p == provider.RanOut }

func ready(f workflow.Future) bool { return f != nil && f.IsReady() }
