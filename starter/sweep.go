package starter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

const (
	// sweepAge is how long after its last start call a row may wait for its
	// run: longer than any call that could still bring it.
	sweepAge = time.Hour
	// sweepPage is how many rows or runs are read at a time.
	sweepPage = 200
	// describeEach bounds one question to the engine.
	describeEach = 5 * time.Second
	// maxSilences in a row end a sweep: the engine is away, and asking it about
	// every row would only take hours.
	maxSilences = 3
	// lookBack is how far the first sweep of a process looks for runs that ended
	// without a word; what is older is found by its clocks. lookAgain is by how
	// much a later one looks at the last one's time again: visibility lags.
	lookBack, lookAgain = 24 * time.Hour, 5 * time.Minute
)

// Swept counts what a sweep did.
type Swept struct {
	// Deleted rows never had a run.
	Deleted int
	// Ended runs had left without a word.
	Ended int
}

// runStatus is what the engine says of a run.
type runStatus int

const (
	runUnknown runStatus = iota // no answer: nothing may follow
	runOpen
	runClosed
	runAbsent // the engine knows no such run
)

// Sweep deletes rows whose run never began, and looks into rows without an end
// that are past all their clocks, 200 of each at most. An engine that does not
// answer changes nothing: the next sweep asks again.
func (s *Starter) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	deleted, err := s.sweepUnstarted(ctx)
	done.Deleted = deleted
	ended, endErr := s.sweepOverdue(ctx)
	done.Ended = ended
	return done, errors.Join(err, endErr)
}

