//go:build !race

package store_test

// Times say nothing under the race detector; TestListFilters runs the same code there.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/verification"
)

// At 100,000 rows a page of every list comes within 20 ms, the last as the
// first, and by an index that is in the list's order: nothing is sorted, and
// nothing read through.
func TestListsOfManyRowsComeByAnIndex(t *testing.T) {
	const within, limit = 20 * time.Millisecond, 100
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			dsn := map[string]func(testing.TB) string{"sqlite": fresh["sqlite"], "postgres": storetest.Postgres}[name](t)
			require.NoError(t, store.Migrate(t.Context(), dsn))
			s := open(t, dsn, keySet(t, 1, 2))
			require.NoError(t, store.InsertMany(t.Context(), s, many(100_000)))
			middle := noon.Add(25_000 * time.Second)
			for asked, q := range map[string]store.Query{
				"all":                {},
				"status":             {Status: verification.InReview},
				"status of most":     {Status: verification.Completed},
				"outcome":            {Status: verification.Completed, Decision: verification.Declined},
				"policy":             {Policy: "cn-no-face"},
				"policy of most":     {Policy: "cn-resident"},
				"policy and outcome": {Policy: "cn-resident", Status: verification.Completed, Decision: verification.Declined},
				"policy and status":  {Policy: "cn-no-face", Status: verification.InReview},
				"reference":          {ReferenceHashes: map[string][]byte{client: []byte("order-17")}},
				"reference of many":  {ReferenceHashes: map[string][]byte{client: []byte("order-again")}},
				"time":               {From: middle, Before: middle.Add(time.Hour)},
				"until":              {Before: middle},
				"status and time":    {Status: verification.Completed, From: middle},
				"unknown policy":     {Policy: "nobody"},
				"contradiction":      {Status: verification.Expired, Decision: verification.Approved},
				"two clients":        {Clients: []string{client, "other"}, Status: verification.Completed},
			} {
				q.Limit = limit
				if q.Clients == nil {
					q.Clients = []string{client}
				}
				backwards := q
				backwards.Oldest = true
				for _, q := range []store.Query{q, backwards} {
					// The last page is what the list in the other order begins with.
					other := q
					other.Oldest = !q.Oldest
					end := timed(t, s, other, within, asked)
					first := timed(t, s, q, within, asked)
					if len(end) < limit {
						require.Len(t, first, len(end), asked)
						continue
					}
					last := q
					last.After = store.Place{CreatedAt: end[limit-1].CreatedAt, ID: end[limit-1].ID}
					page := timed(t, s, last, within, asked+", last page")
					require.Len(t, page, limit-1)
					require.Equal(t, end[0].ID, page[limit-2].ID)
				}
			}
		})
	}
}

// timed lists, holds the plan to an index, and the best of a few tries to a time:
// a busy machine must not decide.
func timed(t *testing.T, s store.Store, q store.Query, within time.Duration, asked string) []store.Row {
	t.Helper()
	plan, err := store.Explain(t.Context(), s, q)
	require.NoError(t, err)
	require.Regexp(t, `(?i)index (verifications_by_|scan (backward )?using verifications_by_)`, plan, asked)
	require.NotRegexp(t, `(?i)TEMP B-TREE|\bsort\b|seq scan on verifications|^SCAN`, plan, asked)
	var rows []store.Row
	best := time.Hour
	for try := 0; try < 10 && (try < 2 || best >= within); try++ {
		began := time.Now()
		rows, err = s.List(t.Context(), q)
		best = min(best, time.Since(began))
		require.NoError(t, err)
	}
	require.Less(t, best, within, "%s: %s", asked, plan)
	return rows
}
