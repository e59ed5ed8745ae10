package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// The example on TypeScript types that are generated from the contract compiles
// under strict, and npm's standardwebhooks verifies what the worker sends and
// refuses what was changed, or is old.
func TestNodeExample(t *testing.T) {
	t.Parallel()
	const dir = "../../examples/node"
	for _, command := range []string{"npm ci --ignore-scripts --no-audit --no-fund --loglevel=error", "npm run -s build"} {
		c := exec.CommandContext(t.Context(), "sh", "-c", command)
		c.Dir = dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
	}
	_, port, err := net.SplitHostPort(freeAddress(t)) // the example listens on localhost
	require.NoError(t, err)
	base, secret := "http://127.0.0.1:"+port, webhook.NewSecret()
	s := newStack(t, options{env: reaching("0s,1s,2s"), returnURLs: []string{"http://localhost:" + port + "/applications/"},
		webhooks: `[{id: node, url: "` + base + `/webhooks/yanzhen", secrets: [` + secret + `]}]`})
	service := exec.CommandContext(t.Context(), "node", "dist/index.js")
	service.Dir = dir
	service.Env = append(os.Environ(), "API="+s.apiURL, "KEY="+s.keys["shop"], "WEBHOOK_SECRET="+secret, "PORT="+port)
	service.Stderr = os.Stderr
	require.NoError(t, service.Start())
	t.Cleanup(func() { _ = service.Process.Kill(); _ = service.Wait() })
	require.Eventually(t, func() bool {
		res, err := http.Get(base + "/applications/none")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)

	post := func(path string, header http.Header, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", base+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header = header
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(text)
	}
	inMiniProgram := false
	apply := func(number string) (int, string) {
		p := s.person()
		if number == "" {
			number = p.IDNumber
		}
		body, err := json.Marshal(map[string]any{"name": p.Name, "id_number": number, "from": p.ValidFrom, "to": p.ValidTo, "in_mini_program": inMiniProgram})
		require.NoError(t, err)
		return post("/applications", http.Header{}, string(body))
	}
	status, text := apply("110199199003070018")
	require.Equal(t, 422, status)
	require.Contains(t, text, "id_number.check_digit")
	status, text = apply("")
	require.Equal(t, 201, status, text)
	var application struct{ ID, Verification, Link, Outcome string }
	require.NoError(t, json.Unmarshal([]byte(text), &application))
	read := func() {
		res, err := http.Get(base + "/applications/" + application.ID)
		require.NoError(t, err)
		defer res.Body.Close()
		require.NoError(t, json.NewDecoder(res.Body).Decode(&application))
	}
	read()
	s.play(s.untilLink(application.Verification, 20*time.Second), "0")
	require.Eventually(t, func() bool { read(); return application.Outcome != "" }, 30*time.Second, 100*time.Millisecond)
	require.Equal(t, "approved", application.Outcome)

	inMiniProgram = true
	status, text = apply("")
	require.Equal(t, 201, status, text)
	require.NoError(t, json.Unmarshal([]byte(text), &application))
	application.Outcome, application.Link = "", ""
	var program struct {
		MiniProgram struct{ SDK, Token string } `json:"mini_program"`
	}
	res, err := http.Get(base + "/applications/" + application.ID)
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&program))
	require.Equal(t, "mp_ecard_sdk", program.MiniProgram.SDK)
	require.NotEmpty(t, program.MiniProgram.Token)

	key, err := webhook.ParseSecret(secret)
	require.NoError(t, err)
	const event = `{"id":"evt_a","type":"verification.completed","timestamp":"2026-11-28T10:15:02Z","data":{"client_reference_id":null,"sequence":1}}`
	signed := func(at time.Time) http.Header {
		h := http.Header{}
		webhook.Sign(h, "evt_a", at, []byte(event), key)
		return h
	}
	status, _ = post("/webhooks/yanzhen", signed(time.Now()), event)
	require.Equal(t, 204, status)
	status, _ = post("/webhooks/yanzhen", signed(time.Now()), strings.Replace(event, "completed", "canceled", 1))
	require.Equal(t, 400, status, "a changed one")
	status, _ = post("/webhooks/yanzhen", signed(time.Now().Add(-6*time.Minute)), event)
	require.Equal(t, 400, status, "an old one")
}
