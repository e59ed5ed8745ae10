package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const outputsPath = "/v1/verifications/" + knownID + "/outputs"

// Whom it was about is told to a key with the scope, for a purpose that the
// client's configuration names, and is not to be stored on the way. No log has it.
func TestOutputsAreToldForAPurpose(t *testing.T) {
	r := newRig(t)
	person := verification.Subject{Name: plantedName, IDNumber: plantedNumber, IDValidity: verification.Validity{From: "20200115", To: "20400115"}}
	var got starter.Reading
	r.fake.outputs = func(q starter.Reading) (verification.Subject, error) { got = q; return person, nil }
	req := newRequest("GET", outputsPath, "", r.shop)
	req.Header.Set("Yanzhen-Purpose", "account_opening")
	w := r.serveRaw(req)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.JSONEq(t, `{"name":"`+plantedName+`","id_number":"`+plantedNumber+`","id_validity":{"from":"20200115","to":"20400115"}}`, w.Body.String())
	require.Equal(t, []string{"no-store"}, w.Header().Values("Cache-Control"))
	require.Equal(t, starter.Reading{Client: "shop", ID: knownID, By: "shop-key", Purpose: "account_opening", RequestID: w.Header().Get("X-Request-Id")}, got)
	require.NotContains(t, r.logs.String(), plantedNumber)
	require.NotContains(t, r.logs.String(), plantedName)
}

func TestOutputsAreRefused(t *testing.T) {
	r := newRig(t)
	asked := call{method: "GET", path: outputsPath, key: r.shop}
	p := problemIn(t, r.do(asked), 422, "invalid_request")
	require.Equal(t, "Yanzhen-Purpose", p.Errors[0].Field)
	asked.header = map[string]string{"Yanzhen-Purpose": "curiosity"}
	problemIn(t, r.do(asked), 403, "purpose_not_allowed")
	asked.header = map[string]string{"Yanzhen-Purpose": "audit"}
	for _, key := range []string{r.other, r.reader, r.reviewer} {
		asked.key = key
		problemIn(t, r.do(asked), 403, "insufficient_scope")
	}
	require.Empty(t, r.fake.calls)

	asked.key = r.shop
	for code, status := range map[starter.Code]int{starter.NotFound: 404, starter.Redacted: 410, starter.InvalidState: 409, starter.EngineUnavailable: 503} {
		r.fake.outputs = func(starter.Reading) (verification.Subject, error) {
			return verification.Subject{}, &starter.Error{Code: code}
		}
		problemIn(t, r.do(asked), status, string(code))
	}
}
