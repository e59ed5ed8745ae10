package e2e

import (
	"database/sql"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// torn is a stack whose worker can be killed when it has written the public
// state and the engine has not heard of that task.
type torn struct {
	*stack
	gate *gate
	db   *sql.DB
	id   string
	// waiting are the calls whose update waits for the task that is tried again.
	waiting sync.WaitGroup
	answers sync.Map
}

func newTorn(t *testing.T, server string) *torn {
	g := newGate(t, server)
	s := newStack(t, options{policies: crashPolicy, temporal: server})
	s.worker.stop(t)
	x := &torn{stack: s, gate: g, db: s.rawStore()}
	x.workerAtGate()
	return x
}

// workerAtGate starts a worker whose way to the engine is the gate.
func (x *torn) workerAtGate() {
	saved := x.env
	x.env = append(saved[:len(saved):len(saved)], "TEMPORAL_ADDRESS="+x.gate.address)
	x.startWorker()
	x.env = saved
}

// tear waits until the public state is written and its task's end is held, kills
// the worker, and sends a hint and an update.
func (x *torn) tear(held <-chan struct{}, update func() answer) {
	x.t.Helper()
	select {
	case <-held:
	case <-time.After(comesBack):
		x.t.Fatal("no task's end was held")
	}
	x.worker.kill()
	require.NoError(x.t, x.temporal.SignalWorkflow(x.t.Context(), x.id, "", workflows.SignalHint, workflows.Hint{Session: 1}))
	x.waiting.Go(func() {
		for began := time.Now(); time.Since(began) < comesBack; time.Sleep(time.Second) {
			a := update()
			x.t.Logf("update: %d %s", a.status, a.Code)
			if a.status < 300 || x.ended() {
				return
			}
		}
	})
	time.Sleep(500 * time.Millisecond) // the update is with the engine before the worker
	x.gate.open()
	x.workerAtGate()
}

// TestAWorkerKilledBetweenPublishAndTheEndOfItsTask: the store has what the
// engine never heard of, and the task is tried again with a hint and an update
// beside. What readers saw never goes back: each correction is a later revision,
// and no end is taken back.
func TestAWorkerKilledBetweenPublishAndTheEndOfItsTask(t *testing.T) {
	for name, play := range map[string]func(*torn, sandbox.Person){
		"a link was shown":              tornAtALink,
		"a retry was offered":           tornAtARetry,
		"records were waited for":       tornAtTheRecords,
		"a case was in review":          tornInReview,
		"the end was in the store":      tornAfterTheEnd,
		"the start was asked for again": tornAndRepeated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTorn(t, shared.temporal.HostPort)
			seen := x.watchRows()
			play(x, x.person())
			seen.stop()
			x.eventsAreWhole(x.id)
		})
	}
}

// The link is asked for again while nobody opened it: the same one is good.
func tornAtALink(x *torn, p sandbox.Person) {
	held := x.gate.holdNext(x.wrote(verification.RequiresInput))
	begun := make(chan answer, 1)
	go func() { begun <- x.begin(p) }()
	x.id = x.onlyRow()
	<-held
	shown := x.untilLink(x.id, comesBack)
	x.tear(held, func() answer { return x.retryOf(1) })
	require.Less(x.t, (<-begun).status, 300)
	x.waiting.Wait()
	v := x.untilLink(x.id, comesBack)
	require.Equal(x.t, shown.NextAction.URL, v.NextAction.URL, "nobody opened it")
	x.play(v, "0")
	x.approved(x.untilEnd(x.id, comesBack))
	require.Equal(x.t, 1, x.asked("GetEidToken"))
	require.Equal(x.t, 1, x.chargedFor(p))
}

// The run goes on where the store said that it stood: the next session.
func tornAtARetry(x *torn, p sandbox.Person) {
	v := x.opened(p)
	x.id = v.ID
	held := x.gate.holdNext(x.wrote(verification.RequiresInput))
	x.play(v, "2016")
	x.tear(held, func() answer { return x.retryOf(1) })
	x.waiting.Wait()
	v = x.until(x.id, comesBack, "another session", func(v view) bool { return v.Attempt.Session == 2 && v.NextAction != nil && v.NextAction.URL != "" })
	require.Equal(x.t, 2, v.Attempt.Number)
	x.play(v, "0")
	x.approved(x.untilEnd(x.id, comesBack))
	require.Equal(x.t, 2, x.asked("GetEidToken"))
	require.Equal(x.t, 1, x.chargedFor(p))
}

