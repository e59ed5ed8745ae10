package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// script plays the stand-in's page, one outcome a session.
type script struct {
	outcomes []string // those still to be played
	playing  sandbox.Playing
	played   int // newest session that was played
}

// over: the rest is left to the clocks.
func (s *script) over() bool { return len(s.outcomes) == 0 }

// play ends the session whose link the verification shows, once.
func (s *script) play(ctx context.Context, show *printer, v *client.Verification) error {
	if s.over() || s.played >= v.Attempt.Session || v.NextAction.Url == nil {
		return nil
	}
	s.played = v.Attempt.Session
	s.playing.Outcome, s.outcomes = s.outcomes[0], s.outcomes[1:]
	page, err := sandbox.OpenPage(*v.NextAction.Url)
	if err != nil {
		return exit(exitUsage, "--outcome plays a stand-in's page: %w", err)
	}
	show.line("the person's link: " + *v.NextAction.Url)
	show.line("acting as the person: " + s.playing.Outcome)
	err = page.Play(ctx, s.playing)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, sandbox.ErrOutcome):
		return exit(exitUsage, "--outcome: %w", err)
	case err != nil:
		// A verification that ended meanwhile takes no more of the page.
		show.line("on the page: " + err.Error())
		return nil
	case s.playing.Outcome == sandbox.OutcomeCancel && page.Vendor == sandbox.Tencent:
		return s.afterCancel(ctx, show, page)
	}
	return nil
}

// afterCancel passes over the rest of Tencent's ten minutes: it reports to
// nobody that its page was left, so the session ends by its clock.
func (s *script) afterCancel(ctx context.Context, show *printer, page *sandbox.Page) error {
	sleep(ctx, 4*time.Second) // until the api has seen the browser come back
	show.line("the stand-in's clock is turned to the end of the session")
	return page.Expire(ctx)
}
