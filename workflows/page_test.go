package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// pageEnv is an environment whose person acts on our page.
func pageEnv(t *testing.T, sc *script) *env {
	t.Helper()
	e := newEnv(t, sc)
	e.in.Policy.Presentation = verification.PresentationPage
	return e
}

// open presses the page's button for a session.
func (e *env) open(session int) *answer {
	return e.update(workflows.UpdateOpen, workflows.OpenUpdateID(session), workflows.OpenRequest{Session: session})
}

func (e *env) human() *answer {
	return e.update(workflows.UpdateHuman, workflows.UpdateHuman, workflows.HumanRequest{})
}

// expectRefused holds an update to being refused, once the run has ended: its
// answer comes later.
func (e *env) expectRefused(kind string, a *answer) {
	e.t.Cleanup(func() { a.refused(e.t, kind) })
}

// unasked holds that no vendor was called so far.
func unasked(t *testing.T, sc *script) {
	t.Helper()
	for _, name := range []string{"OpenSession", "CheckRecords", "PollSession", "LookAtSession", "FetchSession"} {
		require.Zero(t, sc.count(name), name)
	}
}

// requireWaiting holds that the person is awaited on the page, with its one link.
func requireWaiting(t *testing.T, s verification.State, open bool) {
	t.Helper()
	require.Equal(t, verification.RequiresInput, s.Status)
	require.Equal(t, verification.ActionRedirect, s.NextAction.Type)
	require.Empty(t, s.NextAction.OpenIn)
	require.Equal(t, s.CreatedAt.Add(24*time.Hour), *s.NextAction.ExpiresAt)
	require.Equal(t, s.CreatedAt.Add(24*time.Hour), *s.ExpiresAt)
	require.Equal(t, open, s.Open != nil)
}

// Before the person is there no vendor is called, whatever the time; what they
// see is the same link before, during and after a session.
func TestPageCallsNoVendorBeforeItsPerson(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(notAlike(), passed())
	e := pageEnv(t, sc)
	e.in.Face[0].OpenIn = "wechat"
	launched := e.updateAt(0, workflows.UpdateLaunch, nil)
	var first, second *answer
	e.at(time.Second, func() {
		require.True(t, (*launched).completed, "there is a link to show at once")
		require.NotEmpty(t, sc.published)
		requireWaiting(t, sc.published[0], false)
	})
	e.at(10*time.Hour, func() {
		unasked(t, sc)
		first = e.open(1)
	})
	e.at(10*time.Hour+30*time.Second, func() {
		require.True(t, first.completed)
		require.Equal(t, workflows.Opened{Session: 1}, first.value)
		s := e.state()
		requireWaiting(t, s, true)
		require.Equal(t, "wechat", s.Open.OpenIn)
		require.Equal(t, 1, sc.count("CheckRecords"), "the records begin with the person, too")
	})
	e.at(11*time.Hour, func() {
		s := e.state()
		requireWaiting(t, s, false)
		require.Equal(t, verification.FaceNoMatch, s.LastError.Code)
		second = e.open(2)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeApproved, s.Outcome())
	require.Equal(t, workflows.Opened{Session: 2}, second.value)
	require.Equal(t, 1, sc.count("CheckRecords"))
}

// updateAt sends an update at a time.
func (e *env) updateAt(d time.Duration, name string, arg any) **answer {
	a := new(*answer)
	e.at(d, func() { *a = e.update(name, name, arg) })
	return a
}

// An abandoned link costs nothing at any vendor, and ends by its clock alone.
func TestAbandonedPageExpiresWithItsLink(t *testing.T) {
	sc := newScript()
	s := pageEnv(t, sc).run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.SessionLinkExpired, s.LastError.Code)
	require.Equal(t, s.CreatedAt.Add(24*time.Hour), s.UpdatedAt)
	unasked(t, sc)
}

