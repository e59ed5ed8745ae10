package workflows_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// fate is what the vendors would say, and the person and the reviewer do, whatever
// the policy: drawn whole, so that two runs meet the same.
type fate struct {
	sessions map[int]session
	// pictures: the face vendor hands out pictures, which the policy weighs.
	pictures               bool
	records, document      verification.Check
	chip                   bool
	recordsTake, retryTake time.Duration
	// human, cancel and decide are when the person asks for a human, the caller
	// cancels, and a reviewer decides; 0: never.
	human, cancel, decide time.Duration
	decision              verification.Decision
}

func (d dice) fate() fate {
	f := fate{
		sessions: map[int]session{}, pictures: d.one(4), chip: d.one(4),
		recordsTake: time.Duration(d.IntN(60)) * time.Second, retryTake: time.Duration(20+d.IntN(60)) * time.Second,
		document: verification.NewCheck(verification.DocumentValidity, verification.Passed),
		records: pick(d, verification.NewCheck(verification.IdentityRecords, verification.Passed), verification.NewCheck(verification.IdentityRecords, verification.Passed),
			verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch),
			verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound),
			verification.NewCheck(verification.IdentityRecords, verification.Unavailable, verification.RecordsDailyCap)),
		decision: pick(d, verification.Approved, verification.Declined),
	}
	for n := 1; n <= 9; n++ {
		s := session{begun: 2 * time.Second, over: time.Duration(3+d.IntN(90)) * time.Second, result: d.result()}
		s.result.NextProvider = false
		f.sessions[n] = s
	}
	if d.one(12) {
		f.document = pick(d, verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired),
			verification.NewCheck(verification.DocumentValidity, verification.Inconclusive, verification.DocumentValidityAge))
	}
	for _, at := range []*time.Duration{&f.human, &f.cancel} {
		if d.one(8) {
			*at = time.Duration(1+d.IntN(300)) * time.Second
		}
	}
	if d.one(2) {
		f.decide = time.Duration(1+d.IntN(200)) * time.Hour
	}
	return f
}

// policy draws a policy for the same vendors.
func (d dice) policy(version int) verification.Policy {
	p := input().Policy
	p.Version = version
	p.Presentation, p.LinkLife = verification.PresentationVendor, verification.Duration(24*time.Hour)
	p.Checks = maps.Clone(p.Checks)
	for _, t := range []verification.CheckType{verification.IdentityRecords, verification.Liveness, verification.FaceMatch, verification.HolderMatch} {
		p.Checks[t] = pick(d, verification.Required, verification.Required, verification.Required, verification.IfAvailable, verification.Off)
	}
	if d.one(3) {
		p.Checks[verification.DocumentChip], p.ChipProvider = pick(d, verification.Required, verification.IfAvailable), "sino_connect"
	}
	if d.one(3) {
		p.Attempts = 1 + d.IntN(3)
		p.Sessions = p.Attempts + d.IntN(3)
	}
	p.Suspicion = pick(d, verification.SuspicionReview, verification.SuspicionDecline)
	p.RecordsWhen = pick(d, verification.Parallel, verification.Parallel, verification.AfterFace)
	p.Capture = pick(d, verification.CaptureInconclusive, verification.CaptureInconclusive, verification.CapturePassed)
	p.AlwaysReview = d.one(10)
	return p
}

// under runs the fate under a policy, and returns the end that was written, and what
// the policy said.
func (f fate) under(t *testing.T, p verification.Policy) (verification.State, verification.Outcome) {
	t.Helper()
	sc := newScript()
	sc.sessions, sc.records, sc.document = f.sessions, f.records, f.document
	if f.pictures {
		sc.sessions = map[int]session{}
		for n, s := range f.sessions {
			if s.result.Judged {
				checks := verification.Captured(p.Capture)
				for i := range checks {
					checks[i].Provider, checks[i].ProviderCode = "face", verification.CaptureCode("00")
				}
				s.result = judged(checks...)
			}
			sc.sessions[n] = s
		}
	}
	sc.delay["CheckRecords"] = f.recordsTake
	e := newEnv(t, sc)
	if p.Wants(verification.DocumentChip) && f.chip {
		withChip(&e.in)
	}
	e.in.Policy = p
	if !p.WantsFace() {
		e.in.Policy.FaceProviders, e.in.Face = nil, nil
	}
	if !p.Wants(verification.IdentityRecords) {
		e.in.Policy.RecordsProviders, e.in.Records = nil, nil
	}
	e.retryEvery(f.retryTake, 2*time.Hour)
	if f.human > 0 {
		e.at(f.human, func() {
			if !e.IsWorkflowCompleted() {
				e.update(workflows.UpdateHuman, workflows.UpdateHuman, workflows.HumanRequest{})
			}
		})
	}
	if f.cancel > 0 {
		e.at(f.cancel, func() {
			if !e.IsWorkflowCompleted() {
				e.cancel()
			}
		})
	}
	if f.decide > 0 {
		e.at(f.decide, func() {
			if s := e.state(); !e.IsWorkflowCompleted() && s.Status == verification.InReview {
				reason := verification.ReviewApproved
				if f.decision == verification.Declined {
					reason = verification.ReviewRejected
				}
				e.update(workflows.UpdateDecide, workflows.DecideUpdateID(s.Version), workflows.DecideRequest{Decision: f.decision, Reason: reason, Version: s.Version})
			}
		})
	}
	s := e.run()
	said := verification.Said(s)
	if slices.ContainsFunc(sc.published, func(s verification.State) bool { return s.Status == verification.InReview }) {
		said = verification.OutcomeReview // also where no reason tells of it
	}
	return s, said
}

