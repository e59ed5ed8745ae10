package workflows

import (
	"math"
	"time"
)

// The test environment takes "no limit" for ten tries.
func init() { unlimited = math.MaxInt32 }

// AllSteps are the rows of the table.
func AllSteps() []StepRow {
	var rows []StepRow
	for _, s := range []step{stepBegin, stepChip, stepOpen, stepPoll, stepLook, stepLastLook, stepResult, stepRecords, stepFinish, stepAmend} {
		rows = append(rows, StepRow{ID: s.id, StartToClose: s.captures(s.id == stepPoll.id).startToClose, OneTry: s.tries == 1, Heartbeat: s.heartbeat})
	}
	return rows
}

// StepRow is what tests read of a step.
type StepRow struct {
	ID           string
	StartToClose time.Duration
	OneTry       bool
	Heartbeat    bool
}

// DeadAfter is deadAfter.
const DeadAfter = deadAfter
