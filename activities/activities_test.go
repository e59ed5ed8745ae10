package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	name   = "测试甲"
	number = "110199199003070017"
)

var subject = verification.Subject{Name: name, IDNumber: number, IDValidity: verification.Validity{From: "20200115", To: "20400115"}}

// bench is the activities on a real store, with vendors that a test scripts.
type bench struct {
	*activities.Activities
	t     *testing.T
	store store.Store
	face  *faceFake
	rec   *recordsFake
	log   *strings.Builder
	now   time.Time
	env   *testsuite.TestActivityEnvironment
	// sessions counts those that a test has captured in.
	sessions int
}

type faceFake struct {
	open   func(provider.Opening) (provider.Opened, error)
	look   func(provider.FaceSession) (provider.Look, error)
	result func(provider.FaceSession) (verification.FaceResult, error)
}

func (f *faceFake) Open(_ context.Context, o provider.Opening) (provider.Opened, error) {
	return f.open(o)
}
func (f *faceFake) Look(_ context.Context, s provider.FaceSession) (provider.Look, error) {
	return f.look(s)
}
func (f *faceFake) Result(_ context.Context, s provider.FaceSession) (verification.FaceResult, error) {
	if f.result == nil {
		return verification.FaceResult{}, errors.New("this vendor has no result to fetch")
	}
	return f.result(s)
}

type recordsFake struct {
	calls int
	asked []verification.Subject
	// during runs while it is asked; nil: nothing does.
	during func(context.Context)
	answer func(call int) (verification.Check, error)
}

func (f *recordsFake) Check(ctx context.Context, s verification.Subject) (verification.Check, error) {
	f.calls++
	f.asked = append(f.asked, s)
	if f.during != nil {
		f.during(ctx)
	}
	return f.answer(f.calls)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "yanzhen.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	b := &bench{t: t, store: s, face: &faceFake{}, rec: &recordsFake{}, log: &strings.Builder{}, now: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	vendors := &provider.Registry{}
	vendors.AddFace(provider.FaceVendor{Name: "face", Provider: b.face, Open: provider.Queue{Name: "face"}, Watch: provider.Queue{Name: "face-status"}, PollFirst: time.Second, PollMax: 10 * time.Second})
	vendors.Describe(provider.Vendor{Name: "face", Remedies: map[provider.Class]string{provider.Misconfigured: "Look at the console."}})
	vendors.AddRecords(provider.RecordsVendor{Name: "records", Provider: b.rec, Queue: provider.Queue{Name: "records"}})
	b.Activities = &activities.Activities{
		Store: s, Keys: keys, Vendors: vendors, PublicURL: "https://kyc.example/",
		Now: func() time.Time { return b.now }, Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	var suite testsuite.WorkflowTestSuite
	b.env = suite.NewTestActivityEnvironment()
	b.env.RegisterActivity(b.Activities)
	return b
}

// row inserts a verification of the subject.
func (b *bench) row(id string) {
	b.t.Helper()
	_, created, err := b.store.Insert(b.t.Context(), store.Row{
		ID: id, Client: "shop", Fingerprint: []byte("f"), Policy: verification.PolicyRef{Name: "p", Version: 1},
		CreatedAt: b.now, StartCalledAt: b.now, Request: verification.Request{Policy: "p", Subject: &subject},
	})
	require.NoError(b.t, err)
	require.True(b.t, created)
}

// run executes an activity and reads its result; no error and no log line may
// tell who the person is.
func run[R any](b *bench, activity, in any) (R, error) {
	b.t.Helper()
	var out R
	v, err := b.env.ExecuteActivity(activity, in)
	if err == nil && v.HasValue() {
		require.NoError(b.t, v.Get(&out))
	}
	text := b.log.String()
	if err != nil {
		text += err.Error()
	}
	require.NotContains(b.t, text, name)
	require.NotContains(b.t, text, number)
	return out, err
}

func errorType(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v is no application error", err)
	return app
}

func recordsInput(id string, rule verification.UnknownCharge) activities.RecordsInput {
	return activities.RecordsInput{ID: id, Provider: "records", UnknownCharge: rule, DailyCap: 3}
}

func (b *bench) check(id string, rule verification.UnknownCharge) (verification.Check, error) {
	out, err := run[activities.RecordsResult](b, b.CheckRecords, recordsInput(id, rule))
	return out.Check, err
}

func charged() (verification.Check, error) {
	c := verification.NewCheck(verification.IdentityRecords, verification.Passed)
	c.Billable, c.ProviderCode = verification.BillableYes, "0"
	return c, nil
}

func lost() (verification.Check, error) {
	return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.Unavailable, Code: "http_504", Billable: verification.BillableUnknown,
		Err: errors.New("body with " + name + number)}
}

