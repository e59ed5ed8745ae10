package cmd

import (
	"database/sql"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/internal/store"
)

// What an operator did, and the catalogue that is gone by, stands in the log; it
// verifies with the anchors that were printed and logged, and a change past
// yanzhen is found.
func TestAuditIsVerifiedAndExported(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "yz.db")
	t.Setenv("YANZHEN_STORE", "sqlite:"+database)
	t.Setenv("YANZHEN_KEYS", filepath.Join(dir, "keys.json"))
	require.NoError(t, createKeys(os.Getenv("YANZHEN_KEYS"), &safeBuffer{}))
	require.NoError(t, store.Migrate(t.Context(), os.Getenv("YANZHEN_STORE")))
	audit := func(args ...string) (string, error) { return run(t.Context(), append([]string{"audit"}, args...)...) }
	_, err := run(t.Context(), "provider", "drain", "tencent_eid", "--reason", "their portal tells of an outage")
	require.NoError(t, err)
	out, err := audit("verify")
	require.NoError(t, err)
	require.Equal(t, "0 lines, 1 wait for the sealer, 0 notes are erased; held against 0 anchors\n", out)

	file := filepath.Join(dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(file, []byte("clients: []\n"), 0o600))
	keys, err := sealing.Load(os.Getenv("YANZHEN_KEYS"))
	require.NoError(t, err)
	st, err := store.Open(t.Context(), os.Getenv("YANZHEN_STORE"), keys)
	require.NoError(t, err)
	defer func() { require.NoError(t, st.Close()) }()
	var logs safeBuffer
	p := &parts{store: st, keys: keys, cfg: &config.Config{File: file}, log: slog.New(slog.NewJSONHandler(&logs, nil)), catalogue: &catalogue{goneBy: sumOf([]string{file})}}
	seal := (&auditor{parts: p}).seal
	require.NoError(t, seal(t.Context()))
	require.NoError(t, seal(t.Context()), "the same catalogue is no news")
	require.Equal(t, 1, strings.Count(logs.String(), `"msg":"audit anchor"`))
	require.NoError(t, os.WriteFile(file, []byte("clients: [] # another one\n"), 0o600))
	require.NoError(t, seal(t.Context()), "it is not gone by yet")
	p.catalogue.load = func() (*config.Config, error) { return p.cfg, nil }
	require.NoError(t, p.catalogue.reload())
	require.NoError(t, seal(t.Context()))

	anchors := filepath.Join(dir, "anchors")
	printed, err := audit("anchor")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(anchors, []byte(logs.String()+printed), 0o600))
	out, err = audit("verify", "--anchor", anchors)
	require.NoError(t, err, out)
	require.Equal(t, "3 lines, 0 wait for the sealer, 0 notes are erased; held against 2 anchors\n", out)
	out, err = audit("export")
	require.NoError(t, err)
	var acts []string
	for line := range strings.Lines(out) {
		var a store.Audit
		require.NoError(t, json.Unmarshal([]byte(line), &a))
		acts = append(acts, a.Act+" "+a.Note)
	}
	require.Equal(t, []string{"provider.drain their portal tells of an outage", "configuration.changed ", "configuration.changed "}, acts)
	exported := filepath.Join(dir, "audit.jsonl")
	require.NoError(t, os.WriteFile(exported, []byte(out), 0o600))
	published := filepath.Join(dir, "published.json")
	public, err := keys.PublicKeys()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(published, public, 0o600))

	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`DELETE FROM audit WHERE position = 3; UPDATE audit_chain SET last = 2, link = (SELECT link FROM audit WHERE position = 2)`)
	require.NoError(t, err)
	_, err = audit("verify")
	require.NoError(t, err, "the cut end shows to nobody without an anchor")
	out, err = audit("verify", "--anchor", anchors)
	require.ErrorContains(t, err, "was changed: 1 findings")
	require.Contains(t, out, "line 3: the log ends at 2, before the anchor of ")
	_, err = audit("verify", "--anchor", file)
	require.ErrorContains(t, err, "entry 1 is not an anchor")

	// With the published keys alone, and nothing of the installation's.
	t.Setenv("YANZHEN_STORE", "sqlite:"+filepath.Join(dir, "nowhere.db"))
	t.Setenv("YANZHEN_KEYS", filepath.Join(dir, "nowhere.json"))
	offline := func(args ...string) (string, error) {
		return audit(append([]string{"verify", "--anchor", anchors, "--keys", published}, args...)...)
	}
	out, err = offline()
	require.NoError(t, err, out)
	require.Equal(t, "2 anchors are signed and agree\n", out)
	out, err = offline("--export", exported)
	require.NoError(t, err, out)
	require.Equal(t, "2 anchors are signed and agree, held against 3 exported lines\n", out)
	text, err := os.ReadFile(exported)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	for name, tc := range map[string]struct{ text, want string }{
		"the last cut off":   {lines[0] + lines[1], "line 3: it is not there, and the anchor of "},
		"one cut out":        {lines[0] + lines[2], "line 3: it follows line 1"},
		"another one":        {lines[0] + lines[1] + strings.Replace(lines[2], `"link":"`, `"link":"00`, 1), "line 3: the anchor of "},
		"exchanged":          {lines[1] + lines[0] + lines[2], "line 2: it follows line 0"},
		"renumbered":         {lines[0] + strings.Replace(lines[2], `"position":3`, `"position":2`, 1), "line 3: it is not there"},
		"doubled":            {lines[0] + lines[0] + lines[1] + lines[2], "line 1: it follows line 1"},
		"the whole of it":    {"", "line 3: it is not there"},
		"the first line cut": {lines[1] + lines[2], "line 2: it follows line 0"},
	} {
		require.NoError(t, os.WriteFile(exported, []byte(tc.text), 0o600))
		out, err = offline("--export", exported)
		require.ErrorContains(t, err, "was changed", name)
		require.Contains(t, out, tc.want, name)
	}
	require.NoError(t, os.WriteFile(exported, []byte("hello\n"), 0o600))
	_, err = offline("--export", exported)
	require.ErrorContains(t, err, "line 1 is not a line of an audit log")
	_, err = audit("verify", "--anchor", anchors, "--keys", anchors)
	require.ErrorContains(t, err, "not a JWK set")
	_, err = audit("verify", "--keys", published)
	require.ErrorContains(t, err, "--keys requires --anchor")
	_, err = audit("verify", "--export", exported)
	require.ErrorContains(t, err, "--export requires --keys")
}

