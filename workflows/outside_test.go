package workflows_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// kind is how a scripted face vendor tells what came of a session.
type kind int

const (
	// asked is polled, tells whether the person has begun, and keeps the result.
	asked kind = iota
	// notified sends a notice, which is the result; look-ups are few.
	notified
	// picturing is polled and hands pictures out, once.
	picturing
)

var kindNames = map[kind]string{asked: "asked", notified: "notified", picturing: "capturing"}

// visit is one open session at a vendor, and the person's fate in it. It goes
// its way whether or not another session has taken its place.
type visit struct {
	session
	kind   kind
	opened time.Time
	// noticed: the vendor's notice was kept. lookups counts what it was asked.
	noticed   bool
	noticedAt time.Time
	lookups   int
	// handed: the pictures were handed out. lost: the worker died with them.
	handed, lost bool
	// overAt is when it is over; zero: never.
	overAt time.Time
}

// outside is everything around one verification: vendors, store, person,
// caller and reviewer, all drawn from a seed, and what was seen of it.
type outside struct {
	dice
	t *testing.T
	*env

	// calm: every vendor answers, no worker dies.
	calm   bool
	kinds  map[string]kind
	visits map[int]*visit
	script *script
	// drawResult draws what a session ends with.
	drawResult func() verification.FaceResult

	log      []string
	start    time.Time
	seen     verification.State
	reacted  string
	asks     []*request
	told     []telling
	hints    []hinted
	finished []verification.State
	// ended is when the end was written, settled when it was first seen.
	ended, settled time.Time
	// canceled is when a cancel was accepted, human when the person's wish for one
	// was, and agreed when the first session was wanted on our page.
	canceled, human, agreed time.Time
	// extended are the clocks that an operator moved, operated how often a verb did
	// what it is for.
	extended []extension
	operated map[string]int
	faults   []string
	answered map[string]int
	// reopened: it is a Review, which writes its states by Amend.
	reopened bool
}

// telling is a session's result that reached the workflow.
type telling struct {
	at      time.Time
	session int
	ending  verification.Ending
	// reviewed: a human was already asked, who now reads it too.
	reviewed bool
}

// hinted is a hint that was sent for a session that was over.
type hinted struct {
	at      time.Time
	session int
}

// extension is a clock that an operator moved.
type extension struct {
	until  time.Time
	status verification.Status
	page   bool
}

// request is an update that was sent.
type request struct {
	id, name string
	// verb is the update's name, sentAs the id with which it was sent.
	verb, sentAs string
	sent         time.Time
	answer
	accepted bool
}

func newOutside(t *testing.T, d dice) *outside {
	o := &outside{dice: d, t: t, kinds: map[string]kind{}, visits: map[int]*visit{}, answered: map[string]int{}, operated: map[string]int{}}
	o.script = newScript()
	o.env = newEnvIn(t, o)
	o.script.now = o.Now
	o.drawResult = d.result
	return o
}

