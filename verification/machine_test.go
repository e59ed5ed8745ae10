package verification

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever is done to a state in whatever order: it moves along the table only,
// its version rises with every change, an end stands until it is reopened, and
// status, decision, verdict and next action agree.
func TestStateMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultPolicy()
		p.Name, p.Version = "test", 1
		p.Checks = map[CheckType]Requirement{IdentityRecords: Required, Liveness: Required, FaceMatch: Required}
		now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
		s := NewState(p, now)
		until := now.Add(time.Hour)
		acts := map[string]func(*State){
			"put":      func(s *State) { s.SetChecks(now, NewCheck(IdentityRecords, Passed)) },
			"fail":     func(s *State) { s.Fail(now, ReasonOf(FaceNoMatch)) },
			"session":  func(s *State) { s.NextSession(now) },
			"opened":   func(s *State) { s.OpenedAt(now, "face") },
			"judged":   func(s *State) { s.CountJudged(now) },
			"skip":     func(s *State) { s.SkipPending(now) },
			"stands":   func(s *State) { s.LinkStands(now) },
			"settle":   func(s *State) { s.SettleFace() },
			"vendors":  func(s *State) { s.AwaitVendors(now, &until) },
			"input":    func(s *State) { s.AwaitInput(now, NextAction{Type: ActionRetry, ExpiresAt: &until}) },
			"review":   func(s *State) { s.AwaitReview(now, []Reason{ReasonOf(ReviewAlways)}, until) },
			"approve":  func(s *State) { s.Complete(now, Verdict{Version: 1 + len(s.PreviousVerdicts), Decision: Approved}) },
			"decline":  func(s *State) { s.Complete(now, Verdict{Version: 1 + len(s.PreviousVerdicts), Decision: Declined}) },
			"expire":   func(s *State) { s.End(now, Expired, SessionExpired) },
			"cancel":   func(s *State) { s.End(now, Canceled, CanceledByCaller) },
			"fault":    func(s *State) { s.End(now, Error, ProviderUnavailable) },
			"complete": func(s *State) { s.End(now, Completed, "") },
			"reopen":   func(s *State) { s.Reopen(now, ReasonOf(ReviewAlways), until) },
			"close":    func(s *State) { s.CloseReview(now) },
			"engine":   func(s *State) { s.EndedByEngine(now) },
		}
		names := make([]string, 0, len(acts))
		for name := range acts {
			names = append(names, name)
		}
		slices.Sort(names)
		for range rapid.IntRange(1, 20).Draw(t, "acts") {
			name := rapid.SampledFrom(names).Draw(t, "act")
			before := s
			acts[name](&s)
			if s.Status != before.Status && !CanMove(before.Status, s.Status) {
				t.Fatalf("%s moved from %s to %s", name, before.Status, s.Status)
			}
			if s.Status != before.Status && s.Version <= before.Version {
				t.Fatalf("%s moved and kept version %d", name, s.Version)
			}
			if before.Status.Ended() && name != "reopen" {
				require.Equal(t, before, s, name)
			}
			require.Equal(t, s.Status == Completed, s.Outcome() == OutcomeApproved || s.Outcome() == OutcomeDeclined)
			require.Equal(t, s.Decision != "", s.Verdict != nil)
			require.Equal(t, s.Status == RequiresInput, s.NextAction != nil)
			if s.Status.Ended() {
				require.Nil(t, s.ExpiresAt)
				for _, c := range s.Checks {
					require.NotEqual(t, Pending, c.Status)
				}
			}
			require.LessOrEqual(t, s.Attempt.Number, s.Attempt.Max)
			require.GreaterOrEqual(t, s.Attempt.Number, 1)
		}
	})
}

// A reopened case keeps every verdict, and silence leaves the last one
// standing.
func TestReopenedState(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	s := NewState(DefaultPolicy(), now)
	first := Verdict{Version: 1, Decision: Declined}
	s.Complete(now, first)
	s.Reopen(now, ReasonOf(ReviewRejected), now.Add(time.Hour))
	require.Equal(t, InReview, s.Status)
	require.Equal(t, Declined, s.Decision)
	s.EndedByEngine(now)
	require.Equal(t, Completed, s.Status, "a review whose run ended leaves the verdict")
	require.Equal(t, first, *s.Verdict)

	s.Reopen(now, ReasonOf(ReviewRejected), now.Add(time.Hour))
	second := Verdict{Version: 2, Decision: Approved}
	s.Complete(now, second)
	require.Equal(t, second, *s.Verdict)
	require.Equal(t, []Verdict{first}, s.PreviousVerdicts)
	require.Equal(t, OutcomeApproved, s.Outcome())
}

// The page on the architecture shows the states as the table has them.
func TestDocsShowTheDiagram(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "<!-- states -->\n```mermaid\n")
	require.True(t, ok)
	shown, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	require.Equal(t, Diagram(), shown, "put the expected diagram into docs/architecture.md")
}

// Waiting for somebody who must act is added up over all of it, and the first link
// is noted once.
func TestAStateKnowsHowLongSomebodyWasWaitedFor(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	until := at(time.Hour)
	s := NewState(DefaultPolicy(), now)
	s.AwaitInput(at(time.Second), NextAction{Type: ActionScanChip, ExpiresAt: &until})
	require.Nil(t, s.LinkedAt, "no link yet")
	s.AwaitVendors(at(4*time.Second), &until)
	s.AwaitInput(at(10*time.Second), NextAction{Type: ActionRedirect, ExpiresAt: &until})
	s.Fail(at(12*time.Second), ReasonOf(FaceNoMatch))
	s.AwaitInput(at(15*time.Second), NextAction{Type: ActionRedirect, ExpiresAt: &until})
	require.Equal(t, at(10*time.Second), *s.LinkedAt)
	require.Equal(t, at(10*time.Second), *s.AwaitedSince)
	require.Equal(t, Duration(3*time.Second), s.Awaited)
	s.AwaitReview(at(20*time.Second), nil, until)
	s.Complete(at(time.Minute), Verdict{Version: 1, Decision: Approved})
	require.Nil(t, s.AwaitedSince)
	require.Equal(t, Duration(13*time.Second), s.Awaited)
}
