package cmd

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
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
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// keyFile makes a key file and a store beside it, and names both in the environment.
func keyFile(t *testing.T) (path, database string) {
	t.Helper()
	dir := t.TempDir()
	path, database = filepath.Join(dir, "keys.json"), filepath.Join(dir, "yz.db")
	t.Setenv("YANZHEN_KEYS", path)
	t.Setenv("YANZHEN_STORE", "sqlite:"+database)
	require.NoError(t, createKeys(path, &bytes.Buffer{}))
	require.NoError(t, store.Migrate(t.Context(), "sqlite:"+database))
	return path, database
}

func keysIn(t *testing.T, path string) []sealing.KeyInfo {
	t.Helper()
	keys, err := sealing.Load(path)
	require.NoError(t, err)
	return keys.List()
}

// at once has the file's waiting keys active now.
func activateNow(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, k := range keysIn(t, path) {
		if !k.From.IsZero() {
			text = bytes.ReplaceAll(text, fmt.Appendf(nil, `"nbf": %d`, k.From.Unix()), []byte(`"nbf": 1`))
		}
	}
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// A new key waits in the file, and what the active one signs is checked as before;
// the file keeps its mode, and no key is shown.
func TestANewSigningKeyWaitsForItsTime(t *testing.T) {
	path, _ := keyFile(t)
	require.NoError(t, os.Chmod(path, 0o400))
	before, err := sealing.Load(path)
	require.NoError(t, err)
	sealed, err := before.Seal("row", "column", []byte("x"))
	require.NoError(t, err)

	for _, args := range [][]string{{"new", "hash"}, {"new"}, {"rotate", "hash"}, {"new", "sig", "--in", "3s"}, {"new", "sig", "--reason", "110199199003070017"}} {
		_, err = run(t.Context(), append([]string{"keys"}, args...)...)
		require.Error(t, err, args)
	}
	require.Equal(t, before.List(), keysIn(t, path))
	out, err := run(t.Context(), "keys", "new", "sig", "--in", "1h", "--reason", "yearly")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), info.Mode().Perm())
	after, err := sealing.Load(path)
	require.NoError(t, err)
	require.Equal(t, before.HashCheck(), after.HashCheck())
	_, err = after.Open("row", "column", sealed)
	require.NoError(t, err)
	signed, err := after.Sign(statement.TypeReceipt, []byte(`{}`))
	require.NoError(t, err)
	old, err := before.PublicKeys()
	require.NoError(t, err)
	_, err = statement.Verify(signed, statement.TypeReceipt, old)
	require.NoError(t, err, "by the key that everybody knows")

	list, err := run(t.Context(), "keys", "list")
	require.NoError(t, err)
	require.Len(t, after.List(), 5)
	added := after.List()[4]
	require.Equal(t, []any{false, "yearly", operator()}, []any{added.Active, added.Reason, added.By})
	require.Contains(t, list, added.ID+"                   active from "+added.From.Format(time.RFC3339))
	require.Contains(t, out, added.ID)
	require.NotContains(t, list+out, `"`)
}

// The file stays that of whom it belonged to, though root rotates it; and what leads
// to it, such as a link, stays.
func TestARotatedKeyFileKeepsItsOwnerAndItsPlace(t *testing.T) {
	path, _ := keyFile(t)
	link := filepath.Join(t.TempDir(), "link.json")
	require.NoError(t, os.Symlink(path, link))
	t.Setenv("YANZHEN_KEYS", link)
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65532
		require.NoError(t, os.Chown(path, owner, owner))
	}
	require.NoError(t, os.WriteFile(path+".new", []byte("what a lost process left"), 0o600))
	_, err := run(t.Context(), "keys", "rotate")
	require.NoError(t, err)
	require.Len(t, keysIn(t, path), 7)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, owner, ownerOf(info))
	info, err = os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
	_, err = os.Stat(path + ".new")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Of rotations at once one does it; none loses a key, and none writes over another.
