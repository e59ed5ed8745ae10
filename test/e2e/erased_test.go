package e2e

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// Who has all keys and every file finds nothing any more of whoever was erased:
// whatever begins like a sealed value is opened, and each keyed hash of theirs is
// looked for, in the store's files and the engine's. In SQLite at once; in PostgreSQL
// after VACUUM FULL, a checkpoint, and a write-ahead log that was overwritten. The
// same search finds all of somebody else who was not erased.
func TestWhoHasAllKeysFindsNothingOfWhoWasErased(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, dsn string) {
		hostPort, databases := "", []string{}
		if dsn != "" {
			engine := newPostgresEngine(t)
			hostPort, databases = engine.hostPort, append(engine.databases, dsn)
		}
		s := newStack(t, options{dsn: dsn, temporal: hostPort, chip: true, policies: canaryPolicies})
		s.untilKnown()
		gone, kept := newCanary(), newCanary()
		v, other := s.wholeOf(gone), s.wholeOf(kept)
		hashes, others := s.hashesOf(v.ID), s.hashesOf(other.ID)
		require.GreaterOrEqual(t, len(hashes), 4, "of request, number, reference and session")
		secret := []string{"name", "number", "reference", "metadata", "return", "note"}
		for _, c := range []*canary{gone, kept} {
			require.Subset(t, s.unsealed(c), secret, "the search does not even find them before")
		}

		began := time.Now()
		a, _ := s.redact(v.ID, nil)
		require.Less(t, a.status, 300, "%s", a.body)
		signed := s.untilReceipt(v.ID, time.Minute)
		s.receiptWithin(10*time.Second, time.Since(began), nil)
		s.takenByJose(signed)
		vacuumed(t, databases...)

		require.Empty(t, s.unsealed(gone))
		require.Subset(t, s.unsealed(kept), secret)
		files, engine := bytes.Join(s.storeFiles(), nil), readFiles(t, shared.temporalDB+"*")
		if dsn != "" {
			engine = files
		}
		for place, hash := range hashes {
			require.Empty(t, storetest.Find(files, string(hash)), place)
			if dsn == "" && place == "verifications.reference_hash" {
				continue // YzReference: the development server's file keeps what was deleted until the room is used again
			}
			require.False(t, bytes.Contains(engine, fmt.Appendf(nil, "%x", hash)[:32]), "the engine keeps %s", place)
		}
		for place, hash := range others {
			require.NotEmpty(t, storetest.Find(files, string(hash)), place)
		}
		for _, run := range []string{v.ID, v.ID + ":v2"} {
			_, err := s.temporal.DescribeWorkflow(t.Context(), run, "")
			require.ErrorAs(t, err, new(*serviceerror.NotFound), run)
		}
	})
}

// wholeOf is an ended verification of a canary with something in every place.
func (s *stack) wholeOf(c *canary) view {
	s.t.Helper()
	p := c.anyone(s, nil)
	v := c.opens(s, p, map[string]any{"policy": "cn-chip-capture", "nfc_reqid": s.scan(p, "")})
	s.capture(v, "same", p)
	v = s.untilEnd(v.ID, comesBack)
	a := s.act(v.ID, "reopen", "", map[string]any{"reason": "holder.mismatch", "note": c.words["note"]})
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	tag := s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).header.Get("ETag")
	a = s.act(v.ID, "decision", tag, map[string]any{"decision": "approved", "reason": "review.approved", "note": c.words["note"]})
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	return s.untilEnd(v.ID, comesBack)
}

// openRaw opens the stack's database past the store.
func (s *stack) openRaw() *sql.DB {
	s.t.Helper()
	driver, dsn := "pgx", s.dsn
	if path, ok := strings.CutPrefix(s.dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path+"?mode=ro"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { db.Close() })
	return db
}

