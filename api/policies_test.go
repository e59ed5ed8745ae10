package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func twoPolicies() []verification.Policy {
	one, two := verification.DefaultPolicy(), verification.DefaultPolicy()
	one.Name, one.Checks = "cn-chip", map[verification.CheckType]verification.Requirement{verification.DocumentChip: verification.Required, verification.HolderMatch: verification.IfAvailable, verification.Liveness: verification.Off}
	two.Name, two.AlwaysReview = "cn-resident", true
	return []verification.Policy{one, two}
}

// A client is shown, and may use, the policies of its list; without a list, all.
func TestAClientUsesItsPolicies(t *testing.T) {
	r := newRig(t)
	r.fake.policies = twoPolicies()
	w := r.do(call{method: "GET", path: "/v1/policies", key: r.limited})
	require.Equal(t, 200, w.Code, w.Body.String())
	require.JSONEq(t, `{"policies":[{"name":"cn-chip","version":1,"presentation":"vendor","link_life":"24h0m0s","human_route":"review","consents":[],"nfc_reqid":true,"attempts":3,"sessions":6,"always_review":false,"one_open":false,
		"checks":[{"type":"document_chip","requirement":"required"},{"type":"holder_match","requirement":"if_available"}]}]}`, w.Body.String())
	for _, key := range []string{r.shop, r.reviewer} {
		w = r.do(call{method: "GET", path: "/v1/policies", key: key})
		require.Contains(t, w.Body.String(), `"cn-chip"`)
		require.Contains(t, w.Body.String(), `"cn-resident"`)
	}

	w = r.do(call{method: "POST", path: "/v1/verifications", key: r.limited, body: goodBody(""), header: map[string]string{"Idempotency-Key": "k"}})
	p := problemIn(t, w, 422, "invalid_request")
	require.Equal(t, []string{"policy", "policy.unknown"}, []string{p.Errors[0].Field, p.Errors[0].Code})
	require.Empty(t, r.fake.calls)
}

// Keys, clients and policies change while requests come: from the next one on the
// new ones hold, a key's used-up limit stays used up, and a faulty list changes
// nothing.
func TestAccessIsReplacedWhileRequestsCome(t *testing.T) {
	r := newRig(t)
	r.fake.read = func(client, id string) (starter.View, error) { return running(), nil }
	h := r.handler.(*Handler)
	read := func(key string) int {
		return r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: key}).Code
	}
	require.Equal(t, 200, read(r.shop))
	for range 4 {
		require.Equal(t, 200, read(r.limited))
	}
	fresh, hash := NewKey()
	next := []Client{
		{ID: "limited", Keys: []Key{{Name: "k", Hash: HashKey(r.limited), Scopes: []string{ScopeRead}, RateLimit: 2}}},
		{ID: "shop", Keys: []Key{{Name: "old", Hash: HashKey(r.shop), Scopes: []string{ScopeRead}, Expires: r.now.Add(time.Minute)},
			{Name: "new", Hash: hash, Scopes: []string{ScopeRead}}}},
	}
	require.Error(t, h.Replace([]Client{{ID: "shop", Keys: []Key{{Name: "x", Hash: "no hash"}}}}, nil))
	require.Equal(t, 401, read(fresh))
	require.NoError(t, h.Replace(next, nil))
	for _, key := range []string{fresh, r.shop} {
		require.Equal(t, 200, read(key))
	}
	require.Equal(t, 429, read(r.limited))
	require.Equal(t, 401, read(r.reader))
	r.now = r.now.Add(time.Hour)
	require.Equal(t, 401, read(r.shop), "the old key has ended")
	require.Equal(t, 200, read(fresh))
}

// Who is verified already is told which verification to go on with.
func TestAnOpenVerificationOfThePersonIsNamed(t *testing.T) {
	r := newRig(t)
	r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
		return starter.View{}, starter.Started{}, &starter.Error{Code: starter.AlreadyOpen, ID: knownID}
	}
	w := r.post(goodBody(""))
	problemIn(t, w, 409, "already_open")
	require.Contains(t, w.Body.String(), `"verification_id":"`+knownID+`"`)
}
