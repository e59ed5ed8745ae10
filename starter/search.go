package starter

import (
	"context"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// maxFound is how many verifications of a person a search returns at most.
const maxFound = 1000

// Search finds the client's verifications of the person with the number, the
// newest first; without a client those of all, for an operator. Who asked is on
// record before it is answered, with each that was found. That nothing is held is
// said of a number that a card can have: a mistyped one, of which nothing is found,
// is InvalidRequest. Errors are *Error: InvalidRequest, EngineUnavailable (the
// store), Internal.
func (s *Starter) Search(ctx context.Context, r Reading, number string) ([]string, error) {
	choice := s.choice(Selection{Client: r.Client, Number: number})
	found, err := s.store.Find(ctx, store.Audit{At: s.now(), Client: r.Client, By: r.By, Purpose: r.Purpose, RequestID: r.RequestID},
		choice, maxFound)
	if err != nil {
		return nil, storeError("search", err)
	}
	if len(found) == 0 {
		switch code := (residentid.Rules{}).CheckNumber(number, s.now()); code {
		case residentid.OK, residentid.UnsupportedDocument:
		default:
			return nil, &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "id_number", Code: string(code), Message: explain(code)}}}
		}
	}
	var ids []string
	for _, one := range found {
		ids = append(ids, one.ID)
	}
	return ids, nil
}
