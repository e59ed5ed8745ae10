//go:build !explore

package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// sequences is how many seeded sequences each law is held against.
const sequences = 1000

// dice draws what happens in one sequence.
type dice struct{ *rand.Rand }

func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// outage is nothing, a while or for good.
func (d dice) outage() func(time.Duration) error {
	class := pick(d, provider.Unavailable, provider.RateLimited, provider.ContractViolation, provider.Misconfigured)
	switch d.IntN(12) {
	case 0:
		return until(time.Duration(d.IntN(3600))*time.Second, class)
	case 1:
		return until(10000*time.Hour, class)
	}
	return nil
}

// result is any ending of a face session.
func (d dice) result() verification.FaceResult {
	live := verification.NewCheck(verification.Liveness, verification.Passed)
	match := func(s verification.CheckStatus, codes ...verification.ReasonCode) verification.FaceResult {
		r := judged(live, verification.NewCheck(verification.FaceMatch, s, codes...))
		if len(codes) > 0 {
			r.Reason = codes[0]
		}
		return r
	}
	next := unjudged(pick(d, verification.ProviderMisconfigured, verification.ProviderHolderUnregistered))
	next.NextProvider = true
	return pick(d,
		passed(), passed(), passed(), notAlike(), notAlike(), spoof(),
		match(verification.Failed, verification.FacePoorCapture),
		match(verification.Failed, verification.IdentityMismatch),
		match(verification.Inconclusive, verification.RecordsNotFound),
		match(verification.Inconclusive, verification.FaceNoReferencePhoto),
		match(verification.Inconclusive, verification.ProviderContractViolation),
		unjudged(verification.SessionCanceled), unjudged(verification.SessionInterrupted),
		unjudged(verification.SessionVendorLimit), unjudged(verification.DeviceUnsupported),
		unjudged(verification.ProviderUnavailable), verification.FaceResult{Reason: verification.SessionExpired}, next)
}

func (d dice) session() session {
	s := session{result: d.result()}
	if d.one(2) {
		s.begun = time.Duration(1+d.IntN(60)) * time.Second
	}
	if !d.one(6) {
		s.over = s.begun + time.Duration(1+d.IntN(700))*time.Second
	}
	if d.one(10) {
		s.phase = provider.RanOut
	}
	return s
}

// draw makes a script and lets the outside meddle at random.
func (d dice) draw(e *env) {
	sc := e.script
	e.in.Policy.RecordsPatience, e.in.Policy.LastLookPatience = verification.Duration(3*time.Hour), verification.Duration(2*time.Hour)
	sc.sessions = map[int]session{}
	for n := range 10 {
		sc.sessions[n+1] = d.session()
	}
	sc.openError, sc.lookError, sc.fetchError, sc.recordsError = d.outage(), d.outage(), d.outage(), d.outage()
	sc.records = pick(d,
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch),
		verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound),
		verification.NewCheck(verification.IdentityRecords, verification.Unavailable, verification.RecordsDailyCap))
	if d.one(4) {
		sc.delay["CheckRecords"] = time.Duration(d.IntN(7200)) * time.Second
	}
	if d.one(12) {
		sc.document = pick(d,
			verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired),
			verification.NewCheck(verification.DocumentValidity, verification.Inconclusive, verification.DocumentValidityAge))
	}
	if d.one(3) {
		e.in.Policy.RecordsWhen = verification.AfterFace
	}
	if d.one(2) {
		second(e)
		e.in.Policy.RotateProviders = d.one(2)
		if d.one(2) {
			sc.openFails = map[string]provider.Class{pick(d, "face", "second"): pick(d, provider.Unavailable, provider.SwitchedOff, provider.Refused)}
		}
	}
	if d.one(2) {
		e.decideEvery(time.Duration(1+d.IntN(48))*time.Hour, pick(d, verification.Approved, verification.Declined))
	}
	for range d.IntN(6) {
		e.at(time.Duration(d.IntN(3600))*time.Second, func() { e.hint(1 + d.IntN(3)) })
	}
	if !d.one(4) {
		e.retryEvery(time.Duration(60+d.IntN(600))*time.Second, 3*time.Hour)
	}
	if d.one(20) {
		e.at(time.Duration(d.IntN(7200))*time.Second, func() { e.cancel() })
	}
}

// pauseLonger spares the sequences the tries that tell nothing new.
func pauseLonger(t *testing.T) {
	poll, fault := pollPause, faultPause
	pollPause, faultPause = 30*time.Second, 10*time.Minute
	t.Cleanup(func() { pollPause, faultPause = poll, fault })
}

