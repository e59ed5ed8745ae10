package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/verification"
)

// tryCommand is yanzhen for a command that may fail.
func (s *stack) tryCommand(args ...string) (string, error) {
	s.t.Helper()
	c := exec.CommandContext(s.t.Context(), shared.yanzhen, args...)
	c.Env, c.Dir = s.env, s.dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// activeKey is the id of the active key of a use, in the file.
func (s *stack) activeKey(use string) string {
	s.t.Helper()
	list := s.keySet().List()
	i := slices.IndexFunc(list, func(k sealing.KeyInfo) bool { return k.Use == use && k.Active })
	require.GreaterOrEqual(s.t, i, 0)
	return list[i].ID
}

// approve brings one more person through.
func (s *stack) approve() view {
	s.t.Helper()
	a := s.beginAgain(s.request(s.person()))
	require.Equal(s.t, http.StatusCreated, a.status, "%s", a.body)
	s.play(s.untilLink(a.view.ID, comesBack), "0")
	v := s.untilEnd(a.view.ID, comesBack)
	s.approved(v)
	return v
}

// untilChecked runs keys check until it says what is wanted. Meanwhile people come.
func (s *stack) untilChecked(want string) {
	s.t.Helper()
	for until := time.Now().Add(3 * time.Minute); ; s.approve() {
		out, err := s.tryCommand("keys", "check")
		require.NoError(s.t, err, out)
		if regexp.MustCompile(want).MatchString(out) {
			return
		}
		require.True(s.t, time.Now().Before(until), "keys check never says %q; at last:\n%s", want, out)
	}
}

// proofs are signed before a rotation, and checked after it.
type proofs struct{ evidence, receipt string }

func (s *stack) evidenceOf(id string) string {
	s.t.Helper()
	a := s.call("shop", "GET", "/v1/verifications/"+id+"/evidence", nil, nil)
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	var e struct {
		Evidence string `json:"evidence"`
	}
	require.NoError(s.t, json.Unmarshal(a.body, &e))
	require.NotEmpty(s.t, e.Evidence)
	return e.Evidence
}

func (s *stack) hold(p proofs) {
	s.t.Helper()
	_, err := statement.Verify(p.evidence, statement.TypeEvidence, s.publicKeys())
	require.NoError(s.t, err)
	_, err = statement.Verify(p.receipt, statement.TypeReceipt, s.publicKeys())
	require.NoError(s.t, err)
}

// All keys rotate while people are verified, read, waited for and told of: nothing
// fails and nobody restarts anything. Every row, event and note is sealed anew, the
// old sealing key is taken out of the file, and all is readable without it. What is
// still needed cannot be taken out: the file that lacks it changes nothing.
func TestKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, dsn string) {
		r := newReceiver(t)
		s := newStack(t, options{dsn: dsn, env: reaching("0s,1s,1s,1s,1s"), webhooks: "[" + r.yaml("main") + "]"})
		kept, gone, reopened := s.approve(), s.approve(), s.approve()
		early := s.untilLink(s.beginAgain(s.request(s.person())).view.ID, comesBack) // whose way back is under the old ticket key
		a := s.call("shop", "POST", "/v1/verifications/"+reopened.ID+"/reopen", nil, map[string]string{"reason": "holder.mismatch", "note": "look again"})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		a, _ = s.redact(gone.ID, nil)
		require.Less(t, a.status, 300, "%s", a.body)
		before := proofs{s.evidenceOf(kept.ID), s.untilReceipt(gone.ID, 3*time.Minute)}
		etag := s.call("shop", "GET", "/v1/verifications/"+kept.ID, nil, nil).header.Get("ETag")
		seal, ticket, sig := s.activeKey("seal"), s.activeKey("ticket"), s.activeKey("sig")
		path := filepath.Join(s.dir, "keys.json")

		tr := s.runTraffic("shop", early.ID)
		defer tr.end()
		out, err := s.tryCommand("keys", "rotate", "--in", "10s", "--reason", "a test")
		require.NoError(t, err, out)
		out, err = s.tryCommand("keys", "rotate")
		require.Error(t, err)
		require.Contains(t, out, "wait for that")
		s.untilChecked(seal + ` +retired`)
		require.NotEqual(t, seal, s.activeKey("seal"))

		// Taken out too early, by hand: both processes keep the old keys.
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		without, err := sealing.Without(whole, ticket)
		require.NoError(t, err)
		s.writeKeys(path, without)
		for _, name := range []string{"api", "worker"} {
			s.untilLogged(name, `the key \"`+ticket+`\" is not in it, and callbacks under it may come until`, 1)
		}
		_, page := s.opsPage("/metrics")
		require.Contains(t, page, "yanzhen_keys_stale 1")
		s.writeKeys(path, whole)
		for _, name := range []string{"api", "worker"} {
			s.untilLogged(name, "key file reloaded", 2)
		}

		s.untilChecked(seal + ` .* 0 +no longer needed: yanzhen keys remove ` + seal)
		out, err = s.tryCommand("keys", "remove", ticket)
		require.Error(t, err)
		require.Contains(t, out, "callbacks under it may come until")
		for _, id := range []string{seal, sig} {
			out, err = s.tryCommand("keys", "remove", id, "--reason", "nothing is under it")
			require.NoError(t, err, out)
		}
		for _, name := range []string{"api", "worker"} {
			s.untilLogged(name, "key file reloaded", 3)
		}
		s.approve()
		s.comeBack(early, "0")
		s.approved(s.untilEnd(early.ID, comesBack))
		starts := tr.starts.Load()
		require.Eventually(t, func() bool { return tr.starts.Load() > starts+2 }, comesBack, 50*time.Millisecond)
		tr.end()
		s.whole(time.Minute, r)

		require.Equal(t, etag, s.call("shop", "GET", "/v1/verifications/"+kept.ID, nil, nil).header.Get("ETag"), "no revision rises")
		s.hold(before)
		s.hold(proofs{s.evidenceOf(kept.ID), before.receipt})
		s.readableWithout(seal, reopened.ID)
		for _, p := range []*process{s.api, s.worker} {
			p.stop(t)
		}
		s.api = s.start("api")
		s.startWorker()
		s.waitReady()
		s.approve()
	})
}

