package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Nothing of what is refused here may reach the starter: no row, no run, no
// vendor.
func TestBadBodiesAreNamedAndStartNothing(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, tc := range []struct {
		name, body  string
		status      int
		code        string
		field, rule string
	}{
		{"half JSON", `{"policy":"` + plantedName, 400, "malformed_json", "", ""},
		{"no JSON", plantedName, 400, "malformed_json", "", ""},
		{"two values", goodBody("") + ` {}`, 400, "malformed_json", "", ""},
		{"trailing garbage", goodBody("") + plantedNumber, 400, "malformed_json", "", ""},
		{"a member twice", goodBody(`,"policy":"other"`), 400, "malformed_json", "", ""},
		{"a member twice, escaped", goodBody(`,"p\u006flicy":"other"`), 400, "malformed_json", "", ""},
		{"invalid UTF-8", `{"policy":"` + "\xff\xfe" + `"}`, 400, "malformed_json", "", ""},
		{"lone surrogate", `{"policy":"\ud800"}`, 400, "malformed_json", "", ""},
		{"comments", `{"policy":"cn-resident" /* */}`, 400, "malformed_json", "", ""},
		{"too deep", deep, 400, "malformed_json", "", ""},
		{"null", `null`, 422, "invalid_request", "", "value.type"},
		{"an array", `["` + plantedNumber + `"]`, 422, "invalid_request", "", "value.type"},
		{"empty object", `{}`, 422, "invalid_request", "policy", "value.required"},
		{"unknown property", goodBody(`,"` + plantedNumber + `":1`), 422, "invalid_request", "", "property.unknown"},
		{"unknown property, other case", goodBody(`,"Policy":"other"`), 422, "invalid_request", "Policy", "property.unknown"},
		{"unknown property deeper", `{"policy":"p","subject":{"name":"` + plantedName + `","id_number":"1","id_validity":{"from":"a","to":"b"},"` + plantedName + `":""}}`,
			422, "invalid_request", "subject", "property.unknown"},
		{"wrong type", `{"policy":17}`, 422, "invalid_request", "policy", "value.type"},
		{"number for a number", `{"policy":"p","subject":{"name":"` + plantedName + `","id_number":` + plantedNumber + `,"id_validity":{"from":"a","to":"b"}}}`,
			422, "invalid_request", "subject.id_number", "value.type"},
		{"null subject", `{"policy":"p","subject":null}`, 422, "invalid_request", "subject", "value.type"},
		{"missing dates", `{"policy":"p","subject":{"name":"` + plantedName + `","id_number":"` + plantedNumber + `"}}`,
			422, "invalid_request", "subject.id_validity", "value.required"},
		{"missing end", `{"policy":"p","subject":{"name":"` + plantedName + `","id_number":"1","id_validity":{"from":"` + plantedNumber[:16] + `"}}}`,
			422, "invalid_request", "subject.id_validity.to", "value.required"},
		{"policy that is no name", `{"policy":"` + plantedName + `"}`, 422, "invalid_request", "policy", "value.pattern"},
		{"long name", `{"policy":"p","subject":{"name":"` + strings.Repeat(plantedName, 30) + `","id_number":"1","id_validity":{"from":"a","to":"b"}}}`,
			422, "invalid_request", "subject.name", "value.too_long"},
		{"long reference", goodBody(`,"client_reference_id":"` + strings.Repeat("r", 101) + `"`), 422, "invalid_request", "client_reference_id", "value.too_long"},
		{"metadata of 21", goodBody(`,"metadata":{` + manyMembers(21) + `}`), 422, "invalid_request", "metadata", "value.too_many"},
		{"metadata, long key", goodBody(`,"metadata":{"` + strings.Repeat(plantedName, 9) + `":""}`), 422, "invalid_request", "metadata", "property.name"},
		{"metadata, long value", goodBody(`,"metadata":{"` + plantedNumber + `":"` + strings.Repeat(plantedName, 101) + `"}`), 422, "invalid_request", "metadata", "value.too_long"},
		{"metadata, nested", goodBody(`,"metadata":{"` + plantedName + `":{"a":1}}`), 422, "invalid_request", "metadata", "value.type"},
		{"metadata, a number", goodBody(`,"metadata":{"a":1}`), 422, "invalid_request", "metadata", "value.type"},
		{"consent without a time", goodBody(`,"consents":[{"purpose":"face"}]`), 422, "invalid_request", "consents.0.given_at", "value.required"},
		{"consent, no time", goodBody(`,"consents":[{"purpose":"face","given_at":"` + plantedNumber + `"}]`), 422, "invalid_request", "consents.0.given_at", "value.format"},
		{"foreign return URL", goodBody(`,"return_url":"https://shop.example.evil/back"`), 422, "invalid_request", "return_url", "return_url.not_allowed"},
		{"return URL with a user", goodBody(`,"return_url":"https://shop.example@evil/back"`), 422, "invalid_request", "return_url", "return_url.user_info"},
		{"return URL of 1001 bytes", goodBody(`,"return_url":"https://shop.example/back/` + strings.Repeat("a", 976) + `"`), 422, "invalid_request", "return_url", "value.too_long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := problemIn(t, r.post(tc.body), tc.status, tc.code)
			require.Empty(t, r.fake.calls, "nothing may be started")
			if tc.rule == "" {
				require.Empty(t, p.Errors)
				return
			}
			require.NotEmpty(t, p.Errors)
			require.Equal(t, tc.field, p.Errors[0].Field)
			require.Equal(t, tc.rule, p.Errors[0].Code)
			require.NotEmpty(t, p.Errors[0].Message)
		})
	}
}

func manyMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = `"k` + strings.Repeat("k", i) + `":"v"`
	}
	return strings.Join(members, ",")
}

func TestEveryBrokenRuleIsToldAtOnce(t *testing.T) {
	r := newRig(t)
	r.fake.validate = func(verification.Request) []starter.FieldError {
		return []starter.FieldError{{Field: "subject.id_number", Code: "id_number.check_digit", Message: "m"}}
	}
	p := problemIn(t, r.post(goodBody(`,"return_url":"https://evil.example"`)), 422, "invalid_request")
	require.Len(t, p.Errors, 2)
	require.Equal(t, "return_url", p.Errors[0].Field)
	require.Equal(t, "subject.id_number", p.Errors[1].Field)

	p = problemIn(t, r.post(goodBody(`,"metadata":{"a":1}`)), 422, "invalid_request")
	require.Equal(t, "A value in it: Must be of the JSON type string.", p.Errors[0].Message)

	p = problemIn(t, r.post(`{"policy":3,"client_reference_id":4}`), 422, "invalid_request")
	require.Len(t, p.Errors, 2)
	require.Empty(t, r.fake.calls)
}

func TestTheStartersFindingsAreTold(t *testing.T) {
	r := newRig(t)
	r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
		return starter.View{}, starter.Started{}, &starter.Error{Code: starter.InvalidRequest,
			Fields: []starter.FieldError{{Field: "metadata", Code: "value.personal_data", Message: "m"}}}
	}
	p := problemIn(t, r.post(goodBody(`,"metadata":{"note":"`+plantedNumber+`"}`)), 422, "invalid_request")
	require.Equal(t, "metadata", p.Errors[0].Field)
	require.Equal(t, "value.personal_data", p.Errors[0].Code)
}

func TestOversizedBodiesAreCutOff(t *testing.T) {
	r := newRig(t)
	huge := goodBody(`,"metadata":{"a":"` + strings.Repeat("x", maxBody) + `"}`)
	problemIn(t, r.post(huge), 413, "body_too_large")
	// Without a Content-Length, too.
	req := newRequest("POST", "/v1/verifications", huge, r.shop)
	req.Header.Set("Idempotency-Key", "k")
	req.ContentLength = -1
	problemIn(t, r.serve(req), 413, "body_too_large")
	require.Empty(t, r.fake.calls)
}

