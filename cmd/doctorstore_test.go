package cmd

import (
	"bytes"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/verification"
)

// found returns what doctor says of a check.
func foundOf(t *testing.T, all []finding, check string) finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	require.Fail(t, "nothing is found", "%s in %+v", check, all)
	return finding{}
}

// Each fault of PostgreSQL is named, with what to do, and without the password.
func TestDoctorOnPostgres(t *testing.T) {
	dir := t.TempDir()
	keys, otherKeys := filepath.Join(dir, "keys.json"), filepath.Join(dir, "other.json")
	require.NoError(t, createKeys(keys, &bytes.Buffer{}))
	require.NoError(t, createKeys(otherKeys, &bytes.Buffer{}))
	made := func(statements ...string) string {
		dsn := storetest.Postgres(t)
		require.NoError(t, store.Migrate(t.Context(), dsn))
		st, err := store.Open(t.Context(), dsn, keysOf(t, keys))
		require.NoError(t, err)
		require.NoError(t, st.Close())
		db, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		defer db.Close()
		for _, s := range statements {
			_, err := db.ExecContext(t.Context(), s)
			require.NoError(t, err)
		}
		return dsn
	}
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(made())
		require.NoError(t, err)
		change(u)
		return u.String()
	}
	require.Equal(t, findingOK, foundOf(t, diagnoseStore(t.Context(), &config.Config{Store: made(), Keys: keys}, nil), "store").Status)
	for name, fault := range map[string]struct{ dsn, keys, detail, remedy string }{
		"wrong password":   {with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "planted") }), keys, "", "refuses this user or password"},
		"no such database": {with(func(u *url.URL) { u.Path = "/nobody" }), keys, "", "no such database"},
		"nobody there":     {with(func(u *url.URL) { u.Host = "127.0.0.1:1" }), keys, "", "start the database"},
		"unmigrated":       {storetest.Postgres(t), keys, "", "yanzhen setup"},
		"newer":            {made(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (99999, true)`), keys, "99999", "newer yanzhen"},
		"other keys":       {made(), otherKeys, "", "restore that one"},
		"a standby": {made(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`),
			keys, "read-only", "name the primary"},
		"full disk": {made(`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$`,
			`CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON meta FOR EACH ROW EXECUTE FUNCTION no_room()`), keys, "disk under the database is full", "free some space"},
	} {
		t.Run(name, func(t *testing.T) {
			f := foundOf(t, diagnoseStore(t.Context(), &config.Config{Store: fault.dsn, Keys: fault.keys}, nil), "store")
			require.Equal(t, findingError, f.Status, "%+v", f)
			require.Contains(t, f.Detail, fault.detail)
			require.Contains(t, f.Remedy, fault.remedy)
			require.NotContains(t, f.Detail+f.Remedy, "planted")
		})
	}
}

// What workers have not seen to, though they should have: the audit log's chain,
// erasures, what is kept beyond its time; and an audit log that is another one.
func TestDoctorSeesWhatIsLeft(t *testing.T) {
	for name, fresh := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "yz.db") },
		"PostgreSQL": func(t testing.TB) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			keys := filepath.Join(t.TempDir(), "keys.json")
			require.NoError(t, createKeys(keys, &bytes.Buffer{}))
			dsn := fresh(t)
			require.NoError(t, store.Migrate(t.Context(), dsn))
			st, err := store.Open(t.Context(), dsn, keysOf(t, keys))
			require.NoError(t, err)
			defer st.Close()
			now := time.Now()
			add := func(id string) {
				row := store.Row{ID: id, Client: "shop", Fingerprint: []byte{1}, CreatedAt: now, OverdueAt: now.Add(time.Hour),
					Policy: verification.PolicyRef{Name: "p", Version: 1}, State: verification.NewState(verification.Policy{Name: "p", Version: 1}, now)}
				_, _, err := st.Insert(t.Context(), row)
				require.NoError(t, err)
				row.State.End(now, verification.Expired, verification.SessionExpired)
				require.NoError(t, st.Finish(t.Context(), id, row.State))
			}
			add("ver_kept")
			add("ver_erased")
			_, err = st.Redact(t.Context(), store.Erasure{ID: "ver_erased", Client: "shop", Cause: store.CauseRequest, By: "x", ErasedAt: now})
			require.NoError(t, err)
			cfg := &config.Config{Keys: keys, Store: dsn}

			require.Equal(t, []string{"ok audit log"}, short(diagnoseAudit(t.Context(), st, nil, nil, now)))
			late := diagnoseAudit(t.Context(), st, nil, nil, now.Add(time.Hour))
			require.Equal(t, []string{"warning audit log"}, short(late))
			require.Contains(t, late[0].Remedy, "No worker chains it")
			_, err = st.SealAudit(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{"ok audit log"}, short(diagnoseAudit(t.Context(), st, nil, nil, now.Add(time.Hour))))

			text, _, err := newAnchor(t.Context(), st, keysOf(t, keys), "")
			require.NoError(t, err)
			public, err := keysOf(t, keys).PublicKeys()
			require.NoError(t, err)
			anchors := []string{filepath.Join(t.TempDir(), "anchors")}
			require.NoError(t, os.WriteFile(anchors[0], []byte(text), 0o600))
			require.Equal(t, []string{"ok audit log", "ok audit anchor"}, short(diagnoseAudit(t.Context(), st, anchors, public, now)))
			require.Equal(t, []string{"ok audit log", "warning audit anchor"}, short(diagnoseAudit(t.Context(), st, anchors, public, now.Add(72*time.Hour))), "it is old")
			require.Equal(t, []string{"ok audit log", "error audit anchor"}, short(diagnoseAudit(t.Context(), st, []string{"/nowhere"}, public, now)))
			other := filepath.Join(t.TempDir(), "other.db")
			require.NoError(t, store.Migrate(t.Context(), "sqlite:"+other))
			st2, err := store.Open(t.Context(), "sqlite:"+other, keysOf(t, keys))
			require.NoError(t, err)
			defer st2.Close()
			cut := diagnoseAudit(t.Context(), st2, anchors, public, now)
			require.Equal(t, []string{"ok audit log", "error audit anchor"}, short(cut), "an older store was restored")
			require.Contains(t, cut[1].Remedy, "backup")

			require.Equal(t, []string{"ok retention of data"}, short(diagnoseKept(t.Context(), st, cfg, now)))
			left := diagnoseKept(t.Context(), st, cfg, now.Add(60*24*time.Hour))
			require.Equal(t, []string{"warning erasures without a receipt", "warning retention of data"}, short(left))
			require.Contains(t, left[0].Detail, "ver_erased")
			require.Contains(t, left[1].Detail, "1 personal parts")
			require.Contains(t, left[1].Remedy, "yanzhen retention --run")
		})
	}
}
