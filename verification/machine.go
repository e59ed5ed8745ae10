package verification

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// move is one way from a status to another.
type move struct {
	From, To Status
	// Why is a word for the diagram.
	Why string
}

// moves lists every way out of every status. A State takes no other.
var moves = []move{
	{Processing, RequiresInput, "a link, a retry or a scan is needed"},
	{Processing, InReview, "the policy cannot decide"},
	{Processing, Completed, "verdict"},
	{Processing, Expired, "no session is left"},
	{Processing, Canceled, "canceled"},
	{Processing, Error, "no vendor, or the run ended"},
	{RequiresInput, Processing, "retry, or the person is done"},
	{RequiresInput, InReview, "the policy cannot decide"},
	{RequiresInput, Completed, "verdict"},
	{RequiresInput, Expired, "the clock ran out"},
	{RequiresInput, Canceled, "canceled"},
	{RequiresInput, Error, "the run ended"},
	{InReview, Completed, "a reviewer decided"},
	{InReview, Expired, "review deadline"},
	{InReview, Canceled, "canceled"},
	{InReview, Error, "the run ended"},
	{Completed, InReview, "reopened"},
}

// CanMove reports whether a verification may go from one status to another. A
// running one may stay where it is, with another link or clock.
func CanMove(from, to Status) bool {
	if from == to {
		return !from.Ended()
	}
	return slices.ContainsFunc(moves, func(m move) bool { return m.From == from && m.To == to })
}

// Diagram draws the moves between statuses in Mermaid.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> " + string(Processing) + ": start\n")
	for _, m := range moves {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", m.From, m.To, m.Why)
	}
	for _, s := range Statuses {
		if s.Ended() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String()
}

