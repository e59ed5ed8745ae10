package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// opsPage reads a page of the api's ops port.
func (s *stack) opsPage(path string) (status int, body string) {
	s.t.Helper()
	res, err := http.Get(s.opsURL + path)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, string(text)
}

// traffic is a client that reads, waits and starts until it is told to stop. Each
// refusal fails the test.
type traffic struct {
	s *stack
	// key is the name of the key in use.
	key              atomic.Value
	stop             chan struct{}
	once             sync.Once
	loops            sync.WaitGroup
	requests, starts atomic.Int64
}

func (s *stack) runTraffic(key, id string) *traffic {
	tr := &traffic{s: s, stop: make(chan struct{})}
	tr.key.Store(key)
	tr.loop(20*time.Millisecond, func() { tr.ask("GET", "/v1/verifications/"+id, nil, nil) })
	tr.loop(20*time.Millisecond, func() { tr.ask("GET", "/v1/verifications/"+id+"?wait=1s", nil, nil) })
	tr.loop(200*time.Millisecond, func() {
		tr.ask("POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, s.request(s.person()))
		tr.starts.Add(1)
	})
	return tr
}

func (tr *traffic) loop(pause time.Duration, f func()) {
	tr.loops.Go(func() {
		for {
			select {
			case <-tr.stop:
				return
			case <-time.After(pause):
				f()
			}
		}
	})
}

func (tr *traffic) ask(method, path string, header map[string]string, body any) {
	a := tr.s.call(tr.key.Load().(string), method, path, header, body)
	if a.status >= 300 {
		tr.s.t.Errorf("a request failed while the catalogue changed: %s: %d %s", method, a.status, a.body)
	}
	tr.requests.Add(1)
}

func (tr *traffic) end() {
	tr.once.Do(func() { close(tr.stop) })
	tr.loops.Wait()
}

// catalogueFile changes the stack's catalogue, and waits until both processes go
// by it.
type catalogueFile struct {
	s          *stack
	path, text string
}

func (s *stack) catalogue() *catalogueFile {
	path := filepath.Join(s.dir, "yanzhen.yaml")
	text, err := os.ReadFile(path)
	require.NoError(s.t, err)
	return &catalogueFile{s: s, path: path, text: string(text)}
}

func (c *catalogueFile) write(text string) {
	require.NoError(c.s.t, os.WriteFile(c.path+".new", []byte(text), 0o600))
	require.NoError(c.s.t, os.Rename(c.path+".new", c.path))
}

// change makes one change after the other, each of which must change something.
func (c *catalogueFile) change(oldAndNew ...string) {
	c.s.t.Helper()
	for i := 0; i < len(oldAndNew); i += 2 {
		changed := strings.Replace(c.text, oldAndNew[i], oldAndNew[i+1], 1)
		require.NotEqual(c.s.t, c.text, changed, oldAndNew[i])
		c.text = changed
	}
	said := func(name string) int {
		text, _ := os.ReadFile(filepath.Join(c.s.dir, name+".log"))
		return strings.Count(string(text), "catalogue reloaded")
	}
	api, worker := said("api"), said("worker")
	c.write(c.text)
	require.NoError(c.s.t, c.s.api.cmd.Process.Signal(syscall.SIGHUP))
	require.NoError(c.s.t, c.s.worker.cmd.Process.Signal(syscall.SIGHUP))
	require.Eventually(c.s.t, func() bool { return said("api") > api && said("worker") > worker }, 20*time.Second, 50*time.Millisecond)
}

// A client that is added, a key and a secret that are rotated to their end, and
// policies that are narrowed take effect while requests and deliveries run, of
// which none fails; a faulty file changes nothing, and says why.
func TestCatalogueChangesWhileRequestsRun(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := newStack(t, options{megvii: true, env: reaching("0s,1s,1s,1s,1s"), webhooks: "[" + r.yaml("main") + "]"})
	file := s.catalogue()
	var addedHash, rotatedHash string
	s.keys["added"], addedHash = api.NewKey()
	s.keys["rotated"], rotatedHash = api.NewKey()
	v := s.begin(s.person()).view
	withdrawn := s.beginUnder("cn-resident-megvii", s.person()).view
	require.Equal(t, 3, v.Attempt.Max)
	tr := s.runTraffic("shop", v.ID)
	defer tr.end()

	file.write(file.text + "\nclients: nonsense\n")
	require.Eventually(t, func() bool {
		_, page := s.opsPage("/metrics")
		return strings.Contains(page, "yanzhen_catalogue_stale 1")
	}, 20*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		status, page := s.opsPage("/readyz")
		return status == http.StatusOK && strings.Contains(page, "old_one_kept")
	}, 20*time.Second, 100*time.Millisecond)
	require.Contains(t, string(s.logs()), "catalogue has errors; keeping the previous one")

	// The new ones beside the old ones.
	first, next := r.secret, webhook.NewSecret()
	r.accept(first, next)
	file.change(
		"  - id: other\n", fmt.Sprintf("  - {id: added, keys: [{name: first, hash: %q, scopes: [\"verifications:read\"]}]}\n  - id: other\n", addedHash),
		"    keys: [", fmt.Sprintf("    keys: [{name: shop-key-2, hash: %q, scopes: [\"verifications:read\", \"verifications:write\", \"events:read\"]}, ", rotatedHash),
		first, next+", "+first,
		"version: 2\n", "version: 3\n    checks: {identity_records: required, document_validity: required, liveness: required, face_match: required}\n    attempts: 1\n",
		"    purposes: [test]\n", "    purposes: [test]\n    policies: [cn-resident]\n",
	)
	_, page := s.opsPage("/metrics")
	require.Contains(t, page, "yanzhen_catalogue_stale 0")
	require.Equal(t, http.StatusOK, s.call("added", "GET", "/v1/verifications?status=processing", nil, nil).status)
	require.Equal(t, http.StatusOK, s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).status, "the old key still does")
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, 1, a.view.Attempt.Max, "the newest policy")

	// The client has moved: the old ones go.
	tr.key.Store("rotated")
	r.accept(next)
	time.Sleep(2 * time.Second) // what was under way with the old key ends
	oldHash := api.HashKey(s.keys["shop"])
	file.change(", "+first, "", fmt.Sprintf("{name: shop-key, hash: %q", oldHash), fmt.Sprintf("{name: ops-key, hash: %q", strings.Repeat("0", len(oldHash))))
	require.Equal(t, http.StatusUnauthorized, s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).status)
	s.keys["shop"] = s.keys["rotated"]

	// What began under other policies goes on under them.
	refused := s.beginUnder("cn-resident-megvii", s.person())
	require.Equal(t, http.StatusUnprocessableEntity, refused.status, "%s", refused.body)
	require.Equal(t, verification.RequiresInput, s.read(withdrawn.ID).Status)
	require.Equal(t, http.StatusOK, s.call("shop", "POST", "/v1/verifications/"+withdrawn.ID+"/cancel", nil, map[string]any{}).status)
	require.Equal(t, 3, s.read(v.ID).Attempt.Max)
	s.play(v, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)

	before := tr.starts.Load() // whose deliveries are under the new secret alone
	require.Eventually(t, func() bool { return tr.requests.Load() > 50 && tr.starts.Load() > before+2 }, comesBack, 50*time.Millisecond)
	tr.end()
	s.whole(30*time.Second, r)

	// The first catalogue and both changes are on record, and the faulty one is not.
	st := s.openStore()
	require.Eventually(t, func() bool {
		report, err := st.VerifyAudit(t.Context(), nil)
		return err == nil && report.Chained == 3 && report.Waiting == 0 && len(report.Findings) == 0
	}, 20*time.Second, 100*time.Millisecond)
}
