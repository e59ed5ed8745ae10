package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// operate asks for a verb as an operator does.
func (e *env) operate(verb string, arg any) *answer {
	e.asked++ // a server forgets what it refused; this environment does not
	return e.update(verb, fmt.Sprintf("%s~%d", workflows.OpsUpdateID(verb, e.state().Version, e.Now()), e.asked), arg)
}

// refusedWith holds an update to being refused, before or after it was accepted,
// for a reason, in words that hold a text.
func (a *answer) refusedWith(t *testing.T, kind, text string) {
	t.Helper()
	err := a.rejected
	if err == nil {
		err = a.failed
	}
	var app *temporal.ApplicationError
	require.True(t, errors.As(err, &app), "not refused: %+v", a)
	require.Equal(t, kind, app.Type(), app.Message())
	require.Contains(t, app.Message(), text)
}

// An operator looks now where the next poll is far away, and is told what was seen;
// nothing is done that the audit log does not have.
func TestLookAsksTheVendorNow(t *testing.T) {
	sc := newScript()
	sc.resultInLook = true
	sc.sessions = map[int]session{1: {begun: time.Second, over: 200 * time.Second, result: passed()}}
	e := newEnv(t, sc)
	e.in.Face[0].Polled = false
	var early, late *answer
	e.at(100*time.Second, func() { early = e.operate(workflows.UpdateLook, workflows.LookRequest{}) })
	e.at(210*time.Second, func() {
		require.Equal(t, workflows.Looked{Session: 1, Found: "begun"}, early.value)
		late = e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 1})
	})
	s := e.run()
	require.Equal(t, verification.Approved, s.Decision)
	require.Less(t, s.UpdatedAt.Sub(s.CreatedAt), 5*time.Minute, "found by the look, long before the session's end")
	require.Equal(t, workflows.Looked{Session: 1, Found: "finished"}, late.value)
	require.Len(t, sc.audited, 2)
	require.Equal(t, "look", sc.audited[0].Verb)
}

// A session that was replaced is looked at by its number: its vendor's word is told as
// it is, and what it judged counts; once that is known there is nothing to look at.
func TestLookAtAReplacedSession(t *testing.T) {
	sc, e := oldTab(t, notAlike())
	var open, over *answer
	e.at(2*time.Minute, func() { open = e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 1}) })
	e.at(soon, func() { over = e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 1}) })
	e.at(later, func() {
		require.Equal(t, workflows.Looked{Session: 1, Found: "begun"}, open.value)
		require.Equal(t, workflows.Looked{Session: 1, Found: "finished"}, over.value)
		require.Equal(t, 1, e.state().Attempt.Judged)
		e.expectRefusedWith(workflows.RefusedSession, "session 1 is over", e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 1}))
		e.cancel()
	})
	e.run()
	require.Len(t, sc.audited, 2)
}

// With its vendor away nothing is made up.
func TestLookAtAReplacedSessionWhoseVendorIsAway(t *testing.T) {
	sc, e := oldTab(t, passed())
	sc.blind = map[int]bool{1: true}
	var seen *answer
	e.at(2*time.Minute, func() { seen = e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 1}) })
	e.at(later, func() { e.cancel() })
	e.run()
	require.Equal(t, workflows.Looked{Session: 1, Found: "no_answer"}, seen.value)
}

// A vendor that allows few look-ups is not asked by the way: the operator must say
// so, and only once; the one at the end is kept.
func TestLookSparesTheFewLookups(t *testing.T) {
	sc := newScript()
	sc.silent, sc.tellsNothing, sc.resultInLook = true, true, true
	sc.sessions = map[int]session{1: {}}
	e := newEnv(t, sc)
	r := &e.in.Face[0]
	r.Polled, r.Notifies, r.TellsBegun = false, true, true
	var asked, spent, again *answer
	e.at(time.Minute, func() { asked = e.operate(workflows.UpdateLook, workflows.LookRequest{}) })
	e.at(2*time.Minute, func() { spent = e.operate(workflows.UpdateLook, workflows.LookRequest{Spend: true}) })
	e.at(4*time.Minute, func() {
		require.Equal(t, 1, sc.lookUps)
		again = e.operate(workflows.UpdateLook, workflows.LookRequest{Spend: true})
	})
	e.run()
	asked.refusedWith(t, workflows.RefusedForce, `say "spend"`)
	require.Equal(t, workflows.Looked{Session: 1, Found: "unasked"}, spent.value)
	again.refusedWith(t, workflows.RefusedState, "used up")
	require.Equal(t, 2, sc.lookUps, "the one at the session's end was kept for it")
}

