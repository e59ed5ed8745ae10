package starter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// ListQuery is what a list is asked for. What is zero is not asked for.
type ListQuery struct {
	// Clients are those whose verifications are listed.
	Clients []string
	Status  verification.Status
	Outcome verification.Outcome
	// Policy is a policy's name.
	Policy string
	// Reference is the caller's own.
	Reference string
	// From and Before bound the time of creation; Before itself is left out.
	From, Before time.Time
	// Oldest first, in place of the newest.
	Oldest bool
}

// Item is a verification in a list.
type Item struct {
	ID                string
	Client            string
	Status            verification.Status
	Decision          verification.Decision
	Policy            verification.PolicyRef
	ClientReferenceID string
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Page is a part of a list.
type Page struct {
	Items []Item
	// Next is the cursor of the next page; empty at the end.
	Next string
}

// List lists verifications, the newest first. Errors are *Error: InvalidRequest
// (the cursor), EngineUnavailable (the store), Internal.
func (s *Starter) List(ctx context.Context, q ListQuery, limit int, cursor string) (Page, error) {
	after, ok := s.openCursor(q, cursor)
	if !ok {
		return Page{}, cursorError()
	}
	status, decision, possible := q.states()
	if !possible {
		return Page{}, nil
	}
	asked := store.Query{Clients: q.Clients, Status: status, Decision: decision, Policy: q.Policy, From: q.From, Before: q.Before,
		Oldest: q.Oldest, After: after, Limit: limit + 1} // one more than is shown tells whether another page follows
	if q.Reference != "" {
		asked.ReferenceHashes = map[string][]byte{}
		for _, client := range q.Clients {
			asked.ReferenceHashes[client] = s.referenceHash(client, q.Reference)
		}
	}
	rows, err := s.store.List(ctx, asked)
	if err != nil {
		return Page{}, s.storeError(ctx, "list", "", err)
	}
	var page Page
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = s.cursor(q, store.Place{CreatedAt: last.CreatedAt, ID: last.ID})
	}
	for _, r := range rows {
		page.Items = append(page.Items, Item{ID: r.ID, Client: r.Client, Status: r.State.Status, Decision: r.State.Decision, Policy: r.Policy,
			ClientReferenceID: r.Request.ClientReferenceID, CreatedAt: r.CreatedAt, UpdatedAt: r.State.UpdatedAt})
	}
	return page, nil
}

// states returns the status and the decision that the question means; possible
// is false where it contradicts itself.
func (q ListQuery) states() (status verification.Status, decision verification.Decision, possible bool) {
	switch q.Outcome {
	case "":
		return q.Status, "", true
	case verification.OutcomeApproved, verification.OutcomeDeclined:
		status, decision = verification.Completed, verification.Decision(q.Outcome)
	case verification.OutcomeReview:
		status = verification.InReview
	default:
		status = verification.Status(q.Outcome)
	}
	return status, decision, q.Status == "" || q.Status == status
}

const purposeCursor = "list-cursor"

// cursorMAC is the length of what binds a cursor to its question.
const cursorMAC = 12

// cursor stands for a place in the list that answered the question.
func (s *Starter) cursor(q ListQuery, p store.Place) string {
	place, err := json.Marshal(p)
	if err != nil {
		return "" // a time and a string always encode
	}
	return base64.RawURLEncoding.EncodeToString(append(s.cursorMAC(q, place), place...))
}

// openCursor returns the place of a cursor that answered the same question.
func (s *Starter) openCursor(q ListQuery, cursor string) (p store.Place, ok bool) {
	if cursor == "" {
		return p, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorMAC {
		return p, false
	}
	place := raw[cursorMAC:]
	if !equal(raw[:cursorMAC], s.cursorMAC(q, place)) {
		return p, false
	}
	return p, json.Unmarshal(place, &p) == nil
}

func (s *Starter) cursorMAC(q ListQuery, place []byte) []byte {
	q.From, q.Before = q.From.UTC(), q.Before.UTC()
	question, err := json.Marshal(q)
	if err != nil {
		return make([]byte, cursorMAC) // words and times of the years 0 to 9999 always encode
	}
	return s.keys.Hash(purposeCursor, string(question), string(place))[:cursorMAC]
}

func cursorError() error {
	return &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "cursor", Code: "cursor.unknown", Message: "Unknown cursor."}}}
}
