package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// many rows, as a store holds that has served for some time: nearly all of them
// ended well, a few wait for somebody, few were declined, one policy is rare.
func many(n int) []store.Row {
	rows := make([]store.Row, 0, n)
	for i := range n {
		r := store.Row{
			ID: fmt.Sprintf("ver_%026d", i), Client: client, CreatedAt: noon.Add(time.Duration(i/2) * time.Second),
			Policy: verification.PolicyRef{Name: "cn-resident", Version: 3}, ReferenceHash: fmt.Appendf(nil, "order-%d", i),
		}
		r.State = verification.State{Status: verification.Completed, Decision: verification.Approved, Version: 5, Policy: r.Policy}
		switch i % 100 {
		case 1:
			r.Client = "other"
		case 2:
			r.State.Status, r.State.Decision = verification.InReview, ""
		case 3:
			r.State.Decision = verification.Declined
		case 4, 5:
			r.State.Status, r.State.Decision = verification.Expired, ""
		case 6:
			r.Policy.Name = "cn-no-face"
		case 7:
			r.ReferenceHash = []byte("order-again")
		}
		r.State.Policy = r.Policy
		rows = append(rows, r)
	}
	return rows
}

// Each filter, and several at once, lets through what fits and nothing else, in
// either order, over all pages.
func TestListFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		all := many(300)
		require.NoError(t, store.InsertMany(t.Context(), s, all))
		from, before := all[100].CreatedAt, all[202].CreatedAt
		for asked, q := range map[string]store.Query{
			"all":       {},
			"status":    {Status: verification.Expired},
			"outcome":   {Status: verification.Completed, Decision: verification.Declined},
			"policy":    {Policy: "cn-no-face"},
			"reference": {ReferenceHashes: map[string][]byte{client: []byte("order-again")}},
			"time":      {From: from, Before: before},
			"most":      {Status: verification.Completed, Decision: verification.Approved, Policy: "cn-resident", From: from, Before: before},
			"none":      {Policy: "unknown"},
		} {
			q.Clients, q.Limit = []string{"other", client}, 7
			var want []string
			for _, r := range all {
				if fits(q, r) {
					want = append(want, r.ID)
				}
			}
			for _, oldest := range []bool{true, false} {
				q.Oldest, q.After = oldest, store.Place{}
				var got []string
				for {
					page, err := s.List(t.Context(), q)
					require.NoError(t, err)
					for _, r := range page {
						got = append(got, r.ID)
						q.After = store.Place{CreatedAt: r.CreatedAt, ID: r.ID}
					}
					if len(page) < q.Limit {
						break
					}
				}
				require.Equal(t, want, got, asked)
				slices.Reverse(want)
			}
		}
	})
}

func fits(q store.Query, r store.Row) bool {
	return (q.Status == "" || r.State.Status == q.Status) && (q.Decision == "" || r.State.Decision == q.Decision) &&
		(q.Policy == "" || r.Policy.Name == q.Policy) && (q.ReferenceHashes == nil || r.Client == client && string(r.ReferenceHash) == string(q.ReferenceHashes[client])) &&
		(q.From.IsZero() || !r.CreatedAt.Before(q.From)) && (q.Before.IsZero() || r.CreatedAt.Before(q.Before))
}