// However a session ends without a judgement, the person is back on our page, and
// goes on from there while sessions are left.
func TestSessionWithoutJudgementReturnsToThePage(t *testing.T) {
	next := unjudged(verification.ProviderHolderUnregistered)
	next.NextProvider = true
	for name, fate := range map[string]session{
		"canceled":      {begun: time.Second, over: time.Minute, result: unjudged(verification.SessionCanceled)},
		"never begun":   {},
		"ran out begun": {begun: time.Second},
		"next provider": {begun: time.Second, over: time.Minute, result: next},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = map[int]session{1: fate, 2: {begun: time.Second, over: time.Minute, result: passed()}}
			e := pageEnv(t, sc)
			second(e)
			e.at(time.Minute, func() { e.open(1) })
			e.at(time.Hour, func() {
				s := e.state()
				requireWaiting(t, s, false)
				require.NotNil(t, s.LastError)
				require.True(t, s.LastError.Retryable)
				require.Equal(t, 1, s.Attempt.Number)
				require.Equal(t, 1, sc.count("OpenSession"), "no token's clock runs while nobody is there")
				e.open(2)
			})
			require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
		})
	}
}

// Sessions that are used up end it with the last reason.
func TestPageEndsOnceSessionsAreUsedUp(t *testing.T) {
	sc := newScript()
	sc.sessions = fates(unjudged(verification.SessionCanceled), unjudged(verification.SessionCanceled))
	e := pageEnv(t, sc)
	e.in.Policy.Attempts, e.in.Policy.Sessions = 1, 2
	e.at(time.Minute, func() { e.open(1) })
	e.at(time.Hour, func() { e.open(2) })
	s := e.run()
	require.Equal(t, verification.OutcomeExpired, s.Outcome())
	require.Equal(t, verification.SessionCanceled, s.LastError.Code)
}

// Two tabs, or two devices, that want the same session get one; so do a second
// press long after, and one with an id of its own.
func TestTwoTabsShareOneSession(t *testing.T) {
	sc := newScript()
	sc.delay["OpenSession"] = 2 * time.Second
	sc.sessions[1] = session{begun: time.Second, over: 5 * time.Minute, result: passed()}
	e := pageEnv(t, sc)
	var asks []*answer
	press := func(id string) func() {
		return func() { asks = append(asks, e.update(workflows.UpdateOpen, id, workflows.OpenRequest{Session: 1})) }
	}
	e.at(time.Minute, press("tab"))
	e.at(time.Minute, press("phone"))
	e.at(time.Minute+time.Second, press("tablet"))
	e.at(2*time.Minute, press("late"))
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Equal(t, 1, sc.count("OpenSession"))
	require.Len(t, asks, 4)
	for _, a := range asks {
		require.NoError(t, a.rejected)
		require.Equal(t, workflows.Opened{Session: 1}, a.value)
	}
}

// What does not fit the state is refused and changes nothing: another session than
// the next, one without the consents, one that the link would not outlive, and
// any without a page.
func TestOpenIsRefusedWhereItDoesNotFit(t *testing.T) {
	sc := newScript()
	e := pageEnv(t, sc)
	e.in.Asks = []verification.Purpose{verification.PurposeFace, verification.PurposeIdentityRecords}
	open := func(id string, r workflows.OpenRequest) *answer { return e.update(workflows.UpdateOpen, id, r) }
	all := e.in.Asks
	e.at(time.Minute, func() {
		e.expectRefused(workflows.RefusedSession, open("a", workflows.OpenRequest{Session: 2, Agreed: all}))
		e.expectRefused(workflows.RefusedSession, open("b", workflows.OpenRequest{Session: 0, Agreed: all}))
		e.expectRefused(workflows.RefusedConsent, open("c", workflows.OpenRequest{Session: 1}))
		e.expectRefused(workflows.RefusedConsent, open("d", workflows.OpenRequest{Session: 1, Agreed: all[:1]}))
		e.expectRefused(workflows.RefusedState, open("e", workflows.OpenRequest{Session: 1, Agreed: all, Lost: true}))
		e.expectRefused(workflows.RefusedState, e.retry(0))
	})
	e.at(24*time.Hour-10*time.Minute, func() {
		e.expectRefused(workflows.RefusedLate, open("f", workflows.OpenRequest{Session: 1, Agreed: all}))
	})
	require.Equal(t, verification.SessionLinkExpired, e.run().LastError.Code)
	unasked(t, sc)

	vendor := newEnv(t, newScript())
	vendor.at(0, func() { vendor.expectRefused(workflows.RefusedState, vendor.open(1)) })
	vendor.run()
}

