package starter

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is how often the store is asked for the revisions that are
	// waited for.
	lookEvery = 100 * time.Millisecond
	// lookTime bounds one such question.
	lookTime = 5 * time.Second
)

// waiters wait for a change of a row. All of a process share one statement a
// tick, however many they are; nobody asks while nobody waits.
type waiters struct {
	revisions func(ctx context.Context, ids []string) (map[string]int, error)

	mu      sync.Mutex
	by      map[string]map[*waiter]struct{}
	looking bool
}

type waiter struct {
	known   int
	changed chan struct{}
}

// join waits for another revision of the row than the known one: the channel is
// closed then, or when the row is gone. leave ends the waiting.
func (w *waiters) join(id string, known int) (changed <-chan struct{}, leave func()) {
	me := &waiter{known: known, changed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[string]map[*waiter]struct{}{}
	}
	if w.by[id] == nil {
		w.by[id] = map[*waiter]struct{}{}
	}
	w.by[id][me] = struct{}{}
	if !w.looking {
		w.looking = true
		go w.look()
	}
	return me.changed, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drop(id, me)
	}
}

func (w *waiters) drop(id string, who *waiter) {
	delete(w.by[id], who)
	if len(w.by[id]) == 0 {
		delete(w.by, id)
	}
}

// look asks tick by tick until nobody waits.
func (w *waiters) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for range tick.C {
		ids := w.ids()
		if ids == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		now, err := w.revisions(ctx, ids)
		cancel()
		if err != nil {
			continue // whoever waits reads the store at the end, and says so
		}
		w.notify(ids, now)
	}
}

// ids are the rows that are waited for; nil ends the looking.
func (w *waiters) ids() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.by) == 0 {
		w.looking = false
		return nil
	}
	ids := make([]string, 0, len(w.by))
	for id := range w.by {
		ids = append(ids, id)
	}
	return ids
}

func (w *waiters) notify(ids []string, now map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		revision, there := now[id]
		for who := range w.by[id] {
			if !there || revision != who.known {
				close(who.changed)
				w.drop(id, who)
			}
		}
	}
}
