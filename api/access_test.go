package api

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
)

func TestAKeyFindsWhoItStandsFor(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	a, hash := NewKey()
	b, expired := NewKey()
	c, later := NewKey()
	unknown, _ := NewKey()
	ring := newKeyring([]Client{{ID: "x", Keys: []Key{
		{Name: "a", Hash: strings.ToUpper(hash), Scopes: []string{ScopeRead}}, {Name: "b", Hash: expired, Expires: now},
	}}}, []Reviewer{{Name: "wang", Hash: later, Clients: []string{"x"}, Expires: now.Add(time.Second)}}, nil)
	who := ring.find([]string{"bearer " + a}, now)
	require.Equal(t, "a", who.name)
	require.Equal(t, "x", who.client.ID)
	require.Equal(t, []string{"x"}, who.clients())
	require.True(t, who.has(ScopeRead))
	require.False(t, who.has(ScopeReview))
	require.Nil(t, ring.find([]string{"Bearer " + unknown}, now))
	require.Nil(t, ring.find([]string{"Bearer " + hash}, now))

	require.Nil(t, ring.find([]string{"Bearer " + b}, now), "from its expiry on it is not taken")
	require.NotNil(t, ring.find([]string{"Bearer " + b}, now.Add(-time.Nanosecond)))
	who = ring.find([]string{"Bearer " + c}, now)
	require.Nil(t, who.client)
	require.Equal(t, []string{"x"}, who.clients())
	require.Equal(t, []string{ScopeRead, ScopeReviewRead, ScopeReview}, who.scopes)
	require.Nil(t, ring.find([]string{"Bearer " + c}, now.Add(time.Second)))
}

func TestEveryErrorInKeysAndReviewersIsReportedAtOnce(t *testing.T) {
	one, two := HashKey("1"), HashKey("2")
	key := func(name, hash string, scopes ...string) Key { return Key{Name: name, Hash: hash, Scopes: scopes} }
	err := CheckAccess([]Client{
		{ID: "a", Keys: []Key{key("k", one, ScopeRead), key("k", plantedName, "verifications:all"), key("", strings.ToUpper(one))}},
		{ID: "a", ReturnURLs: []string{"http://a.example"}},
		{},
		{ID: "b", Keys: []Key{key(plantedNumber, two, ScopeRead), key("both", HashKey("3"), ScopeRead, ScopeWrite, ScopeReview)}},
	}, []Reviewer{
		{Name: "wang", Hash: HashKey("4"), Clients: []string{"a", "b"}},
		{Name: "wang", Hash: two, Clients: []string{"a", "gone", "a"}},
		{Name: "both", Hash: HashKey("5"), Clients: []string{"b"}},
		{Name: "li", Hash: HashKey("6")},
	})
	require.Error(t, err)
	for _, want := range []string{
		`client "a": keys[1]: hash is no SHA-256 in hex`, `client "a": keys[1]: name "k" is given twice for client "a"`,
		`client "a": keys[1]: scopes: unknown scope "verifications:all", want one of verifications:write, verifications:read, outputs:read`,
		`client "a": keys[2]: name must be 1 to 60 letters`, `client "a": keys[2]: hash is given twice`, `client "a": keys[2]: scopes is empty`,
		`client "a": id is given twice`, `client "a": return_urls[0] must be https`, `client "": id is empty`,
		`client "b": keys[0]: name must be 1 to 60 letters, digits, spaces or . _ @ -, and no ID number`,
		`client "b": keys[1]: a key that holds both verifications:write and review:write`, "list a reviewer under reviewers, or say self_review: true",
		`reviewer "wang": name is given twice`, `reviewer "wang": hash is given twice`, `reviewer "wang": clients[1] is no client's id, or is given twice`,
		`reviewer "wang": clients[2] is no client's id, or is given twice`, `reviewer "both": name "both" is given twice for client "b"`,
		`reviewer "li": clients is empty`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), plantedName, "what stands in place of a hash may be the key")
	require.NotContains(t, err.Error(), plantedNumber)
}