// TestRejudgingSaysWhatTheWorkflowSays: whatever a verification found under one
// policy, what re-judging says of its record under another is what the workflow says
// under that one, with the same vendors and people; or that it cannot tell.
func TestRejudgingSaysWhatTheWorkflowSays(t *testing.T) {
	pauseLonger(t)
	n := orAsked(howMany(500))
	told := map[string]int{}
	for seed := *firstSeed; seed < *firstSeed+uint64(n); seed++ {
		d := seeded(seed, 7)
		f, a := d.fate(), d.policy(1)
		b := d.policy(2)
		if d.one(3) { // near ones are what operators try
			b = a
			b.Version, b.Checks = 2, maps.Clone(a.Checks)
			switch d.IntN(5) {
			case 0:
				b.Suspicion = pick(d, verification.SuspicionReview, verification.SuspicionDecline)
			case 1:
				b.Checks[verification.IdentityRecords] = pick(d, verification.Required, verification.IfAvailable, verification.Off)
			case 2:
				b.Checks[verification.HolderMatch] = pick(d, verification.Required, verification.IfAvailable, verification.Off)
			case 3:
				b.AlwaysReview = !b.AlwaysReview
			}
		}
		record, _ := f.under(t, a)
		was := &a
		if d.one(2) {
			was = nil
		}
		again := verification.Rejudge(b, was, record)
		want, said := f.under(t, b)
		key := "cannot tell"
		if again.Outcome != "" {
			key = fmt.Sprintf("%s, was %s", again.Outcome, verification.Said(record))
			if again.Outcome != said {
				t.Errorf("seed %d: re-judged %s %v, and the workflow says %q\nrepeat it: go test ./workflows -run '^%s$' -sequences 1 -seed %d\nA %+v\nB %+v\nrecord %+v\nunder B %+v\nfate %+v",
					seed, again.Outcome, again.Reasons, said, t.Name(), seed, a, b, record, want, f)
			} else if said != verification.OutcomeReview || want.Verdict == nil {
				requireReasons(t, seed, again, want)
			}
		}
		told[key]++
		if t.Failed() {
			return
		}
	}
	t.Logf("%d sequences: %v", n, told)
	if n < 500 {
		return
	}
	require.Less(t, told["cannot tell"], n*3/4, "most of it cannot be told")
	for _, key := range []string{"approved, was approved", "approved, was review", "review, was approved", "review, was review", "declined, was declined", "declined, was review", "review, was declined"} {
		require.Positive(t, told[key], "%s: %v", key, told)
	}
}

// orAsked is how many sequences somebody asked for, else the test's own number.
func orAsked(n int) int { return cmp.Or(*sequences, n) }

// requireReasons holds the reasons to those of the verdict, or of the review.
func requireReasons(t *testing.T, seed uint64, again verification.Rejudgement, want verification.State) {
	t.Helper()
	reasons := want.ReviewReasons
	if want.Verdict != nil {
		reasons = want.Verdict.Reasons
	}
	if len(again.Reasons) == 1 && again.Reasons[0].Code == verification.PersonAskedForHuman {
		return // under the other policy the review may have come first
	}
	require.ElementsMatch(t, reasons, again.Reasons, "seed %d", seed)
}

// TestRejudgingByTheSamePolicyChangesNothing: over the sequences of the laws, with
// outages, dead workers, old tabs, reviewers and our page, a record that is judged by
// the policy under which it ran comes out as it did, and where that policy is not
// known any more, not otherwise.
func TestRejudgingByTheSamePolicyChangesNothing(t *testing.T) {
	var mu sync.Mutex
	judgedBefore, told := 0, 0
	n := orAsked(howMany(600))
	explore(t, 8, n, (*outside).draw, func(o *outside) {
		s := o.end()
		said := verification.Said(s)
		p := o.in.Policy
		if again := verification.Rejudge(p, &p, s); said != "" && again.Outcome != said {
			o.fault("re-judged %q by its own policy, which said %s", again.Outcome, said)
		}
		again := verification.Rejudge(p, nil, s)
		if again.Outcome != "" && again.Outcome != said {
			o.fault("re-judged %s by its own policy, unknown, which said %q of %+v", again.Outcome, said, s)
		}
		mu.Lock()
		defer mu.Unlock()
		if said != "" {
			judgedBefore++
			if again.Outcome != "" {
				told++
			}
		}
	})
	t.Logf("%d were judged, of %d the record tells without their policy", judgedBefore, told)
	if n >= 500 {
		require.Greater(t, told, judgedBefore*3/4)
	}
}
