package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// handBackAfter is how long a step may go on after its worker was told to stop:
// as long as any one vendor call may take (18 s, internal/config), and so much
// shorter than stopTimeout that the server still hears of it.
const handBackAfter = 18 * time.Second

// errHandedBack is why a step's context ended.
var errHandedBack = errors.New("the worker stops")

// handBackInterceptor ends what a stopping worker cannot finish and gives it back, so that
// another worker begins it anew at once. Without it the step would stand until
// its time-out, with a person waiting.
type handBackInterceptor struct {
	interceptor.WorkerInterceptorBase
	// told is closed when the stop is asked for; the SDK's own channel, when a
	// worker ends by itself, and up to ten seconds later.
	told  <-chan struct{}
	after time.Duration
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (h *handBackInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &handingBack{when: h}
	i.Next = next
	return i
}

type handingBack struct {
	interceptor.ActivityInboundInterceptorBase
	when *handBackInterceptor
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (h *handingBack) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-h.when.told:
		case <-activity.GetWorkerStopChannel(ctx):
		}
		select {
		case <-ctx.Done():
		case <-time.After(h.when.after):
			cancel(errHandedBack)
		}
	}()
	out, err := h.Next.ExecuteActivity(ctx, in)
	if err != nil && errors.Is(context.Cause(ctx), errHandedBack) {
		// An error of our own kind: the server takes "canceled" from nobody whom it
		// did not ask to.
		return nil, temporal.NewApplicationErrorWithOptions("the worker stopped; another one takes the step", "handed_back",
			temporal.ApplicationErrorOptions{NextRetryDelay: 100 * time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign})
	}
	return out, err
}
