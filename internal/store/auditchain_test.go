package store_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// aDay writes a mixed day's lines: five chained before the anchor, five after it.
func aDay(t *testing.T, s store.Store) (anchor store.Anchor) {
	t.Helper()
	inserted(t, s, row())
	require.NoError(t, s.Finish(t.Context(), id, ended(5)))
	half := func(n int) {
		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{At: noon, By: "api", Purpose: fmt.Sprint("sum-", n)}))
		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{At: noon, By: "api", Purpose: fmt.Sprint("sum-", n)}), "told once")
		_, err := s.ReadOutputs(t.Context(), store.Audit{At: noon, Client: client, By: "first", VerificationID: id, Purpose: "account_opening", RequestID: fmt.Sprint("req_", n)})
		require.NoError(t, err)
		for _, by := range []string{"wang", "li"} {
			require.NoError(t, s.SetSwitch(t.Context(), store.Switch{Provider: "tencent_eid", State: store.SwitchDrain, Reason: "asked for by " + by, By: by, At: noon}))
		}
		require.NoError(t, s.AddDecision(t.Context(), store.Decision{VerificationID: id, Version: n, Act: "reopened", Reason: "holder.mismatch", Note: "a note", By: "wang", At: noon}))
		require.NoError(t, s.AddDecision(t.Context(), store.Decision{VerificationID: id, Version: n, Act: "reopened", Reason: "holder.mismatch", Note: "again", By: "wang", At: noon}), "the first one stands")
		sealed, err := s.SealAudit(t.Context())
		require.NoError(t, err)
		require.Equal(t, 5, sealed)
	}
	half(1)
	anchor, err := s.AuditAnchor(t.Context())
	require.NoError(t, err)
	half(2)
	return anchor
}

func findings(t *testing.T, s store.Store, anchors ...store.Anchor) store.AuditReport {
	t.Helper()
	report, err := s.VerifyAudit(t.Context(), anchors)
	require.NoError(t, err)
	return report
}

// A day's mixed work verifies, with the anchors taken on the way; what waits for
// the sealer is counted, and a note can be erased without breaking the chain.
func TestAuditLogVerifies(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.Equal(t, store.AuditReport{Findings: []store.AuditFinding{}}, findings(t, s))
		empty, err := s.AuditAnchor(t.Context())
		require.NoError(t, err)
		first := aDay(t, s)
		last, err := s.AuditAnchor(t.Context())
		require.NoError(t, err)
		require.Equal(t, store.AuditReport{Chained: 10, Findings: []store.AuditFinding{}}, findings(t, s, empty, first, last))

		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{By: "api", Purpose: "sum-3"}))
		_, err = raw(t, dsn).Exec(`UPDATE audit SET note = NULL WHERE act = 'provider.drain'`)
		require.NoError(t, err)
		require.Equal(t, store.AuditReport{Chained: 10, Waiting: 1, Erased: 4, Findings: []store.AuditFinding{}}, findings(t, s, first))

		lines, err := s.AuditLines(t.Context(), 5, 100)
		require.NoError(t, err)
		require.Len(t, lines, 5)
		require.Equal(t, int64(6), lines[0].Position)
		lines, err = s.AuditLines(t.Context(), 0, 2)
		require.NoError(t, err)
		require.Equal(t, []string{"configuration.changed", store.ActReadOutputs}, []string{lines[0].Act, lines[1].Act})

		// With another seal key, as after a rotation, all of it verifies still.
		require.Empty(t, findings(t, open(t, dsn, keySet(t, 1, 2, 3)), first, last).Findings)
	})
}

