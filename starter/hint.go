package starter

import (
	"context"
	"time"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// MaxHints is how many hints a session's callbacks may send: more say nothing
// new, and each costs the run an event.
const MaxHints = 50

// HintResult is the result of handling a hint.
type HintResult string

const (
	HintSent    HintResult = "sent"
	HintLate    HintResult = "late"    // the run is over or unknown
	HintDropped HintResult = "dropped" // over MaxHints
	HintFailed  HintResult = "failed"
)

// Hint tells the run that a browser came back: "look now". A run that is over is
// no error.
func (s *Starter) Hint(ctx context.Context, id string, session int) (HintResult, error) {
	return s.hint(ctx, id, workflows.Hint{Session: session})
}

func (s *Starter) hint(ctx context.Context, id string, hint workflows.Hint) (HintResult, error) {
	count, err := s.store.CountHint(ctx, id, hint.Session)
	switch {
	case isNotFound(err):
		return HintLate, nil
	case err != nil:
		return HintFailed, storeError("count a hint", err)
	case count > MaxHints:
		return HintDropped, nil
	}
	return s.signal(ctx, id, hint)
}

// hintTime bounds the signal of a hint: a vendor, which may not wait longer than five
// seconds, and the person's browser wait for its answer.
const hintTime = 3 * time.Second

// signal sends the run a hint.
func (s *Starter) signal(ctx context.Context, id string, hint workflows.Hint) (HintResult, error) {
	ctx, cancel := context.WithTimeout(ctx, min(hintTime, s.patience))
	defer cancel()
	err := s.engine.SignalWorkflow(ctx, id, "", workflows.SignalHint, hint)
	if err == nil {
		return HintSent, nil
	}
	if classify(err) == engineGone {
		return HintLate, nil
	}
	return HintFailed, unavailable("signal a hint", err)
}

// Comparing tells the run that a session's captured face is being compared,
// which takes its time: the person has nothing to do meanwhile.
func (s *Starter) Comparing(ctx context.Context, id string, session int) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	err := s.engine.SignalWorkflow(ctx, id, "", workflows.SignalComparing, workflows.Hint{Session: session})
	if err != nil && classify(err) != engineGone {
		return unavailable("signal a comparison", err)
	}
	return nil
}

// ReturnTarget is where a person's browser is sent after a vendor's page.
type ReturnTarget struct {
	Client string
	// ReturnURL is empty when the verification names none, or its person was
	// erased.
	ReturnURL string
	// Page, where the person acts on our page, is the address of the way back there,
	// in front of the ticket.
	Page string
	// MiniProgram: whoever comes back does so in the caller's mini program.
	MiniProgram bool
}

// ReturnTarget finds where the verification's person goes on. It takes no client:
// the callback's ticket stands for it.
func (s *Starter) ReturnTarget(ctx context.Context, id string) (ReturnTarget, error) {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		fault := storeError("read the row", err)
		if fault.Code == Redacted {
			return ReturnTarget{}, nil
		}
		return ReturnTarget{}, fault
	}
	to := ReturnTarget{Client: row.Client, ReturnURL: row.Request.ReturnURL, MiniProgram: row.State.MiniProgram}
	if row.State.Page {
		to.Page = s.publicURL + "/p/b/"
	}
	return to, nil
}
