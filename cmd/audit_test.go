package cmd

import (
	"database/sql"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
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
	p := &parts{store: st, cfg: &config.Config{File: file}, log: slog.New(slog.NewJSONHandler(&logs, nil)), catalogue: &catalogue{goneBy: sumOf([]string{file})}}
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

	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`DELETE FROM audit WHERE position = 3; UPDATE audit_chain SET last = 2, link = (SELECT link FROM audit WHERE position = 2)`)
	require.NoError(t, err)
	_, err = audit("verify")
	require.NoError(t, err, "the cut end shows to nobody without an anchor")
	out, err = audit("verify", "--anchor", anchors)
	require.ErrorContains(t, err, "not as it was written: 1 findings")
	require.Contains(t, out, "line 3: the log ends at 2, before the anchor of ")
	_, err = audit("verify", "--anchor", file)
	require.ErrorContains(t, err, "line 1 is no anchor")
}
