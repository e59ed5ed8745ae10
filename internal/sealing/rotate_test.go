package sealing

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waiting is a generated set with a further key of each use, from a time on.
func waiting(t *testing.T, from time.Time) (text []byte, ids map[string]string) {
	t.Helper()
	text, err := Generate()
	require.NoError(t, err)
	ids = map[string]string{}
	for _, use := range Uses() {
		text, ids[use], err = With(text, Addition{Use: use, From: from, By: "ops", Reason: "yearly"})
		require.NoError(t, err)
	}
	return text, ids
}

func of(t *testing.T, text []byte) *Keys {
	t.Helper()
	keys, err := Parse(text)
	require.NoError(t, err)
	return keys
}

// A new key opens and checks at once, and is used from its time on: no process uses
// one that another does not know yet.
func TestANewKeyIsUsedFromItsTimeOn(t *testing.T) {
	at := time.Now().Add(time.Hour).Truncate(time.Second)
	text, ids := waiting(t, at)
	keys := of(t, text)
	for _, list := range [][]key{keys.set().seal, keys.set().ticket, keys.set().sig} {
		require.Len(t, list, 2)
		require.Equal(t, list[0].id, active(list, at.Add(-time.Second)).id)
		require.Equal(t, list[1].id, active(list, at).id)
	}
	sealed, err := keys.Seal("row", "column", []byte("x"))
	require.NoError(t, err)
	mac, err := keys.MAC("kind", "x")
	require.NoError(t, err)
	for _, value := range [][]byte{sealed, mac} {
		require.True(t, bytes.HasPrefix(value, MadeBy(keys.set().seal[0].id)))
	}
	ticket, err := keys.IssueTicket(Ticket{Provider: "p", Kind: KindReturn, ID: "ver_1", Session: 1, Expires: at})
	require.NoError(t, err)
	signed, err := keys.Sign("t", []byte("{}"))
	require.NoError(t, err)

	for _, k := range keys.List() {
		require.Equal(t, k.Use != "hash" && k.ID == ids[k.Use], !k.Active, k.ID)
		if !k.Active {
			require.Equal(t, []any{at.UTC(), "ops", "yearly"}, []any{k.From, k.By, k.Reason})
		}
	}
	published, err := keys.PublicKeys()
	require.NoError(t, err)
	require.Contains(t, string(published), ids["sig"], "before it signs")

	// Its time has come: what was made before still opens.
	later := of(t, []byte(strings.ReplaceAll(string(text), `"nbf": `+jsonOf(at.Unix()), `"nbf": 1`)))
	for _, k := range later.List() {
		require.Equal(t, k.Use == "hash" || k.ID == ids[k.Use], k.Active, k.ID)
	}
	_, err = later.Open("row", "column", sealed)
	require.NoError(t, err)
	require.NoError(t, later.CheckMAC(mac, "kind", "x"))
	_, err = later.OpenTicket(ticket)
	require.NoError(t, err)
	fresh, err := later.Sign("t", []byte("{}"))
	require.NoError(t, err)
	require.NotEqual(t, strings.Split(signed, ".")[0], strings.Split(fresh, ".")[0], "another key's")
	require.Equal(t, keys.HashCheck(), later.HashCheck())

	// Whoever holds the keys goes by the others from then on.
	next, err := later.Seal("row", "column", []byte("x"))
	require.NoError(t, err)
	before := of(t, text)
	before.Replace(later)
	_, err = before.Open("row", "column", next)
	require.NoError(t, err)
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// Of one use one key waits at a time; the hash key is never another one; what is in
// the file stays there.
func TestAddingAKeyLosesNone(t *testing.T) {
	text, ids := waiting(t, time.Now().Add(time.Hour))
	_, _, err := With(text, Addition{Use: "seal", From: time.Now().Add(2 * time.Hour)})
	require.ErrorContains(t, err, `"`+ids["seal"]+`" was added before and becomes active at`)
	_, _, err = With(text, Addition{Use: "hash", From: time.Now()})
	require.ErrorContains(t, err, "want seal, ticket or sig")

	var whole map[string]any
	require.NoError(t, json.Unmarshal(set(seal1, hash1, ticket1), &whole))
	whole["note"] = "ours"
	whole["keys"].([]any)[0].(map[string]any)["x-made"] = "by hand"
	own, err := json.Marshal(whole)
	require.NoError(t, err)
	own, id, err := With(own, Addition{Use: "sig", From: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Contains(t, string(own), `"note": "ours"`)
	require.Contains(t, string(own), `"x-made": "by hand"`)
	infos := of(t, own).List()
	require.Equal(t, id, infos[len(infos)-1].ID)
	require.True(t, infos[len(infos)-1].Active, "the first of its use")
	require.Zero(t, infos[len(infos)-1].From)
}

// A key is taken out whole; of one that signed its public part stays, and is
// published. No use is left without a key.
func TestTakingAKeyOut(t *testing.T) {
	text, _ := waiting(t, time.Now().Add(-time.Second))
	keys := of(t, text)
	for _, list := range [][]key{keys.set().seal, keys.set().ticket} {
		without, err := Without(text, list[0].id)
		require.NoError(t, err)
		require.NotContains(t, string(without), list[0].id)
		_, err = Without(without, list[1].id)
		require.ErrorContains(t, err, "no key has the use")
	}
	old := keys.set().sig[0].id
	without, err := Without(text, old)
	require.NoError(t, err)
	left := of(t, without)
	require.True(t, left.set().sig[0].sign.IsPublic())
	published, err := left.PublicKeys()
	require.NoError(t, err)
	require.Contains(t, string(published), old)
	_, err = Without(without, old)
	require.ErrorContains(t, err, "only the public part is left")
	_, err = Without(text, keys.set().sig[1].id)
	require.ErrorContains(t, err, "lacks its private part")
	_, err = Without(text, "nobody")
	require.ErrorContains(t, err, `no key "nobody"`)
}

// The list tells one key of an id from another, and nothing of either.
func TestTheListTellsOneKeyFromAnother(t *testing.T) {
	other := seal1
	other.fill = 99
	a, b := parsed(t, seal1, hash1, ticket1).List(), parsed(t, other, hash1, ticket1).List()
	require.Equal(t, a[0].ID, b[0].ID)
	require.NotEqual(t, a[0].Check, b[0].Check)
	require.Equal(t, a[1:], b[1:])
}

// A file that rests encrypted is opened by the command that is named; what a failing
// one prints is not told, since it may be keys.
func TestAWrappedKeyFileIsUnwrappedByItsCommand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json.wrapped")
	text, err := Generate()
	require.NoError(t, err)
	wrapped := make([]byte, len(text)) // a stand-in for a KMS: each letter turned
	for i, c := range text {
		wrapped[i] = c
		switch {
		case c >= 'a' && c <= 'z':
			wrapped[i] = 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			wrapped[i] = 'A' + (c-'A'+13)%26
		}
	}
	require.NoError(t, os.WriteFile(path, wrapped, 0o600))
	_, err = Load(path)
	require.Error(t, err)
	keys, err := LoadWrapped(t.Context(), path, Command{"tr", "A-Za-z", "N-ZA-Mn-za-m"})
	require.NoError(t, err)
	require.Equal(t, of(t, text).HashCheck(), keys.HashCheck())

	for what, c := range map[string]Command{
		"fails": {"sh", "-c", "cat; echo secret-words >&2; exit 3"}, "is not there": {filepath.Join(dir, "none")}, "is empty": {},
		"prints too much": {"sh", "-c", "cat /dev/zero"}, "prints no keys": {"echo", "secret-words"},
	} {
		_, err := LoadWrapped(t.Context(), path, c)
		require.Error(t, err, what)
		require.NotContains(t, err.Error(), "secret-words", what)
		require.NotContains(t, err.Error(), string(wrapped[:20]), what)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = LoadWrapped(ctx, path, Command{"sleep", "60"})
	require.ErrorContains(t, err, "did not end")
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = LoadWrapped(t.Context(), path, Command{"cat"})
	require.ErrorContains(t, err, "chmod 600")
}