func TestRotationsAtOnce(t *testing.T) {
	path, _ := keyFile(t)
	before := keysIn(t, path)
	cfg := &config.Config{Keys: path}
	done := make(chan error, 8)
	for range 8 {
		go func() {
			done <- addKeys(cfg, []string{"seal"}, &keyFlags{in: time.Hour}, &bytes.Buffer{})
		}()
	}
	failed := 0
	for range 8 {
		if err := <-done; err != nil {
			failed++
			require.Regexp(t, "another command is changing|wait for that", err.Error())
		}
	}
	require.Equal(t, 7, failed)
	after := keysIn(t, path)
	require.Len(t, after, len(before)+1)
	for _, k := range before {
		require.Contains(t, after, k)
	}
}

// A file that is damaged, or that others may read, is not written over.
func TestAFaultyKeyFileIsNotWrittenOver(t *testing.T) {
	path, _ := keyFile(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for want, text := range map[string][]byte{
		`no key has the use "seal"`: bytes.ReplaceAll(whole, []byte(`"seal"`), []byte(`"seel"`)), "is no JSON object": whole[:len(whole)/2],
	} {
		require.NoError(t, os.WriteFile(path, text, 0o600))
		_, err := run(t.Context(), "keys", "rotate")
		require.ErrorContains(t, err, want)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, left)
	}
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	_, err = run(t.Context(), "keys", "rotate")
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	t.Setenv("YANZHEN_KEYS_UNWRAP", "cat")
	_, err = run(t.Context(), "keys", "list")
	require.NoError(t, err)
	_, err = run(t.Context(), "keys", "rotate")
	require.ErrorContains(t, err, "is wrapped, and is not written here")
}

// check says what each key is needed for, and remove takes out what is needed no
// more, and nothing else.
func TestAKeyIsTakenOutOnceNothingNeedsIt(t *testing.T) {
	path, database := keyFile(t)
	old := keysIn(t, path)[0].ID
	out, err := run(t.Context(), "keys", "check")
	require.NoError(t, err)
	require.Contains(t, out, "KEY")
	_, err = run(t.Context(), "keys", "rotate", "seal", "sig")
	require.NoError(t, err)
	activateNow(t, path)
	out, err = run(t.Context(), "keys", "check")
	require.NoError(t, err)
	require.Regexp(t, old+` +retired .* still needed: what was begun under it may be written until`, out)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = run(t.Context(), "keys", "remove", old)
	require.ErrorContains(t, err, "what was begun under it may be written until")
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, whole, left)

	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`UPDATE key_ring SET changed_at = changed_at - 60000000`)
	require.NoError(t, err)
	out, err = run(t.Context(), "keys", "check")
	require.NoError(t, err)
	require.Regexp(t, old+` +retired .* 0 +no longer needed: yanzhen keys remove `+old, out)
	_, err = run(t.Context(), "keys", "remove", old, "--reason", "rotated")
	require.NoError(t, err)
	for _, k := range keysIn(t, path) {
		require.NotEqual(t, old, k.ID)
	}
	out, err = run(t.Context(), "keys", "check")
	require.NoError(t, err)
	require.NotContains(t, out, old)

	// Of the key that signed its public part stays.
	for _, k := range keysIn(t, path) {
		if k.Use == "sig" && !k.Active {
			_, err = run(t.Context(), "keys", "remove", k.ID)
			require.NoError(t, err)
			out, err = run(t.Context(), "keys", "list")
			require.NoError(t, err)
			require.Regexp(t, k.ID+` +public part only`, out)
		}
	}
	_, err = run(t.Context(), "keys", "remove", keysIn(t, path)[0].ID)
	require.ErrorContains(t, err, `no key has the use "seal"`)
}

