package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Types of events, as receivers know them.
const (
	EventCreated       = "verification.created"
	EventRequiresInput = "verification.requires_input"
	EventInReview      = "verification.in_review"
	EventReopened      = "verification.reopened"
)

// eventOfEnd is the event of an end, e.g. "verification.completed".
func eventOfEnd(s verification.Status) string { return "verification." + string(s) }

// Event is one thing that happened to a verification, written in the
// transaction that made it true. It holds nothing personal and no reference.
type Event struct {
	ID             string
	VerificationID string
	// Sequence counts the events of the verification, from 1, without gaps.
	Sequence int
	Client   string
	Type     string
	// Revision of the row that the event tells of.
	Revision  int
	Status    verification.Status
	Decision  verification.Decision
	Reasons   []verification.ReasonCode
	CreatedAt time.Time
}

const macOfEvent = "event"

func (e Event) parts(reasons string) []string {
	return []string{e.ID, e.VerificationID, strconv.Itoa(e.Sequence), e.Client, e.Type, strconv.Itoa(e.Revision),
		string(e.Status), string(e.Decision), reasons, optional(stamp(e.CreatedAt))}
}

// addEvent adds the next event of a row that the transaction holds.
func (s *sqlStore) addEvent(ctx context.Context, tx *sql.Tx, kind string, p publicRow, st verification.State) error {
	e := Event{
		ID: "evt_" + strings.ToLower(rand.Text()), VerificationID: p.id, Client: p.client, Type: kind, Revision: p.revision,
		Status: st.Status, Decision: st.Decision, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	codes := []verification.ReasonCode{}
	for _, r := range st.Reasons() {
		codes = append(codes, r.Code)
	}
	reasons, err := json.Marshal(codes)
	if err != nil {
		return fmt.Errorf("store: the reasons of an event do not encode: %w", err)
	}
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(sequence), 0) + 1 FROM events WHERE verification_id = $1`, p.id).Scan(&e.Sequence); err != nil {
		return err
	}
	mac, err := s.keys.MAC(macOfEvent, e.parts(string(reasons))...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO events (id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		e.ID, e.VerificationID, e.Sequence, e.Client, e.Type, e.Revision, string(e.Status), string(e.Decision), string(reasons), stamp(e.CreatedAt), mac)
	return err
}

func (s *sqlStore) Events(ctx context.Context, id string) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac
		FROM events WHERE verification_id = $1 ORDER BY sequence`, id)
	if err != nil {
		return nil, wrap("events", err)
	}
	defer rows.Close()
	var out []Event
	for rows.Next() {
		var e Event
		var reasons string
		var at sql.NullInt64
		var mac []byte
		if err := rows.Scan(&e.ID, &e.VerificationID, &e.Sequence, &e.Client, &e.Type, &e.Revision, &e.Status, &e.Decision, &reasons, &at, &mac); err != nil {
			return nil, wrap("events", err)
		}
		e.CreatedAt = timeOf(at)
		if s.keys.CheckMAC(mac, macOfEvent, e.parts(reasons)...) != nil {
			return nil, fmt.Errorf("%w: an event of %s does not match its MAC", ErrChanged, id)
		}
		if err := fromJSON(e.ID, "events.reasons", []byte(reasons), &e.Reasons); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, wrap("events", rows.Err())
}