// Where there is nothing to look at, the sentence says how things stand.
func TestLookIsRefusedInASentence(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: time.Second, over: 30 * time.Second, result: unjudged(verification.SessionCanceled)}}
	e := newEnv(t, sc)
	e.at(0, func() { // before the first task
		e.expectRefusedWith(workflows.RefusedState, "no face session is open", e.update(workflows.UpdateLook, "look", workflows.LookRequest{}))
	})
	e.at(10*time.Second, func() {
		e.expectRefusedWith(workflows.RefusedSession, "there is no session 2", e.operate(workflows.UpdateLook, workflows.LookRequest{Session: 2}))
	})
	e.at(2*time.Minute, func() {
		e.expectRefusedWith(workflows.RefusedState, "no face session is open", e.operate(workflows.UpdateLook, workflows.LookRequest{}))
	})
	e.run()
	require.Empty(t, sc.audited)
}

func (e *env) expectRefusedWith(kind, text string, a *answer) {
	e.t.Cleanup(func() { a.refusedWith(e.t, kind, text) })
}

// The caller's time to retry is extended, more than once, and what readers see
// follows at once.
func TestExtendMovesTheRetryWindow(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: time.Second, over: 30 * time.Second, result: unjudged(verification.SessionCanceled)}, 2: {begun: time.Second, over: 30 * time.Second, result: passed()}}
	e := newEnv(t, sc)
	var first, second *answer
	e.at(10*time.Minute, func() { first = e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(2)}) })
	e.at(11*time.Minute, func() {
		until := first.value.(workflows.Extended).ExpiresAt
		for _, s := range []verification.State{e.state(), sc.published[len(sc.published)-1]} {
			require.True(t, until.Equal(*s.ExpiresAt))
			require.True(t, until.Equal(*s.NextAction.ExpiresAt))
		}
		require.WithinDuration(t, e.Now().Add(2*time.Hour-time.Minute), until, 5*time.Second)
		e.expectRefusedWith(workflows.RefusedArgument, "it lasts longer already", e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(1)}))
	})
	e.at(2*time.Hour, func() { second = e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(3)}) })
	e.at(4*time.Hour, func() {
		require.True(t, second.completed)
		e.retry(1)
	})
	require.Equal(t, verification.Approved, e.run().Decision)
}

func hours(n int) verification.Duration { return verification.Duration(time.Duration(n) * time.Hour) }

// An extended clock ends what it ended before, only later.
func TestExtendedRetryWindowEnds(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: time.Second, over: 30 * time.Second, result: unjudged(verification.SessionCanceled)}}
	e := newEnv(t, sc)
	e.at(10*time.Minute, func() { e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(2)}) })
	s := e.run()
	require.Equal(t, verification.Expired, s.Status)
	require.WithinDuration(t, s.CreatedAt.Add(2*time.Hour+10*time.Minute), s.UpdatedAt, time.Minute)
}

// The page's link lives on: its person opens a session long after its first end.
func TestExtendMovesThePagesLink(t *testing.T) {
	sc := newScript()
	e := pageEnv(t, sc)
	var extended *answer
	e.at(20*time.Hour, func() { extended = e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(48)}) })
	e.at(40*time.Hour, func() {
		s := e.state()
		require.True(t, extended.value.(workflows.Extended).ExpiresAt.Equal(*s.ExpiresAt))
		require.True(t, s.ExpiresAt.Equal(*s.LinkUntil))
		e.open(1)
	})
	require.Equal(t, verification.Approved, e.run().Decision)
	require.Equal(t, 1, sc.count("OpenSession"))
}

