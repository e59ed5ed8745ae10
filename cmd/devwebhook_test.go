package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client/webhook"
)

// dev sends its client's events to the endpoint that it is given, and tells the
// secret that signs them to whoever asks for the environment.
func TestDevSendsEventsToAnEndpoint(t *testing.T) {
	type delivery struct {
		header http.Header
		body   []byte
	}
	got := make(chan delivery, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- delivery{r.Header, body}
	}))
	defer receiver.Close()
	s, dir := localStackAs(t, devOptions{webhook: receiver.URL})
	out, err := run(t.Context(), "dev", "--env", "--data", dir)
	require.NoError(t, err)
	require.Equal(t, "export API="+s.API+" KEY="+s.APIKey+" WEBHOOK_SECRET="+s.WebhookSecret+"\n", out)

	body := map[string]any{"policy": "cn-resident", "subject": map[string]any{"name": "测试甲", "id_number": "110199199003070017",
		"id_validity": map[string]any{"from": "20200115", "to": "20400115"}}}
	status, v := curl{t, s}.try("POST", "/v1/verifications", "hook", body)
	require.Equal(t, 201, status)
	verifier, err := webhook.New(s.WebhookSecret)
	require.NoError(t, err)
	select {
	case d := <-got:
		e, err := verifier.Verify(d.header, d.body)
		require.NoError(t, err)
		require.Equal(t, v.Id, e.Data.VerificationId)
		require.True(t, strings.HasPrefix(e.Type, "verification."), e.Type)
	case <-time.After(30 * time.Second):
		t.Fatal("no event came")
	}

	_, err = run(t.Context(), "dev", "--env", "--data", t.TempDir())
	require.ErrorContains(t, err, "no local stack")
}
