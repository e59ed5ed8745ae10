package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// step is one activity's queue, clocks and retries. Every activity of the
// product stands in the table below and nowhere else.
type step struct {
	id string // fixed, so that ops can name the activity; see on
	// summary, with the provider's name, fits the UI's event list: about 45
	// characters on a desktop screen.
	summary string
	queue   string // empty: the route says
	// startToClose bounds one try. It is longer than the vendor client's own
	// time-out, so that a lost worker is the only thing that it ends.
	startToClose time.Duration
	// heartbeat: the worker says during a try that it lives; a lost one is known
	// within deadAfter. Every step has one that a person or the run waits for and
	// that may take longer than that.
	heartbeat bool
	// scheduleToClose bounds all tries; 0: the policy says, or none.
	scheduleToClose time.Duration
	// tries; manyTries where only a clock ends it.
	tries int32
	// first and longest pause between tries. Activities ask for another pause
	// where they know better (pending, a vendor's Retry-After).
	first, longest time.Duration
}

// deadAfter is how long nothing may be heard of a try that sends heartbeats. A
// try that a lost worker took with it, and one that never came to a worker, is
// then made anew.
const deadAfter = 9 * time.Second

// manyTries stands for "until the clock ends it".
const manyTries = -1

// unlimited is how the engine writes manyTries; tests replace it.
var unlimited int32

var (
	// begin only touches the store: a local activity first, and tried until it
	// works, since nothing was done yet that could be lost.
	stepBegin = step{id: "begin", summary: "Mark the row started, check document and dates locally", queue: QueueVerification,
		startToClose: 10 * time.Second, tries: manyTries, first: 200 * time.Millisecond, longest: 10 * time.Second}

	// publish is a local activity; this is how it is done where the store is away.
	stepPublish = step{id: "publish", summary: "Write the state that readers are answered from", queue: QueueVerification,
		startToClose: 10 * time.Second, tries: manyTries, first: 200 * time.Millisecond, longest: 10 * time.Second}

	// chip: a scan's data lives for minutes, which bounds all tries; 15 s is the
	// vendor client's limit.
	stepChip = step{id: "chip", summary: "Read the chip's data, check it locally", startToClose: 20 * time.Second, heartbeat: true,
		tries: manyTries, first: time.Second, longest: 15 * time.Second}

	// open: one try, because failing over is the workflow's: the next try may
	// be another vendor's. 10 s is the vendor client's limit.
	stepOpen = step{id: "open", summary: "Open a face session", startToClose: 12 * time.Second, tries: 1}

	// poll is retried by the server: no event, no slot and no timer for each
	// look. It ends by the session's timer; the slack keeps the server from
	// giving up early, which it does when the next try falls after the limit. The
	// pauses here follow a lost try, of which even a long poll has few.
	stepPoll = step{id: "poll", summary: "Poll the face session until it is over", startToClose: 12 * time.Second, heartbeat: true,
		tries: manyTries, first: time.Second, longest: 2 * time.Second}

	// look answers a hint. Two tries: if it fails, poll and expiry remain.
	stepLook = step{id: "look", summary: "Look now: the browser came back", startToClose: 12 * time.Second, heartbeat: true,
		scheduleToClose: time.Minute, tries: 2, first: time.Second, longest: time.Second}

	// relook tells whether a lost link was opened. One try, since a caller waits
	// for it; without an answer a new session is opened.
	stepRelook = step{id: "relook", summary: "Look whether the lost link was opened", startToClose: openBudget,
		scheduleToClose: 2 * openBudget, tries: 1}

	// look back and result back: a session that was left, once. A pass may wait for
	// them, so neither waits for anything.
	stepLookBack = step{id: "look-back", summary: "Look at a session that was left", startToClose: 12 * time.Second, heartbeat: true,
		scheduleToClose: 15 * time.Second, tries: 1}
	stepResultBack = step{id: "result-back", summary: "Fetch the result of a session that was left", startToClose: 20 * time.Second, heartbeat: true,
		scheduleToClose: 25 * time.Second, tries: 1}

	// last look and result: what came of the session rests at the vendor for
	// days, so an outage is waited out for the policy's last_look_patience.
	stepLastLook = step{id: "last-look", summary: "Look a last time", startToClose: 12 * time.Second, heartbeat: true,
		tries: manyTries, first: time.Second, longest: 5 * time.Minute}
	// result may look three times within ten seconds by itself.
	stepResult = step{id: "result", summary: "Fetch the face session's result", startToClose: 60 * time.Second, heartbeat: true,
		tries: manyTries, first: time.Second, longest: 5 * time.Minute}

	// records: 15 s is the vendor client's limit. Tries are counted and bounded
	// by the activity itself, which knows what was charged; outages are waited
	// out for the policy's records_patience.
	stepRecords = step{id: "records", summary: "Ask the authority's records",
		startToClose: 20 * time.Second, heartbeat: true, tries: manyTries, first: time.Second, longest: 5 * time.Minute}

	// finish writes the end; nothing but the store can keep it from that.
	stepFinish = step{id: "finish", summary: "Write the end to the store, erase links and tokens", queue: QueueVerification,
		startToClose: 10 * time.Second, tries: manyTries, first: 200 * time.Millisecond, longest: 30 * time.Second}

	// deliver is retried by the server after the pauses of the schedule, which its
	// errors name; the pauses here follow a lost try and a store that is away. 20 s
	// is the sender's limit, and the activity ends the tries.
	stepDeliver = step{id: "deliver", summary: "Send the event", queue: QueueWebhooks,
		startToClose: 30 * time.Second, heartbeat: true, tries: manyTries, first: time.Second, longest: time.Minute}

	// An erasure's steps are tried until they work. A checkpoint that a reader holds
	// up waits for it for 10 s, SQLite's busy time-out.
	stepClearFiles = step{id: "files", summary: "Clear the store's files", queue: QueueVerification,
		startToClose: 20 * time.Second, heartbeat: true, tries: manyTries, first: 200 * time.Millisecond, longest: 30 * time.Second}
	// A vendor that is away is asked for a week: the receipt waits for it. 18 s is
	// the most that its client may take.
	stepEraseAt = step{id: "vendor", summary: "Have the vendor delete", startToClose: 20 * time.Second, heartbeat: true,
		scheduleToClose: 7 * 24 * time.Hour, tries: manyTries, first: time.Second, longest: 10 * time.Minute}
	// histories asks for some seconds whether they are gone.
	stepHistories = step{id: "histories", summary: "Delete the histories, until the engine knows none", queue: QueueVerification,
		startToClose: 30 * time.Second, heartbeat: true, tries: manyTries, first: 200 * time.Millisecond, longest: 30 * time.Second}
	stepSign = step{id: "sign", summary: "Sign the receipt and keep it", queue: QueueVerification,
		startToClose: 10 * time.Second, heartbeat: true, tries: manyTries, first: 200 * time.Millisecond, longest: 30 * time.Second}

	// retain goes through thousands of rows; the next run of the schedule goes on
	// where this one's time is over.
	stepRetain = step{id: "retain", summary: "Erase what is kept beyond its time", queue: QueueVerification,
		startToClose: 20 * time.Minute, heartbeat: true, scheduleToClose: time.Hour, tries: 3, first: time.Minute, longest: 10 * time.Minute}

	// audit is waited for by an operator: a log that cannot be written says so soon.
	stepAudit = step{id: "audit", summary: "Write to the audit log what an operator asks for", queue: QueueVerification,
		startToClose: 5 * time.Second, scheduleToClose: 10 * time.Second, tries: manyTries, first: 200 * time.Millisecond, longest: 2 * time.Second}
	// resend sends twice where its answer is lost, which receivers are used to.
	stepResend = step{id: "resend", summary: "Send events again", queue: QueueVerification,
		startToClose: 8 * time.Second, scheduleToClose: 20 * time.Second, tries: 3, first: 200 * time.Millisecond, longest: 2 * time.Second}

	// amend writes what a review of an ended case changes.
	stepAmend = step{id: "amend", summary: "Write the reopened case to the store", queue: QueueVerification,
		startToClose: 10 * time.Second, tries: manyTries, first: 200 * time.Millisecond, longest: 30 * time.Second}
)

