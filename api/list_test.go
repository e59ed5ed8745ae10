package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestAListShowsIDsAndNobody(t *testing.T) {
	r := newRig(t)
	r.fake.list = func(q starter.ListQuery, limit int, cursor string) (starter.Page, error) {
		require.Equal(t, []any{starter.ListQuery{Clients: []string{"reader"}, Status: verification.Completed}, 7, "abc"}, []any{q, limit, cursor})
		return starter.Page{Next: "def", Items: []starter.Item{{ID: knownID, Client: "reader", Status: q.Status, Decision: verification.Approved,
			Policy: verification.PolicyRef{Name: "cn-resident", Version: 2}, ClientReferenceID: "order-17", CreatedAt: r.now, UpdatedAt: r.now}}}, nil
	}
	w := r.do(call{method: "GET", path: "/v1/verifications?status=completed&limit=7&cursor=abc", key: r.reader})
	require.Equal(t, 200, w.Code, w.Body.String())
	require.JSONEq(t, `{"next_cursor":"def","verifications":[{"id":"`+knownID+`","client":"reader","status":"completed","decision":"approved","outcome":"approved",
		"policy":{"name":"cn-resident","version":2},"client_reference_id":"order-17","created_at":"2026-11-23T04:00:00Z","updated_at":"2026-11-23T04:00:00Z"}]}`,
		w.Body.String())

	r.fake.list = func(_ starter.ListQuery, limit int, _ string) (starter.Page, error) {
		require.Equal(t, 20, limit)
		return starter.Page{}, nil
	}
	w = r.do(call{method: "GET", path: "/v1/verifications", key: r.reader})
	require.JSONEq(t, `{"next_cursor":null,"verifications":[]}`, w.Body.String())
}

// Every filter of the contract reaches the list.
func TestAListIsAskedByItsFilters(t *testing.T) {
	r := newRig(t)
	var got starter.ListQuery
	r.fake.list = func(q starter.ListQuery, _ int, _ string) (starter.Page, error) { got = q; return starter.Page{}, nil }
	w := r.do(call{method: "GET", key: r.reader, path: "/v1/verifications?outcome=declined&policy=cn-chip&client_reference_id=order%2017" +
		"&created_from=2026-11-01T00:00:00%2B08:00&created_to=2026-12-01T00:00:00Z&order=asc"})
	require.Equal(t, 200, w.Code, w.Body.String())
	got.From, got.Before = got.From.UTC(), got.Before.UTC()
	require.Equal(t, starter.ListQuery{Clients: []string{"reader"}, Outcome: verification.OutcomeDeclined, Policy: "cn-chip", Reference: "order 17",
		From: time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC), Before: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Oldest: true}, got)
}

func TestListsAreHeldToTheContract(t *testing.T) {
	for query, want := range map[string][2]string{
		"?status=": {"status", "value.enum"}, "?status=ended": {"status", "value.enum"}, "?status=" + plantedNumber: {"status", "value.enum"},
		"?outcome=in_review": {"outcome", "value.enum"}, "?policy=No": {"policy", "value.pattern"}, "?client_reference_id=": {"client_reference_id", "value.too_short"},
		"?order=newest": {"order", "value.enum"}, "?created_from=2026-11-01": {"created_from", "value.format"}, "?created_to=now": {"created_to", "value.format"},
		"?created_to=2026-11-01T00:00:00+08:00": {"created_to", "value.format"}, // a bare + is a space
		"?status=in_review&limit=0":             {"limit", "value.range"}, "?status=in_review&limit=101": {"limit", "value.range"},
		"?status=in_review&limit=x": {"limit", "value.type"}, "?status=in_review&limit=1e9": {"limit", "value.type"}, "?status=in_review&limit=": {"limit", "value.type"},
		"?status=in_review&limit=99999999999999999999":          {"limit", "value.type"},
		"?status=in_review&cursor=" + strings.Repeat("c", 2001): {"cursor", "value.too_long"},
		"?status=in_review%27%20OR%20%271%27=%271":              {"status", "value.enum"},
		"?status=in_review&status=processing":                   {"status", "value.repeated"},
		"?status=in_review&limit=%zz":                           {"limit", "value.malformed"},
		"?status=in_review;limit=5":                             {"status", "value.malformed"},
		"?outcom=declined":                                      {"outcom", "parameter.unknown"}, // it would list everything
		"?status=in_review&" + plantedNumber + "=1":             {"", "parameter.unknown"},
	} {
		r := newRig(t)
		p := problemIn(t, r.do(call{method: "GET", path: "/v1/verifications" + query, key: r.shop}), 422, "invalid_request")
		require.Empty(t, r.fake.calls, query)
		require.Len(t, p.Errors, 1, query)
		require.Equal(t, want, [2]string{p.Errors[0].Field, p.Errors[0].Code}, query)
		require.NotEmpty(t, p.Errors[0].Message)
	}
	r2 := newRig(t)
	p := problemIn(t, r2.do(call{method: "GET", path: "/v1/verifications?status=x&limit=0&cursor=a&cursor=b", key: r2.shop}), 422, "invalid_request")
	require.Len(t, p.Errors, 3, "every faulty parameter is named")
	for query, message := range map[string]string{
		"?created_from=2026-11-01":                "Is no date-time, such as 2026-11-23T00:00:00Z. Started at this time or later.",
		"?created_to=2026-11-01T00:00:00+08:00":   "Is no date-time, such as 2026-11-23T00:00:00Z. In a query a + is written %2B. Started before this time.",
		"?created_to=2026-11-01T00:00:00%2B08:0x": "Is no date-time, such as 2026-11-23T00:00:00Z. Started before this time.",
	} {
		require.Equal(t, message, problemIn(t, r2.do(call{method: "GET", path: "/v1/verifications" + query, key: r2.shop}), 422, "invalid_request").Errors[0].Message)
	}
	r := newRig(t)
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications?status=in_review"}), 401, "unauthenticated")
	problemIn(t, r.do(call{method: "GET", path: "/v1/providers"}), 401, "unauthenticated")
}