// A cancellation is an end, and no late answer of the records takes it back.
func tornAtTheRecords(x *torn, p sandbox.Person) {
	x.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultErrorCode, Code: "too_many_requests"})
	v := x.opened(p)
	x.id = v.ID
	held := x.gate.holdNext(x.wrote(verification.Processing))
	x.play(v, "0")
	x.tear(held, func() answer { return x.call("shop", "POST", "/v1/verifications/"+x.id+"/cancel", nil, nil) })
	x.waiting.Wait()
	end := x.untilEnd(x.id, comesBack)
	require.Equal(x.t, verification.OutcomeCanceled, end.Outcome)
	x.vendors.ClearFaults()
	require.Equal(x.t, end, x.read(x.id))
}

func tornInReview(x *torn, p sandbox.Person) {
	v := x.opened(p)
	x.id = v.ID
	held := x.gate.holdNext(x.wrote(verification.InReview))
	x.play(v, "1002")
	x.tear(held, func() answer {
		tag := x.call("shop", "GET", "/v1/verifications/"+x.id, nil, nil).header.Get("ETag")
		return x.act(x.id, "decision", tag, map[string]any{"decision": "approved", "reason": "review.approved"})
	})
	x.waiting.Wait()
	end := x.untilEnd(x.id, comesBack)
	require.Equal(x.t, verification.OutcomeApproved, end.Outcome)
	require.Equal(x.t, verification.ByReviewer, end.Verdict.DecidedBy)
}

// The task after the end was written is lost: the end stands as it was.
func tornAfterTheEnd(x *torn, p sandbox.Person) {
	v := x.opened(p)
	x.id = v.ID
	held := x.gate.holdNext(func(*workflowservice.RespondWorkflowTaskCompletedRequest) bool { return x.ended() })
	x.play(v, "0")
	end := x.untilEnd(x.id, comesBack)
	x.tear(held, func() answer { return x.call("shop", "POST", "/v1/verifications/"+x.id+"/cancel", nil, nil) })
	x.waiting.Wait()
	x.runCompletes(x.id)
	require.Equal(x.t, end, x.read(x.id))
	x.approved(end)
	require.Equal(x.t, 1, x.chargedFor(p))
}

// The same start comes again.
func tornAndRepeated(x *torn, p sandbox.Person) {
	held := x.gate.holdNext(x.wrote(verification.RequiresInput))
	go func() { _ = x.post("order-17", p) }()
	x.id = x.onlyRow()
	x.tear(held, func() answer {
		return x.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": "order-17"}, x.request(p))
	})
	x.waiting.Wait()
	x.play(x.untilLink(x.id, comesBack), "0")
	x.approved(x.untilEnd(x.id, comesBack))
	require.Equal(x.t, 1, x.asked("GetEidToken"))
	require.Equal(x.t, 1, x.rows())
}

// TestAnUpdateThatWasLostLeftNothingBehind: a task has accepted a cancellation,
// and neither worker nor engine lives to record it. What an update caused is
// written with the next task only, so the row says nothing of it, and the
// verification goes on as if nobody had asked.
func TestAnUpdateThatWasLostLeftNothingBehind(t *testing.T) {
	t.Parallel()
	engine := newOwnEngine(t)
	x := newTorn(t, engine.HostPort)
	p := x.person()
	v := x.opened(p)
	x.id = v.ID
	seen := x.watchRows()
	before, err := x.openStore().Load(t.Context(), x.id)
	require.NoError(t, err)

	held := x.gate.holdNext(func(end *workflowservice.RespondWorkflowTaskCompletedRequest) bool { return len(end.GetMessages()) > 0 })
	x.waiting.Go(func() {
		x.answers.Store("update", x.call("shop", "POST", "/v1/verifications/"+x.id+"/cancel", nil, nil))
	})
	select {
	case <-held:
	case <-time.After(comesBack):
		t.Fatal("the cancellation came to no task")
	}
	x.worker.kill()
	engine.Stop() // what it only held in memory goes with it
	x.waiting.Wait()
	got, _ := x.answers.Load("update")
	require.Equal(t, http.StatusServiceUnavailable, got.(answer).status, "%s", got.(answer).body)
	row, err := x.openStore().Load(t.Context(), x.id)
	require.NoError(t, err)
	require.Equal(t, before.Revision, row.Revision)
	require.Equal(t, before.State, row.State)

	engine.startAgain(t)
	x.gate.open()
	x.workerAtGate()
	require.NoError(t, x.vendors.Begin(x.tokenOf(v)))
	require.NoError(t, x.vendors.End(x.tokenOf(v), "0"))
	x.approved(x.untilEnd(x.id, comesBack))
	require.Equal(t, 1, x.chargedFor(p))
	seen.stop()
	x.eventsAreWhole(x.id)
}