func refusedFree() (verification.Check, error) {
	return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.RateLimited, Code: "too_many_requests", RetryAfter: 7 * time.Minute}
}

func TestBeginMarksTheRowAndChecksTheDates(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	p := verification.Policy{Checks: map[verification.CheckType]verification.Requirement{verification.DocumentValidity: verification.Required}}
	out, err := run[activities.BeginResult](b, b.Begin, activities.BeginInput{ID: "ver_1", Policy: p})
	require.NoError(t, err)
	require.Equal(t, verification.Passed, out.Checks[0].Status)
	row, err := b.store.Load(t.Context(), "ver_1")
	require.NoError(t, err)
	require.False(t, row.StartedAt.IsZero())

	_, err = run[activities.BeginResult](b, b.Begin, activities.BeginInput{ID: "ver_other", Policy: p})
	require.Equal(t, activities.TypeRowMissing, errorType(t, err).Type())
	require.True(t, errorType(t, err).NonRetryable())
}

func TestKnownAnswerIsNeverBoughtTwice(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	for range 3 {
		c, err := b.check("ver_1", verification.UnknownRetry)
		require.NoError(t, err)
		require.Equal(t, verification.Passed, c.Status)
		require.NotNil(t, c.CompletedAt)
	}
	require.Equal(t, 1, b.rec.calls)
}

func TestLostAnswerIsAskedOnceMore(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(call int) (verification.Check, error) {
		if call == 1 {
			return lost()
		}
		return charged()
	}
	_, err := b.check("ver_1", verification.UnknownRetry)
	require.Equal(t, string(provider.Unavailable), errorType(t, err).Type())
	require.False(t, errorType(t, err).NonRetryable())
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, c.Status)
	calls, err := b.store.Calls(t.Context(), "ver_1")
	require.NoError(t, err)
	require.Equal(t, []verification.Billable{verification.BillableUnknown, verification.BillableYes}, []verification.Billable{calls[0].Billable, calls[1].Billable},
		"the lost one stays counted")
}

func TestTwoLostAnswersEndTheCheckWithoutAThirdCall(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return lost() }
	_, err := b.check("ver_1", verification.UnknownRetry)
	require.Error(t, err)
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Unavailable, c.Status)
	require.Equal(t, verification.RecordsChargeUnknown, c.Reasons[0].Code)
	require.Equal(t, verification.BillableUnknown, c.Billable)
	require.Equal(t, 2, b.rec.calls)
}

func TestLostAnswerUnderReviewIsNeverAskedAgain(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return lost() }
	c, err := b.check("ver_1", verification.UnknownReview)
	require.NoError(t, err)
	require.Equal(t, verification.RecordsChargeUnknown, c.Reasons[0].Code)
	require.Equal(t, 1, b.rec.calls)
}