// A reviewer gets longer; then silence expires, as ever.
func TestExtendMovesTheReviewsDeadline(t *testing.T) {
	sc := newScript()
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound)
	e := newEnv(t, sc)
	e.at(6*24*time.Hour, func() { e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(10 * 24)}) })
	s := e.run()
	require.Equal(t, verification.ReviewDeadline, s.LastError.Code)
	require.WithinDuration(t, s.CreatedAt.Add(16*24*time.Hour), s.UpdatedAt, time.Minute)
}

// A run that is canceled after an extension ends canceled: its clock is not over.
func TestAnExtendedReviewIsCanceled(t *testing.T) {
	sc := newScript()
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound)
	e := newEnv(t, sc)
	e.at(time.Hour, func() { e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: hours(10 * 24)}) })
	e.at(2*time.Hour, func() {
		e.engine.task()
		e.CancelWorkflow()
	})
	require.Equal(t, verification.Canceled, e.run().Status)
}

// A vendor's token is never extended, nor a clock that runs for a vendor, nor
// beyond bounds.
func TestExtendIsRefusedInASentence(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: time.Second, over: 30 * time.Second, result: passed()}}
	sc.delay["CheckRecords"] = time.Hour
	e := newEnv(t, sc)
	ask := func(at time.Duration, kind, text string, d verification.Duration) {
		e.at(at, func() {
			e.expectRefusedWith(kind, text, e.operate(workflows.UpdateExtend, workflows.ExtendRequest{For: d}))
		})
	}
	ask(10*time.Second, workflows.RefusedState, "the vendor's own", hours(1))
	ask(11*time.Second, workflows.RefusedArgument, "such as", 0)
	ask(12*time.Second, workflows.RefusedArgument, "at most", hours(31*24))
	ask(10*time.Minute, workflows.RefusedState, "vendors are at work", hours(1))
	e.run()
	require.Empty(t, sc.audited)
}

// Another provider takes over: the caller gets a new link, and the session counts.
func TestSwitchProviderOpensTheNextOneElsewhere(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {}, 2: {begun: time.Second, over: 20 * time.Second, result: passed()}}
	e := newEnv(t, sc)
	second(e)
	e.in.Face[0].TellsBegun = true
	var switched *answer
	e.at(time.Minute, func() { switched = e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{}) })
	s := e.run()
	require.Equal(t, workflows.Switched{Session: 2, Provider: "second"}, switched.value)
	require.Equal(t, []string{"face", "second"}, sc.openedAt)
	require.Equal(t, 2, s.Attempt.Session)
	require.Equal(t, verification.Approved, s.Decision)
}

// Whoever has begun is not thrown out by the way.
func TestSwitchProviderSparesWhoHasBegun(t *testing.T) {
	for name, tells := range map[string]bool{"its vendor tells": true, "nobody can tell": false} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = map[int]session{1: {begun: time.Second}, 2: {begun: time.Second, over: 20 * time.Second, result: passed()}}
			e := newEnv(t, sc)
			second(e)
			e.in.Face[0].TellsBegun = tells
			var asked, forced *answer
			e.at(time.Minute, func() {
				asked = e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{Provider: "second"})
			})
			e.at(2*time.Minute, func() {
				require.Equal(t, 1, e.state().Attempt.Session)
				forced = e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{Provider: "second", Force: true})
			})
			require.Equal(t, verification.Approved, e.run().Decision)
			asked.refusedWith(t, workflows.RefusedForce, `say "force"`)
			require.Equal(t, workflows.Switched{Session: 2, Provider: "second"}, forced.value)
		})
	}
}