// openBudget is what all vendors but the last of the list may take together in
// the first round, so that the caller still gets a link in its one call, within
// 5 s, when they never answer: the run, the last vendor and a busy machine need
// the rest.
const openBudget = 3 * time.Second

// within is the step with less time for one try.
func (s step) within(d time.Duration) step {
	s.startToClose = min(s.startToClose, d)
	return s
}

// pollSlack is how much longer than the session its poll may live.
const pollSlack = time.Minute

// captureStartToClose is for looks that may hand out pictures: they are
// compared in the same try, since they rest nowhere, and an unreachable
// comparer is waited for up to two minutes.
const captureStartToClose = 150 * time.Second

// captures is the step for a vendor that hands out pictures.
func (s step) captures(yes bool) step {
	if yes {
		s.startToClose = captureStartToClose
		if s.scheduleToClose != 0 {
			s.scheduleToClose += captureStartToClose
		}
	}
	return s
}

// on puts the step's options on a context. The id gets the session's number
// where a step runs once a session.
func (s step) on(ctx workflow.Context, queue, idSuffix, summarySuffix string, limit time.Duration) workflow.Context {
	if s.queue != "" {
		queue = s.queue
	}
	if s.scheduleToClose != 0 {
		limit = s.scheduleToClose
	}
	tries := s.tries
	if tries == manyTries {
		tries = unlimited
	}
	var beat time.Duration
	if s.heartbeat {
		beat = deadAfter
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:             s.id + idSuffix,
		TaskQueue:              queue,
		StartToCloseTimeout:    s.startToClose,
		HeartbeatTimeout:       beat,
		ScheduleToCloseTimeout: limit,
		Summary:                s.summary + summarySuffix,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    max(s.first, time.Millisecond),
			BackoffCoefficient: 2,
			MaximumInterval:    max(s.longest, time.Millisecond),
			MaximumAttempts:    tries,
		},
	})
}
