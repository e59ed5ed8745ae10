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

// Event is one thing that happened to a verification, or to an endpoint,
// written in the transaction that made it true. It holds nothing personal and no
// reference.
type Event struct {
	ID string
	// VerificationID is empty for an event about an endpoint.
	VerificationID string
	Endpoint       string
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
	parts := []string{e.ID, e.VerificationID, strconv.Itoa(e.Sequence), e.Client, e.Type, strconv.Itoa(e.Revision),
		string(e.Status), string(e.Decision), reasons, optional(stamp(e.CreatedAt))}
	if e.Endpoint != "" {
		parts = append(parts, e.Endpoint)
	}
	return parts
}

func newEventID() string { return "evt_" + strings.ToLower(rand.Text()) }

// addEvent adds the next event of a row that the transaction holds. Its time is
// not before the last one's, whatever the clocks of the processes say: the feed
// goes by it.
func (s *sqlStore) addEvent(ctx context.Context, tx *sql.Tx, kind string, p publicRow, st verification.State) error {
	e := Event{
		ID: newEventID(), VerificationID: p.id, Client: p.client, Type: kind, Revision: p.revision,
		Status: st.Status, Decision: st.Decision, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	codes := []verification.ReasonCode{}
	for _, r := range st.Reasons() {
		codes = append(codes, r.Code)
	}
	e.Reasons = codes
	var last sql.NullInt64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(sequence), 0) + 1, MAX(created_at) FROM events WHERE verification_id = $1`, p.id).
		Scan(&e.Sequence, &last); err != nil {
		return err
	}
	if before := timeOf(last); e.CreatedAt.Before(before) {
		e.CreatedAt = before
	}
	return s.insertEvent(ctx, tx, e, sql.NullInt64{})
}

// insertEvent writes an event; relayed is set where its deliveries are written
// with it.
func (s *sqlStore) insertEvent(ctx context.Context, tx *sql.Tx, e Event, relayed sql.NullInt64) error {
	reasons, err := json.Marshal(e.Reasons)
	if err != nil {
		return fmt.Errorf("store: the reasons of an event do not encode: %w", err)
	}
	mac, err := s.keys.MAC(macOfEvent, e.parts(string(reasons))...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO events (id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac, endpoint, relayed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		e.ID, orNull(e.VerificationID), e.Sequence, e.Client, e.Type, e.Revision, string(e.Status), string(e.Decision), string(reasons), stamp(e.CreatedAt), mac,
		orNull(e.Endpoint), relayed)
	return err
}

func orNull(text string) sql.NullString { return sql.NullString{String: text, Valid: text != ""} }

const eventColumns = `id, verification_id, sequence, client, type, revision, status, decision, reasons, created_at, mac, endpoint, position`

// scanEvent reads an event and checks its MAC. Of one that was changed outside of
// yanzhen it tells the id and the position only.
func (s *sqlStore) scanEvent(from scanner) (e Event, position int64, err error) {
	var verification, endpoint sql.NullString
	var reasons string
	var at, place sql.NullInt64
	var mac []byte
	if err := from.Scan(&e.ID, &verification, &e.Sequence, &e.Client, &e.Type, &e.Revision, &e.Status, &e.Decision, &reasons, &at, &mac, &endpoint, &place); err != nil {
		return Event{}, 0, err
	}
	e.VerificationID, e.Endpoint, e.CreatedAt = verification.String, endpoint.String, timeOf(at)
	if s.keys.CheckMAC(mac, macOfEvent, e.parts(reasons)...) != nil {
		return Event{ID: e.ID}, place.Int64, fmt.Errorf("%w: the event %s does not match its MAC", ErrChanged, e.ID)
	}
	return e, place.Int64, fromJSON(e.ID, "events.reasons", []byte(reasons), &e.Reasons)
}

func (s *sqlStore) Events(ctx context.Context, id string) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+eventColumns+` FROM events WHERE verification_id = $1 ORDER BY sequence`, id)
	if err != nil {
		return nil, wrap("events", err)
	}
	defer rows.Close()
	var out []Event
	for rows.Next() {
		e, _, err := s.scanEvent(rows)
		if err != nil {
			return nil, wrap("events", err)
		}
		out = append(out, e)
	}
	return out, wrap("events", rows.Err())
}
