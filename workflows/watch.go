package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

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
	w := &watcher{run: r, route: route, session: r.state.Attempt.Session, open: r.opened}
	result := w.untilEnd(ctx)
	w.countEnd(ctx, result)
	return result
}

func (w *watcher) untilEnd(ctx workflow.Context) verification.FaceResult {
	r := w.run
	// A run that ends at once takes what is still under way with it: canceling the
	// losers would cost it events, and a task of its own.
	racing, stop := workflow.NewDisconnectedContext(ctx)
	r.unwatch = stop
	began := task(ctx)
	r.racing = w
	phase, result := w.race(ctx, racing, r.sessionEnds())
	r.racing = nil
	switch {
	case ctx.Err() != nil:
		declined := verification.Judge(r.in.Policy, r.state.Checks).Outcome == verification.OutcomeDeclined
		if task(ctx) == began || !r.faceDone && !declined {
			r.endRace() // before it began; or whoever canceled wants no vendor asked any more
		}
		return verification.FaceResult{}
	case result != nil:
		return *result
	case phase == replaced:
		w.by = byRetry
		w.leave(time.Time{})
		return verification.FaceResult{}
	case phase == provider.RanOut:
		return w.ranOut()
	}
	r.endRace()
	if phase == provider.Finished {
		return w.fetch(ctx)
	}
	return w.lastLook(ctx)
}

// endRace ends what a session's race has left under way.
func (r *run) endRace() {
	if r.unwatch != nil {
		r.unwatch()
		r.unwatch = nil
	}
}

// watcher is the state of one session's race.
type watcher struct {
	*run
	route   FaceRoute
	session int
	// open is the session as shown to the person.
	open verification.OpenSession
	// begun: the vendor reported that the person had begun, or their browser came
	// back.
	begun bool

	// poll, look and relook are running activities, or nil: the poll, the look that
	// a hint caused, and the one that a retry waits for.
	poll, look, relook workflow.Future
	// stopPoll cancels the poll. While stopping, an attempt of it that is under way
	// is waited for, since it may hold the pictures.
	stopPoll workflow.CancelFunc
	stopping bool
	// polls and looks count those that were started; ended counts the looks that
	// ended, and found is what the last one found.
	polls, looks, ended int
	found               provider.Phase
	// lookedAt is when the last look ended; pause is the timer that delays the next.
	lookedAt time.Time
	pause    workflow.Future

	// early fires when a vendor that notifies us, and allows few look-ups, has sent
	// no notice although the browser came back. asked: the early look-up was used.
	early workflow.Future
	asked bool
	// spend: an operator allows the early look-up now. operator: the current hint is
	// an operator's.
	spend, operator bool
	// again is the number of further looks due after a mini program's hint.
	again int
	// by is what found the session's end, for the metrics; lookBy is what caused the
	// running look.
	by, lookBy endedBy
}

// race waits until the session is over or its timer fires. It returns the
// phase that was seen last. What it starts runs on racing, and outlives it.
func (w *watcher) race(ctx, racing workflow.Context, expires time.Time) (provider.Phase, *verification.FaceResult) {
	left := func() time.Duration { return expires.Sub(workflow.Now(ctx)) }
	timer := workflow.NewTimerWithOptions(racing, left(), workflow.TimerOptions{Summary: "The face session's link expires"})
	grace := w.route.Grace.Std()
	w.startPoll(racing, left())
	for {
		err := workflow.Await(ctx, func() bool {
			return ready(w.poll) || ready(w.look) || ready(w.relook) || ready(w.pause) || timer.IsReady() ||
				w.mayLook() || w.mayRelook() || w.maySwitch() || w.mayLookUp() || w.comparing == w.session
		})
		var phase provider.Phase
		var result *verification.FaceResult
		switch {
		case err != nil, ctx.Err() != nil:
			return "", nil
		case ready(w.poll):
			phase, result = w.seen(ctx, w.poll)
			w.by = byPoll
			w.poll, w.stopping = nil, false // not over: it failed for good, or was stopped
		case ready(w.look):
			w.by = w.lookBy
			phase, result = w.looked(racing, left)
		case ready(w.relook):
			w.by = byRetry
			phase, result = w.relooked(ctx)
		case timer.IsReady() && grace > 0:
			// The link is dead, and the vendor may yet say how it ended.
			w.busy(ctx, grace)
			timer = workflow.NewTimerWithOptions(racing, grace, workflow.TimerOptions{Summary: "The vendor's word on the ended session is waited for"})
			grace = 0
		case timer.IsReady():
			return w.underWay(ctx)
		case ready(w.pause):
			w.pause = nil
		case w.comparing == w.session:
			w.comparing = 0
			w.busy(ctx, captureStartToClose)
		case w.mayRelook():
			phase, result = w.lostLink(racing)
		case w.maySwitch():
			phase = w.leaveFor(racing)
		case w.mayLookUp():
			w.early, w.asked, w.spend, w.lookBy = nil, true, false, byOther
			w.look = w.start(racing, stepLook, acts.LookAtSession, "-early", 0, w.lookUp())
		default:
			phase, result = w.lookNow(racing)
		}
		if over(phase) {
			return phase, result
		}
	}
}