// finalWords are the final words held against a person: only they may decline.
// A retryable one counts as the last of the attempts.
func finalWords(s verification.State) (final []verification.ReasonCode) {
	for _, c := range s.Checks {
		if c.FailedFinally() {
			for _, r := range c.Reasons {
				final = append(final, r.Code)
			}
		}
	}
	return final
}

// TestLawsHoldOverSeededSequences: whatever vendors, outages, retries and
// cancellations do, only a final judgement of the person declines, and only
// every required check passed approves.
func TestLawsHoldOverSeededSequences(t *testing.T) {
	pauseLonger(t)
	outcomes, reviewed := map[verification.Outcome]int{}, 0
	for seed := range uint64(sequences) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		e := newEnv(t, newScript())
		d.draw(e)
		s := e.run()
		outcomes[s.Outcome()]++
		name := fmt.Sprintf("seed %d: %s %+v", seed, s.Outcome(), s.Checks)
		if s.Verdict != nil && s.Verdict.DecidedBy == verification.ByReviewer {
			reviewed++
			continue // a human's word is the human's
		}
		switch s.Outcome() {
		case verification.OutcomeDeclined:
			require.NotEmpty(t, finalWords(s), name)
			judgedFinally := slices.ContainsFunc(finalWords(s), func(c verification.ReasonCode) bool {
				return c == verification.IdentityMismatch || c == verification.DocumentExpired || c == verification.SessionAttemptsExhausted
			})
			require.True(t, judgedFinally, name)
		case verification.OutcomeApproved:
			for ct, want := range e.in.Policy.Checks {
				if want == verification.Required {
					require.Equal(t, verification.Passed, check(t, s, ct).Status, name)
				}
			}
			require.Equal(t, passed().Checks[:2], plain(s.Checks, verification.Liveness, verification.FaceMatch), name)
		default:
			require.Nil(t, s.Verdict, name)
		}
	}
	t.Logf("%v, %d of them by reviewers", outcomes, reviewed)
	require.Positive(t, reviewed)
	for _, o := range []verification.Outcome{verification.OutcomeApproved, verification.OutcomeDeclined, verification.OutcomeExpired, verification.OutcomeError, verification.OutcomeCanceled} {
		require.Positive(t, outcomes[o], "the sequences never end %s", o)
	}
}

// plain are the checks of the types, without times.
func plain(checks []verification.Check, types ...verification.CheckType) []verification.Check {
	var out []verification.Check
	for _, ct := range types {
		if c, ok := verification.Find(checks, ct); ok {
			c.CompletedAt, c.Tried = nil, nil
			out = append(out, c)
		}
	}
	return out
}

// TestCaptureWithoutComparisonApprovesNobody: a vendor that only hands out
// pictures, its rule at the default and no comparer, never ends approved by
// policy, however its sessions end.
func TestCaptureWithoutComparisonApprovesNobody(t *testing.T) {
	pauseLonger(t)
	captured := judged(verification.NewCheck(verification.Liveness, verification.Skipped), verification.NewCheck(verification.FaceMatch, verification.Inconclusive, verification.FaceNotCompared))
	captured.Reason = verification.FaceNotCompared
	outcomes := map[verification.Outcome]int{}
	for seed := range uint64(sequences) {
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		sc := newScript()
		sc.resultInLook = true
		e := newEnv(t, sc)
		withChip(&e.in)
		e.in.Face[0].Captures = true
		if d.one(2) {
			e.in.Policy.Checks[verification.Liveness] = verification.IfAvailable
		}
		d.draw(e)
		sc.document = verification.NewCheck(verification.DocumentValidity, verification.Passed)
		for n, s := range sc.sessions {
			s.result = pick(d, captured, captured, unjudged(verification.SessionCanceled), unjudged(verification.SessionInterrupted), unjudged(verification.SessionExpired))
			sc.sessions[n] = s
		}
		if d.one(5) {
			sc.scans = map[int]activities.ChipResult{0: {Unreadable: true}}
			e.at(time.Duration(d.IntN(600))*time.Second, func() { e.rescan(0) })
		}
		s := e.run()
		outcomes[s.Outcome()]++
		if s.Verdict != nil && s.Verdict.DecidedBy == verification.ByReviewer {
			continue
		}
		require.NotEqual(t, verification.OutcomeApproved, s.Outcome(), "seed %d: %+v", seed, s.Checks)
		if s.Outcome() == verification.OutcomeDeclined {
			require.Contains(t, finalWords(s), verification.IdentityMismatch, "seed %d", seed)
		}
	}
	t.Logf("%v", outcomes)
}