// A message that comes before the first task, or in the middle of an end, is
// refused or answered, and opens nothing.
func TestPageMessagesOutsideTheirTime(t *testing.T) {
	sc := newScript()
	sc.delay["Finish"] = time.Minute
	e := pageEnv(t, sc)
	var early, ending, human *answer
	e.at(0, func() { early = e.update(workflows.UpdateOpen, "early", workflows.OpenRequest{Session: 1}) })
	e.at(time.Hour, func() { e.cancel() })
	e.at(time.Hour+30*time.Second, func() { ending, human = e.open(1), e.human() })
	require.Equal(t, verification.Canceled, e.run().Status)
	if early.rejected == nil {
		require.True(t, early.completed)
	}
	ending.refused(t, workflows.RefusedState)
	human.refused(t, workflows.RefusedState)
}

// Whoever lost the vendor's page gets the same link while nobody opened it, and a
// new session otherwise; both may happen more than once.
func TestLostVendorPageIsOpenedAgain(t *testing.T) {
	sc := newScript()
	sc.sessions = map[int]session{1: {begun: 3 * time.Minute}, 2: {begun: time.Second, over: time.Minute, result: passed()}}
	e := pageEnv(t, sc)
	e.in.Face[0].TellsBegun = true
	lost := func() *answer {
		s := e.state()
		return e.update(workflows.UpdateOpen, workflows.RelinkUpdateID(1, s.Version), workflows.OpenRequest{Session: 2, Lost: true})
	}
	var same, fresh *answer
	e.at(time.Second, func() { e.open(1) })
	e.at(time.Minute, func() { same = lost() })
	e.at(2*time.Minute, func() {
		require.Equal(t, workflows.Opened{Session: 1}, same.value)
		requireWaiting(t, e.state(), true)
	})
	e.at(4*time.Minute, func() { fresh = lost() })
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Equal(t, workflows.Opened{Session: 2}, fresh.value)
}

// The link's end cuts a session that is open then: it is looked at once more, and
// what its vendor says counts.
func TestLinkThatEndsInASessionIsLookedAtOnceMore(t *testing.T) {
	for over, want := range map[time.Duration]verification.Outcome{0: verification.OutcomeExpired, 9 * time.Second: verification.OutcomeApproved} {
		sc := newScript()
		sc.sessions[1] = session{begun: time.Second, over: over, result: passed()}
		e := pageEnv(t, sc)
		e.in.Face[0].Polled = false
		e.in.Policy.LinkLife = verification.Duration(40 * time.Second)
		e.at(29*time.Second, func() { e.open(1) })
		s := e.run()
		require.Equal(t, want, s.Outcome())
		require.Equal(t, 1, sc.count("LookAtSession"))
		if want == verification.OutcomeExpired {
			require.Equal(t, verification.SessionLinkExpired, s.LastError.Code)
		}
	}
}

// An outage at the opening is told to the person while it is waited out, and
// after the policy's patience they may try again: a link is good for a day.
func TestOutageAtTheOpeningReturnsToThePage(t *testing.T) {
	sc := newScript()
	sc.openError = until(2*time.Hour, provider.Unavailable)
	sc.sessions[2] = session{begun: time.Second, over: time.Minute, result: passed()}
	e := pageEnv(t, sc)
	var first *answer
	e.at(time.Minute, func() { first = e.open(1) })
	e.at(2*time.Minute, func() {
		require.True(t, first.completed, "the person is not kept waiting")
		s := sc.published[len(sc.published)-1]
		require.Equal(t, verification.Processing, s.Status)
		require.Equal(t, verification.ProviderUnavailable, s.LastError.Code)
	})
	e.at(2*time.Hour, func() {
		s := e.state()
		requireWaiting(t, s, false)
		require.Equal(t, verification.LastError{Code: verification.ProviderUnavailable, Retryable: true}, *s.LastError)
		e.open(2)
	})
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}

