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

// maxMisses is how often in a row the API may have no answer, each after the
// client's own tries.
const maxMisses = 6

// follow returns the settled verification. An API that cannot answer for a
// while is asked again.
func (f *follower) follow(ctx context.Context, v *client.Verification) (*client.Verification, error) {
	if over, err := f.saw(ctx, v); over || err != nil {
		return v, err
	}
	for misses := 1; ; misses++ {
		for next, err := range f.caller.api.Changes(ctx, v.Id) {
			if err == nil {
				misses, v = 0, next
				if over, err := f.saw(ctx, v); over || err != nil {
					return v, err
				}
				continue
			}
			err = f.caller.failed(err)
			switch {
			case ctx.Err() != nil:
				return v, context.Cause(ctx)
			case !errors.Is(err, errBusy) || misses == maxMisses:
				return v, err
			}
		}
		if misses == 1 {
			f.show.line("the API does not answer; asking again")
		}
		sleep(ctx, time.Second)
	}
}

// saw shows what has changed and does what the person would do, unless nothing
// more is to come.
func (f *follower) saw(ctx context.Context, v *client.Verification) (over bool, err error) {
	f.show.changes(v)
	if client.Settled(v) {
		return true, nil
	}
	return false, f.act(ctx, v)
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
		return f.retry(ctx, v.Id, client.RetryRequest{Session: session})
	case "scan_chip":
		if f.retries > session || f.rescan == nil {
			return nil
		}
		f.retries = session + 1
		reqid, err := f.rescan(ctx)
		if err != nil {
			return err
		}
		return f.retry(ctx, v.Id, client.RetryRequest{Session: session, NfcReqid: &reqid})
	}
	return nil
}

func (f *follower) retry(ctx context.Context, id string, body client.RetryRequest) error {
	if _, err := f.caller.api.Retry(ctx, id, body); err != nil {
		return f.caller.failed(err)
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
	case <-time.After(20 * time.Second): // the clock may have ended it
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
