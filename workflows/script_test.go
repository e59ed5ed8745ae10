package workflows_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// script stands in for the activities: one face vendor and one records vendor
// whose answers are given by a test, on the clock of the engine.
type script struct {
	now func() time.Time

	// sessions say what becomes of each session, by its number from 1.
	sessions map[int]session
	// openError, lookError, fetchError and recordsError fail a call at a time
	// since the start; nil: it works.
	openError, lookError, fetchError, recordsError, chipError func(sinceStart time.Duration) error
	// storeAway is until when after its start the store cannot be published to.
	storeAway time.Duration
	// lookUpError fails the looks that may use up one of a vendor's few, which
	// lookUps counts. silent: without one of them nothing is found.
	silent      bool
	lookUpError func(sinceStart time.Duration) error
	lookUps     int
	// openFails keeps single providers from opening; openedAt are those that did.
	openFails map[string]provider.Class
	openedAt  []string
	// capped are the sessions, by number, that a daily cap keeps from being opened;
	// openings are what was asked for.
	capped   map[int]verification.ReasonCode
	openings []activities.OpenInput
	// scans say what each scan of the chip tells; a scan that is not named is
	// readable.
	scans map[int]activities.ChipResult
	// blind are sessions at which no look succeeds any more.
	blind, fetchBlind map[int]bool
	// resultInLook: a look that finds a session over carries its result.
	resultInLook bool
	// tellsNothing: until a session is over, its vendor says no more than that.
	tellsNothing bool
	beginError   error
	document     verification.Check
	records      verification.Check
	// books answer for the records, where there are several vendors of them.
	books *books
	// minor: the claimed person is under 14.
	minor bool
	// withdrawn: a consent was withdrawn before the run began.
	withdrawn bool
	// delay is how long an activity takes, by its name.
	delay map[string]time.Duration

	mu      sync.Mutex
	looking int
	// overlap is the greatest number of looks at the same time.
	overlap  int
	started  time.Time
	opened   map[int]time.Time
	calls    map[string]int
	finished []verification.State
	// published are the states that readers were answered from.
	published []verification.State
	// audited are the operators' acts that the audit log has; auditError keeps it from
	// being written. resent is what was sent again.
	audited    []activities.AuditActInput
	auditError func(sinceStart time.Duration) error
	resent     []activities.ResendInput
}

// session is one session's fate.
type session struct {
	// begun and over are how long after its opening the person begins and the
	// session is over; 0: never.
	begun, over time.Duration
	phase       provider.Phase // at its end; finished if empty
	result      verification.FaceResult
}

func newScript() *script {
	return &script{
		now:      time.Now,
		sessions: map[int]session{1: {begun: 5 * time.Second, over: 30 * time.Second, result: passed()}},
		document: verification.NewCheck(verification.DocumentValidity, verification.Passed),
		records:  verification.NewCheck(verification.IdentityRecords, verification.Passed),
		delay:    map[string]time.Duration{},
		opened:   map[int]time.Time{},
		calls:    map[string]int{},
	}
}

func passed() verification.FaceResult {
	return judged(verification.NewCheck(verification.Liveness, verification.Passed), verification.NewCheck(verification.FaceMatch, verification.Passed),
		verification.NewCheck(verification.HolderMatch, verification.Skipped))
}

func notAlike() verification.FaceResult {
	r := judged(verification.NewCheck(verification.Liveness, verification.Passed), verification.NewCheck(verification.FaceMatch, verification.Failed, verification.FaceNoMatch))
	r.Reason = verification.FaceNoMatch
	return r
}

func spoof() verification.FaceResult {
	r := judged(verification.NewCheck(verification.Liveness, verification.Failed, verification.FaceSpoofSuspected))
	r.Reason = verification.FaceSpoofSuspected
	return r
}

func judged(checks ...verification.Check) verification.FaceResult {
	return verification.FaceResult{Judged: true, Begun: true, Checks: checks}
}

func unjudged(code verification.ReasonCode) verification.FaceResult {
	return verification.FaceResult{Reason: code, Begun: true}
}

