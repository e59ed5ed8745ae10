package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

// The text of an error that no step made for the engine never gets there, whatever
// it wraps or is wrapped in; what steps made is told as it is.
func TestStepsTellTheEngineTheirOwnErrorsOnly(t *testing.T) {
	_, number := strconv.Atoi(person)
	_, date := time.Parse(time.DateOnly, person)
	ours := temporal.NewApplicationErrorWithOptions("the store did not answer", "store", temporal.ApplicationErrorOptions{
		NonRetryable: true, NextRetryDelay: time.Minute, Category: temporal.ApplicationErrorCategoryBenign})
	for name, c := range map[string]struct {
		err            error
		message, class string
	}{
		"a number":          {number, "the step failed with a *strconv.NumError, whose text is not told", typeInternal},
		"a time":            {date, "the step failed with a *time.ParseError, whose text is not told", typeInternal},
		"a file":            {&fs.PathError{Op: "open", Path: person, Err: fs.ErrNotExist}, "the step failed with a *fs.PathError, whose text is not told", typeInternal},
		"ours":              {ours, "the store did not answer", "store"},
		"ours, wrapped":     {fmt.Errorf("%s: %w", person, ours), "the store did not answer", "store"},
		"ours, of another":  {temporal.NewApplicationErrorWithCause("the store did not answer", "store", number), "the store did not answer", "store"},
		"out of time":       {&url.Error{Op: "Get", URL: "http://x/" + url.PathEscape(person), Err: context.DeadlineExceeded}, "context deadline exceeded", ""},
		"canceled, wrapped": {fmt.Errorf("%s: %w", person, context.Canceled), "canceled", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&plainErrors{}}})
			env.RegisterActivityWithOptions(func(context.Context) error { return c.err }, activity.RegisterOptions{Name: "step"})
			_, err := env.ExecuteActivity("step")
			require.Error(t, err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				require.NotContains(t, e.Error(), person)
				require.NotContains(t, e.Error(), url.PathEscape(person))
			}
			require.ErrorContains(t, err, c.message)
			if c.class != "" {
				e, ok := errors.AsType[*temporal.ApplicationError](err)
				require.True(t, ok)
				require.Equal(t, c.class, e.Type())
			}
		})
	}
	e, ok := errors.AsType[*temporal.ApplicationError](plainError(fmt.Errorf("%s: %w", person, ours)))
	require.True(t, ok)
	require.Equal(t, []any{true, time.Minute, temporal.ApplicationErrorCategoryBenign}, []any{e.NonRetryable(), e.NextRetryDelay(), e.Category()})
}
