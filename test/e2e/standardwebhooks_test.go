package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// message is what a receiver got, as another implementation is asked about it.
type message struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// signedAt is the message as its sender would have signed it at another time.
func (m message) signedAt(t *testing.T, at time.Time) message {
	t.Helper()
	secret, err := webhook.ParseSecret(m.Secret)
	require.NoError(t, err)
	h := http.Header{}
	webhook.Sign(h, m.Headers["webhook-id"], at, []byte(m.Body), secret)
	m.Headers = map[string]string{}
	for name := range h {
		m.Headers[strings.ToLower(name)] = h.Get(name)
	}
	return m
}

// standardwebhooks asks the npm package of that name about messages, and returns
// what is wrong with each; empty: nothing.
func standardwebhooks(t *testing.T, messages ...message) []string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/standardwebhooks")))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var lines bytes.Buffer
	for _, m := range messages {
		require.NoError(t, json.NewEncoder(&lines).Encode(m))
	}
	verify := exec.CommandContext(t.Context(), "node", "verify.mjs")
	verify.Dir, verify.Stdin = dir, &lines
	out, err = verify.Output()
	require.NoError(t, err)
	var faults []string
	for line := range strings.Lines(string(out)) {
		var said struct {
			OK    bool   `json:"ok"`
			Error string `json:"error"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		require.Equal(t, said.OK, said.Error == "")
		faults = append(faults, said.Error)
	}
	require.Len(t, faults, len(messages))
	return faults
}

// Another implementation of Standard Webhooks takes our deliveries, under either
// of two secrets, and refuses what was changed, is old, or is under another one.
func TestWebhooksVerifiedByAnotherImplementation(t *testing.T) {
	t.Parallel()
	old, next := webhook.NewSecret(), webhook.NewSecret()
	got := make(chan message, 100)
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := message{Body: string(body), Headers: map[string]string{}}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			m.Headers[name] = r.Header.Get(name)
		}
		got <- m
	}))
	t.Cleanup(r.Close)
	s := newStack(t, options{env: reaching("0s,1s"), webhooks: fmt.Sprintf("[{id: main, url: %q, secrets: [%s, %s]}]", r.URL, old, next)})
	s.begin(s.person())
	var m message
	select {
	case m = <-got:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was delivered")
	}
	with := func(secret string, m message) message { m.Secret = secret; return m }
	tampered := with(next, m)
	tampered.Body = strings.Replace(m.Body, `"sequence":`, `"sequence":9`, 1)
	require.NotEqual(t, m.Body, tampered.Body)
	faults := standardwebhooks(t, with(old, m), with(next, m), tampered, with(webhook.NewSecret(), m),
		with(next, m).signedAt(t, time.Now()), with(next, m).signedAt(t, time.Now().Add(-6*time.Minute)), with(next, m).signedAt(t, time.Now().Add(6*time.Minute)))
	require.Equal(t, []string{"", "", "No matching signature found", "No matching signature found", "", "Message timestamp too old", "Message timestamp too new"}, faults)
}
