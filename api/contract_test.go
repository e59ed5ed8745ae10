package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func contractDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(Contract)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	return doc
}

func TestTheContractIsAValidDocument(t *testing.T) {
	require.Equal(t, "3.1.0", contractDocument(t).OpenAPI)
}

func TestEveryRouteIsAnOperationOfTheContract(t *testing.T) {
	r := newRig(t)
	operations, err := readOperations(Contract)
	require.NoError(t, err)
	routes := r.handler.(*Handler).router.Routes()
	require.Len(t, routes, len(operations))
	for _, route := range routes {
		op, ok := operations[operationKey(route.Method, route.Path)]
		require.True(t, ok, "%s %s", route.Method, route.Path)
		if strings.HasPrefix(route.Path, "/v1/") {
			require.NotEmpty(t, op.scope, "%s %s asks for no scope", route.Method, route.Path)
		}
	}
	require.True(t, operations["POST /v1/verifications"].idempotent)
	require.True(t, operations["GET /v1/verifications/:id"].waits)
}

func TestTheContractIsServedAsItIs(t *testing.T) {
	r := newRig(t)
	w := r.serveRaw(httptest.NewRequest("GET", "/openapi.yaml", nil))
	require.Equal(t, 200, w.Code)
	require.Equal(t, Contract, w.Body.Bytes())
	onDisk, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, onDisk, w.Body.Bytes())
}

func TestTheContractIsServedAsJSON(t *testing.T) {
	w := newRig(t).serveRaw(httptest.NewRequest("GET", "/openapi.json", nil))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var fromJSON, fromYAML any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &fromJSON))
	text, err := asJSON(Contract)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &fromYAML))
	require.Equal(t, fromYAML, fromJSON)
}

// serveRaw is for the one answer that may hold the examples' number.
func (r *rig) serveRaw(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

func TestAnswersAreWhatTheContractSays(t *testing.T) {
	doc := contractDocument(t)
	check := func(schema string, body []byte) {
		t.Helper()
		var value any
		require.NoError(t, json.Unmarshal(body, &value))
		require.NoError(t, doc.ValidateSchemaJSON(doc.Components.Schemas[schema].Value, value), string(body))
	}
	r := newRig(t)
	for _, status := range verification.Statuses {
		v := running()
		v.Status = status
		if status != verification.RequiresInput {
			v.NextAction, v.Link = nil, ""
		}
		if status == verification.Error {
			v.Subject, v.Metadata, v.LastError, v.ClientReferenceID, v.ExpiresAt = nil, nil, nil, "", nil
		}
		r.fake.read = owned("shop", v)
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
		require.Equal(t, 200, w.Code)
		check("Verification", w.Body.Bytes())
	}
	r.fake.read = owned("nobody", running())
	check("Problem", r.do(call{method: "GET", path: "/v1/verifications/x", key: r.shop}).Body.Bytes())
	check("Problem", r.post(`{"policy":1}`).Body.Bytes())
	check("Problem", r.do(call{method: "GET", path: "/nowhere"}).Body.Bytes())
}

func TestEveryDomainWordIsInTheContract(t *testing.T) {
	doc := contractDocument(t)
	enum := func(schema, member string) []any {
		s := doc.Components.Schemas[schema].Value
		if member != "" {
			s = s.Properties[member].Value
		}
		return s.Enum
	}
	for _, s := range verification.Statuses {
		require.Contains(t, enum("Status", ""), string(s))
	}
	for _, c := range verification.CheckTypes {
		require.Contains(t, enum("Check", "type"), string(c))
	}
	for _, c := range []verification.CheckStatus{verification.Pending, verification.Passed, verification.Failed,
		verification.Inconclusive, verification.Skipped, verification.Unavailable} {
		require.Contains(t, enum("Check", "status"), string(c))
	}
	for _, a := range []verification.ActionType{verification.ActionRedirect, verification.ActionRetry, verification.ActionScanChip} {
		require.Contains(t, enum("NextAction", "type"), string(a))
	}
}

func TestEveryProblemCodeIsInTheContract(t *testing.T) {
	text := string(Contract)
	for _, f := range []*httpError{errNotFound, errMethod, errUnauthenticated, errKeyMissing, errKeyInvalid, errMediaType,
		errTooLarge, errJSON, errDuplicate, errNoBody, errUnread, unbindable(nil), errParameter, errPrecondition, errVersion, errPurpose, errNoLink, errInternal, errScope(ScopeRead)} {
		require.True(t, strings.Contains(text, "`"+f.code+"`"), f.code)
	}
	for _, code := range []starter.Code{starter.InvalidRequest, starter.IdempotencyKeyReused, starter.NotFound, starter.Redacted,
		starter.InvalidState, starter.SessionReplaced, starter.ReqIDReused, starter.AlreadyOpen, starter.VersionConflict, starter.ReviewOver, starter.EngineUnavailable, starter.Internal} {
		f := httpErrorOf(&starter.Error{Code: code})
		require.Equal(t, string(code), f.code)
		require.True(t, strings.Contains(text, "`"+f.code+"`"), f.code)
	}
}

// The strict reader accepts nothing that the standard library would read as
// something else.
func FuzzStartBody(f *testing.F) {
	f.Add([]byte(goodBody("")))
	f.Add([]byte(`{"policy":"p","policy":"q"}`))
	f.Add([]byte(`{"policy":"p","metadata":{"a":"b"},"consents":[{"purpose":"face","given_at":"2026-11-23T00:00:00Z"}]}`))
	f.Add([]byte(`{"policy":"p"} x`))
	operations, err := readOperations(Contract)
	require.NoError(f, err)
	op := operations["POST /v1/verifications"]
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequest("POST", "/v1/verifications", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		err := op.admitBody(httptest.NewRecorder(), req)
		if err == nil {
			require.True(t, json.Valid(body))
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(body, &members))
			require.Contains(t, members, "policy")
			return
		}
		fault, ok := errors.AsType[*httpError](err)
		require.True(t, ok, "%T", err)
		require.Contains(t, []int{400, 413, 415, 422}, fault.status)
		for _, e := range fault.errors {
			require.NotContains(t, e.Field, plantedNumber)
		}
	})
}
