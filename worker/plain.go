package worker

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// typeInternal is the type of an error whose text is not told.
const typeInternal = "internal"

// plainErrors keeps from the engine and its log what an error says that was not
// made for them: one of the standard library quotes the URL, the time or the number
// that it could not read. Steps make their own; this is for what slips through.
type plainErrors struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (p *plainErrors) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &plainActivity{}
	i.Next = next
	return i
}

type plainActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

func (p *plainActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := p.Next.ExecuteActivity(ctx, in)
	return out, plainError(err)
}

// plainError is an error as the engine may keep it: in its own terms, and without
// a cause, whose text it would keep too.
func plainError(err error) error {
	switch {
	case err == nil, errors.Is(err, activity.ErrResultPending):
		return err
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	if e, ok := errors.AsType[*temporal.CanceledError](err); ok {
		return e
	}
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case !ok:
		return temporal.NewApplicationError(fmt.Sprintf("the step failed with a %T, whose text is not told", err), typeInternal)
	case e.Unwrap() != nil:
		return temporal.NewApplicationErrorWithOptions(e.Message(), e.Type(), temporal.ApplicationErrorOptions{
			NonRetryable: e.NonRetryable(), NextRetryDelay: e.NextRetryDelay(), Category: e.Category()})
	}
	return e
}