func TestOtherMediaTypesAreRefused(t *testing.T) {
	for _, mediaType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonx", plantedName, "",
		"application/json; charset=utf-16", "application/json; charset=GBK", "application/json; charset=UTF-16LE", "application/json; charset="} {
		r := newRig(t)
		w := r.do(call{method: "POST", path: "/v1/verifications", key: r.shop, body: goodBody(""),
			header: map[string]string{"Idempotency-Key": "k", "Content-Type": mediaType}})
		problemIn(t, w, 415, "unsupported_media_type")
		require.Empty(t, r.fake.calls)
	}
}

func TestIdempotencyKeysAreHeldToTheirRules(t *testing.T) {
	for _, tc := range []struct {
		name   string
		keys   []string
		status int
		code   string
	}{
		{"missing", nil, 400, "idempotency_key_missing"},
		{"empty", []string{""}, 400, "idempotency_key_missing"},
		{"twice", []string{"a", "b"}, 400, "idempotency_key_invalid"},
		{"space", []string{"a b"}, 400, "idempotency_key_invalid"},
		{"a name", []string{plantedName}, 400, "idempotency_key_invalid"},
		{"256 characters", []string{strings.Repeat("k", 256)}, 400, "idempotency_key_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			req := newRequest("POST", "/v1/verifications", goodBody(""), r.shop)
			req.Header["Idempotency-Key"] = tc.keys
			problemIn(t, r.serve(req), tc.status, tc.code)
			require.Empty(t, r.fake.calls)
		})
	}
}

// Digits in an Idempotency-Key are no person: a UUID or a number is always
// taken, even one that is shaped like an ID number by chance.
func TestEveryUUIDAndNumberIsAnIdempotencyKey(t *testing.T) {
	for _, key := range []string{
		plantedNumber, "order-" + plantedNumber, "110199199003070017", "320106198-50101-1234", "9007199254740993",
		"11010119-9003-4707-8123-456789012345", "7c1a1c1e-6f0e-4bd5-9d43-5b2f4e0a0d11", "00000000-0000-0000-0000-000000000000",
		"0", "440305199", strings.Repeat("9", 255),
	} {
		r := newRig(t)
		r.fake.start = func(_, got string, _ verification.Request) (starter.View, starter.Started, error) {
			require.Equal(t, key, got)
			return running(), starter.Started{}, nil
		}
		req := newRequest("POST", "/v1/verifications", goodBody(""), r.shop)
		req.Header.Set("Idempotency-Key", key)
		require.Equal(t, 201, r.serve(req).Code, key)
	}
}

func TestJSONIsTakenInUTF8(t *testing.T) {
	for _, mediaType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "application/json; charset=utf8"} {
		r := newRig(t)
		r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
			return running(), starter.Started{}, nil
		}
		w := r.do(call{method: "POST", path: "/v1/verifications", key: r.shop, body: goodBody(""),
			header: map[string]string{"Idempotency-Key": "k", "Content-Type": mediaType}})
		require.Equal(t, 201, w.Code, mediaType)
	}
}

// One space stands between the scheme and the key (RFC 6750 section 2.1), and
// nothing around them.
func TestABearerWithOddBlanksIsRefused(t *testing.T) {
	for _, odd := range []string{"Bearer  %", "Bearer\t%", "Bearer %\t", "Bearer % ", " Bearer %", "Bearer \u00a0%", "Bearer%", "Bearer % %", "Bearer \t%", "Bearer %\n"} {
		r := newRig(t)
		req := newRequest("GET", "/v1/verifications/"+knownID, "", "")
		req.Header["Authorization"] = []string{strings.ReplaceAll(odd, "%", r.shop)}
		problemIn(t, r.serve(req), 401, "unauthenticated")
		require.Empty(t, r.fake.calls, "%q", odd)
	}
}

