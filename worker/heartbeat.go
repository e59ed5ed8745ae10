package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// beatEvery is how often a running step says that it lives, and how long it
// runs before it does so first: a quick call sends nothing. Three fit into
// workflows.deadAfter, so that a busy server may miss two.
const beatEvery = 3 * time.Second

// heartbeat says for every step that has a heartbeat time-out that it lives.
// When its worker is lost, or the step never came to one, the engine knows so
// within seconds, and not only once the whole time of a try is over.
//
// The engine answers a heartbeat with "canceled", or that nobody waits for the
// step any more. That ends no step: what was asked of a vendor is heard to its
// end, since it may have been charged, or told only once. A step has its own
// bounds.
type heartbeat struct {
	interceptor.WorkerInterceptorBase
	every time.Duration
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (h *heartbeat) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &beating{every: h.every}
	i.Next = next
	return i
}

type beating struct {
	interceptor.ActivityInboundInterceptorBase
	every time.Duration
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (b *beating) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if info.HeartbeatTimeout == 0 {
		return b.Next.ExecuteActivity(ctx, in)
	}
	// The SDK ends the context as soon as a heartbeat cannot be sent, which an
	// engine that restarts is enough for; no later one would then be sent at all.
	heard := context.WithoutCancel(ctx)
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(b.every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				activity.RecordHeartbeat(heard)
			}
		}
	}()
	bounded, cancel := context.WithDeadline(heard, info.Deadline)
	defer cancel()
	return b.Next.ExecuteActivity(bounded, in)
}