// hashesOf are what rests of a verification unsealed, by which somebody with the
// keys could find its person, by place; of several rows the last.
func (s *stack) hashesOf(id string) map[string][]byte {
	s.t.Helper()
	db, out := s.openRaw(), map[string][]byte{}
	for _, p := range store.Places {
		if p.Sealed || !strings.HasSuffix(p.Column, "hash") && p.Column != "fingerprint" {
			continue
		}
		key := "verification_id"
		if p.Table == "verifications" {
			key = "id"
		}
		rows, err := db.QueryContext(s.t.Context(), fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1 AND %s IS NOT NULL", p.Column, p.Table, key, p.Column), id)
		require.NoError(s.t, err)
		for rows.Next() {
			var hash []byte
			require.NoError(s.t, rows.Scan(&hash))
			out[p.Table+"."+p.Column] = hash
		}
		require.NoError(s.t, rows.Err())
		require.NoError(s.t, rows.Close())
	}
	return out
}

// storeFiles are the files of the store's database, one after another.
func (s *stack) storeFiles() (out [][]byte) {
	s.t.Helper()
	paths := []string{strings.TrimPrefix(s.dsn, "sqlite:") + "*"}
	if !strings.HasPrefix(s.dsn, "sqlite:") {
		conn, err := pgx.Connect(s.t.Context(), s.dsn)
		require.NoError(s.t, err)
		defer func() { require.NoError(s.t, conn.Close(context.Background())) }()
		_, err = conn.Exec(s.t.Context(), "CHECKPOINT")
		require.NoError(s.t, err)
		var data string
		require.NoError(s.t, conn.QueryRow(s.t.Context(), "SHOW data_directory").Scan(&data))
		paths = []string{filepath.Join(data, "base"), filepath.Join(data, "pg_wal")} // the engine's are there, too
	}
	place{paths: paths}.each(func(data []byte) { out = append(out, data) })
	require.NotEmpty(s.t, out)
	return out
}

// unsealed are the words of a canary that the keys open in the files of store and
// engine. Whatever begins like a sealed value is decrypted as far as it goes: where
// it belongs and where it ends need not be known.
func (s *stack) unsealed(c *canary) (found []string) {
	s.t.Helper()
	keys := s.sealingKeys()
	var search storetest.Search
	for what, text := range c.texts() {
		require.NoError(s.t, search.Add(what, text))
	}
	for what, text := range c.words {
		require.NoError(s.t, search.Add(what, text))
	}
	seen := map[string]bool{}
	for _, data := range append(s.storeFiles(), readFiles(s.t, shared.temporalDB+"*")) {
		for id, key := range keys {
			head := append([]byte{1, byte(len(id))}, id...)
			for rest := data; ; {
				at := bytes.Index(rest, head)
				if at < 0 {
					break
				}
				rest = rest[at+len(head):]
				for _, f := range search.In(decrypted(key, rest)) {
					if !seen[f.What] {
						seen[f.What] = true
						found = append(found, f.What)
					}
				}
			}
		}
	}
	return found
}

// longestSealed is more than what a verification's longest text takes.
const longestSealed = 4 << 10

// decrypted is what follows a sealed value's head, opened without its end: GCM
// encrypts as CTR does, from the counter 2.
func decrypted(key cipher.Block, sealed []byte) []byte {
	const nonce = 12
	if len(sealed) < nonce {
		return nil
	}
	plain := make([]byte, min(len(sealed)-nonce, longestSealed))
	cipher.NewCTR(key, append(bytes.Clone(sealed[:nonce]), 0, 0, 0, 2)).XORKeyStream(plain, sealed[nonce:nonce+len(plain)])
	return plain
}

// sealingKeys are the stack's, by their ids.
func (s *stack) sealingKeys() map[string]cipher.Block {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "keys.json"))
	require.NoError(s.t, err)
	var set struct {
		Keys []struct{ Kid, Use, K string }
	}
	require.NoError(s.t, json.Unmarshal(text, &set))
	out := map[string]cipher.Block{}
	for _, k := range set.Keys {
		if k.Use != "seal" {
			continue
		}
		material, err := base64.RawURLEncoding.DecodeString(k.K)
		require.NoError(s.t, err)
		out[k.Kid], err = aes.NewCipher(material)
		require.NoError(s.t, err)
	}
	require.NotEmpty(s.t, out)
	return out
}

// vacuumed is what an operator has PostgreSQL do, and what its log does in time: a
// plain VACUUM leaves old bytes between the rows, and a checkpoint keeps segments of
// the log for later use as they are.
func vacuumed(t *testing.T, databases ...string) {
	t.Helper()
	if len(databases) == 0 {
		return
	}
	var conn *pgx.Conn
	do := func(statement string) {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	for _, dsn := range databases {
		one, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		defer func() { require.NoError(t, one.Close(context.Background())) }()
		conn = one
		do("VACUUM FULL")
	}
	for range 2 {
		do("CHECKPOINT")
		var segments int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_ls_waldir()").Scan(&segments))
		for range segments + 1 {
			do("SELECT pg_logical_emit_message(false, 'fill', repeat('x', 16 * 1024 * 1024))")
		}
	}
}