func TestKeysAreAskedFor(t *testing.T) {
	for name, header := range map[string][]string{
		"none":      nil,
		"wrong key": {"Bearer yz_" + plantedNumber},
		"no scheme": {"yz_x"},
		"basic":     {"Basic eXo6eA=="},
		"empty":     {"Bearer "},
		"the hash":  {"Bearer " + HashKey("yz_x")},
	} {
		t.Run(name, func(t *testing.T) {
			for op, c := range operationsOn(knownID) {
				r := newRig(t)
				req := newRequest(c.method, c.path, c.body, "")
				req.Header["Authorization"] = header
				w := r.serve(req)
				problemIn(t, w, 401, "unauthenticated")
				require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer", op)
				require.Empty(t, r.fake.calls)
			}
		})
	}
	r := newRig(t)
	req := newRequest("GET", "/v1/verifications/"+knownID, "", "")
	req.Header["Authorization"] = []string{"Bearer " + r.shop, "Bearer " + r.other}
	problemIn(t, r.serve(req), 401, "unauthenticated")
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/v1", "/v1/verifications/", "/v1/verifications/" + knownID + "/", "/v1/verifications/a/b/c", "//v1/verifications", "/" + plantedName} {
		w := r.do(call{method: "GET", path: path, key: r.shop})
		problemIn(t, w, 404, "not_found")
		require.Contains(t, w.Body.String(), "There is no such path", "an id that is unknown is something else to its caller")
	}
	w := r.do(call{method: "DELETE", path: "/v1/verifications/" + knownID, key: r.shop})
	problemIn(t, w, 405, "method_not_allowed")
	require.Contains(t, w.Header().Get("Allow"), "GET")
	problemIn(t, r.do(call{method: plantedNumber, path: "/v1/verifications", key: r.shop}), 405, "method_not_allowed")
	require.Empty(t, r.fake.calls)
}

func TestRetryBodiesAreHeldToTheContract(t *testing.T) {
	for body, field := range map[string]string{
		`{}`: "session", `{"session":-1}`: "session", `{"session":"1"}`: "session", `{"session":1.5}`: "session",
		`{"session":1e9}`: "session", `{"session":1e999999}`: "session", `{"session":1e-999999}`: "session", `{"session":1e9999999}`: "session", `{"session":1,"nfc_reqid":""}`: "nfc_reqid", `{"session":1,"` + plantedName + `":2}`: "", `[]`: "",
	} {
		r := newRig(t)
		w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: body})
		p := problemIn(t, w, 422, "invalid_request")
		require.Equal(t, field, p.Errors[0].Field, body)
		require.Empty(t, r.fake.calls)
	}
	for _, body := range []string{`{"session":1.0}`, `{"session":1e0}`} {
		r := newRig(t)
		w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: body})
		problemIn(t, w, 422, "invalid_request")
	}
	r := newRig(t)
	w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop})
	problemIn(t, w, 400, "malformed_json")
	w = r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/cancel", key: r.shop, body: `{"reason":"` + plantedName + `"}`})
	require.Equal(t, "value.enum", problemIn(t, w, 422, "invalid_request").Errors[0].Code)
	require.Empty(t, r.fake.calls)
}

// PostgreSQL takes no NUL and nothing but UTF-8 as text, and would make a fault of ours
// of what is the caller's: so such text is refused before it is asked. Left out is
// what reaches it hashed or decoded only.
func TestTextThatNoDatabaseTakesIsRefused(t *testing.T) {
	r := newRig(t)
	hashed := []string{"client_reference_id", "cursor", "after"}
	asked := 0
	for path, item := range contractDocument(t).Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range op.Parameters {
				if p.Value.In != "query" || slices.Contains(hashed, p.Value.Name) {
					continue
				}
				for _, odd := range []string{"%00", "a%00", "%ff", "%C0%80"} {
					asked++
					at := strings.ReplaceAll(path, "{id}", knownID) + "?" + p.Value.Name + "=" + odd
					w := r.do(call{method: method, path: at, key: r.shop})
					require.Equal(t, p.Value.Name, problemIn(t, w, 422, "invalid_request").Errors[0].Field, at)
				}
			}
		}
	}
	require.Greater(t, asked, 30)
	for _, odd := range []string{`\u0000`, `2026\u0000`, `\n`, `\u001b[2J`} {
		w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/consents", key: r.shop,
			body: `{"consents":[{"purpose":"face","given_at":"2026-11-23T04:00:00Z","text_version":"` + odd + `"}]}`})
		require.Equal(t, "consents.0.text_version", problemIn(t, w, 422, "invalid_request").Errors[0].Field, odd)
	}
	require.Empty(t, r.fake.calls)
}
