package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yanzhen-id/yanzhen/client"
)

// follower watches one verification to its end, and plays the person where it
// is told how.
type follower struct {
	caller *caller
	show   *printer
	// outcomes still to be played on the stand-in's page, one a session.
	outcomes []string
	// playing: outcomes were asked for, so no link is shown to a person.
	playing bool
	// pause between the page's buttons.
	pause time.Duration
	// again, if not nil, tells that the person wants another session.
	again <-chan struct{}
	// number is the invented person's, whose face a stand-in's camera sees.
	number string
	// notify says how Megvii tells of a session's end; see notifications.
	notify string
	// rescan, if not nil, scans the person's card again.
	rescan func(context.Context) (reqid string, err error)

	played  int // newest session that was played
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
		if !f.playing || f.played >= session || v.NextAction.Url == nil {
			return nil
		}
		if len(f.outcomes) == 0 {
			return nil // the script is over: the link is left alone
		}
		f.played = session
		return f.play(ctx, v)
	case "retry":
		if f.retries > session || f.playing && len(f.outcomes) == 0 {
			return nil
		}
		if !f.playing && !f.wantsAgain(ctx) {
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

func (f *follower) play(ctx context.Context, v *client.Verification) error {
	outcome := f.outcomes[0]
	f.outcomes = f.outcomes[1:]
	page, err := pageOf(*v.NextAction.Url)
	if err != nil {
		return err
	}
	page.notify = f.notify
	f.show.line("the person's link: " + *v.NextAction.Url)
	f.show.line("their page is played: " + outcome)
	err = page.play(ctx, outcome, f.number, f.pause)
	_, refused := errors.AsType[*exitError](err)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case refused:
		return err
	case err != nil:
		// A verification that ended meanwhile takes no more of the page.
		f.show.line("on the page: " + err.Error())
		return nil
	case outcome == "cancel" && page.vendor == pageTencent:
		return f.afterCancel(ctx, page)
	}
	return nil
}

// afterCancel passes over the rest of Tencent's ten minutes: it tells nobody
// that its page was left, so the session ends by its clock.
func (f *follower) afterCancel(ctx context.Context, p page) error {
	sleep(ctx, noticeable)
	f.show.line("the stand-in's clock is turned to the end of the session")
	return p.expire(ctx)
}

// wantsAgain asks the person at the terminal; without one the answer is no.
func (f *follower) wantsAgain(ctx context.Context) bool {
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

// enters tells of every line read, and is closed at the end of input.
func enters(r io.Reader) <-chan struct{} {
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
