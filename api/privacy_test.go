package api

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const redactPath, receiptPath = "/v1/verifications/" + knownID + "/redact", "/v1/verifications/" + knownID + "/receipt"

// An erasure is answered with its receipt, or 202 while there is none yet; who
// asked, and whether to end an open one, reaches the starter.
func TestRedactAnswersTheErasure(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	receipt := ""
	r.fake.redact = func(client, id string) (starter.Erasure, error) {
		require.Equal(t, []string{"shop", knownID}, []string{client, id})
		return starter.Erasure{ID: id, ErasedAt: at, Receipt: receipt}, nil
	}
	asked := call{method: "POST", path: redactPath, key: r.shop}
	w := r.do(asked)
	require.Equal(t, 202, w.Code)
	require.JSONEq(t, `{"verification_id":"`+knownID+`","redacted_at":"2026-11-28T10:00:00Z","receipt":null}`, w.Body.String())
	require.Equal(t, starter.RedactRequest{Cause: "request", By: "shop-key", RequestID: w.Header().Get("X-Request-Id")}, r.fake.redactions[0])

	receipt, asked.body = "a.b.c", `{"end":true}`
	w = r.do(asked)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"receipt":"a.b.c"`)
	require.True(t, r.fake.redactions[1].End)
	w = r.do(call{method: "GET", path: receiptPath, key: r.shop})
	require.Equal(t, 200, w.Code)
	receipt = ""
	require.Equal(t, 202, r.do(call{method: "GET", path: receiptPath, key: r.shop}).Code)
}

// To erase takes a scope of its own, which no reviewer has; what is refused is
// told like everywhere.
func TestRedactIsRefused(t *testing.T) {
	r := newRig(t)
	for _, key := range []string{r.other, r.reader, r.reviewer} {
		problemIn(t, r.do(call{method: "POST", path: redactPath, key: key}), 403, "insufficient_scope")
	}
	problemIn(t, r.do(call{method: "POST", path: redactPath, key: r.shop, body: `{"ende":true}`}), 422, "invalid_request")
	problemIn(t, r.do(call{method: "GET", path: receiptPath, key: r.reviewer}), 404, "not_found")
	require.Empty(t, r.fake.calls)
	for code, status := range map[starter.Code]int{starter.NotFound: 404, starter.InvalidState: 409, starter.EngineUnavailable: 503} {
		r.fake.redact = func(string, string) (starter.Erasure, error) {
			return starter.Erasure{}, &starter.Error{Code: code, Status: verification.Processing}
		}
		problemIn(t, r.do(call{method: "POST", path: redactPath, key: r.shop}), status, string(code))
	}
}

// Anybody gets the keys that check receipts, and nothing private with them.
func TestPublicKeysArePublished(t *testing.T) {
	r := newRig(t)
	w := r.serveRaw(httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	require.Equal(t, 200, w.Code)
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &set))
	require.Len(t, set.Keys, 1)
	require.Equal(t, "sig", set.Keys[0]["use"])
	require.NotContains(t, set.Keys[0], "d")
}

// Evidence is given to a key with its scope only.
func TestEvidenceIsGivenToItsScope(t *testing.T) {
	r := newRig(t)
	path := "/v1/verifications/" + knownID + "/evidence"
	r.fake.evidence = func(c starter.Caller, id string) (string, error) {
		require.Equal(t, []string{"shop", "shop-key", knownID}, []string{c.Client, c.By, id})
		require.NotEmpty(t, c.RequestID)
		return "a.b.c", nil
	}
	w := r.do(call{method: "GET", path: path, key: r.shop})
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"verification_id":"`+knownID+`","evidence":"a.b.c"}`, w.Body.String())
	for _, key := range []string{r.other, r.reader, r.reviewer} {
		problemIn(t, r.do(call{method: "GET", path: path, key: key}), 403, "insufficient_scope")
	}
	for code, status := range map[starter.Code]int{starter.Redacted: 410, starter.InvalidState: 409} {
		r.fake.evidence = func(starter.Caller, string) (string, error) { return "", &starter.Error{Code: code} }
		problemIn(t, r.do(call{method: "GET", path: path, key: r.shop}), status, string(code))
	}
}

// A search takes a purpose and a scope of its own; neither log nor answer repeats
// the number.
func TestSearchIsForAPurpose(t *testing.T) {
	r := newRig(t)
	r.fake.search = func(q starter.Reading, number string) ([]string, error) {
		require.Equal(t, "shop-key audit", q.By+" "+q.Purpose)
		require.Equal(t, plantedNumber, number)
		return nil, nil
	}
	asked := call{method: "POST", path: "/v1/verifications/search", key: r.shop, body: `{"id_number":"` + plantedNumber + `"}`}
	problemIn(t, r.do(asked), 422, "invalid_request")
	asked.header = map[string]string{"Yanzhen-Purpose": "curiosity"}
	problemIn(t, r.do(asked), 403, "purpose_not_allowed")
	require.Empty(t, r.fake.calls)
	asked.header = map[string]string{"Yanzhen-Purpose": "audit"}
	w := r.do(asked)
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"verification_ids":[]}`, w.Body.String())
	require.NotContains(t, r.logs.String(), plantedNumber)
	for _, key := range []string{r.other, r.reader, r.reviewer} {
		asked.key = key
		problemIn(t, r.do(asked), 403, "insufficient_scope")
	}
}