// Where the vendor is away nobody can tell whether the person has begun.
func TestSwitchProviderWhereTheVendorIsAway(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {}, 2: {begun: time.Second, over: 20 * time.Second, result: passed()}}
	sc.blind = map[int]bool{1: true}
	e := newEnv(t, sc)
	second(e)
	e.in.Face[0].TellsBegun = true
	var asked *answer
	e.at(time.Minute, func() { asked = e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{}) })
	e.at(2*time.Minute, func() { e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{Force: true}) })
	require.Equal(t, verification.Approved, e.run().Decision)
	asked.refusedWith(t, workflows.RefusedForce, "no answer")
}

// On our page no token's time runs before the person is there: the next session is
// opened at the other provider when they press the button.
func TestSwitchProviderOnThePage(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {}, 2: {begun: time.Second, over: 20 * time.Second, result: passed()}}
	e := pageEnv(t, sc)
	second(e)
	var switched *answer
	e.at(time.Minute, func() { e.open(1) })
	e.at(2*time.Minute, func() {
		switched = e.operate(workflows.UpdateSwitchProvider, workflows.SwitchProviderRequest{Force: true})
	})
	e.at(3*time.Minute, func() {
		require.Equal(t, workflows.Switched{Session: 1, Provider: "second"}, switched.value)
		s := e.state()
		requireWaiting(t, s, false)
		require.Equal(t, verification.SessionInterrupted, s.LastError.Code)
	})
	e.at(time.Hour, func() {
		require.Equal(t, []string{"face"}, sc.openedAt)
		e.open(2)
	})
	require.Equal(t, verification.Approved, e.run().Decision)
	require.Equal(t, []string{"face", "second"}, sc.openedAt)
}

func TestSwitchProviderIsRefusedInASentence(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: 100 * time.Second, over: 200 * time.Second, result: passed()}}
	e := newEnv(t, sc)
	second(e)
	e.in.Policy.Sessions, e.in.Policy.Attempts = 1, 1
	ask := func(at time.Duration, kind, text string, req workflows.SwitchProviderRequest) {
		e.at(at, func() { e.expectRefusedWith(kind, text, e.operate(workflows.UpdateSwitchProvider, req)) })
	}
	ask(10*time.Second, workflows.RefusedState, "1 sessions are used up", workflows.SwitchProviderRequest{})
	ask(20*time.Second, workflows.RefusedSession, "session 7 is not the newest", workflows.SwitchProviderRequest{Session: 7})
	e.run()
}

// Whatever is open goes to a human, for the operator's reason, and no vendor is
// called any more.
func TestToReviewHasAHumanDecide(t *testing.T) {
	for name, at := range map[string]time.Duration{"before the first task": 0, "with a session open": 10 * time.Second, "while the caller may retry": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = map[int]session{1: {begun: time.Second, over: 30 * time.Second, result: unjudged(verification.SessionCanceled)}}
			e := newEnv(t, sc)
			var sent *answer
			ask := func() {
				sent = e.update(workflows.UpdateToReview, "to-review", workflows.ToReviewRequest{Reason: verification.ReviewByOperator})
			}
			e.at(at, ask)
			calls := 0
			e.at(6*time.Minute, func() {
				require.Equal(t, workflows.SentToReview{Status: verification.InReview}, sent.value)
				s := e.state()
				require.Equal(t, verification.InReview, s.Status)
				require.Equal(t, verification.ReviewByOperator, s.ReviewReasons[0].Code)
				calls = sc.count("OpenSession") + sc.count("PollSession") + sc.count("LookAtSession")
				e.expectRefusedWith(workflows.RefusedState, "in review already", e.operate(workflows.UpdateToReview, workflows.ToReviewRequest{Reason: verification.ReviewByOperator}))
				e.expectRefusedWith(workflows.RefusedState, "a human decides", e.operate(workflows.UpdateLook, workflows.LookRequest{}))
			})
			e.at(20*time.Minute, func() {
				require.Equal(t, calls, sc.count("OpenSession")+sc.count("PollSession")+sc.count("LookAtSession"))
				e.update(workflows.UpdateDecide, workflows.DecideUpdateID(1), workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved})
			})
			s := e.run()
			require.Equal(t, verification.Approved, s.Decision)
			require.Equal(t, verification.ByReviewer, s.Verdict.DecidedBy)
		})
	}
}

