package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What a caller says that its person agreed to is the caller's word, whatever it
// claims; what is on record is answered whole.
func TestConsentsAreNotedAndWithdrawn(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	erased := at.Add(time.Minute)
	r.fake.consent = func(client, id string, c starter.ConsentChange) (starter.Consents, error) {
		require.Equal(t, "shop", client)
		require.Equal(t, knownID, id)
		require.Equal(t, []verification.Consent{{Purpose: verification.PurposeFace, TextVersion: "2", Language: "en", GivenAt: at, Channel: verification.ChannelCaller}}, c.Given)
		require.Equal(t, []verification.Purpose{verification.PurposeIdentityRecords}, c.Withdrawn)
		require.NotEmpty(t, c.By, "who asked is on record with the erasure")
		require.NotEmpty(t, c.RequestID)
		return starter.Consents{Status: verification.Canceled, All: c.Given, RedactedAt: erased}, nil
	}
	path := "/v1/verifications/" + knownID + "/consents"
	body := `{"consents":[{"purpose":"face","text_version":"2","language":"en","given_at":"2026-11-28T17:00:00+08:00"}],"withdrawn":["identity_records"]}`
	w := r.do(call{method: "POST", path: path, body: body, key: r.shop})
	require.Equal(t, 200, w.Code, w.Body.String())
	require.JSONEq(t, `{"status":"canceled","consents":[{"purpose":"face","text_version":"2","text_hash":null,"language":"en","channel":"caller",
		"given_at":"2026-11-28T09:00:00Z","withdrawn_at":null}],"redacted_at":"2026-11-28T09:01:00Z"}`, w.Body.String())

	problemIn(t, r.do(call{method: "POST", path: path, body: `{}`, key: r.shop}), 422, "invalid_request")
	problemIn(t, r.do(call{method: "POST", path: path, body: `{"withdrawn":["everything"]}`, key: r.shop}), 422, "invalid_request")
	problemIn(t, r.do(call{method: "POST", path: path, body: body, key: r.reader}), 403, "insufficient_scope")
	for code, status := range map[starter.Code]int{starter.NotFound: 404, starter.InvalidState: 409, starter.ConsentRequired: 422, starter.LinkExpiring: 409} {
		r.fake.consent = func(string, string, starter.ConsentChange) (starter.Consents, error) {
			return starter.Consents{}, &starter.Error{Code: code}
		}
		problemIn(t, r.do(call{method: "POST", path: path, body: body, key: r.shop}), status, string(code))
	}
}
