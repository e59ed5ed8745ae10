package starter

import (
	"context"
	"sync"

	"go.temporal.io/sdk/client"
)

// turns lets those who ask one run at the same time share its answers. The
// server keeps hardly any query of one run waiting and refuses the rest, so
// that a crowd of repeated starts would be told less than a single one.
//
// Whoever asks while a question is under way waits for the next one, and never
// shares one that was asked before: an answer is as new as if it had been
// asked for alone.
type turns struct {
	mu sync.Mutex
	by map[string]*turn
}

// turn is one question and its answer.
type turn struct {
	done   chan struct{}
	answer *client.QueryWorkflowWithOptionsResponse
	err    error
	// next is asked for by those who came while this one was under way.
	next *turn
}

// ask asks about the id, or shares the next question about it. q gets a
// context of its own: who asked first may leave before the others.
func (t *turns) ask(ctx context.Context, id string, q func(context.Context) (*client.QueryWorkflowWithOptionsResponse, error)) (*client.QueryWorkflowWithOptionsResponse, error) {
	mine := t.join(context.WithoutCancel(ctx), id, q)
	select {
	case <-mine.done:
		return mine.answer, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t *turns) join(ctx context.Context, id string, q func(context.Context) (*client.QueryWorkflowWithOptionsResponse, error)) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	running, ok := t.by[id]
	if !ok {
		first := &turn{done: make(chan struct{})}
		if t.by == nil {
			t.by = map[string]*turn{}
		}
		t.by[id] = first
		go t.run(ctx, id, first, q)
		return first
	}
	if running.next == nil {
		running.next = &turn{done: make(chan struct{})}
	}
	return running.next
}

// run asks turn by turn until nobody waits.
func (t *turns) run(ctx context.Context, id string, now *turn, q func(context.Context) (*client.QueryWorkflowWithOptionsResponse, error)) {
	for now != nil {
		now.answer, now.err = q(ctx)
		close(now.done)
		t.mu.Lock()
		now = now.next
		if now == nil {
			delete(t.by, id)
		} else {
			t.by[id] = now
		}
		t.mu.Unlock()
	}
}