// Only a reason that says nothing against the person for good leads to review.
func TestToReviewWantsAReasonOfTheCatalogue(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	for _, code := range []verification.ReasonCode{"", "made.up", verification.IdentityMismatch, verification.PersonAskedForHuman, verification.ReviewApproved} {
		e.at(10*time.Second, func() {
			e.expectRefusedWith(workflows.RefusedReason, "review.by_operator", e.update(workflows.UpdateToReview, "r-"+string(code), workflows.ToReviewRequest{Reason: code}))
		})
	}
	e.run()
}

func TestResendSendsTheEventsAgain(t *testing.T) {
	sc := newScript()
	e := newEnv(t, sc)
	var sent *answer
	e.at(10*time.Second, func() { sent = e.operate(workflows.UpdateResend, workflows.ResendRequest{Endpoint: "main"}) })
	e.run()
	require.Equal(t, workflows.Resent{Events: 3}, sent.value)
	require.Equal(t, []activities.ResendInput{{ID: "ver_test", Endpoint: "main"}}, sc.resent)
	require.Len(t, sc.audited, 1)
}

// With the audit log away nothing is done, then or later.
func TestOperatorsVerbsWaitForTheAuditLog(t *testing.T) {
	sc := newScript()
	sc.auditError = until(time.Hour, provider.Unavailable)
	e := newEnv(t, sc)
	var sent *answer
	e.at(10*time.Second, func() {
		sent = e.operate(workflows.UpdateToReview, workflows.ToReviewRequest{Reason: verification.ReviewByOperator})
	})
	s := e.run()
	sent.refusedWith(t, workflows.RefusedAudit, "nothing was done")
	require.Equal(t, verification.Approved, s.Decision)
	require.Equal(t, verification.ByPolicy, s.Verdict.DecidedBy)
}

// What came meanwhile counts: a verb is asked about once more when the audit log
// has it.
func TestOperatorsVerbsAreAskedAboutOnceMore(t *testing.T) {
	sc := newScript()
	sc.delay["AuditAct"] = 4 * time.Second
	sc.delay["Finish"] = 10 * time.Second
	e := newEnv(t, sc)
	var late *answer
	e.at(29*time.Second, func() { late = e.operate(workflows.UpdateLook, workflows.LookRequest{}) })
	e.at(30*time.Second, func() { e.cancel() })
	require.Equal(t, verification.Canceled, e.run().Status)
	late.refusedWith(t, workflows.RefusedState, "has ended")
}

// The details tell what operators may do as things stand, with the whole command.
func TestDetailsTellWhatOperatorsMayDo(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: time.Second, over: 60 * time.Second, result: unjudged(verification.SessionCanceled)}, 2: {over: time.Second, result: passed()}}
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound)
	e := newEnv(t, sc)
	second(e)
	see := func(at time.Duration, has ...string) {
		e.at(at, func() {
			v, err := e.QueryWorkflow("__temporal_workflow_metadata")
			require.NoError(t, err)
			var meta sdkpb.WorkflowMetadata
			require.NoError(t, v.Get(&meta))
			for _, text := range has {
				require.Contains(t, meta.GetCurrentDetails(), text)
			}
		})
	}
	see(20*time.Second, "**requires_input** since ", "session 1 of 6 at face", "the person has a link to the face session", "**Next**: the result until",
		"`yanzhen ops look ver_test --reason", "`yanzhen ops switch-provider ver_test", "`yanzhen ops to-review ver_test")
	see(5*time.Minute, "the caller may ask for another session", "ended with `session.canceled`", "`yanzhen ops extend ver_test --for 24h")
	e.at(6*time.Minute, func() { e.retry(1) })
	see(2*time.Hour, "**in_review**", "a human must decide", "`records.not_found`", "`yanzhen review approve ver_test`", "`yanzhen ops extend ver_test --for 72h")
	e.run()
}