// The text of a note rests sealed, and no two hashes of one text are alike.
func TestAuditNotesRestSealed(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for range 2 {
			require.NoError(t, s.SetSwitch(t.Context(), store.Switch{Provider: "tencent_eid", State: store.SwitchOff, Reason: holder, By: "wang", At: noon}))
		}
		_, err := s.SealAudit(t.Context())
		require.NoError(t, err)
		lines, err := s.AuditLines(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Equal(t, []string{holder, holder}, []string{lines[0].Note, lines[1].Note})
		var hashes int
		require.NoError(t, raw(t, dsn).QueryRow(`SELECT COUNT(DISTINCT note_hash) FROM audit`).Scan(&hashes))
		require.Equal(t, 2, hashes)
		rows, err := raw(t, dsn).Query(`SELECT note, note_hash, mac, purpose FROM audit`)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var note, hash, mac, purpose []byte
			require.NoError(t, rows.Scan(&note, &hash, &mac, &purpose))
			for _, b := range [][]byte{note, hash, mac, purpose} {
				require.NotContains(t, string(b), holder)
			}
		}
		require.NoError(t, rows.Err())
	})
}

// tampering is what somebody does to the log past yanzhen, as SQL; anchored: it is
// found by an anchor only.
var tampering = map[string]struct {
	sql      []string
	anchored bool
}{
	"another time":         {sql: []string{`UPDATE audit SET at = at - 86400000000 WHERE position = 3`}},
	"another act":          {sql: []string{`UPDATE audit SET act = 'provider.on' WHERE position = 3`}},
	"another client":       {sql: []string{`UPDATE audit SET client = 'other' WHERE position = 2`}},
	"somebody else":        {sql: []string{`UPDATE audit SET by_key = 'li' WHERE position = 3`}},
	"another case":         {sql: []string{`UPDATE audit SET verification_id = 'ver_b' WHERE position = 2`}},
	"another purpose":      {sql: []string{`UPDATE audit SET purpose = 'support' WHERE position = 2`}},
	"another request":      {sql: []string{`UPDATE audit SET request_id = 'req_9' WHERE position = 2`}},
	"a note of another":    {sql: []string{`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4) WHERE position = 3`}},
	"a note with its hash": {sql: []string{`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4), note_hash = (SELECT note_hash FROM audit WHERE position = 4) WHERE position = 3`}},
	"a note put in":        {sql: []string{`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4) WHERE position = 2`}},
	"another MAC":          {sql: []string{`UPDATE audit SET mac = (SELECT mac FROM audit WHERE position = 4) WHERE position = 3`}},
	"no MAC":               {sql: []string{`UPDATE audit SET mac = NULL WHERE position = 3`}},
	"another link":         {sql: []string{`UPDATE audit SET link = (SELECT link FROM audit WHERE position = 4) WHERE position = 3`}},
	"one cut out":          {sql: []string{`DELETE FROM audit WHERE position = 4`}},
	"cut out and closed": {sql: []string{`DELETE FROM audit WHERE position = 9`, `UPDATE audit SET position = 9 WHERE position = 10`,
		`UPDATE audit_chain SET last = 9`}},
	"the first cut off": {sql: []string{`DELETE FROM audit WHERE position = 1`}},
	"the last cut off":  {sql: []string{`DELETE FROM audit WHERE position = 10`}},
	"two exchanged":     {sql: []string{`UPDATE audit SET position = 99 WHERE position = 3`, `UPDATE audit SET position = 3 WHERE position = 4`, `UPDATE audit SET position = 4 WHERE position = 99`}},
	"two exchanged with their links": {sql: []string{`UPDATE audit SET position = -3 WHERE position = 3`, `UPDATE audit SET position = 3, link = (SELECT link FROM audit WHERE position = -3) WHERE position = 4`,
		`UPDATE audit SET position = 4 WHERE position = -3`}},
	"one made up": {sql: []string{`INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id) VALUES (1, 'outputs.read', 'shop', 'k', 'v', 'p', 'r')`}},
	"one copied": {sql: []string{`INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac)
		SELECT at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac FROM audit WHERE position = 2`}},
	"one taken out and put at the end": {sql: []string{`UPDATE audit SET position = NULL, link = NULL WHERE position = 4`}},
	"the head moved back":              {sql: []string{`UPDATE audit_chain SET last = 9, link = (SELECT link FROM audit WHERE position = 9)`}},
	"the end cut off and the head moved back": {anchored: true, sql: []string{`UPDATE audit_chain SET last = 4, link = (SELECT link FROM audit WHERE position = 4)`,
		`DELETE FROM audit WHERE position > 4`}},
	"the whole log taken away": {anchored: true, sql: []string{`DELETE FROM audit`, `UPDATE audit_chain SET last = 0, link = ''`}},
}