func (s *stack) writeKeys(path string, text []byte) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(path+".next", text, 0o600))
	require.NoError(s.t, os.Rename(path+".next", path))
}

// untilLogged waits until a process has logged a text so many times.
func (s *stack) untilLogged(name, text string, times int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		log, _ := os.ReadFile(filepath.Join(s.dir, name+".log"))
		return strings.Count(string(log), text) >= times
	}, comesBack, 50*time.Millisecond, "%s never logs %q", name, text)
}

// readableWithout: by the key file as it is now, without that key, everything reads,
// matches its MAC and has its line in the audit log once.
func (s *stack) readableWithout(key, reopened string) {
	t := s.t
	t.Helper()
	st := s.openStore()
	seen := 0
	for cursor := ""; ; {
		a := s.call("shop", "GET", "/v1/verifications?limit=100&cursor="+cursor, nil, nil)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		var page struct {
			Verifications []view  `json:"verifications"`
			Next          *string `json:"next_cursor"`
		}
		require.NoError(t, json.Unmarshal(a.body, &page))
		for _, v := range page.Verifications {
			row, err := st.Load(t.Context(), v.ID)
			require.NoError(t, err)
			require.NotEmpty(t, row.Request.Subject.IDNumber)
			_, err = st.Consents(t.Context(), v.ID)
			require.NoError(t, err)
			events, err := st.Events(t.Context(), v.ID)
			require.NoError(t, err)
			require.NotEmpty(t, events)
			if v.Status == verification.Completed {
				a := s.call("shop", "GET", "/v1/verifications/"+v.ID+"/outputs", map[string]string{"Yanzhen-Purpose": "test"}, nil)
				require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			}
			seen++
		}
		if page.Next == nil || *page.Next == "" {
			break
		}
		cursor = *page.Next
	}
	require.Greater(t, seen, 5)
	decisions, err := st.Decisions(t.Context(), reopened)
	require.NoError(t, err)
	require.Equal(t, "look again", decisions[0].Note)
	require.NotContains(t, string(s.logs()), "cannot be opened")
	require.NotContains(t, string(s.logs()), "changed outside")

	require.Eventually(t, func() bool {
		out, err := s.tryCommand("audit", "verify")
		return err == nil && strings.Contains(out, " 0 wait")
	}, comesBack, time.Second)
	lines, err := st.AuditLines(t.Context(), 0, 10_000)
	require.NoError(t, err)
	acts := map[string]int{}
	for _, l := range lines {
		if strings.HasPrefix(l.Act, "key.") {
			acts[l.Act]++
			require.NotEmpty(t, l.Note, l.Act)
			require.NotEmpty(t, l.By)
		}
	}
	require.Equal(t, map[string]int{"key.added": 3, "key.activated": 3, "key.retired": 3, "key.removed": 1}, acts)
	uses, err := st.KeyUses(t.Context())
	require.NoError(t, err)
	for _, u := range uses {
		require.NotEqual(t, key, u.ID)
	}
}