func TestWorkerKilledInFlightLeavesAnIntentThatCounts(t *testing.T) {
	for rule, calls := range map[verification.UnknownCharge]int{verification.UnknownRetry: 1, verification.UnknownReview: 0} {
		b := newBench(t)
		b.row("ver_1")
		_, err := b.store.IntendCall(t.Context(), store.Call{VerificationID: "ver_1", Provider: "records", IntendedAt: b.now}, []byte("x"), "20261122", 3)
		require.NoError(t, err)
		b.rec.answer = func(int) (verification.Check, error) { return charged() }
		c, err := b.check("ver_1", rule)
		require.NoError(t, err)
		require.Equal(t, calls, b.rec.calls, rule)
		if calls == 0 {
			require.Equal(t, verification.Unavailable, c.Status)
		}
	}
}

func TestFreeRefusalIsWaitedOutAsTheVendorWishes(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return refusedFree() }
	for range 5 {
		_, err := b.check("ver_1", verification.UnknownReview)
		require.Equal(t, 7*time.Minute, errorType(t, err).NextRetryDelay())
	}
	require.Equal(t, 5, b.rec.calls, "what costs nothing is not capped")
}

func TestFaultWithFewTriesEndsTheCheck(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) {
		return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.Unavailable, Code: "-4", MaxTries: 2, Reason: verification.ProviderUnavailable}
	}
	_, err := b.check("ver_1", verification.UnknownRetry)
	require.Error(t, err)
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Unavailable, c.Status)
	require.Equal(t, "-4", c.ProviderCode)
}

func TestDailyCapHoldsOverAllVerificationsOfANumber(t *testing.T) {
	b := newBench(t)
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	for i, id := range []string{"ver_1", "ver_2", "ver_3", "ver_4"} {
		b.row(id)
		c, err := b.check(id, verification.UnknownRetry)
		require.NoError(t, err)
		if i < 3 {
			require.Equal(t, verification.Passed, c.Status)
			continue
		}
		require.Equal(t, verification.Unavailable, c.Status)
		require.Equal(t, verification.RecordsDailyCap, c.Reasons[0].Code)
	}
	require.Equal(t, 3, b.rec.calls)
	b.now = b.now.Add(24 * time.Hour)
	b.row("ver_5")
	c, err := b.check("ver_5", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, c.Status, "a new day in Asia/Shanghai")
}

func TestOpenSessionIsNotRepeatedOnceKnown(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	opens := 0
	b.face.open = func(o provider.Opening) (provider.Opened, error) {
		opens++
		require.Equal(t, subject, o.Subject)
		require.True(t, strings.HasPrefix(o.ReturnURL, "https://kyc.example/callbacks/face/return/"), "one slash")
		return provider.Opened{Link: "https://vendor/page", Handle: []byte("token"), ExpiresAt: b.now.Add(600 * time.Second)}, nil
	}
	in := activities.OpenInput{ID: "ver_1", Session: 1, Provider: "face"}
	first, err := run[activities.OpenResult](b, b.OpenSession, in)
	require.NoError(t, err)
	again, err := run[activities.OpenResult](b, b.OpenSession, in)
	require.NoError(t, err)
	require.True(t, first.ExpiresAt.Equal(again.ExpiresAt))
	require.Equal(t, 1, opens)
	s, err := b.store.LatestSession(t.Context(), "ver_1")
	require.NoError(t, err)
	require.Equal(t, "https://vendor/page", s.Link)
}

func TestOpenSessionTellsTheClassAndNotTheCause(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.face.open = func(provider.Opening) (provider.Opened, error) {
		return provider.Opened{}, &provider.Error{Op: "face.open", Class: provider.Misconfigured, Code: "AuthFailure", Err: errors.New(name + number)}
	}
	_, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: "ver_1", Session: 1, Provider: "face"})
	require.Equal(t, string(provider.Misconfigured), errorType(t, err).Type())
	require.Equal(t, provider.Misconfigured, activities.ClassOf(err))
	require.Equal(t, verification.ProviderUnavailable, activities.ReasonOf(err, verification.ProviderUnavailable), "no reason of its own")
	require.Contains(t, b.log.String(), "level=ERROR", "what is ours to mend raises an alert")
	require.Contains(t, b.log.String(), `remedy="Look at the console."`, "and says what to do")
}

