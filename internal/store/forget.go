package store

import (
	"context"
	"sync"
	"time"
)

// forgetWithin is how long erased bytes may linger in the files. All that is
// erased in that time is forgotten at once, and no caller waits for it: a
// checkpoint takes as long as several writes.
const forgetWithin = time.Second

// erased is what was erased since the dialect's forget was last carried out.
type erased struct {
	mu sync.Mutex
	// due carries it out; nil: nothing was erased.
	due     *time.Timer
	running sync.WaitGroup
}

// forget has the dialect's forget carried out soon.
func (s *sqlStore) forget() {
	if s.dialect.forget == "" {
		return
	}
	e := &s.erased
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.due != nil {
		return
	}
	e.running.Add(1)
	e.due = time.AfterFunc(forgetWithin, func() {
		defer e.running.Done()
		e.mu.Lock()
		e.due = nil // what is erased from here on may come too late for this one
		e.mu.Unlock()
		s.forgetNow()
	})
}

// finishForgetting does what is still due.
func (s *sqlStore) finishForgetting() {
	e := &s.erased
	e.mu.Lock()
	due := e.due != nil && e.due.Stop()
	e.mu.Unlock()
	if due {
		s.forgetNow()
		e.running.Done()
	}
	e.running.Wait()
}

// forgetNow carries out the dialect's forget as well as it can: when another
// process reads at this moment, the next one does it. What lingers until then
// is ciphertext. Waiting for another process's reader must not hold up the one
// writer for long.
func (s *sqlStore) forgetNow() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = s.write.ExecContext(ctx, s.dialect.forget)
}
