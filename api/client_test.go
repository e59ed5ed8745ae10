package api

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// keyed is the generated client under the one with a key.
func keyed(t *testing.T, server, key string) *client.ClientWithResponses {
	t.Helper()
	c, err := client.New(server, key)
	require.NoError(t, err)
	return &client.ClientWithResponses{ClientInterface: c.Core()}
}

// The generated client and the server speak the same contract over a real
// connection.
func TestTheGeneratedClientUnderstandsTheServer(t *testing.T) {
	r := newRig(t)
	srv := httptest.NewServer(r.handler)
	defer srv.Close()
	r.fake.start = func(_, key string, req verification.Request) (starter.View, starter.Started, error) {
		require.Equal(t, "order-17", key)
		require.Equal(t, plantedName, req.Subject.Name)
		return running(), starter.Started{}, nil
	}
	c := keyed(t, srv.URL, r.shop)
	got, err := c.StartVerificationWithResponse(t.Context(), &client.StartVerificationParams{IdempotencyKey: "order-17"},
		client.StartVerificationJSONRequestBody{Policy: "cn-resident", Subject: &client.Subject{Name: plantedName, IdNumber: plantedNumber,
			IdValidity: client.IDValidity{From: "20200115", To: "20400115"}}})
	require.NoError(t, err)
	require.NotNil(t, got.JSON201, string(got.Body))
	require.Equal(t, client.StatusRequiresInput, got.JSON201.Status)
	require.Equal(t, "https://vendor.example/page", *got.JSON201.NextAction.Url)
	require.Nil(t, got.JSON201.Verdict)

	r.fake.retry = func(string, string, int) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.SessionReplaced, Session: 2}
	}
	refused, err := c.RetryVerificationWithResponse(t.Context(), knownID, nil, client.RetryVerificationJSONRequestBody{Session: 1})
	require.NoError(t, err)
	require.NotNil(t, refused.ApplicationproblemJSONDefault, string(refused.Body))
	require.Equal(t, "session_replaced", refused.ApplicationproblemJSONDefault.Code)
	require.Equal(t, 2, *refused.ApplicationproblemJSONDefault.CurrentSession)

	denied, err := keyed(t, srv.URL, "yz_unknown").GetVerificationWithResponse(t.Context(), knownID, nil)
	require.NoError(t, err)
	require.Equal(t, 401, denied.StatusCode())
}