func TestOpenSessionTellsWhyAPersonIsRefused(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.face.open = func(provider.Opening) (provider.Opened, error) {
		return provider.Opened{}, &provider.Error{Op: "face.open", Class: provider.Refused, Code: "x", Reason: verification.IdentityNameMalformed}
	}
	_, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: "ver_1", Session: 1, Provider: "face"})
	require.Equal(t, provider.Refused, activities.ClassOf(err))
	require.Equal(t, verification.IdentityNameMalformed, activities.ReasonOf(err, verification.ProviderHolderUnregistered))
}

func openSession(b *bench) activities.SessionInput {
	b.t.Helper()
	b.row("ver_1")
	require.NoError(b.t, func() error {
		if _, err := b.store.IntendSession(b.t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face"}, store.Caps{}); err != nil {
			return err
		}
		return b.store.OpenSession(b.t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face", Link: "l", Handle: []byte("token"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)})
	}())
	return activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face"}
}

func TestPollIsBenignWhilePendingAndRemembersThatThePersonBegan(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	phases := []provider.Phase{provider.Untouched, provider.Begun, provider.Untouched, provider.RanOut}
	b.face.look = func(s provider.FaceSession) (provider.Look, error) {
		require.Equal(t, []byte("token"), s.Handle)
		p := phases[0]
		phases = phases[1:]
		return provider.Look{Phase: p}, nil
	}
	for range 3 {
		_, err := run[activities.LookResult](b, b.PollSession, in)
		app := errorType(t, err)
		require.Equal(t, activities.TypePending, app.Type())
		require.Equal(t, temporal.ApplicationErrorCategoryBenign, app.Category())
		require.InDelta(t, time.Second, app.NextRetryDelay(), float64(201*time.Millisecond))
	}
	out, err := run[activities.LookResult](b, b.PollSession, in)
	require.NoError(t, err)
	require.Equal(t, provider.RanOut, out.Phase)
	require.True(t, out.Begun)
}

func TestUnknownSessionAtTheVendorHasRunOut(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	gone := &provider.Error{Op: "face.look", Class: provider.Gone, Code: "BizTokenIllegal"}
	b.face.look = func(provider.FaceSession) (provider.Look, error) { return provider.Look{}, gone }
	b.face.result = func(provider.FaceSession) (verification.FaceResult, error) { return verification.FaceResult{}, gone }
	look, err := run[activities.LookResult](b, b.LookAtSession, in)
	require.NoError(t, err)
	require.Equal(t, provider.RanOut, look.Phase)
	fetched, err := run[activities.FetchResult](b, b.FetchSession, in)
	require.NoError(t, err)
	require.Equal(t, verification.EndedUnjudged, fetched.Result.Ending())
	require.True(t, fetched.Result.Begun, "it was finished: the person did their part")
}

func TestFinishIsIdempotentAndOutlivesItsRow(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	end := verification.State{Status: verification.Completed, Decision: verification.Approved, Version: 9}
	for range 2 {
		_, err := run[struct{}](b, b.Finish, activities.FinishInput{ID: in.ID, State: end})
		require.NoError(t, err)
	}
	row, err := b.store.Load(t.Context(), in.ID)
	require.NoError(t, err)
	require.True(t, row.Ended)
	s, err := b.store.Session(t.Context(), in.ID, 1)
	require.NoError(t, err)
	require.Empty(t, s.Link)
	require.Empty(t, s.Handle)
	_, err = run[struct{}](b, b.Finish, activities.FinishInput{ID: "ver_none", State: end})
	require.NoError(t, err)
}

// A question to the records that was asked is answered, although nobody waits for
// it any more: it may be charged, and its answer is kept for a human.
func TestAQuestionThatWasAskedIsAnswered(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	ctx, end := context.WithCancel(t.Context())
	b.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	b.rec.during = func(ctx context.Context) {
		end()
		require.NoError(t, ctx.Err(), "the call ends with the run's wish")
	}
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, c.Status)
}
