package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yanzhen-id/yanzhen/client"
)

// follower watches one verification to its end, and acts for the person where
// it can.
type follower struct {
	caller *caller
	show   *printer
	// script, if not nil, plays the pages behind the links.
	script *script
	// again, if not nil, receives when the person wants another session.
	again <-chan struct{}
	// rescan, if not nil, scans the person's card again.
	rescan func(context.Context) (reqid string, err error)

	retries int // sessions, from 0, that retry was called for
}

// settled: nothing more happens by itself, but for a clock or a human.
func settled(v *client.Verification) bool {
	switch v.Status {
	case "completed", "expired", "canceled", "error", "in_review":
		return true
	}
	return false
}

// follow returns the settled verification. An API that cannot answer for a
// while is asked again.
func (f *follower) follow(ctx context.Context, v *client.Verification) (*client.Verification, error) {
	tag, misses := "", 0
	for {
		if v != nil {
			f.show.changes(v)
			if settled(v) {
				return v, nil
			}
			if err := f.act(ctx, v); err != nil {
				return v, err
			}
		}
		next, newTag, err := f.caller.read(ctx, f.show.id, tag, waitEach)
		switch {
		case ctx.Err() != nil:
			return v, context.Cause(ctx)
		case errors.Is(err, errBusy) && misses < 30:
			misses++
			if misses == 3 {
				f.show.line("the API does not answer; asking again")
			}
			sleep(ctx, time.Second)
			continue
		case err != nil:
			return v, err
		}
		misses, tag = 0, newTag
		if next != nil {
			v = next
		}
	}
}

// act does what the person would do now.
func (f *follower) act(ctx context.Context, v *client.Verification) error {
	if v.NextAction == nil {
		return nil
	}
	session := v.Attempt.Session
	switch v.NextAction.Type {
	case "redirect":
		if f.script != nil {
			return f.script.play(ctx, f.show, v)
		}
	case "retry":
		if f.retries > session || !f.confirmRetry(ctx) {
			return nil
		}
		f.retries = session + 1
		f.show.line(fmt.Sprintf("asking for a new session in place of session %d", session))
		return f.caller.retry(ctx, v.Id, session, "")
	case "scan_chip":
		if f.retries > session || f.rescan == nil {
			return nil
		}
		f.retries = session + 1
		reqid, err := f.rescan(ctx)
		if err != nil {
			return err
		}
		return f.caller.retry(ctx, v.Id, session, reqid)
	}
	return nil
}

// confirmRetry asks the script, else the person at the terminal; without either
// the answer is no.
func (f *follower) confirmRetry(ctx context.Context) bool {
	if f.script != nil {
		return !f.script.over()
	}
	if f.again == nil {
		return false
	}
	f.show.line("press Enter for a new session")
	select {
	case _, ok := <-f.again:
		return ok
	case <-time.After(waitEach): // the clock may have ended it
		return false
	case <-ctx.Done():
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// enterKeys sends for every line read, and is closed at the end of input. Without
// input it is nil.
func enterKeys(r io.Reader) <-chan struct{} {
	if r == nil {
		return nil
	}
	ch := make(chan struct{})
	go func() {
		defer close(ch)
		one := make([]byte, 1)
		for {
			if _, err := r.Read(one); err != nil {
				return
			}
			if one[0] == '\n' {
				ch <- struct{}{}
			}
		}
	}()
	return ch
}
