package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
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

// A client that is added, a key and a secret that are changed, and a policy that
// is narrowed take effect while requests run, of which none fails; a faulty file
// changes nothing, and says why.
func TestCatalogueChangesWhileRequestsRun(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := newStack(t, options{env: reaching("0s,1s,1s,1s,1s"), webhooks: "[" + r.yaml("main") + "]"})
	file := filepath.Join(s.dir, "yanzhen.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	put := func(text string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	v := s.begin(s.person()).view
	s.whole(20*time.Second, r)
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				ended <- n
				return
			default:
			}
			req, _ := http.NewRequest(http.MethodGet, s.apiURL+"/v1/verifications/"+v.ID, nil)
			req.Header.Set("Authorization", "Bearer "+s.keys["shop"])
			res, err := http.DefaultClient.Do(req)
			if t.Context().Err() != nil {
				return
			}
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("a request failed while the catalogue changed: %v", err)
			} else {
				res.Body.Close()
			}
			n++
			time.Sleep(20 * time.Millisecond)
		}
	}()

	put(string(text) + "\nclients: nonsense\n")
	require.Eventually(t, func() bool {
		_, page := s.opsPage("/metrics")
		return strings.Contains(page, "yanzhen_catalogue_stale 1")
	}, 20*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		status, page := s.opsPage("/readyz")
		return status == http.StatusOK && strings.Contains(page, "old_one_kept")
	}, 20*time.Second, 100*time.Millisecond)
	require.Contains(t, string(s.logs()), "the catalogue has errors, and the old one is kept")

	added, addedHash := api.NewKey()
	rotated, rotatedHash := api.NewKey()
	next := webhook.NewSecret()
	changed := strings.Replace(string(text), "  - id: other\n", fmt.Sprintf("  - {id: added, keys: [{name: first, hash: %q, scopes: [\"verifications:read\"]}]}\n  - id: other\n", addedHash), 1)
	changed = strings.Replace(changed, "    keys: [", fmt.Sprintf("    keys: [{name: shop-key-2, hash: %q, scopes: [\"verifications:read\", \"verifications:write\"]}, ", rotatedHash), 1)
	changed = strings.Replace(changed, r.secret, next+", "+r.secret, 1)
	changed = strings.Replace(changed, "version: 2\n", "version: 3\n    checks: {identity_records: required, document_validity: required, liveness: required, face_match: required}\n    attempts: 1\n", 1)
	put(changed)
	require.NoError(t, s.api.cmd.Process.Signal(syscall.SIGHUP))
	require.NoError(t, s.worker.cmd.Process.Signal(syscall.SIGHUP))
	s.keys["added"], s.keys["rotated"] = added, rotated
	require.Eventually(t, func() bool {
		return s.call("added", "GET", "/v1/verifications?status=processing", nil, nil).status == http.StatusOK
	},
		20*time.Second, 100*time.Millisecond)
	_, page := s.opsPage("/metrics")
	require.Contains(t, page, "yanzhen_catalogue_stale 0")
	require.Equal(t, http.StatusOK, s.call("rotated", "GET", "/v1/verifications/"+v.ID, nil, nil).status)
	require.Equal(t, http.StatusOK, s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).status, "the old key still does")
	require.Eventually(t, func() bool { return strings.Count(string(s.logs()), "the catalogue was read again") >= 2 }, 20*time.Second, 100*time.Millisecond)

	// The receiver takes the new secret only.
	r.mu.Lock()
	r.secret = next
	r.mu.Unlock()
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, 1, a.view.Attempt.Max, "the newest policy")
	require.Equal(t, 3, s.read(v.ID).Attempt.Max, "a running verification keeps its own")
	s.whole(30*time.Second, r)
	close(stop)
	require.Greater(t, <-ended, 50)
}