// A running process takes a new key file over within seconds. One with errors, or
// that lacks a key that is needed, changes nothing, and is told of once.
func TestARunningProcessTakesAKeyFileOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, dsn := filepath.Join(dir, "keys.json"), "sqlite:"+filepath.Join(dir, "yz.db")
	require.NoError(t, createKeys(path, &bytes.Buffer{}))
	require.NoError(t, store.Migrate(t.Context(), dsn))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	keys, err := sealing.Load(path)
	require.NoError(t, err)
	st, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	var log lockedBuffer
	p := &parts{cfg: &config.Config{Keys: path}, log: slog.New(slog.NewTextHandler(&log, nil)), metrics: telemetry.NewMetrics(), store: st, keys: keys, keysSeen: sumOf([]string{path})}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { p.watchKeys(ctx); close(stopped) }()
	writeAs := func(text []byte, mode os.FileMode) {
		require.NoError(t, os.WriteFile(path+".next", text, 0o600))
		require.NoError(t, os.Chmod(path+".next", mode))
		require.NoError(t, os.Rename(path+".next", path))
	}
	write := func(text []byte) { writeAs(text, 0o600) }
	eventually := func(what string, f func() bool) { require.Eventually(t, f, 30*time.Second, 50*time.Millisecond, what) }
	held := func() []store.Holder {
		list, err := st.Holders(t.Context())
		require.NoError(t, err)
		return list
	}
	eventually("held", func() bool { return len(held()) == 1 && len(held()[0].Active) == 4 })

	seal := keys.List()[0].ID
	other, err := sealing.Generate()
	require.NoError(t, err)
	for _, bad := range []struct {
		want string
		text []byte
	}{
		{"is no JSON object", whole[:40]},
		{"another hash key", other},
		{"its kid is there twice", bytes.Replace(whole, []byte(keys.List()[2].ID), []byte(seal), 1)},
		{"is another one than before, under the same id", swapped(whole)},
	} {
		write(bad.text)
		eventually(bad.want, func() bool { return strings.Contains(log.String(), bad.want) })
		require.Error(t, p.keyFault(), bad.want)
		require.Equal(t, seal, keys.List()[0].ID)
	}
	writeAs(whole, 0o640)
	eventually("mode", func() bool { return strings.Contains(log.String(), "run chmod 600") })
	require.Error(t, p.keyFault())
	require.NoError(t, os.Chmod(path, 0o600))
	eventually("the first one again", func() bool { return p.keyFault() == nil })

	with, id, err := sealing.With(whole, sealing.Addition{Use: "seal", From: time.Now().Add(4 * time.Second), By: "ops"})
	require.NoError(t, err)
	write(with)
	eventually("the new key", func() bool { return len(keys.List()) == 5 })
	require.Equal(t, seal, held()[0].Active[0])
	eventually("its time", func() bool { return held()[0].Active[0] == id })
	without, err := sealing.Without(with, seal)
	require.NoError(t, err)
	write(without)
	eventually("refused", func() bool { return strings.Contains(log.String(), "what was begun under it may be written until") })
	require.Len(t, keys.List(), 5, "the old ones are kept")
	write(with)
	eventually("good again", func() bool { return p.keyFault() == nil })
	require.Equal(t, 1, strings.Count(log.String(), "another hash key"), "told once")
	stop()
	<-stopped
	require.Empty(t, held())

	_, err = st.SealAudit(t.Context())
	require.NoError(t, err)
	lines, err := st.AuditLines(t.Context(), 0, 10)
	require.NoError(t, err)
	var acts []string
	for _, l := range lines {
		acts = append(acts, l.Act+" by "+l.By)
	}
	require.Equal(t, []string{"key.added by ops", "key.activated by ops", "key.retired by ops"}, acts)
}

// swapped has the seal key's and the ticket key's ids changed for one another.
func swapped(text []byte) []byte {
	keys, _ := sealing.Parse(text)
	seal, ticket := []byte(keys.List()[0].ID), []byte(keys.List()[2].ID)
	text = bytes.ReplaceAll(text, seal, []byte("kept"))
	text = bytes.ReplaceAll(text, ticket, seal)
	return bytes.ReplaceAll(text, []byte("kept"), ticket)
}
