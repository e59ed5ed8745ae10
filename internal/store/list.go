package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Query asks for a page of clients' rows. What is zero is not asked for.
type Query struct {
	Clients  []string
	Status   verification.Status
	Decision verification.Decision
	Policy   string
	// ReferenceHashes are the keyed hashes of a caller's reference, by client; nil:
	// whatever it is.
	ReferenceHashes map[string][]byte
	// From and Before bound the time of creation; Before itself is left out.
	From, Before time.Time
	// Oldest first, in place of the newest.
	Oldest bool
	// After is the place behind which the page begins; zero: the first page.
	After Place
	Limit int
}

// Place is a row's place in a list.
type Place struct {
	CreatedAt time.Time
	ID        string
}

// text returns the statement for one client, and its arguments. Each condition
// is one of equality or a range of what the list is sorted by, so that an index
// answers it in the list's order, from the page's first row on.
func (q Query) text(client string) (string, []any) {
	args := []any{client}
	var b strings.Builder
	b.WriteString(`SELECT ` + rowColumns + ` FROM verifications WHERE redacted_at IS NULL AND client = $1`)
	add := func(condition string, values ...any) {
		places := make([]any, 0, len(values))
		for _, v := range values {
			args = append(args, v)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		fmt.Fprintf(&b, " AND "+condition, places...)
	}
	if q.Status != "" {
		add("status = %s", string(q.Status))
	}
	if q.Decision != "" {
		add("decision = %s", string(q.Decision))
	}
	if q.Policy != "" {
		add("policy_name = %s", q.Policy)
	}
	if q.ReferenceHashes != nil {
		add("reference_hash = %s", q.ReferenceHashes[client])
	}
	if !q.From.IsZero() {
		add("created_at >= %s", stamp(q.From))
	}
	if !q.Before.IsZero() {
		add("created_at < %s", stamp(q.Before))
	}
	order, behind := "DESC", "<"
	if q.Oldest {
		order, behind = "ASC", ">"
	}
	if q.After != (Place{}) {
		add("(created_at, id) "+behind+" (%s, %s)", stamp(q.After.CreatedAt), q.After.ID)
	}
	args = append(args, q.Limit)
	fmt.Fprintf(&b, " ORDER BY created_at %s, id %s LIMIT $%d", order, order, len(args))
	return b.String(), args
}

// compare orders two rows as the list does.
func (q Query) compare(a, b Row) int {
	order := cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	if q.Oldest {
		return order
	}
	return -order
}

// List asks for each client by itself: no index is in the order of a list over
// several of them.
func (s *sqlStore) List(ctx context.Context, q Query) ([]Row, error) {
	var out []Row
	for _, client := range q.Clients {
		rows, err := s.listOf(ctx, q, client)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	if len(q.Clients) > 1 {
		slices.SortFunc(out, q.compare)
	}
	return out[:min(len(out), q.Limit)], nil
}

func (s *sqlStore) listOf(ctx context.Context, q Query, client string) ([]Row, error) {
	text, args := q.text(client)
	rows, err := s.read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, wrap("list", err)
	}
	defer rows.Close()
	var out []Row
	for rows.Next() {
		sealed, err := scanRow(rows)
		if err != nil {
			return nil, wrap("list", err)
		}
		row, err := s.openRow(sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, wrap("list", rows.Err())
}