// Whatever is altered, cut, reordered, copied or made up is found, and stays found
// once the sealer has chained what was put in.
func TestTamperingWithTheAuditLogIsFound(t *testing.T) {
	require.Greater(t, len(tampering), 20)
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		anchor := aDay(t, s)
		db := raw(t, dsn)
		copied := copyOf(t, db)
		for name, tc := range tampering {
			t.Run(name, func(t *testing.T) {
				copied.restore(t)
				require.Empty(t, findings(t, s, anchor).Findings)
				for _, text := range tc.sql {
					if dsn[:6] == "sqlite" && text[len(text)-2:] == "''" {
						text = text[:len(text)-2] + "x''"
					}
					_, err := db.Exec(text)
					require.NoError(t, err)
				}
				if tc.anchored {
					require.Empty(t, findings(t, s).Findings, "nothing shows it without an anchor")
				} else {
					require.NotEmpty(t, findings(t, s).Findings)
				}
				require.NotEmpty(t, findings(t, s, anchor).Findings)
				_, err := s.SealAudit(t.Context())
				require.NoError(t, err)
				require.NotEmpty(t, findings(t, s, anchor).Findings, "sealed")
			})
		}
		copied.restore(t)
		for _, forged := range []func(*store.Anchor){
			func(a *store.Anchor) { a.Position = 4 }, func(a *store.Anchor) { a.Link = a.Link[2:] + "00" },
			func(a *store.Anchor) { a.At = a.At.AddDate(0, 0, 1) }, func(a *store.Anchor) { a.MAC = "" },
		} {
			other := anchor
			forged(&other)
			require.NotEmpty(t, findings(t, s, other).Findings, "an anchor is held to its MAC")
		}
	})
}

// auditCopy is the log as it was.
type auditCopy struct{ db *sql.DB }

func copyOf(t *testing.T, db *sql.DB) auditCopy {
	t.Helper()
	for _, text := range []string{`CREATE TABLE audit_was AS SELECT * FROM audit`, `CREATE TABLE chain_was AS SELECT * FROM audit_chain`} {
		_, err := db.Exec(text)
		require.NoError(t, err)
	}
	return auditCopy{db}
}

func (c auditCopy) restore(t *testing.T) {
	t.Helper()
	const columns = `at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac, position, link`
	for _, text := range []string{`DELETE FROM audit`, `INSERT INTO audit (` + columns + `) SELECT ` + columns + ` FROM audit_was ORDER BY id`,
		`DELETE FROM audit_chain`, `INSERT INTO audit_chain SELECT * FROM chain_was`} {
		_, err := c.db.Exec(text)
		require.NoError(t, err)
	}
}

// Several workers chain at once: each line once, none left out.
func TestSealersShareTheChain(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		done := make(chan error, 40)
		for i := range 20 {
			go func() {
				done <- s.SetSwitch(t.Context(), store.Switch{Provider: "tencent_eid", State: store.SwitchOn, Reason: fmt.Sprint(i), By: "wang"})
			}()
			go func() {
				_, err := s.SealAudit(t.Context())
				done <- err
			}()
		}
		for range 40 {
			require.NoError(t, <-done)
		}
		_, err := s.SealAudit(t.Context())
		require.NoError(t, err)
		report := findings(t, s)
		require.Empty(t, report.Findings)
		require.Equal(t, int64(20), report.Chained)
		require.Zero(t, report.Waiting)
	})
}
