package starter

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

const (
	// sweepAge is how long after its last start call a row may wait for its
	// run: longer than any call that could still bring it.
	sweepAge = time.Hour
	// endAge keeps the sweeper away from runs that have only just begun.
	endAge = time.Minute
	// sweepPage is how many rows are read at a time.
	sweepPage = 200
	// describeEach bounds one question to the engine.
	describeEach = 5 * time.Second
	// maxSilences in a row end a sweep: the engine is away, and asking it about
	// every row would only take hours.
	maxSilences = 3
)

// Swept counts what a sweep did.
type Swept struct {
	// Deleted rows never had a run.
	Deleted int
	// Ended runs had left without a word.
	Ended int
}

// runFate is what the engine says of a run.
type runFate int

const (
	runUnknown runFate = iota // no answer: nothing may follow
	runOpen
	runClosed
	runAbsent // the engine knows no such run
)

// Sweep deletes rows whose run never began and writes down the end of runs
// that could not do it themselves. An engine that does not answer changes
// nothing: the next sweep asks again.
func (s *Starter) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	deleted, err := s.sweepUnstarted(ctx)
	done.Deleted = deleted
	ended, endErr := s.sweepEnded(ctx)
	done.Ended = ended
	return done, errors.Join(err, endErr)
}

func (s *Starter) sweepUnstarted(ctx context.Context) (int, error) {
	deleted := 0
	before := s.now().Add(-sweepAge)
	ids, err := s.store.Unstarted(ctx, before, sweepPage)
	if err != nil {
		return 0, storeFault("list rows without a run", err)
	}
	var silent silences
	for _, id := range ids {
		fate := s.fate(ctx, id)
		if err := silent.after(fate); err != nil {
			return deleted, err
		}
		if fate != runAbsent {
			continue
		}
		gone, err := s.store.Sweep(ctx, id, before)
		if err != nil {
			return deleted, storeFault("delete a row without a run", err)
		}
		if gone {
			deleted++
		}
	}
	return deleted, nil
}

func (s *Starter) sweepEnded(ctx context.Context) (int, error) {
	ended, after := 0, ""
	var silent silences
	for {
		ids, err := s.store.Running(ctx, after, s.now().Add(-endAge), sweepPage)
		if err != nil {
			return ended, storeFault("list running rows", err)
		}
		for _, id := range ids {
			after = id
			fate := s.fate(ctx, id)
			if err := silent.after(fate); err != nil {
				return ended, err
			}
			if fate != runClosed && fate != runAbsent {
				continue
			}
			wrote, err := s.finish(ctx, id)
			if err != nil {
				return ended, err
			}
			if wrote {
				ended++
			}
		}
		if len(ids) < sweepPage || ctx.Err() != nil {
			return ended, ctx.Err()
		}
	}
}

// finish writes engine.ended for a run that is over, unless the run wrote its
// end after the list was read.
func (s *Starter) finish(ctx context.Context, id string) (bool, error) {
	row, err := s.store.Load(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrRedacted):
		return false, nil
	case err != nil:
		return false, storeFault("read a row", err)
	case row.Ended:
		return false, nil
	}
	if err := s.store.Finish(ctx, id, engineEnded(row.State, s.now())); err != nil {
		return false, storeFault("write an end", err)
	}
	s.log.WarnContext(ctx, "a run ended without a word", "id", id)
	return true, nil
}

// silences counts questions in a row to which there was no answer.
type silences int

func (n *silences) after(fate runFate) error {
	if fate != runUnknown {
		*n = 0
		return nil
	}
	if *n++; *n >= maxSilences {
		return unavailable("ask for the fate of runs", nil)
	}
	return nil
}

func (s *Starter) fate(ctx context.Context, id string) runFate {
	ctx, cancel := context.WithTimeout(ctx, describeEach)
	defer cancel()
	d, err := s.engine.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
			return runAbsent
		}
		return runUnknown
	}
	if d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return runOpen
	}
	return runClosed
}
