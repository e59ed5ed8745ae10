package starter

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

const (
	// The store is asked for the revisions that are waited for each lookFew, and
	// lookEach later for each row of them, as its answer takes longer; but at least
	// each lookMany.
	lookFew  = 15 * time.Millisecond
	lookEach = 12 * time.Microsecond
	lookMany = 75 * time.Millisecond
	// lookTime bounds one such question.
	lookTime = 5 * time.Second
	// freshFor is how long its answer counts as the present.
	freshFor = 4 * lookMany

	// So many requests of a client may wait at a time, and so many of whoever holds the
	// link of one page. Each takes 37 KB: one of them could otherwise take the memory
	// that all others need. Neither counts against the other.
	mostOfClient, mostOfPage = 6000, 50
)

// waiters wait for a change of a row. All of a process share one statement a
// tick, however many they are; nobody asks while nobody waits.
type waiters struct {
	// differ returns the revisions that are other than those of a JSON object by
	// id; 0: the row is gone.
	differ func(ctx context.Context, known string) (map[string]int, error)

	mu      sync.Mutex
	by      map[string]map[*waiter]struct{}
	looking bool
	// asked is when the newest question was asked that has its answer.
	asked time.Time
	// waits counts the requests that wait, by client or page.
	waits map[string]int
	// known is what is waited for, as the store is asked; "": somebody came or left
	// since.
	known string
}

type waiter struct {
	known   int
	changed chan struct{}
}

// admit counts a request of who, a client or a page; false: most of theirs wait
// already.
func (w *waiters) admit(who string, most int) (leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits[who] >= most {
		return nil, false
	}
	if w.waits == nil {
		w.waits = map[string]int{}
	}
	w.waits[who]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.waits[who]--; w.waits[who] == 0 {
			delete(w.waits, who)
		}
	}, true
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
	w.known = ""
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
	w.known = ""
	delete(w.by[id], who)
	if len(w.by[id]) == 0 {
		delete(w.by, id)
	}
}

// look asks tick by tick until nobody waits.
func (w *waiters) look() {
	for {
		time.Sleep(w.pause())
		known := w.waitedFor()
		if known == "" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		asked := time.Now()
		now, err := w.differ(ctx, known)
		cancel()
		if err != nil {
			continue // whoever waits reads the store at the end, and says so
		}
		w.notify(now, asked)
	}
}

// pause is the time to the next look.
func (w *waiters) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return min(lookFew+time.Duration(len(w.by))*lookEach, lookMany)
}

// waitedFor is what the waiters know, row by row; "" ends the looking.
func (w *waiters) waitedFor() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.by) == 0 {
		w.looking = false
		return ""
	}
	if w.known == "" {
		known := make(map[string]int, len(w.by))
		for id, all := range w.by {
			for one := range all {
				if other, ok := known[id]; ok && other != one.known {
					known[id] = -1 // two know different ones, so one of them is told
					break
				}
				known[id] = one.known
			}
		}
		text, err := json.Marshal(known)
		if err != nil {
			panic(err) // a map of numbers
		}
		w.known = string(text)
	}
	return w.known
}

// fresh: whoever joined before that time and was to be told of a change has been,
// as of a moment ago.
func (w *waiters) fresh(joined time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked.After(joined) && time.Since(w.asked) < freshFor
}

func (w *waiters) notify(now map[string]int, asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = asked
	for id, revision := range now {
		for who := range w.by[id] {
			if revision != who.known {
				close(who.changed)
				w.drop(id, who)
			}
		}
	}
}
