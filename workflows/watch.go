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
	phase, result := w.race(racing, *r.state.ExpiresAt)
	stop() // the losers
	switch {
	case ctx.Err() != nil:
		return verification.FaceResult{}
	case result != nil:
		return *result
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
	// begun: the vendor was seen saying that the person had begun.
	begun bool
	looks int
	// looked is when the last look ended.
	looked time.Time
}

// race waits until the session is over or its timer fires. It returns the
// phase that was seen last.
func (w *watcher) race(ctx workflow.Context, expires time.Time) (provider.Phase, *verification.FaceResult) {
	left := expires.Sub(workflow.Now(ctx))
	timer := workflow.NewTimerWithOptions(ctx, left, workflow.TimerOptions{Summary: "The face session's link expires"})
	var poll, look, pause workflow.Future
	if w.route.Polled {
		poll = w.look(ctx, stepPoll, acts.PollSession, "", left+pollSlack)
	}
	for {
		err := workflow.Await(ctx, func() bool {
			return ready(poll) || ready(look) || ready(pause) || timer.IsReady() || w.mayLook() && look == nil && pause == nil
		})
		if err != nil {
			return "", nil
		}
		switch {
		case ready(poll):
			if phase, result := w.seen(ctx, poll); over(phase) {
				return phase, result
			}
			poll = nil // it failed for good; hints and the timer remain
		case ready(look):
			if phase, result := w.seen(ctx, look); over(phase) {
				return phase, result
			}
			look, w.looked = nil, workflow.Now(ctx)
		case timer.IsReady():
			return "", nil
		case ready(pause):
			pause = nil
		default:
			if rest := w.looked.Add(lookPause).Sub(workflow.Now(ctx)); rest > 0 {
				pause = workflow.NewTimerWithOptions(ctx, rest, workflow.TimerOptions{Summary: "Looked a moment ago"})
				continue
			}
			w.hinted = 0
			w.looks++
			look = w.look(ctx, stepLook, acts.LookAtSession, fmt.Sprintf("-%d", w.looks), 0)
		}
	}
}

// mayLook: a hint came for this session, and looks are left.
func (w *watcher) mayLook() bool { return w.hinted == w.session && w.looks < maxLooks }

func (w *watcher) look(ctx workflow.Context, s step, activity any, suffix string, limit time.Duration) workflow.Future {
	ctx = s.on(ctx, w.route.WatchQueue, fmt.Sprintf("-%d%s", w.session, suffix), " ("+w.route.Provider+")", limit)
	return workflow.ExecuteActivity(ctx, activity, w.input())
}

func (w *watcher) input() activities.SessionInput {
	return activities.SessionInput{ID: w.in.ID, Session: w.session, Provider: w.route.Provider}
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
	phase, result := w.seen(ctx, w.look(ctx, stepLastLook, acts.LookAtSession, "", w.in.Policy.LastLookPatience))
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

// fetch gets the result of a finished session.
func (w *watcher) fetch(ctx workflow.Context) verification.FaceResult {
	w.fetching(ctx)
	actx := stepResult.on(ctx, w.route.OpenQueue, fmt.Sprintf("-%d", w.session), " ("+w.route.Provider+")", w.in.Policy.LastLookPatience)
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
	until := workflow.Now(ctx).Add(w.in.Policy.LastLookPatience)
	w.show(ctx, verification.Processing, nil, &until)
}

func over(p provider.Phase) bool { return p == provider.Finished || p == provider.RanOut }

func ready(f workflow.Future) bool { return f != nil && f.IsReady() }