// call counts a call and returns the time since the first one.
func (s *script) call(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	if s.started.IsZero() {
		s.started = s.now()
	}
	return s.now().Sub(s.started)
}

func (s *script) takes(name string) time.Duration { return s.delay[name] }

func (s *script) begins(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "PollSession" || name == "LookAtSession" {
		s.looking++
		s.overlap = max(s.overlap, s.looking)
	}
}

func (s *script) ends(t endedTry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.name == "PollSession" || t.name == "LookAtSession" {
		s.looking--
	}
}

func (s *script) moved() {}

func (s *script) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

func fails(f func(time.Duration) error, at time.Duration) error {
	if f == nil {
		return nil
	}
	return f(at)
}

func (s *script) Begin(context.Context, activities.BeginInput) (activities.BeginResult, error) {
	s.call("Begin")
	return activities.BeginResult{Checks: []verification.Check{s.document}, Minor: s.minor, Withdrawn: s.withdrawn}, s.beginError
}

func (s *script) OpenSession(_ context.Context, in activities.OpenInput) (activities.OpenResult, error) {
	at := s.call("OpenSession")
	if err := fails(s.openError, at); err != nil {
		return activities.OpenResult{}, err
	}
	if class, ok := s.openFails[in.Provider]; ok {
		return activities.OpenResult{}, vendorFault(class)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.openings = append(s.openings, in)
	if reason, ok := s.capped[in.Session]; ok {
		return activities.OpenResult{Capped: reason}, nil
	}
	s.opened[in.Session] = s.now()
	s.openedAt = append(s.openedAt, in.Provider)
	return activities.OpenResult{ExpiresAt: s.now().Add(sessionLife)}, nil
}

// sessionLife is how long the scripted vendor's sessions live.
var sessionLife = 600 * time.Second

func (s *script) PollSession(ctx context.Context, in activities.SessionInput) (activities.LookResult, error) {
	out, err := s.look("PollSession", in)
	if err == nil && out.Phase != provider.Finished && out.Phase != provider.RanOut {
		return out, temporal.NewApplicationErrorWithOptions("not over", activities.TypePending, temporal.ApplicationErrorOptions{
			NextRetryDelay: pollPause, Category: temporal.ApplicationErrorCategoryBenign,
		})
	}
	return out, err
}

var pollPause = 10 * time.Second

func (s *script) LookAtSession(ctx context.Context, in activities.SessionInput) (activities.LookResult, error) {
	return s.look("LookAtSession", in)
}

func (s *script) look(name string, in activities.SessionInput) (activities.LookResult, error) {
	at := s.call(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent && !in.LookUp {
		return activities.LookResult{Phase: provider.Unasked}, nil
	}
	if in.LookUp {
		s.lookUps++
		if err := fails(s.lookUpError, at); err != nil {
			return activities.LookResult{}, err
		}
	}
	if err := fails(s.lookError, at); err != nil {
		return activities.LookResult{}, err
	}
	if s.blind[in.Session] {
		return activities.LookResult{}, vendorFault(provider.Unavailable)
	}
	fate, age := s.sessions[in.Session], s.now().Sub(s.opened[in.Session])
	out := activities.LookResult{Phase: provider.Untouched, Begun: fate.begun > 0 && age >= fate.begun}
	switch {
	case fate.over != 0 && age >= fate.over:
		out.Phase = provider.Finished
		if fate.phase != "" {
			out.Phase = fate.phase
		}
		if s.resultInLook {
			out.Result = &fate.result
		}
	case s.tellsNothing:
		out = activities.LookResult{Phase: provider.Unasked}
	case age >= sessionLife:
		out.Phase = provider.RanOut
	case out.Begun:
		out.Phase = provider.Begun
	}
	return out, nil
}

func (s *script) FetchSession(_ context.Context, in activities.SessionInput) (activities.FetchResult, error) {
	if err := fails(s.fetchError, s.call("FetchSession")); err != nil {
		return activities.FetchResult{}, err
	}
	if s.fetchBlind[in.Session] {
		return activities.FetchResult{}, vendorFault(provider.Unavailable)
	}
	return activities.FetchResult{Result: s.sessions[in.Session].result}, nil
}

func (s *script) ReadChip(_ context.Context, in activities.ChipInput) (activities.ChipResult, error) {
	if err := fails(s.chipError, s.call("ReadChip")); err != nil {
		return activities.ChipResult{}, err
	}
	if out, ok := s.scans[in.Scan]; ok {
		return out, nil
	}
	return readable(), nil
}

func readable() activities.ChipResult {
	return activities.ChipResult{Checks: []verification.Check{
		verification.NewCheck(verification.DocumentChip, verification.Passed),
		verification.NewCheck(verification.DocumentValidity, verification.Passed),
		verification.NewCheck(verification.HolderMatch, verification.Passed),
	}}
}

func (s *script) CheckRecords(ctx context.Context, in activities.RecordsInput) (activities.RecordsResult, error) {
	if s.books != nil {
		s.call("CheckRecords")
		return s.books.CheckRecords(ctx, in)
	}
	if err := fails(s.recordsError, s.call("CheckRecords")); err != nil {
		return activities.RecordsResult{}, err
	}
	return activities.RecordsResult{Check: s.records}, nil
}

func (s *script) Publish(_ context.Context, in activities.PublishInput) error {
	if at := s.call("Publish"); at < s.storeAway {
		return errors.New("the store is away")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = append(s.published, in.State)
	return nil
}

func (s *script) Finish(_ context.Context, in activities.FinishInput) error {
	s.call("Finish")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = append(s.finished, in.State)
	return nil
}

func (s *script) Amend(ctx context.Context, in activities.FinishInput) error {
	return s.Finish(ctx, in)
}

func (s *script) AuditAct(_ context.Context, in activities.AuditActInput) error {
	if err := fails(s.auditError, s.call("AuditAct")); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audited = append(s.audited, in)
	return nil
}

func (s *script) Resend(_ context.Context, in activities.ResendInput) (activities.ResendResult, error) {
	s.call("Resend")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resent = append(s.resent, in)
	return activities.ResendResult{Events: 3}, nil
}

// steps are the script's activities by the names under which they run.
func (s *script) steps() map[string]any {
	return map[string]any{
		"Begin": s.Begin, "ReadChip": s.ReadChip, "OpenSession": s.OpenSession, "PollSession": s.PollSession, "LookAtSession": s.LookAtSession,
		"FetchSession": s.FetchSession, "CheckRecords": s.CheckRecords, "Publish": s.Publish, "Finish": s.Finish, "Amend": s.Amend,
		"AuditAct": s.AuditAct, "Resend": s.Resend,
	}
}

// vendorFault is what an activity returns for a failed vendor call.
func vendorFault(class provider.Class) error {
	return temporal.NewApplicationErrorWithOptions("vendor call failed", string(class), temporal.ApplicationErrorOptions{NextRetryDelay: faultPause})
}

var faultPause = time.Minute

// until fails with the class up to a time since the start.
func until(end time.Duration, class provider.Class) func(time.Duration) error {
	return func(at time.Duration) error {
		if at < end {
			return vendorFault(class)
		}
		return nil
	}
}

func input() workflows.VerificationInput {
	p := verification.DefaultPolicy()
	p.Name = "cn-resident"
	p.Checks = map[verification.CheckType]verification.Requirement{
		verification.DocumentValidity: verification.Required, verification.IdentityRecords: verification.Required,
		verification.Liveness: verification.Required, verification.FaceMatch: verification.Required,
		verification.HolderMatch: verification.IfAvailable,
	}
	p.FaceProviders, p.RecordsProviders = []string{"face"}, []string{"records"}
	return workflows.VerificationInput{
		ID: "ver_test", Client: "shop", Policy: p, Records: []workflows.RecordsRoute{{Provider: "records", Queue: workflows.QueueVerification}},
		Face: []workflows.FaceRoute{{Provider: "face", OpenQueue: workflows.QueueVerification, WatchQueue: workflows.QueueVerification, Polled: true}},
	}
}