// Whoever starts a verification does not approve it, unless the client says so.
func TestOneKeyDoesNotBothStartAndDecide(t *testing.T) {
	client := Client{ID: "shop", Keys: []Key{{Name: "k", Hash: HashKey("1"), Scopes: []string{ScopeWrite, ScopeReview}}}}
	require.ErrorContains(t, CheckAccess([]Client{client}, nil), "lets whoever starts a verification approve it")
	client.SelfReview = true
	require.NoError(t, CheckAccess([]Client{client}, nil))
	client.SelfReview = false
	client.Keys = []Key{{Name: "start", Hash: HashKey("1"), Scopes: []string{ScopeWrite, ScopeRead}},
		{Name: "decide", Hash: HashKey("2"), Scopes: []string{ScopeRead, ScopeReview}}}
	require.NoError(t, CheckAccess([]Client{client}, []Reviewer{{Name: "王丽", Hash: HashKey("3"), Clients: []string{"shop"}}}))
}

// A reviewer's key reads, lists, decides and reopens for the clients named with
// it, and can do nothing else.
func TestAReviewersKey(t *testing.T) {
	r := newRig(t)
	v := running()
	r.fake.owner = func(clients []string, id string) (string, error) {
		require.Equal(t, []string{"shop", "reader"}, clients)
		if id != knownID {
			return "", &starter.Error{Code: starter.NotFound}
		}
		return "shop", nil
	}
	mine := owned("shop", v)
	r.fake.read = mine
	r.fake.wait = func(client, id string, _ int, _ time.Duration) (starter.View, error) { return mine(client, id) }
	r.fake.decide = func(client, id string, w starter.ReviewRequest) (starter.View, error) {
		require.Equal(t, "wang", w.By, "the name is given by the server")
		return mine(client, id)
	}
	r.fake.reopen = r.fake.decide
	r.fake.acts = func(client, id string) ([]starter.Act, error) { _, err := mine(client, id); return nil, err }
	r.fake.list = func(q starter.ListQuery, _ int, _ string) (starter.Page, error) {
		require.Equal(t, []string{"shop", "reader"}, q.Clients)
		return starter.Page{Items: []starter.Item{{ID: knownID, Client: "shop", Status: q.Status}}}, nil
	}
	for name, c := range operationsOn(knownID) {
		c.key = r.reviewer
		w := r.do(c)
		if name == "retry" || name == "cancel" {
			problemIn(t, w, 403, "insufficient_scope")
			continue
		}
		require.Equal(t, 200, w.Code, name)
		require.NotContains(t, w.Body.String(), "vendor.example", "the link is the person's")
		if name != "decisions" {
			require.Equal(t, `"v3"`, w.Header().Get("ETag"))
			require.Contains(t, w.Body.String(), `"type":"redirect"`)
		}

		c.path = strings.Replace(c.path, knownID, "ver_zzzz", 1)
		problemIn(t, r.do(c), 404, "not_found")
	}
	w := r.do(call{method: "GET", path: "/v1/verifications?status=in_review", key: r.reviewer})
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"client":"shop"`)
	w = r.do(call{method: "POST", path: "/v1/verifications", key: r.reviewer, body: goodBody(""), header: map[string]string{"Idempotency-Key": "k"}})
	problemIn(t, w, http.StatusForbidden, "insufficient_scope")
	require.Contains(t, r.logs.String(), `"reviewer":true`)
	require.NotContains(t, r.logs.String(), "wang", "a log names no persons")
	require.Equal(t, starter.Unknown, r.handler.(*Handler).server.links.version(knownID), "who was not shown the link was not told it")
}

// Who writes the configuration finds each scope in the contract and the settings.
func TestEveryScopeIsExplained(t *testing.T) {
	settings, err := os.ReadFile("../docs/settings.md")
	require.NoError(t, err)
	contract := contractDocument(t).Components.SecuritySchemes["bearer"].Value.Description
	for _, scope := range scopes {
		require.True(t, strings.Contains(contract, "`"+scope+"`"), "the contract says nothing of %s", scope)
		require.True(t, strings.Contains(string(settings), "`"+scope+"` "), "settings.md says nothing of %s", scope)
	}
}