// SweepLost writes down the ends of runs that could not do it themselves, since
// somebody terminated them or they failed; a delivery's, too, which has failed
// then. The engine is asked for such ends, not for every open run.
func (s *Starter) SweepLost(ctx context.Context) (ended int, err error) {
	now := s.now()
	since := s.sweptAt.Add(-lookAgain)
	if s.sweptAt.IsZero() {
		since = now.Add(-lookBack)
	}
	// A delivery that ran out of tries has failed too, and said so before.
	query := fmt.Sprintf(`(WorkflowType IN ('%s', '%s') AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed', 'Canceled')`+
		` OR WorkflowType = '%s' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Canceled')) AND CloseTime > '%s'`,
		workflows.VerificationWorkflow, workflows.ReviewWorkflow, workflows.DeliveryWorkflow, since.UTC().Format(time.RFC3339))
	for token := []byte(nil); ; {
		call, cancel := context.WithTimeout(ctx, describeEach)
		page, err := s.engine.ListWorkflow(call, &workflowservice.ListWorkflowExecutionsRequest{PageSize: sweepPage, NextPageToken: token, Query: query})
		cancel()
		if err != nil {
			return ended, unavailable("list runs that ended without writing it", err)
		}
		for _, e := range page.GetExecutions() {
			end := s.finish
			if e.GetType().GetName() == workflows.DeliveryWorkflow {
				end = s.failDelivery
			}
			wrote, err := end(ctx, e.GetExecution().GetWorkflowId())
			if err != nil {
				return ended, err
			}
			if wrote {
				ended++
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			s.sweptAt = now
			return ended, nil
		}
	}
}

// SweepClosed looks at every open row once, at a process's start, and ends those
// whose run is over. That happens after a restore alone: a run may end after the
// store's dump and before the engine's, and would be waited for until all its
// clocks are over. A run that the engine does not know proves nothing: it may be
// another engine than the one in which the row began.
func (s *Starter) SweepClosed(ctx context.Context) (ended int, err error) {
	var silent unanswered
	for last := ""; ; {
		ids, err := s.store.Unended(ctx, last, sweepPage)
		if err != nil {
			return ended, storeError("list open rows", err)
		}
		for _, id := range ids {
			fate := s.runStatus(ctx, id)
			if err := silent.after(fate); err != nil {
				return ended, err
			}
			if fate != runClosed {
				continue
			}
			wrote, err := s.finish(ctx, id) // reads the row again: it may have ended by itself
			if err != nil {
				return ended, err
			}
			if wrote {
				ended++
			}
		}
		if len(ids) < sweepPage {
			return ended, nil
		}
		last = ids[len(ids)-1]
	}
}

func (s *Starter) sweepUnstarted(ctx context.Context) (int, error) {
	deleted := 0
	before := s.now().Add(-sweepAge)
	ids, err := s.store.Unstarted(ctx, before, sweepPage)
	if err != nil {
		return 0, storeError("list rows without a run", err)
	}
	var silent unanswered
	for _, id := range ids {
		fate := s.runStatus(ctx, id)
		if err := silent.after(fate); err != nil {
			return deleted, err
		}
		if fate != runAbsent {
			continue
		}
		gone, err := s.store.Sweep(ctx, id, before)
		if err != nil {
			return deleted, storeError("delete a row without a run", err)
		}
		if gone {
			deleted++
		}
	}
	return deleted, nil
}

func (s *Starter) sweepOverdue(ctx context.Context) (int, error) {
	ended := 0
	var silent unanswered
	ids, err := s.store.Overdue(ctx, s.now(), sweepPage)
	if err != nil {
		return 0, storeError("list overdue rows", err)
	}
	for _, id := range ids {
		run, err := s.runOf(ctx, id)
		if err != nil {
			return ended, err
		}
		fate := s.runStatus(ctx, run)
		if err := silent.after(fate); err != nil {
			return ended, err
		}
		if fate != runClosed && fate != runAbsent {
			continue
		}
		wrote, err := s.finish(ctx, run)
		if err != nil {
			return ended, err
		}
		if wrote {
			ended++
		}
	}
	return ended, nil
}

// runOf is the id of the run that holds a row without an end: its review, where
// it was reopened.
func (s *Starter) runOf(ctx context.Context, id string) (string, error) {
	row, err := s.store.Load(ctx, id)
	switch {
	case isNotFound(err):
		return id, nil
	case err != nil:
		return "", s.storeError(ctx, "read a row", id, err)
	case row.Ended && row.State.Verdict != nil:
		return workflows.ReviewID(id, row.State.Verdict.Version+1), nil
	}
	return id, nil
}

// finish writes down the end of a run, or of a review, that is over, unless it
// did so itself.
func (s *Starter) finish(ctx context.Context, run string) (bool, error) {
	id, version, review := strings.Cut(run, ":v")
	row, err := s.store.Load(ctx, id)
	switch {
	case isNotFound(err):
		return false, nil
	case err != nil:
		return false, s.storeError(ctx, "read a row", id, err)
	case review:
		held := row.Ended && row.State.Status == verification.InReview && row.State.Verdict != nil
		if !held || version != strconv.Itoa(row.State.Verdict.Version+1) {
			return false, nil
		}
		return true, s.closeReview(ctx, id, row.State)
	case row.Ended:
		return false, nil
	}
	st := row.State
	st.EndedByEngine(s.now())
	if err := s.store.Finish(ctx, id, st); err != nil {
		return false, s.storeError(ctx, "write an end", id, err)
	}
	s.log.WarnContext(ctx, "run ended without writing its end", "verification_id", id)
	return true, nil
}

// failDelivery writes down that a delivery has failed whose workflow is over,
// unless it settled that itself. It can be sent again like any other.
func (s *Starter) failDelivery(ctx context.Context, run string) (bool, error) {
	event, endpoint, round, ok := workflows.DeliveryOf(run)
	if !ok {
		return false, nil
	}
	d, _, _, err := s.store.Delivery(ctx, event, endpoint)
	switch {
	case isNotFound(err):
		return false, nil
	case err != nil && !errors.Is(err, store.ErrChanged):
		return false, s.storeError(ctx, "read a delivery", "", err)
	case d.Round != round || d.State != store.DeliveryDue && d.State != store.DeliverySending:
		return false, nil
	}
	if _, err := s.store.Settle(ctx, store.Try{EventID: event, Endpoint: endpoint, Round: round, At: s.now(), State: store.DeliveryFailed}, 0); err != nil {
		return false, s.storeError(ctx, "write that a delivery failed", "", err)
	}
	s.log.WarnContext(ctx, "delivery workflow ended without delivering; the event can be sent again", "event", event, "client", d.Client, "endpoint", endpoint)
	return true, nil
}

// unanswered counts questions in a row to which there was no answer.
type unanswered int

func (n *unanswered) after(fate runStatus) error {
	if fate != runUnknown {
		*n = 0
		return nil
	}
	if *n++; *n >= maxSilences {
		return unavailable("ask for the fate of runs", nil)
	}
	return nil
}

func (s *Starter) runStatus(ctx context.Context, id string) runStatus {
	ctx, cancel := context.WithTimeout(ctx, describeEach)
	defer cancel()
	d, err := s.engine.DescribeWorkflow(ctx, id, "")
	if err != nil {
		if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
			return runAbsent
		}
		return runUnknown
	}
	if d.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return runOpen
	}
	return runClosed
}