// mayLook: a hint came for this session, and looks are left.
func (w *watcher) mayLook() bool {
	return w.hinted == w.session && w.looks < maxLooks && w.look == nil && w.pause == nil && !w.stopping
}

// lookNow starts the look that a hint asks for.
func (w *watcher) lookNow(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	if rest := w.lookedAt.Add(lookPause).Sub(workflow.Now(ctx)); rest > 0 {
		w.pause = workflow.NewTimerWithOptions(ctx, rest, workflow.TimerOptions{Summary: "Looked a moment ago"})
		return "", nil
	}
	if w.quiet() {
		if w.takeHint(); w.again == 0 && w.route.MiniProgram != nil {
			w.again = hintLooks
		}
		w.looks++
		w.look, w.lookBy = w.lookOnce(ctx), byCallback
		if w.operator {
			w.operator, w.lookBy = false, byOther
		}
	}
	return "", nil
}

// hintLooks is how many looks a mini program's hint causes: it may come before the
// result is there, which is polled for at a moderate pace only.
const hintLooks = 4

// earlyLook is how long after the browser came back a notice is waited for.
const earlyLook = 5 * time.Minute

// mayLookUp: the browser came back a while ago, and no notice did.
func (w *watcher) mayLookUp() bool {
	return (ready(w.early) || w.spend) && w.look == nil && !w.asked
}

// takeHint marks the session's hint as handled. A browser that came back shows that
// the person had begun; a vendor's callback does not, since it also reports the end
// of sessions that nobody opened.
func (w *watcher) takeHint() {
	if w.hinted == w.session {
		w.hinted, w.begun = 0, w.begun || w.returned == w.session
	}
}

// looked reads the look that a hint caused.
func (w *watcher) looked(ctx workflow.Context, left func() time.Duration) (provider.Phase, *verification.FaceResult) {
	phase, result := w.seen(ctx, w.look)
	w.look, w.lookedAt = nil, workflow.Now(ctx)
	w.ended, w.found = w.ended+1, phase
	if over(phase) {
		return phase, result
	}
	if w.again > 0 {
		if w.again--; w.again > 0 {
			w.hinted = w.session
		}
	}
	if w.route.Captures {
		w.startPoll(ctx, left())
	}
	if w.route.Notifies && !w.asked && w.early == nil && left() > earlyLook {
		w.early = workflow.NewTimerWithOptions(ctx, earlyLook, workflow.TimerOptions{Summary: "The browser came back, and no notice"})
	}
	if w.state.Status == verification.Processing && left() > 0 { // what was compared is lost
		w.showLink(ctx, w.open)
	}
	return phase, nil
}

// mayRelook: the link was lost, and nobody has asked about it yet.
func (w *watcher) mayRelook() bool {
	return w.relinkOf != nil && w.relook == nil && !w.stopping && !(w.route.Captures && w.look != nil)
}

// lostLink asks whether the lost link was opened, where its vendor tells. Else a
// new session takes the place of this one, unless a try that is under way finds
// it over.
func (w *watcher) lostLink(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	if !w.quiet() {
		return "", nil
	}
	if !w.route.TellsBegun {
		return replaced, nil
	}
	w.asked = true
	w.relook = w.start(ctx, stepRelook, acts.LookAtSession, "", 0, w.lookUp())
	return "", nil
}

// relooked reads whether the lost link was opened.
func (w *watcher) relooked(ctx workflow.Context) (provider.Phase, *verification.FaceResult) {
	phase, result := w.seen(ctx, w.relook)
	w.relook = nil
	if over(phase) {
		return phase, result
	}
	if w.switchOf != nil {
		return w.mayLeave(phase), nil
	}
	if phase != provider.Untouched {
		return replaced, nil
	}
	w.relinkOf = nil // nobody opened the link: it is still good
	w.change(ctx, (*verification.State).LinkStands)
	return phase, nil
}

// quiet reports whether the vendor may be asked: where a look may hand out
// pictures only once, no other one is under way. Else it ends the poll.
func (w *watcher) quiet() bool {
	if w.route.Captures && w.poll != nil {
		w.stopPoll()
		w.stopping = true
	}
	return !w.stopping
}

// underWay waits for the tries that are under way, where a look may hand out
// pictures only once: what they find counts.
func (w *watcher) underWay(ctx workflow.Context) (phase provider.Phase, result *verification.FaceResult) {
	if !w.route.Captures {
		return "", nil
	}
	w.fetching(ctx)
	w.quiet()
	for by, f := range []workflow.Future{w.poll, w.look} {
		if f != nil && !over(phase) {
			phase, result = w.seen(ctx, f)
			w.by = []endedBy{byPoll, w.lookBy}[by]
		}
	}
	return phase, result
}

// replaced: a new session takes this one's place, since its link was lost.
const replaced provider.Phase = "replaced"

// over: the race is.
func over(p provider.Phase) bool {
	return p == provider.Finished || p == provider.RanOut || p == replaced
}

func ready(f workflow.Future) bool { return f != nil && f.IsReady() }
