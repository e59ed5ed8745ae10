package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Kinds of steps.
const (
	StepScanned         = "chip.scanned"
	StepSessionAsked    = "session.requested"
	StepSessionOpened   = "session.opened"
	StepSessionClosed   = "session.closed"
	StepRecordsAsked    = "records.asked"
	StepRecordsAnswered = "records.answered"
)

// Step is one thing that was done for a verification, with its time and nothing
// of the person.
type Step struct {
	At   time.Time
	Kind string
	// Number is the session's, or the scan's.
	Number   int
	Provider string
	// Code is the vendor's own.
	Code string
	// RequestID is the vendor's own id of the call, if it gave one.
	RequestID string
	Billable  verification.Billable
}

func (s *sqlStore) Steps(ctx context.Context, id string) ([]Step, error) {
	out, err := all(ctx, s.read, scanStep, `
		SELECT scanned_at AS at, '`+StepScanned+`' AS kind, number, '' AS provider, '' AS code, '' AS billable, '' AS request_id FROM scans WHERE verification_id = $1
		UNION ALL SELECT intended_at, '`+StepSessionAsked+`', number, provider, '', '', '' FROM sessions WHERE verification_id = $1
		UNION ALL SELECT opened_at, '`+StepSessionOpened+`', number, provider, '', '', COALESCE(open_request_id, '') FROM sessions WHERE verification_id = $1 AND opened_at IS NOT NULL
		UNION ALL SELECT closed_at, '`+StepSessionClosed+`', number, provider, '', '', COALESCE(result_request_id, '') FROM sessions WHERE verification_id = $1 AND closed_at IS NOT NULL
		UNION ALL SELECT intended_at, '`+StepRecordsAsked+`', 0, provider, '', '', '' FROM calls WHERE verification_id = $1
		UNION ALL SELECT answered_at, '`+StepRecordsAnswered+`', 0, provider, code, billable, COALESCE(request_id, '') FROM calls WHERE verification_id = $1 AND answered_at IS NOT NULL
		ORDER BY 1, 3, 2`, id)
	return out, wrap("steps", err)
}

func scanStep(from scanner) (v Step, err error) {
	var at sql.NullInt64
	var billable string
	err = from.Scan(&at, &v.Kind, &v.Number, &v.Provider, &v.Code, &billable, &v.RequestID)
	v.At, v.Billable = timeOf(at), verification.Billable(billable)
	return v, err
}