// Where no face is looked at, the person agrees and is done.
func TestPageWithoutAFaceAsksForConsentOnly(t *testing.T) {
	sc := newScript()
	sc.delay["CheckRecords"] = time.Minute
	e := pageEnv(t, sc)
	delete(e.in.Policy.Checks, verification.Liveness)
	delete(e.in.Policy.Checks, verification.FaceMatch)
	e.in.Policy.FaceProviders, e.in.Face = nil, nil
	e.in.Asks = []verification.Purpose{verification.PurposeIdentityRecords}
	var agreed *answer
	e.at(time.Hour, func() {
		unasked(t, sc)
		agreed = e.update(workflows.UpdateOpen, "open-1", workflows.OpenRequest{Session: 1, Agreed: e.in.Asks})
	})
	e.at(time.Hour+30*time.Second, func() {
		require.True(t, agreed.completed)
		require.Equal(t, verification.Processing, sc.published[len(sc.published)-1].Status)
	})
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
	require.Zero(t, sc.count("OpenSession"))
}

// Whoever asks for a human goes to review, and no vendor is called any more.
func TestAskingForAHumanStopsEveryVendor(t *testing.T) {
	for name, at := range map[string]time.Duration{"before any session": time.Minute, "in a session": time.Hour + 20*time.Second, "after one": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			sc.sessions = fates(notAlike())
			e := pageEnv(t, sc)
			e.at(time.Hour, func() {
				if e.state().Status != verification.InReview {
					e.open(1)
				}
			})
			var calls map[string]int
			var first, again *answer
			e.at(at, func() {
				first = e.human()
				again = e.update(workflows.UpdateHuman, "again", workflows.HumanRequest{})
			})
			e.at(at+time.Second, func() {
				calls = vendorCalls(sc)
				require.Equal(t, workflows.Asked{Status: verification.InReview}, first.value)
				require.Equal(t, workflows.Asked{Status: verification.InReview}, again.value)
				s := sc.published[len(sc.published)-1]
				require.Equal(t, verification.InReview, s.Status)
				require.Equal(t, verification.PersonAskedForHuman, s.ReviewReasons[0].Code)
				require.Nil(t, s.Open)
			})
			e.at(at+2*time.Hour, func() {
				e.hint(1)
				e.expectRefused(workflows.RefusedState, e.open(e.state().Attempt.Session+1))
			})
			e.at(at+3*time.Hour, func() {
				e.update(workflows.UpdateDecide, "decide-1", workflows.DecideRequest{Decision: verification.Approved, Reason: verification.ReviewApproved})
			})
			s := e.run()
			require.Equal(t, verification.ByReviewer, s.Verdict.DecidedBy)
			require.Equal(t, calls, vendorCalls(sc))
		})
	}
}

func vendorCalls(sc *script) map[string]int {
	out := map[string]int{}
	for _, name := range []string{"OpenSession", "CheckRecords", "PollSession", "LookAtSession", "FetchSession", "ReadChip"} {
		out[name] = sc.count(name)
	}
	return out
}