// An anchor counts only as it was signed, and anchors are held against each other: the
// log only grows, and a line has one link.
func TestAnchorsAreHeldAgainstEachOther(t *testing.T) {
	set := func() *sealing.Keys {
		text, err := sealing.Generate()
		require.NoError(t, err)
		keys, err := sealing.Parse(text)
		require.NoError(t, err)
		return keys
	}
	ours, theirs := set(), set()
	dir := t.TempDir()
	public, err := ours.PublicKeys()
	require.NoError(t, err)
	published := filepath.Join(dir, "published.json")
	require.NoError(t, os.WriteFile(published, public, 0o600))
	day := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	anchor := func(keys *sealing.Keys, days int, position int64, link string) string {
		text, err := json.Marshal(statement.Anchor{IssuedAt: day.AddDate(0, 0, days).Unix(), Position: position, Link: link})
		require.NoError(t, err)
		signed, err := keys.Sign(statement.TypeAnchor, text)
		require.NoError(t, err)
		return signed
	}
	receipt, err := ours.Sign(statement.TypeReceipt, []byte(`{"position":3}`))
	require.NoError(t, err)
	good := anchor(ours, 0, 10, "aa")
	parts := strings.Split(good, ".")
	for name, tc := range map[string]struct {
		anchors []string
		want    string
	}{
		"grown":                {[]string{good, anchor(ours, 1, 12, "bb"), good}, ""},
		"shorter later":        {[]string{anchor(ours, 1, 8, "bb"), good}, "line 8: the log ended here at 2026-11-29T12:00:00Z, and at line 10 at 2026-11-28T12:00:00Z before that"},
		"two lines, one place": {[]string{good, anchor(ours, 1, 10, "bb")}, "line 10: the anchors of 2026-11-28T12:00:00Z and 2026-11-29T12:00:00Z name different lines here"},
		"somebody else's":      {[]string{good, anchor(theirs, 1, 12, "bb")}, "anchor 2 of "},
		"changed":              {[]string{parts[0] + "." + strings.Split(anchor(ours, 0, 9, "aa"), ".")[1] + "." + parts[2]}, "anchor 1 of "},
		"not an anchor":        {[]string{receipt}, "is not an anchor"},
	} {
		file := filepath.Join(dir, "anchors")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(tc.anchors, "\n")), 0o600))
		out, err := run(t.Context(), "audit", "verify", "--anchor", file, "--keys", published)
		if tc.want == "" {
			require.NoError(t, err, out)
			continue
		}
		require.Error(t, err, name)
		require.Contains(t, out+err.Error(), tc.want, name)
	}
}
