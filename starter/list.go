package starter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Item is a verification in a list.
type Item struct {
	ID     string
	Client string
	Status verification.Status
	// Policy is the policy's name.
	Policy string
	// Since is when it was started or reopened.
	Since time.Time
}

// Page is a part of a list.
type Page struct {
	Items []Item
	// Next is the cursor of the next page; empty at the end.
	Next string
}

// List lists the clients' verifications in a status, the newest first. Errors
// are *Error: InvalidRequest (the cursor), EngineUnavailable (the store),
// Internal.
func (s *Starter) List(ctx context.Context, clients []string, status verification.Status, limit int, cursor string) (Page, error) {
	after, ok := s.openCursor(clients, status, cursor)
	if !ok {
		return Page{}, cursorFault()
	}
	// One more than is shown tells whether another page follows.
	rows, err := s.store.List(ctx, store.Query{Clients: clients, Status: status, After: after, Limit: limit + 1})
	if err != nil {
		return Page{}, s.storeFault(ctx, "list", "", err)
	}
	var page Page
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = s.cursor(clients, status, store.Place{CreatedAt: last.CreatedAt, ID: last.ID})
	}
	for _, r := range rows {
		item := Item{ID: r.ID, Client: r.Client, Status: r.State.Status, Policy: r.Policy.Name, Since: r.CreatedAt}
		if r.Ended && r.State.Status == verification.InReview {
			item.Since = r.State.UpdatedAt
		}
		page.Items = append(page.Items, item)
	}
	return page, nil
}

const purposeCursor = "list-cursor"

// cursorMAC is the length of what binds a cursor to its question.
const cursorMAC = 12

// cursor stands for a place in the list that answered the question.
func (s *Starter) cursor(clients []string, status verification.Status, p store.Place) string {
	place, err := json.Marshal(p)
	if err != nil {
		return "" // a time and a string always encode
	}
	return base64.RawURLEncoding.EncodeToString(append(s.cursorMAC(clients, status, place), place...))
}

// openCursor returns the place of a cursor that answered the same question.
func (s *Starter) openCursor(clients []string, status verification.Status, cursor string) (p store.Place, ok bool) {
	if cursor == "" {
		return p, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorMAC {
		return p, false
	}
	place := raw[cursorMAC:]
	if !equal(raw[:cursorMAC], s.cursorMAC(clients, status, place)) {
		return p, false
	}
	return p, json.Unmarshal(place, &p) == nil
}

func (s *Starter) cursorMAC(clients []string, status verification.Status, place []byte) []byte {
	return s.keys.Hash(purposeCursor, append([]string{string(status), string(place)}, clients...)...)[:cursorMAC]
}

func cursorFault() error {
	return &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "cursor", Code: "cursor.unknown", Message: "Not one that an answer held."}}}
}