func (o *outside) note(format string, args ...any) {
	o.log = append(o.log, fmt.Sprintf("%12s  ", o.Now().Sub(o.start).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (o *outside) fault(format string, args ...any) {
	o.note("FAULT "+format, args...)
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// The world of the engine.

func (o *outside) takes(name string) time.Duration { return o.script.delay[name] }

func (o *outside) begins(name string) {
	o.script.begins(name)
	switch name {
	case "Begin", "Finish", "Amend", "Publish", "AuditAct", "Resend":
	default:
		if !o.canceled.IsZero() {
			o.fault("%s begins although the verification was canceled at %s", name, o.canceled.Sub(o.start))
		}
		if len(o.finished) > 0 {
			o.fault("%s begins after the end was written", name)
		}
		if !o.human.IsZero() && o.human.Before(o.Now()) {
			o.fault("%s begins although a human was asked for at %s", name, o.human.Sub(o.start))
		}
		if o.in.Policy.Paged() && o.agreed.IsZero() && name != "ReadChip" {
			o.fault("%s begins before the person is there", name)
		}
		if _, opens := o.linkEnds(); name == "OpenSession" && o.in.Policy.Paged() && o.Now().After(opens.Add(time.Second)) {
			o.fault("a session is opened too late for the link")
		}
	}
}

func (o *outside) ends(t endedTry) {
	o.script.ends(t)
	what := fmt.Sprintf("%s %+v", t.name, t.value)
	if t.err != nil {
		what = fmt.Sprintf("%s: %v", t.name, t.err)
	}
	in, ok := t.in.(activities.SessionInput)
	if r, _ := t.value.(activities.RecordsResult); t.err == nil && r.Spent == "" {
		o.answered[t.name]++
	}
	if !ok {
		o.note("%s", what)
		return
	}
	var result *verification.FaceResult
	switch v := t.value.(type) {
	case activities.LookResult:
		result = v.Result
	case activities.FetchResult:
		result = &v.Result
	}
	if result == nil {
		if t.err == nil {
			o.note("session %d: %s", in.Session, what)
		}
		return
	}
	o.note("session %d: %s %s %s, heard %t, died %t", in.Session, t.name, result.Ending(), result.Reason, t.heard, t.died)
	v := o.visits[in.Session]
	switch {
	case t.died:
		v.lost = v.kind == picturing
	case t.heard:
		reviewed := o.seen.Status == verification.InReview
		o.told = append(o.told, telling{o.Now(), in.Session, result.Ending(), reviewed})
		if e := result.Ending(); reviewed && (e == verification.EndedFinally || e == verification.EndedSuspicious) {
			o.expectSeen(in.Session, *result)
		}
	case v.kind == picturing && len(o.finished) == 0 && o.canceled.IsZero():
		o.fault("the pictures of session %d are thrown away", in.Session)
	}
}

func (o *outside) moved() {
	o.RegisterDelayedCallback(o.observe, 0)
}

func (o *outside) steps() map[string]any {
	steps := o.script.steps()
	steps["OpenSession"], steps["PollSession"], steps["LookAtSession"], steps["FetchSession"] = o.OpenSession, o.PollSession, o.LookAtSession, o.FetchSession
	steps["Finish"], steps["Amend"] = o.Finish, o.Finish
	return steps
}

func (o *outside) OpenSession(ctx context.Context, in activities.OpenInput) (activities.OpenResult, error) {
	out, err := o.script.OpenSession(ctx, in)
	if err != nil {
		return out, err
	}
	v := &visit{session: o.session(), kind: o.kinds[in.Provider], opened: o.Now()}
	v.result = o.drawResult()
	if v.over > sessionLife {
		v.over = 0 // its vendor ends it first
	}
	if v.over > 0 {
		v.overAt = v.opened.Add(v.over)
		if v.begun == 0 || v.begun > v.over {
			v.begun = v.over
		}
	}
	o.note("session %d opens at %s (%s): over after %s %s with %s", in.Session, in.Provider, kindNames[v.kind], v.over, v.phase, v.result.Ending())
	o.visits[in.Session] = v
	o.person(in.Session, v)
	return out, nil
}

func (o *outside) PollSession(_ context.Context, in activities.SessionInput) (activities.LookResult, error) {
	out, err := o.look("PollSession", in)
	if err == nil && !isOver(out.Phase) {
		return out, temporal.NewApplicationErrorWithOptions("not over", activities.TypePending, temporal.ApplicationErrorOptions{
			NextRetryDelay: pollPause, Category: temporal.ApplicationErrorCategoryBenign,
		})
	}
	return out, err
}

func (o *outside) LookAtSession(_ context.Context, in activities.SessionInput) (activities.LookResult, error) {
	return o.look("LookAtSession", in)
}

func isOver(p provider.Phase) bool { return p == provider.Finished || p == provider.RanOut }

func (o *outside) look(name string, in activities.SessionInput) (activities.LookResult, error) {
	at := o.script.call(name)
	v := o.visits[in.Session]
	if v == nil {
		o.fault("%s at session %d, which nobody opened", name, in.Session)
		return activities.LookResult{}, temporal.NewNonRetryableApplicationError("no session", "fault", nil)
	}
	now := o.Now()
	over := !v.overAt.IsZero() && !now.Before(v.overAt)
	finished := over && v.phase != provider.RanOut
	if v.kind == notified {
		if v.noticed && finished {
			return activities.LookResult{Phase: provider.Finished, Begun: true, Result: &v.result}, nil
		}
		budget := 3
		if now.Before(v.opened.Add(sessionLife)) {
			budget = 1
		}
		if !in.LookUp || v.lookups >= budget {
			return activities.LookResult{Phase: provider.Unasked}, nil
		}
		v.lookups++
	}
	if err := fails(o.script.lookError, at); err != nil {
		return activities.LookResult{}, err
	}
	out := activities.LookResult{Phase: provider.Untouched, Begun: v.kind != picturing && v.begun > 0 && !now.Before(v.opened.Add(v.begun))}
	switch {
	case finished && v.kind == picturing:
		if v.handed {
			return activities.LookResult{Phase: provider.RanOut, Begun: true}, nil
		}
		v.handed = true
		return activities.LookResult{Phase: provider.Finished, Begun: true, Result: &v.result}, nil
	case finished:
		out.Phase = provider.Finished
		if v.kind == notified {
			out.Begun, out.Result = true, &v.result
		}
	case over, !now.Before(v.opened.Add(sessionLife)):
		out.Phase = provider.RanOut
	case out.Begun:
		out.Phase = provider.Begun
	}
	return out, nil
}

func (o *outside) FetchSession(_ context.Context, in activities.SessionInput) (activities.FetchResult, error) {
	if err := fails(o.script.fetchError, o.script.call("FetchSession")); err != nil {
		return activities.FetchResult{}, err
	}
	v := o.visits[in.Session]
	if v == nil || v.overAt.IsZero() || o.Now().Before(v.overAt) {
		o.fault("the result of session %d is fetched before it is over", in.Session)
	}
	return activities.FetchResult{Result: v.result}, nil
}

func (o *outside) Finish(_ context.Context, in activities.FinishInput) error {
	o.script.call("Finish")
	o.finished, o.ended = append(o.finished, in.State), o.Now()
	o.note("written: %s", in.State.Outcome())
	return nil
}

// What the person, the caller and the reviewer do.

// person is what follows of an opened session: the browser comes back, or the
// vendor sends its notice, also for a session that was replaced meanwhile.
func (o *outside) person(n int, v *visit) {
	if v.overAt.IsZero() || v.phase == provider.RanOut || o.one(3) && !o.calm {
		return
	}
	late := time.Duration(o.IntN(3000)) * time.Millisecond
	if o.one(8) {
		late = time.Duration(o.IntN(1200)) * time.Second
	}
	for range 1 + o.IntN(2) {
		o.at(v.over+late, func() {
			if !v.noticed {
				v.noticed, v.noticedAt = true, o.Now()
			}
			o.hintFor(n)
		})
	}
}

func (o *outside) hintFor(n int) {
	if o.IsWorkflowCompleted() {
		return
	}
	if v := o.visits[n]; v != nil && !v.overAt.IsZero() && !o.Now().Before(v.overAt) {
		o.hints = append(o.hints, hinted{o.Now(), n})
	}
	o.note("hint for session %d", n)
	o.hint(n)
}

func (o *outside) ask(name, id string, arg any) {
	if o.IsWorkflowCompleted() {
		return
	}
	a := &request{id: id, name: fmt.Sprintf("%s %s %+v", name, id, arg), sent: o.Now()}
	refused := 0
	for _, earlier := range o.asks {
		switch {
		case earlier.id != id:
		case earlier.rejected != nil:
			refused++
		default: // a server gives it the answer of the first one, which this environment drops at the end
			o.note("asks again %s", a.name)
			return
		}
	}
	if refused > 0 { // a server forgets what was refused; this environment does not
		id = fmt.Sprintf("%s~%d", id, refused)
	}
	a.verb, a.sentAs = name, id
	o.asks = append(o.asks, a)
	o.note("asks %s", a.name)
	o.engine.task()
	o.UpdateWorkflow(name, id, &callbacks{
		reject: func(err error) {
			o.note("refused %s: %v", a.name, err)
			a.rejected = err
		},
		accept: func() {
			a.accepted = true
			switch {
			case name == workflows.UpdateHuman && o.human.IsZero() && o.seen.Status != verification.InReview:
				o.human = o.Now()
			case name == workflows.UpdateOpen && o.agreed.IsZero():
				o.agreed = o.Now()
			}
			if name == workflows.UpdateCancel && o.canceled.IsZero() {
				o.canceled = o.Now()
				o.note("accepted %s", a.name)
			}
		},
		complete: func(v any, err error) {
			a.completed, a.value, a.failed = true, v, err
			o.note("answered %s: %+v %v", a.name, v, err)
			if err == nil {
				o.operates(name, v)
			}
			o.observe()
		},
	}, arg)
}

type callbacks struct {
	reject   func(error)
	accept   func()
	complete func(any, error)
}

func (c *callbacks) Reject(err error)          { c.reject(err) }
func (c *callbacks) Accept()                   { c.accept() }
func (c *callbacks) Complete(v any, err error) { c.complete(v, err) }

func (o *outside) askRetry(r workflows.RetryRequest) {
	o.ask(workflows.UpdateRetry, retryID(o.seen, r), r)
}

// retryID is the update's id as the starter makes it.
func retryID(s verification.State, r workflows.RetryRequest) string {
	if s.NextAction != nil && s.NextAction.Type == verification.ActionRedirect {
		return workflows.RelinkUpdateID(r.Session, s.Version)
	}
	return workflows.RetryUpdateID(r.Session)
}

// askOpen presses the page's button for the next session after one, in as many
// tabs as there are.
func (o *outside) askOpen(session int) {
	s := o.seen
	r := workflows.OpenRequest{Session: session + 1, Agreed: o.in.Asks, Lost: s.Open != nil}
	id := workflows.OpenUpdateID(r.Session)
	switch {
	case r.Lost:
		id = workflows.RelinkUpdateID(session, s.Version)
	case o.one(6):
		id += "-tab"
	}
	if o.one(10) {
		r.Agreed = nil
		id += "-bare"
	}
	o.ask(workflows.UpdateOpen, id, r)
}

func (o *outside) askHuman() {
	o.ask(workflows.UpdateHuman, workflows.UpdateHuman, workflows.HumanRequest{})
}

func (o *outside) askCancel() {
	o.ask(workflows.UpdateCancel, workflows.UpdateCancel, workflows.CancelRequest{Reason: verification.CanceledByCaller})
}

func (o *outside) askDecide(version int) {
	o.ask(workflows.UpdateDecide, workflows.DecideUpdateID(version), workflows.DecideRequest{
		Decision: pick(o.dice, verification.Approved, verification.Declined), Version: version,
		Reason: pick(o.dice, verification.ReviewApproved, verification.ReviewRejected, verification.IdentityMismatch, "made.up"),
	})
}

func (o *outside) cancelInUI() {
	if !o.IsWorkflowCompleted() {
		o.note("canceled in the UI")
		o.engine.task()
		o.CancelWorkflow()
	}
}

// observe looks at the state as a reader does, holds it to what may follow what
// was seen before, and lets the outside react.
func (o *outside) observe() {
	if o.IsWorkflowCompleted() || !o.engine.entered {
		return
	}
	s := o.state()
	old := o.seen
	o.seen = s
	if old.Version > s.Version {
		o.fault("the version falls from %d to %d", old.Version, s.Version)
	}
	if old.Version == s.Version {
		return
	}
	if s.Status.Ended() && o.settled.IsZero() {
		o.settled = o.Now()
	}
	o.note("%s, version %d, session %d, attempt %d %s", s.Status, s.Version, s.Attempt.Session, s.Attempt.Number, actionOf(s))
	if old.Status.Ended() {
		o.fault("%s at version %d has changed after its end to %s", old.Status, old.Version, s.Status)
	}
	if old.Status == verification.InReview && !s.Status.Ended() && s.Status != verification.InReview {
		o.fault("from review back to %s", s.Status)
	}
	if s.Attempt.Session < old.Attempt.Session || s.Attempt.Session > o.in.Policy.Sessions {
		o.fault("session %d after %d, of %d", s.Attempt.Session, old.Attempt.Session, o.in.Policy.Sessions)
	}
	if s.Attempt.Number < 1 || s.Attempt.Number > s.Attempt.Max {
		o.fault("attempt %d of %d", s.Attempt.Number, s.Attempt.Max)
	}
	o.expectTold(s)
	o.react(s)
}

// expectTold holds the run to telling the store of a state that stays: at once
// where nothing follows by itself, else when it follows.
func (o *outside) expectTold(s verification.State) {
	if s.Status.Ended() {
		return
	}
	soon := time.Second + 2*o.script.delay["Publish"]
	if s.Status == verification.Processing {
		soon = 5 * time.Minute
	}
	if o.engine.dies != nil { // a lost try is known after its start-to-close
		soon += time.Minute
	}
	if away := o.script.storeAway - o.Now().Sub(o.start); away > -time.Minute {
		soon += away + time.Minute // to the next try after it
	}
	o.at(soon, func() {
		o.observe() // a timer moves it unseen
		if o.IsWorkflowCompleted() || o.seen.Version != s.Version || o.reopened {
			return
		}
		told := verification.State{Status: verification.Processing, Version: 1} // as the row is inserted
		if p := o.script.published; len(p) > 0 {
			told = p[len(p)-1]
		}
		if told.Version != s.Version && (s.Status != verification.Processing || told.Status != s.Status) {
			o.fault("%s at version %d, and after %s the store still says %s", s.Status, s.Version, soon, told.Status)
		}
	})
}

// expectSeen holds a review to showing the human what a vendor found against the
// person meanwhile.
func (o *outside) expectSeen(session int, result verification.FaceResult) {
	o.at(time.Second, func() {
		if o.IsWorkflowCompleted() || o.seen.Status != verification.InReview {
			return
		}
		for _, c := range result.Checks {
			for _, r := range c.Reasons {
				said := func(seen verification.Reason) bool { return seen.Code == r.Code }
				if c.Status == verification.Failed && !slices.ContainsFunc(o.seen.ReviewReasons, said) {
					o.fault("session %d ended with %s, and the review does not say so", session, r.Code)
				}
			}
		}
	})
}

func actionOf(s verification.State) string {
	if s.NextAction == nil {
		return ""
	}
	return string(s.NextAction.Type)
}

// react draws what the caller and the reviewer do about a new state.
func (o *outside) react(s verification.State) {
	key := fmt.Sprintf("%s %s %d %t", s.Status, actionOf(s), s.Attempt.Session, s.Open != nil)
	if key == o.reacted {
		return
	}
	o.reacted = key
	n := s.Attempt.Session
	version := func() int { return pick(o.dice, 0, 0, o.seen.Version, o.seen.Version-1) }
	again := 1
	if o.one(5) {
		again = 2
	}
	switch {
	case s.Status == verification.InReview:
		if o.one(2) {
			for range again {
				o.at(time.Duration(1+o.IntN(8*24*60))*time.Minute, func() { o.askDecide(version()) })
			}
		}
	case s.NextAction == nil:
	case s.Page && s.NextAction.Type == verification.ActionRedirect:
		o.onPage(s, again)
	case s.NextAction.Type == verification.ActionRedirect:
		if o.one(3) {
			d := time.Duration(o.IntN(700)) * time.Second
			if v := o.visits[n]; v != nil && v.over > 0 && !o.one(3) {
				// About the time at which the person ends, and is judged.
				d = max(time.Millisecond, v.over+time.Duration(o.IntN(40000)-10000)*time.Millisecond)
			}
			for range again {
				o.at(d, func() { o.askRetry(workflows.RetryRequest{Session: n, Version: version()}) })
			}
		}
	default:
		if !o.one(5) {
			d := time.Duration(o.IntN(120)) * time.Second
			if o.one(6) {
				d = time.Duration(o.IntN(2000)) * time.Second
			}
			for range again {
				o.at(max(d, time.Millisecond), func() {
					o.askRetry(workflows.RetryRequest{Session: n, Version: version(), Scanned: s.NextAction.Type == verification.ActionScanChip})
				})
			}
		}
	}
}

// onPage draws what the person does who sees the page.
func (o *outside) onPage(s verification.State, again int) {
	n := s.Attempt.Session
	d := time.Duration(o.IntN(120)) * time.Second
	if o.one(6) {
		d = time.Duration(o.IntN(4000)) * time.Second
	}
	switch {
	case o.one(12):
		o.at(max(d, time.Millisecond), o.askHuman)
	case s.Open != nil && !o.one(3), o.one(8):
	default:
		if v := o.visits[n]; s.Open != nil && v != nil && v.over > 0 && o.one(2) {
			d = v.over + time.Duration(o.IntN(40000)-10000)*time.Millisecond
		}
		for range again {
			o.at(max(d, time.Millisecond), func() { o.askOpen(n) })
		}
	}
}

// first is what is sent before the workflow's first task: what is posted before
// the environment starts stands in that task.
func (o *outside) first() {
	for range 1 + o.IntN(2) {
		o.at(0, pick(o.dice,
			func() { o.askRetry(workflows.RetryRequest{Session: o.IntN(2)}) },
			func() { o.askCancel() },
			func() { o.askOpen(o.IntN(2)) },
			o.askHuman,
			func() { o.askDecide(o.IntN(2)) },
			func() { o.hintFor(o.IntN(3)) },
			func() { o.askOperator() },
			func() { o.cancelInUI() }))
	}
}

// meddle draws what comes from outside whatever the state is.
func (o *outside) meddle() {
	if o.one(6) {
		o.first()
	}
	o.at(0, func() { o.ask(workflows.UpdateLaunch, workflows.UpdateLaunch, nil) })
	for range o.IntN(5) {
		o.at(time.Duration(1+o.IntN(3600))*time.Second, func() { o.hintFor(o.IntN(9) - 1) })
	}
	o.operators()
	if o.one(12) {
		d := pick(o.dice, time.Second, time.Minute, 20*time.Minute, 2*time.Hour)
		cancel := o.askCancel
		if o.one(3) {
			cancel = o.cancelInUI
		}
		o.at(time.Duration(1+o.Int64N(int64(d))), cancel)
	}
	if o.one(6) {
		// The store is away when the end is written: what is sent then comes late.
		o.script.delay["Finish"] = time.Duration(1+o.IntN(600)) * time.Second
		o.at(time.Duration(1+o.IntN(1200))*time.Second, pick(o.dice,
			func() { o.askCancel() }, func() { o.askDecide(o.seen.Version) }, o.askOperator, func() { o.askOpen(o.seen.Attempt.Session) }, o.askHuman,
			func() { o.askRetry(workflows.RetryRequest{Session: o.seen.Attempt.Session}) }))
	}
}

// seeded is the dice of a sequence of a law.
func seeded(seed, law uint64) dice { return dice{rand.New(rand.NewPCG(seed, law))} }
