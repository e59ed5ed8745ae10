package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// books are several records vendors, asked by the real activity, with a store
// that holds nothing but the questions: what is asked of whom is decided there and
// in the workflow together.
type books struct {
	activities.Store // the rest is not asked for
	now              func() time.Time
	acts             *activities.Activities
	vendors          map[string]*book

	mu    sync.Mutex
	calls []store.Call
	// dies says whether the worker dies with a question: before its vendor is asked,
	// or after it answered. It is then not on record that there was an answer.
	dies func() (before, after bool)
	died bool
	off  map[string]store.SwitchState
}

// book is one of the vendors.
type book struct {
	name string
	of   *books
	// answers at a time since the first question to anybody.
	answers func(since time.Duration) (verification.Check, error)
	// asked and charged are the vendor's own count: of questions that reached it,
	// and of answers that cost.
	asked, charged int
}

func newBooks(now func() time.Time, names ...string) *books {
	b := &books{now: now, vendors: map[string]*book{}, off: map[string]store.SwitchState{}}
	registry := &provider.Registry{}
	for _, name := range names {
		v := &book{name: name, of: b, answers: always(agrees)}
		b.vendors[name] = v
		registry.AddRecords(provider.RecordsVendor{Name: name, Provider: v})
	}
	b.acts = &activities.Activities{Store: b, Keys: b, Vendors: registry, Now: func() time.Time { return b.now() }, Log: slog.New(slog.DiscardHandler)}
	return b
}

// withBooks lets an environment's verification ask several records vendors.
func withBooks(e *env, s *script, names ...string) *books {
	b := newBooks(e.Now, names...)
	s.books = b
	e.in.Policy.RecordsProviders, e.in.Records = routedTo(names...)
	return b
}

func routedTo(names ...string) ([]string, []workflows.RecordsRoute) {
	var routes []workflows.RecordsRoute
	for _, name := range names {
		routes = append(routes, workflows.RecordsRoute{Provider: name, Queue: workflows.QueueVerification})
	}
	return names, routes
}

// CheckRecords is the real activity.
func (b *books) CheckRecords(_ context.Context, in activities.RecordsInput) (out activities.RecordsResult, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(b.acts.CheckRecords)
	b.died = false
	v, err := env.ExecuteActivity(b.acts.CheckRecords, in)
	if b.died {
		return out, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)
	}
	if err != nil {
		if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			return out, app
		}
		return out, err
	}
	return out, v.Get(&out)
}

var errDied = errors.New("the worker died")

func (v *book) Check(context.Context, verification.Subject) (verification.Check, error) {
	b := v.of
	b.mu.Lock()
	defer b.mu.Unlock()
	var before, after bool
	if b.dies != nil {
		before, after = b.dies()
	}
	if before {
		b.died = true
		return verification.Check{}, errDied
	}
	c, err := v.answers(b.now().Sub(b.calls[0].IntendedAt))
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != "no_connection" {
		v.asked++
	}
	if err == nil && c.Billable == verification.BillableYes || e != nil && e.Code == "lost_charged" {
		v.charged++
	}
	if after {
		b.died = true
		return verification.Check{}, errDied
	}
	c.Provider = v.name
	return c, err
}

func (b *books) Load(context.Context, string) (store.Row, error) {
	s := verification.Subject{Name: "测试甲", IDNumber: "110199199003070017", IDValidity: verification.Validity{From: "20200115", To: "20400115"}}
	return store.Row{Request: verification.Request{Subject: &s}}, nil
}

func (b *books) Calls(context.Context, string) ([]store.Call, error) {
	return slices.Clone(b.calls), nil
}

func (b *books) IntendCall(_ context.Context, c store.Call, _ []byte, _ string, dailyCap int) (store.Call, error) {
	if b.counted() >= dailyCap {
		return c, store.ErrDailyCap
	}
	c.ID, c.Billable = int64(len(b.calls)+1), verification.BillableUnknown
	b.calls = append(b.calls, c)
	return c, nil
}

func (b *books) AnswerCall(_ context.Context, c store.Call) error {
	if !b.died {
		b.calls[c.ID-1] = c
	}
	return nil
}

func (b *books) Switch(_ context.Context, name string) (store.Switch, error) {
	return store.Switch{Provider: name, State: b.off[name]}, nil
}

func (b *books) Hash(string, ...string) []byte              { return []byte("number") }
func (b *books) IssueTicket(sealing.Ticket) (string, error) { return "", nil }

// counted are the questions that are charged, or possibly.
func (b *books) counted() (n int) {
	for _, c := range b.calls {
		if c.AnsweredAt.IsZero() || c.Billable != verification.BillableNo {
			n++
		}
	}
	return n
}

// order is who was asked, in order.
func (b *books) order() string {
	var names []string
	for _, c := range b.calls {
		names = append(names, c.Provider)
	}
	return strings.Join(names, " ")
}

// What a vendor answers.

func always(f func() (verification.Check, error)) func(time.Duration) (verification.Check, error) {
	return func(time.Duration) (verification.Check, error) { return f() }
}

// downUntil fails up to a time.
func downUntil(end time.Duration, f func() (verification.Check, error)) func(time.Duration) (verification.Check, error) {
	return func(since time.Duration) (verification.Check, error) {
		if since < end {
			return f()
		}
		return agrees()
	}
}

func says(s verification.CheckStatus, billable verification.Billable, codes ...verification.ReasonCode) func() (verification.Check, error) {
	return func() (verification.Check, error) {
		c := verification.NewCheck(verification.IdentityRecords, s, codes...)
		c.Billable = billable
		return c, nil
	}
}

var (
	agrees   = says(verification.Passed, verification.BillableYes)
	differs  = says(verification.Failed, verification.BillableYes, verification.IdentityMismatch)
	notFound = says(verification.Inconclusive, verification.BillableNo, verification.RecordsNotFound)
	unfit    = says(verification.Unavailable, verification.BillableNo, verification.DocumentTypeUnsupported)

	refused       = failsWith(provider.Error{Class: provider.Unavailable, Code: "no_connection"})
	limited       = failsWith(provider.Error{Class: provider.RateLimited, Code: "too_many_requests"})
	misconfig     = failsWith(provider.Error{Class: provider.Misconfigured, Code: "used_up"})
	databaseFault = failsWith(provider.Error{Class: provider.Unavailable, Code: "-6", RetryAfter: 5 * time.Minute, MaxTries: 2})
	lostCharged   = failsWith(provider.Error{Class: provider.Unavailable, Code: "lost_charged", Billable: verification.BillableUnknown})
	lostFree      = failsWith(provider.Error{Class: provider.Unavailable, Code: "lost_free", Billable: verification.BillableUnknown})
)

func failsWith(e provider.Error) func() (verification.Check, error) {
	return func() (verification.Check, error) {
		one := e
		return verification.Check{}, &one
	}
}