// wrote fits the end of a task that has written a state of the status.
func (x *torn) wrote(status verification.Status) func(*workflowservice.RespondWorkflowTaskCompletedRequest) bool {
	return func(end *workflowservice.RespondWorkflowTaskCompletedRequest) bool {
		var now verification.Status
		err := x.db.QueryRow(`SELECT status FROM verifications`).Scan(&now)
		return err == nil && now == status && publishes(end)
	}
}

// ended reports whether the store has the end.
func (x *torn) ended() (ended bool) {
	return x.db.QueryRow(`SELECT ended_at IS NOT NULL FROM verifications`).Scan(&ended) == nil && ended
}

func (x *torn) retryOf(session int) answer {
	return x.call("shop", "POST", "/v1/verifications/"+x.id+"/retry", nil, map[string]any{"session": session})
}

// onlyRow waits for the stack's one row.
func (s *stack) onlyRow() (id string) {
	s.t.Helper()
	db := s.rawStore()
	require.Eventually(s.t, func() bool { return db.QueryRow(`SELECT id FROM verifications`).Scan(&id) == nil }, comesBack, 5*time.Millisecond)
	return id
}

// runCompletes waits until the run itself is over.
func (s *stack) runCompletes(id string) {
	s.t.Helper()
	require.NoError(s.t, s.temporal.GetWorkflow(s.within(comesBack), id, "").Get(s.within(comesBack), nil))
}

// rowsSeen is what a reader of the rows has seen.
type rowsSeen struct{ stop func() }

// watchRows reads every row again and again: a revision never falls, an end
// stays, and one revision has one content.
func (s *stack) watchRows() rowsSeen {
	s.t.Helper()
	type row struct {
		revision int
		state    string
		ended    bool
	}
	db, known := s.rawStore(), map[string]row{}
	done, over := make(chan struct{}), make(chan struct{})
	look := func() {
		rows, err := db.Query(`SELECT id, revision, state, ended_at IS NOT NULL FROM verifications`)
		if err != nil {
			return
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var now row
			if rows.Scan(&id, &now.revision, &now.state, &now.ended) != nil {
				continue
			}
			last, seen := known[id]
			switch {
			case seen && now.revision < last.revision:
				s.t.Errorf("%s fell from revision %d to %d", id, last.revision, now.revision)
			case seen && last.ended && !now.ended:
				s.t.Errorf("the end of %s was taken back", id)
			case seen && now.revision == last.revision && now.state != last.state:
				s.t.Errorf("revision %d of %s has two contents", now.revision, id)
			}
			known[id] = now
		}
	}
	go func() {
		defer close(over)
		for {
			look()
			select {
			case <-done:
				look()
				return
			case <-time.After(3 * time.Millisecond):
			}
		}
	}()
	return rowsSeen{stop: sync.OnceFunc(func() { close(done); <-over; require.NotEmpty(s.t, known) })}
}

// eventsAreWhole holds a verification's events to their sequence: without a gap,
// each of a later revision, the first says that it was created and the last how
// it ended.
func (s *stack) eventsAreWhole(id string) []store.Event {
	s.t.Helper()
	events, err := s.openStore().Events(s.t.Context(), id)
	require.NoError(s.t, err)
	require.NotEmpty(s.t, events)
	ends := 0
	for i, e := range events {
		require.Equal(s.t, i+1, e.Sequence, "%v", events)
		if i > 0 {
			require.Greater(s.t, e.Revision, events[i-1].Revision, "%v", events)
		}
		if e.Status.Ended() {
			ends++
		}
	}
	require.Equal(s.t, "verification.created", events[0].Type)
	require.Equal(s.t, 1, ends, "%v", events)
	require.True(s.t, events[len(events)-1].Status.Ended(), "%v", events)
	return events
}
