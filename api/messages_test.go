package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
)

// Each broken rule names its field and says what is wanted, in the contract's
// figures and words, so that nobody has to look it up.
func TestABrokenRuleSaysWhatIsWanted(t *testing.T) {
	const consents = "/v1/verifications/" + knownID + "/consents"
	for _, tc := range []struct{ path, body, field, code, message string }{
		{"", goodBody(`,"client_reference_id":""`), "client_reference_id", "value.too_short", "Must have at least 1 character."},
		{"", goodBody(`,"client_reference_id":"` + strings.Repeat("x", 101) + `"`), "client_reference_id", "value.too_long", "Must have at most 100 characters."},
		{"", goodBody(`,"metadata":{` + manyMembers(21) + `}`), "metadata", "value.too_many", "Must have at most 20 properties."},
		{"", goodBody(`,"metadata":{"a":"` + strings.Repeat("x", 501) + `"}`), "metadata", "value.too_long", "A value in it: Must have at most 500 characters."},
		{"", goodBody(`,"presentation":"Page"`), "presentation", "value.enum", "Must be page, vendor or mini_program."},
		{"", `{"policy":"CN-RESIDENT"}`, "policy", "value.pattern", "Must match the pattern ^[a-z][a-z0-9_-]{0,39}$."},
		{"", goodBody(`,"consents":[{"purpose":"face","given_at":"2026-11-28t09:00:00z"}]`), "consents.0.given_at", "value.format", "Is no date-time, such as 2026-11-23T00:00:00Z."},
		{consents, `{}`, "", "value.too_few", "Must have at least 1 property."},
		{consents, `{"withdrawn":[]}`, "withdrawn", "value.too_few", "Must have at least 1 item."},
		{"/v1/verifications/" + knownID + "/retry", `{"session":-1}`, "session", "value.range", "Must be at least 0."},
		{"/v1/verifications/" + knownID + "/retry", `{"session":1001}`, "session", "value.range", "Must be at most 1000."},
		{"/v1/verifications/" + knownID + "/cancel", `{"reason":"I changed my mind"}`, "reason", "value.enum", "Must be canceled.by_caller."},
	} {
		r := newRig(t)
		w := r.post(tc.body)
		if tc.path != "" {
			w = r.do(call{method: "POST", path: tc.path, key: r.shop, body: tc.body})
		}
		p := problemIn(t, w, 422, "invalid_request")
		require.Len(t, p.Errors, 1, tc.body)
		require.Equal(t, []string{tc.field, tc.code, tc.message}, []string{p.Errors[0].Field, p.Errors[0].Code, p.Errors[0].Message}, tc.body)
		require.Empty(t, r.fake.calls)
	}
}

// A parameter that only the generated code would refuse has a name, too.
func TestEveryRefusedParameterIsNamed(t *testing.T) {
	for query, want := range map[string]string{
		"created_from=2026-11-28T09:00:00z": "created_from",
		"created_to=2026-11-28t09:00:00Z":   "created_to",
		"limit=0":                           "limit",
		"order=ASC":                         "order",
	} {
		r := newRig(t)
		p := problemIn(t, r.do(call{method: "GET", path: "/v1/verifications?" + query, key: r.shop}), 422, "invalid_request")
		require.Len(t, p.Errors, 1, query)
		require.Equal(t, want, p.Errors[0].Field)
	}
	r := newRig(t)
	req := newRequest("GET", "/v1/verifications/"+knownID+"/outputs", "", r.shop)
	req.Header.Set("Yanzhen-Purpose", "")
	p := problemIn(t, r.serve(req), 422, "invalid_request")
	require.Len(t, p.Errors, 1)
	require.Equal(t, "Yanzhen-Purpose", p.Errors[0].Field)
}

// What tools put around JSON is named, instead of a fault that nobody sees in it.
func TestABodyThatIsWrappedIsTold(t *testing.T) {
	r := newRig(t)
	w := r.post("\ufeff" + goodBody(""))
	problemIn(t, w, 400, "malformed_json")
	require.Contains(t, w.Body.String(), "byte order mark")
	req := newRequest("POST", "/v1/verifications", goodBody(""), r.shop)
	req.Header.Set("Idempotency-Key", "k")
	req.Header.Set("Content-Encoding", "gzip")
	w = r.serve(req)
	problemIn(t, w, 415, "unsupported_media_type")
	require.Contains(t, w.Body.String(), "compressed")
	require.Empty(t, r.fake.calls)
}

// A tag that lost its quotes is no change since it was read: whoever reads again
// and sends the same would be refused for ever.
func TestATagThatIsNoneIsTold(t *testing.T) {
	r := newRig(t)
	w := r.say("/v1/verifications/"+knownID+"/cancel", "v3", "{}")
	problemIn(t, w, 412, "version_conflict")
	require.Contains(t, w.Body.String(), "with its quotes")
}

// An id with an encoded slash names no other operation, and an encoded id is the
// same id.
func TestAnEncodedPathIsTheIDThatItSays(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", running())
	require.Equal(t, 200, r.do(call{method: "GET", path: "/v1/verifications/" + strings.Replace(knownID, "_", "%5F", 1), key: r.shop}).Code)
	r.fake.read = func(_, id string) (starter.View, error) {
		require.Equal(t, knownID+"/timeline", id)
		return starter.View{}, &starter.Error{Code: starter.NotFound}
	}
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "%2Ftimeline", key: r.shop}), 404, "not_found")
	problemIn(t, r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "%2Fcancel", key: r.shop}), 405, "method_not_allowed")
	require.NotContains(t, r.fake.calls, "timeline")
	require.NotContains(t, r.fake.calls, "cancel")
}

// A parameter where none is known is not left unread: who asks a receipt to wait
// would think that it did. What needs no key takes what vendors and browsers add.
func TestAnUnknownParameterIsRefusedOnEveryOperation(t *testing.T) {
	operations, err := readOperations(Contract)
	require.NoError(t, err)
	doc := contractDocument(t)
	for key, op := range operations {
		method, path, _ := strings.Cut(key, " ")
		if op.scope == "" {
			require.False(t, strings.HasPrefix(path, "/v1/"), path)
			continue
		}
		r := newRig(t)
		at := strings.NewReplacer(":id", knownID).Replace(path)
		body := ""
		if op.bodyRequired {
			body = "{}"
		}
		req := newRequest(method, at+"?waitt=30s", body, r.shop)
		req.Header.Set("Idempotency-Key", "k")
		p := problemIn(t, r.serve(req), 422, "invalid_request")
		require.Equal(t, "parameter.unknown", p.Errors[len(p.Errors)-1].Code, key)
		require.Empty(t, r.fake.calls, key)
		item := doc.Paths.Find(strings.Replace(path, ":id", "{id}", 1))
		require.NotNil(t, item.GetOperation(method).Responses.Value("422"), "%s does not tell of it", key)
	}
	r := newRig(t)
	require.Equal(t, 200, r.serveRaw(newRequest("GET", "/docs?x=1", "", "")).Code)
}
