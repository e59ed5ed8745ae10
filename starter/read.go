package starter

import (
	"context"
	"crypto/hmac"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// queryTime bounds a query: a worker that is up answers in milliseconds, and
// without one there is a poorer answer to give.
const queryTime = 2 * time.Second

// Pauses between two looks of Wait.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Read reads a verification of the client: a running one from its run, an
// ended one from the store. Errors are *Error: NotFound (also for another
// client's), Redacted, EngineUnavailable, Internal.
func (s *Starter) Read(ctx context.Context, clientID, id string) (View, error) {
	row, err := s.store.Get(ctx, clientID, id)
	if err != nil {
		return View{}, storeFault("read the row", err)
	}
	if row.Ended {
		return s.view(ctx, row, row.State)
	}
	st, closed, err := s.query(ctx, id)
	switch {
	case err == nil && !closed:
		return s.view(ctx, row, st)
	case closed:
		return s.readClosed(ctx, row)
	}
	return s.readSilent(ctx, row)
}

// Owner returns which of the clients the verification is of. Errors are *Error,
// as for Read.
func (s *Starter) Owner(ctx context.Context, clients []string, id string) (string, error) {
	for _, client := range clients {
		_, err := s.store.Get(ctx, client, id)
		if err == nil {
			return client, nil
		}
		if fault := storeFault("read the row", err); fault.Code != NotFound {
			return "", fault
		}
	}
	return "", &Error{Code: NotFound}
}

// query asks the run for its state. closed: the run is over or unknown.
func (s *Starter) query(ctx context.Context, id string) (st verification.State, closed bool, err error) {
	// Two turns at most: the question under way, and the one we share.
	wait, cancel := context.WithTimeout(ctx, min(2*queryTime, s.patience))
	defer cancel()
	resp, err := s.queries.ask(wait, id, func(ctx context.Context) (resp *client.QueryWorkflowWithOptionsResponse, err error) {
		// Now and then a server loses a worker's answer that came too fast for it,
		// and a caller would be told that there is no link yet.
		for range 2 {
			if resp, err = s.queryOnce(ctx, id); err == nil || classify(err) != engineSilent {
				break
			}
		}
		return resp, err
	})
	if err != nil {
		return st, classify(err) == engineGone, err
	}
	if resp.QueryRejected != nil {
		return st, true, nil
	}
	return st, false, resp.QueryResult.Get(&st)
}

func (s *Starter) queryOnce(ctx context.Context, id string) (*client.QueryWorkflowWithOptionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, min(queryTime, s.patience))
	defer cancel()
	return s.engine.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: id,
		QueryType:  workflows.QueryState,
		// A closed run would answer with what it last knew, for ever.
		QueryRejectCondition: enums.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
}

// readClosed reads a verification whose run is over or unknown: it wrote its
// end before it was over, or it never will.
func (s *Starter) readClosed(ctx context.Context, before store.Row) (View, error) {
	row, err := s.store.Get(ctx, before.Client, before.ID)
	switch {
	case err != nil:
		return View{}, storeFault("read the row again", err)
	case row.Ended:
		return s.view(ctx, row, row.State)
	case row.StartedAt.IsZero():
		// The run may be about to begin, or never began: a repeated start with
		// the same key settles it, and so does the sweeper.
		if !s.exists(ctx, row.ID) {
			return s.accepted(ctx, row)
		}
	}
	return s.view(ctx, row, engineEnded(row.State, s.now()))
}

// exists reports whether the engine knows a run of the id, open or closed.
func (s *Starter) exists(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, min(queryTime, s.patience))
	defer cancel()
	_, err := s.engine.DescribeWorkflowExecution(ctx, id, "")
	return err == nil
}

// readSilent reads a running verification while no worker answers: status and
// provider from the search attributes, the rest from the row.
func (s *Starter) readSilent(ctx context.Context, row store.Row) (View, error) {
	bounded, cancel := context.WithTimeout(ctx, min(queryTime, s.patience))
	defer cancel()
	d, err := s.engine.DescribeWorkflowExecution(bounded, row.ID, "")
	if err != nil {
		if classify(err) == engineGone {
			return s.readClosed(ctx, row)
		}
		return View{}, unavailable("read the run", err)
	}
	info := d.GetWorkflowExecutionInfo()
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return s.readClosed(ctx, row)
	}
	st := row.State
	attributes := info.GetSearchAttributes().GetIndexedFields()
	if status := verification.Status(keyword(attributes, workflows.AttrStatus.GetName())); known(status) && !status.Ended() {
		st.Status = status
	}
	st.Provider = keyword(attributes, workflows.AttrProvider.GetName())
	v, err := s.view(ctx, row, st)
	v.Partial = true
	return v, err
}

func keyword(fields map[string]*commonpb.Payload, name string) string {
	var value string
	if p := fields[name]; p != nil {
		if err := converter.GetDefaultDataConverter().FromPayload(p, &value); err != nil {
			return ""
		}
	}
	return value
}

func known(s verification.Status) bool {
	for _, k := range verification.Statuses {
		if s == k {
			return true
		}
	}
	return false
}

// Unknown is the version to give to Wait when no earlier answer is known.
const Unknown = -1

// Wait reads a verification of the client once its version is another than the
// known one, it has ended, or d is over. To a caller who knows none (Unknown)
// it answers at once what waits for somebody, and otherwise waits for a change.
func (s *Starter) Wait(ctx context.Context, clientID, id string, known int, d time.Duration) (View, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	v, err := s.Read(ctx, clientID, id)
	for pause := firstPause; ; pause = min(pause*3/2, maxPause) {
		if err != nil || d <= 0 || v.Status.Ended() {
			return v, err
		}
		switch {
		case v.Partial:
			pause = maxPause
		case known == Unknown && waitsForSomebody(v), known != Unknown && v.Version != known:
			return v, nil
		default:
			known = v.Version
		}
		select {
		case <-deadline.C:
			return v, nil
		case <-ctx.Done():
			return v, nil
		case <-time.After(pause):
		}
		next, err := s.Read(ctx, clientID, id)
		if err != nil {
			if ctx.Err() != nil {
				return v, nil
			}
			return View{}, err
		}
		v = next
	}
}

// waitsForSomebody: the verification does not go on by itself, but by the
// caller, the person or a reviewer.
func waitsForSomebody(v View) bool {
	return v.Status == verification.InReview || v.Status == verification.RequiresInput && v.NextAction != nil
}

func equal(a, b []byte) bool { return hmac.Equal(a, b) }