// NewState is the state of a verification that nothing has happened to yet. asks
// are what the person must agree to on our page.
func NewState(p Policy, now time.Time, asks ...Purpose) State {
	s := State{
		Status: Processing,
		Policy: PolicyRef{Name: p.Name, Version: p.Version},
		Page:   p.Paged(), MiniProgram: p.Presentation == PresentationMiniProgram,
		Asks:      asks,
		Attempt:   Attempt{Number: 1, Max: p.Attempts},
		Checks:    []Check{},
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	for _, t := range CheckTypes {
		if p.Wants(t) {
			s.Checks = append(s.Checks, NewCheck(t, Pending))
		}
	}
	return s
}

// The methods below are the only ways in which a State changes. Each raises its
// version. One that the present status does not allow changes nothing: a side
// that lost the race may still bring an answer in the same moment.

// SetChecks takes the results of checks, each in the place of the one of its type.
func (s *State) SetChecks(now time.Time, checks ...Check) {
	if s.Status.Ended() {
		return
	}
	for _, c := range checks {
		if c.CompletedAt == nil && c.Status != Pending {
			c.CompletedAt = &now
		}
		s.Checks = Replace(s.Checks, c)
	}
	s.touch(now)
}

// Fail notes how the last session ended; the zero Reason: by nothing that
// stands against it.
func (s *State) Fail(now time.Time, reason Reason) {
	if s.Status.Ended() {
		return
	}
	s.LastError = nil
	if reason.Code != "" {
		s.LastError = &LastError{Code: reason.Code, Retryable: reason.Retryable}
	}
	s.touch(now)
}

// NextSession counts another session, or scan: it makes up for how the last
// one ended.
func (s *State) NextSession(now time.Time) {
	if s.Status.Ended() {
		return
	}
	s.Attempt.Session++
	s.LastError = nil
	s.touch(now)
}

// OpenedAt notes the provider at which the newest session was opened.
func (s *State) OpenedAt(now time.Time, provider string) {
	if s.Status.Ended() {
		return
	}
	s.Provider = provider
	s.touch(now)
}

// CountJudged counts a session that ended with a judgement of the person.
func (s *State) CountJudged(now time.Time) {
	if s.Status.Ended() {
		return
	}
	s.Attempt.Judged++
	s.Attempt.Number = s.attempt()
	s.touch(now)
}

// LinkStands notes that a lost link was asked for again, and is still good.
func (s *State) LinkStands(now time.Time) {
	if !s.Status.Ended() {
		s.touch(now)
	}
}

// SkipPending gives up what is still pending: nobody waits for it any more.
func (s *State) SkipPending(now time.Time) {
	if !s.Status.Ended() {
		s.skipPending()
		s.touch(now)
	}
}

// SettleFace notes that no further attempt follows.
func (s *State) SettleFace() {
	if !s.Status.Ended() {
		s.Attempt.Settled = true
	}
}

// AwaitVendors: vendors are at work, or an outage is waited out, until the
// clock ends it.
func (s *State) AwaitVendors(now time.Time, until *time.Time) {
	s.move(now, Processing, nil, until)
}

// AwaitInput: somebody must act, until the action's own end.
func (s *State) AwaitInput(now time.Time, next NextAction) {
	s.move(now, RequiresInput, &next, next.ExpiresAt)
}

// AwaitPerson: the person must act on our page, until its link ends. open is the
// vendor's session that is open for them; nil: none.
func (s *State) AwaitPerson(now, until time.Time, open *OpenSession) {
	if s.move(now, RequiresInput, &NextAction{Type: ActionRedirect, ExpiresAt: &until}, &until) {
		s.Open = open
	}
}

// Extend lets the clock now running end later.
func (s *State) Extend(now, until time.Time) {
	if s.Status.Ended() || s.ExpiresAt == nil || !until.After(*s.ExpiresAt) {
		return
	}
	s.ExpiresAt = &until
	if s.Page && s.Status == RequiresInput {
		s.LinkUntil = &until
	}
	if s.NextAction != nil { // which may be shared with whoever was told of it before
		next := *s.NextAction
		next.ExpiresAt = &until
		s.NextAction = &next
	}
	s.touch(now)
}

// AwaitReview: a human must decide.
func (s *State) AwaitReview(now time.Time, reasons []Reason, until time.Time) {
	if !s.Status.Ended() && s.move(now, InReview, nil, &until) {
		s.ReviewReasons = reasons
	}
}

// Complete ends the verification, or the review of a reopened one, with a
// verdict. The one that it replaces is kept.
func (s *State) Complete(now time.Time, v Verdict) {
	if !s.move(now, Completed, nil, nil) {
		return
	}
	if s.Verdict != nil {
		s.PreviousVerdicts = append(slices.Clone(s.PreviousVerdicts), *s.Verdict)
	}
	s.Verdict, s.Decision = &v, v.Decision
	s.skipPending()
	if v.Version > 1 {
		s.ReviewReasons = nil
	}
}

// End ends the verification without a verdict. A verdict that was given stands:
// a reopened case is ended by Complete or CloseReview.
func (s *State) End(now time.Time, status Status, reason ReasonCode) {
	if !status.Ended() || status == Completed || s.Verdict != nil || !s.move(now, status, nil, nil) {
		return
	}
	if reason != "" {
		r := ReasonOf(reason)
		s.LastError = &LastError{Code: r.Code, Retryable: r.Retryable}
	}
	s.skipPending()
}

// Withdraw is the end of a verification of which a consent was withdrawn before
// its end was written: whatever that was to be, nobody may act on it.
func (s *State) Withdraw() {
	r := ReasonOf(ConsentWithdrawn)
	s.Status, s.Decision, s.Verdict, s.ReviewReasons = Canceled, "", nil, nil
	s.LastError = &LastError{Code: r.Code, Retryable: r.Retryable}
}

// Reopen takes a completed verification back into review.
func (s *State) Reopen(now time.Time, reason Reason, until time.Time) {
	if s.Status == Completed && s.move(now, InReview, nil, &until) {
		s.ReviewReasons = []Reason{reason}
	}
}

// CloseReview ends the review of a reopened verification without a word: its
// verdict stands.
func (s *State) CloseReview(now time.Time) {
	if s.Status == InReview && s.Verdict != nil && s.move(now, Completed, nil, nil) {
		s.ReviewReasons = nil
	}
}

// EndedByEngine ends a verification whose run ended without writing its end.
func (s *State) EndedByEngine(now time.Time) {
	if s.Verdict != nil {
		s.CloseReview(now)
		return
	}
	if !s.Status.Ended() {
		s.ReviewReasons = nil
		s.End(now, Error, EngineEnded)
	}
}

func (s *State) move(now time.Time, to Status, next *NextAction, until *time.Time) bool {
	if !CanMove(s.Status, to) {
		return false
	}
	s.clock(now, to, next)
	s.Status, s.NextAction, s.ExpiresAt, s.Open = to, next, until, nil
	s.Attempt.Number = s.attempt()
	s.touch(now)
	return true
}

// clock notes how long what takes.
func (s *State) clock(now time.Time, to Status, next *NextAction) {
	if s.AwaitedSince != nil && to != RequiresInput {
		s.Awaited += Duration(now.Sub(*s.AwaitedSince))
		s.AwaitedSince = nil
	}
	if s.AwaitedSince == nil && to == RequiresInput {
		s.AwaitedSince = &now
	}
	if s.LinkedAt == nil && next != nil && (next.Type == ActionRedirect || next.Type == ActionMiniProgram) {
		s.LinkedAt = &now
	}
}

// attempt is the number of the attempt that runs or may follow; once none can,
// of the last that was judged.
func (s *State) attempt() int {
	n := s.Attempt.Judged + 1
	if s.Attempt.Settled || s.Status.Ended() {
		n = s.Attempt.Judged
	}
	return max(1, min(n, s.Attempt.Max))
}

// skipPending: what nobody waits for any more was not asked for in the end. The
// checks may be shared with whoever was told of the state before.
func (s *State) skipPending() {
	s.Checks = slices.Clone(s.Checks)
	for i, c := range s.Checks {
		if c.Status == Pending {
			s.Checks[i].Status = Skipped
		}
	}
}

func (s *State) touch(now time.Time) {
	s.UpdatedAt = now
	s.Version++
}