// An answer that is on its way when the person asks for a human is kept: the
// records' and a finished session's; it neither declines nor approves.
func TestAnswersOnTheirWayAreKeptForTheHuman(t *testing.T) {
	sc := newScript()
	sc.records = verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
	sc.delay["CheckRecords"] = 40 * time.Second
	sc.delay["FetchSession"] = 15 * time.Second
	sc.sessions[1] = session{begun: time.Second, over: 20 * time.Second, result: notAlike()}
	sc.resultInLook = false
	e := pageEnv(t, sc)
	e.in.Policy.Attempts = 1
	e.at(time.Minute, func() { e.open(1) })
	e.at(time.Minute+25*time.Second, func() { e.hint(1) })
	e.at(time.Minute+35*time.Second, func() { e.human() })
	var seen verification.State
	e.at(3*time.Minute, func() { seen = e.state() })
	require.Equal(t, verification.OutcomeExpired, e.run().Outcome(), "nobody reviewed it")
	require.Equal(t, verification.InReview, seen.Status)
	require.Equal(t, verification.Failed, check(t, seen, verification.IdentityRecords).Status)
	require.Equal(t, verification.Failed, check(t, seen, verification.FaceMatch).Status)
	require.Equal(t, verification.PersonAskedForHuman, seen.ReviewReasons[0].Code)
	require.Equal(t, 1, sc.count("CheckRecords"))
	require.Equal(t, 1, sc.count("FetchSession"))
}

// A route of the client's own takes nobody to review.
func TestAHumanElsewhereIsNotOurs(t *testing.T) {
	e := pageEnv(t, newScript())
	e.in.Policy.HumanRoute = "https://shop.example/human"
	e.at(time.Minute, func() { e.expectRefused(workflows.RefusedState, e.human()) })
	require.Equal(t, verification.SessionLinkExpired, e.run().LastError.Code)
}

// A consent that was withdrawn before the run's first task ends it there, with a
// scan to read at once, too.
func TestAConsentWithdrawnBeforeTheFirstTaskEndsWithoutAVendor(t *testing.T) {
	for _, presentation := range verification.Presentations {
		sc := newScript()
		sc.withdrawn = true
		sc.scans = map[int]activities.ChipResult{0: readable()}
		e := chipEnv(t, sc)
		e.in.Policy.Presentation = presentation
		s := e.run()
		require.Equal(t, verification.Canceled, s.Status)
		require.Equal(t, verification.ConsentWithdrawn, s.LastError.Code)
		unasked(t, sc)
		require.Zero(t, sc.count("ReadChip"))
	}
}

// A child under 14 by the number is verified only where a guardian agreed: else it
// ends before any vendor is called.
func TestMinorsEndWithoutAVendor(t *testing.T) {
	for _, agreed := range []bool{false, true} {
		sc := newScript()
		sc.minor = true
		e := newEnv(t, sc)
		e.in.Policy.GuardianAgreed = agreed
		s := e.run()
		if agreed {
			require.Equal(t, verification.OutcomeApproved, s.Outcome())
			continue
		}
		require.Equal(t, verification.Canceled, s.Status)
		require.Equal(t, verification.CanceledMinor, s.LastError.Code)
		unasked(t, sc)
	}
	sc := newScript()
	minor := readable()
	minor.Minor = true
	sc.scans = map[int]activities.ChipResult{0: minor}
	s := chipEnv(t, sc).run()
	require.Equal(t, verification.CanceledMinor, s.LastError.Code)
	unasked(t, sc)
}

// A chip is read before the page waits; another scan is waited for as long as the
// link lives.
func TestChipIsReadBeforeThePageWaits(t *testing.T) {
	sc := newScript()
	sc.scans = map[int]activities.ChipResult{0: {Unreadable: true}, 1: readable()}
	sc.sessions = map[int]session{2: {begun: time.Second, over: time.Minute, result: passed()}}
	e := pageEnv(t, sc)
	withChip(&e.in)
	e.at(5*time.Hour, func() {
		s := e.state()
		require.Equal(t, verification.ActionScanChip, s.NextAction.Type)
		require.Equal(t, s.CreatedAt.Add(24*time.Hour), *s.ExpiresAt)
		e.expectRefused(workflows.RefusedState, e.open(1))
		e.rescan(0)
	})
	e.at(6*time.Hour, func() {
		requireWaiting(t, e.state(), false)
		unasked(t, sc)
		e.open(2)
	})
	require.Equal(t, verification.OutcomeApproved, e.run().Outcome())
}
