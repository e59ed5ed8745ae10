package store_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// tamperer is somebody who writes to the database, and has no key.
type tamperer struct {
	t     *testing.T
	db    *sql.DB
	names *strings.Replacer
	// theirs is another store's database, under the same keys.
	theirs *sql.DB
}

func (m tamperer) do(statements ...string) {
	m.t.Helper()
	for _, text := range statements {
		_, err := m.db.Exec(m.names.Replace(text))
		require.NoError(m.t, err)
	}
}

// flip changes one bit of a column.
func (m tamperer) flip(column string, position int) {
	m.t.Helper()
	var b []byte
	require.NoError(m.t, m.db.QueryRow(fmt.Sprintf(`SELECT %s FROM audit WHERE position = %d`, column, position)).Scan(&b))
	b[len(b)-1] ^= 1
	_, err := m.db.Exec(fmt.Sprintf(`UPDATE audit SET %s = $1 WHERE position = %d`, column, position), b)
	require.NoError(m.t, err)
}

// rechain makes links anew from a position on, without the key.
func (m tamperer) rechain(from int) {
	m.t.Helper()
	rows, err := m.db.Query(fmt.Sprintf(`SELECT position, COALESCE(mac, link) FROM audit WHERE position >= %d ORDER BY position`, from))
	require.NoError(m.t, err)
	links := map[int64][]byte{}
	var link []byte
	last := int64(0)
	for rows.Next() {
		var mac []byte
		require.NoError(m.t, rows.Scan(&last, &mac))
		sum := sha256.Sum256(append(append(link, strconv.FormatInt(last, 10)...), mac...))
		link = sum[:]
		links[last] = link
	}
	require.NoError(m.t, rows.Err())
	for position, link := range links {
		_, err := m.db.Exec(`UPDATE audit SET link = $2 WHERE position = $1`, position, link)
		require.NoError(m.t, err)
	}
	_, err = m.db.Exec(`UPDATE audit_chain SET last = $1, link = $2`, last, link)
	require.NoError(m.t, err)
}

// bring takes a line from the other store.
func (m tamperer) bring(position int) {
	m.t.Helper()
	var at int64
	var mac []byte
	text := make([]string, 6)
	require.NoError(m.t, m.theirs.QueryRow(`SELECT at, act, client, by_key, verification_id, purpose, request_id, mac FROM audit ORDER BY id LIMIT 1`).
		Scan(&at, &text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &mac))
	_, err := m.db.Exec(fmt.Sprintf(`UPDATE audit SET at = $1, act = $2, client = $3, by_key = $4, verification_id = $5, purpose = $6, request_id = $7, mac = $8,
		note = NULL, note_hash = NULL WHERE position = %d`, position), at, text[0], text[1], text[2], text[3], text[4], text[5], mac)
	require.NoError(m.t, err)
}

const changedLine = "the line was changed, or not written by yanzhen"

// tampering is what somebody does to the log past yanzhen, and the sentence that
// tells of it, which names the line. anchored: it is found by an anchor only.
var tampering = []struct {
	name     string
	by       func(m tamperer)
	want     string
	anchored bool
}{
	{name: "re-dated", by: func(m tamperer) { m.do(`UPDATE audit SET at = at - 86400000000 WHERE position = 3`) }, want: "line 3: " + changedLine},
	{name: "another act", by: func(m tamperer) { m.do(`UPDATE audit SET act = 'provider.on' WHERE position = 3`) }, want: "line 3: " + changedLine},
	{name: "another client", by: func(m tamperer) { m.do(`UPDATE audit SET client = 'other' WHERE position = 2`) }, want: "line 2: " + changedLine},
	{name: "somebody else", by: func(m tamperer) { m.do(`UPDATE audit SET by_key = 'li' WHERE position = 3`) }, want: "line 3: " + changedLine},
	{name: "another case", by: func(m tamperer) { m.do(`UPDATE audit SET verification_id = 'ver_b' WHERE position = 5`) }, want: "line 5: " + changedLine},
	{name: "another purpose", by: func(m tamperer) { m.do(`UPDATE audit SET purpose = 'support' WHERE position = 2`) }, want: "line 2: " + changedLine},
	{name: "another request", by: func(m tamperer) { m.do(`UPDATE audit SET request_id = 'req_9' WHERE position = 2`) }, want: "line 2: " + changedLine},
	{name: "emptied", by: func(m tamperer) {
		m.do(`UPDATE audit SET act = '', client = '', by_key = '', verification_id = '', purpose = '', request_id = '' WHERE position = 7`)
	}, want: "line 7: " + changedLine},
	{name: "a note of another line", by: func(m tamperer) {
		m.do(`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4) WHERE position = 3`)
	}, want: "line 3: the note is another one"},
	{name: "a note of another line with its hash", by: func(m tamperer) {
		m.do(`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4), note_hash = (SELECT note_hash FROM audit WHERE position = 4) WHERE position = 3`)
	}, want: "line 3: " + changedLine},
	{name: "a note put in", by: func(m tamperer) {
		m.do(`UPDATE audit SET note = (SELECT note FROM audit WHERE position = 4) WHERE position = 5`)
	}, want: "line 5: the line has a note that it was not written with"},
	{name: "a note taken away", by: func(m tamperer) { m.do(`UPDATE audit SET note = NULL WHERE position = 3`) }, want: "line 3: the note was taken away, and nobody was erased"},
	{name: "a note taken away with its hash", by: func(m tamperer) { m.do(`UPDATE audit SET note = NULL, note_hash = NULL WHERE position = 3`) }, want: "line 3: " + changedLine},
	{name: "a bit of a note", by: func(m tamperer) { m.flip("note", 4) }, want: "line 4: the note is another one"},
	{name: "another MAC", by: func(m tamperer) {
		m.do(`UPDATE audit SET mac = (SELECT mac FROM audit WHERE position = 4) WHERE position = 3`)
	}, want: "line 3: " + changedLine},
	{name: "no MAC", by: func(m tamperer) { m.do(`UPDATE audit SET mac = NULL WHERE position = 3`) }, want: "line 3: " + changedLine},
	{name: "a bit of a MAC", by: func(m tamperer) { m.flip("mac", 8) }, want: "line 8: " + changedLine},
	{name: "another link", by: func(m tamperer) {
		m.do(`UPDATE audit SET link = (SELECT link FROM audit WHERE position = 4) WHERE position = 3`)
	}, want: "line 3: the line does not follow the one before it"},
	{name: "no link", by: func(m tamperer) { m.do(`UPDATE audit SET link = NULL WHERE position = 3`) }, want: "line 3: the line does not follow the one before it"},
	{name: "a bit of a link", by: func(m tamperer) { m.flip("link", 9) }, want: "line 9: the line does not follow the one before it"},
	{name: "all links anew, without the key", by: func(m tamperer) { m.rechain(1) }, want: "line 1: the line does not follow the one before it"},
	{name: "one cut out", by: func(m tamperer) { m.do(`DELETE FROM audit WHERE position = 4`) }, want: "line 4: 1 lines are missing"},
	{name: "one cut out and the gap closed", by: func(m tamperer) {
		m.do(`DELETE FROM audit WHERE position = 16`, `UPDATE audit SET position = 16 WHERE position = 17`, `UPDATE audit_chain SET last = 16`)
	}, want: "line 16: the line does not follow the one before it"},
	{name: "one cut out and the rest chained anew", by: func(m tamperer) {
		m.do(`DELETE FROM audit WHERE position = 16`, `UPDATE audit SET position = 16 WHERE position = 17`)
		m.rechain(16)
	}, want: "line 16: the line does not follow the one before it"},
	{name: "the first cut off", by: func(m tamperer) { m.do(`DELETE FROM audit WHERE position = 1`) }, want: "line 1: 1 lines are missing"},
	{name: "the last cut off", by: func(m tamperer) { m.do(`DELETE FROM audit WHERE position = 17`) }, want: "line 17: the end of the log is not where the sealer left it"},
	{name: "all numbers moved by one", by: func(m tamperer) {
		m.do(`UPDATE audit SET position = -position`, `UPDATE audit SET position = 1 - position`, `UPDATE audit_chain SET last = 18`)
	}, want: "line 1: 1 lines are missing"},
	{name: "moved out of sight", by: func(m tamperer) { m.do(`UPDATE audit SET position = -3 WHERE position = 3`) }, want: "line -3: the line stands where the sealer puts none"},
	{name: "two exchanged", by: func(m tamperer) {
		m.do(`UPDATE audit SET position = 99 WHERE position = 3`, `UPDATE audit SET position = 3 WHERE position = 4`, `UPDATE audit SET position = 4 WHERE position = 99`)
	}, want: "line 3: the line does not follow the one before it"},
	{name: "two exchanged with their links", by: func(m tamperer) {
		m.do(`UPDATE audit SET position = -3 WHERE position = 3`, `UPDATE audit SET position = 3, link = (SELECT link FROM audit WHERE position = -3) WHERE position = 4`,
			`UPDATE audit SET position = 4 WHERE position = -3`)
	}, want: "line 3: the line does not follow the one before it"},
	{name: "one made up", by: func(m tamperer) {
		m.do(`INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id) VALUES (1, 'outputs.read', 'shop', 'k', 'v', 'p', 'r')`)
	}, want: ", which waits for the sealer: " + changedLine},
	{name: "one made up and chained, without the key", by: func(m tamperer) {
		m.do(`INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id, mac, position, link)
			SELECT at, act, client, by_key, verification_id, 'support', request_id, mac, 18, link FROM audit WHERE position = 2`)
		m.rechain(18)
	}, want: "line 18: " + changedLine},
	{name: "one copied", by: func(m tamperer) {
		m.do(`INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac)
			SELECT at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac FROM audit WHERE position = 7`)
	}, want: "the line is a copy of another one"},
	{name: "one taken out and put at the end", by: func(m tamperer) { m.do(`UPDATE audit SET position = NULL, link = NULL WHERE position = 4`) }, want: "line 4: 1 lines are missing"},
	{name: "one of another store, under the same keys", by: func(m tamperer) { m.bring(13) }, want: "line 13: " + changedLine},
	{name: "the head moved back", by: func(m tamperer) {
		m.do(`UPDATE audit_chain SET last = 16, link = (SELECT link FROM audit WHERE position = 16)`)
	}, want: "line 16: the end of the log is not where the sealer left it"},
	{name: "the head moved on", by: func(m tamperer) { m.do(`UPDATE audit_chain SET last = 20`) }, want: "line 20: the end of the log is not where the sealer left it"},
	{name: "the end cut off and the head moved back", anchored: true, by: func(m tamperer) {
		m.do(`UPDATE audit_chain SET last = 14, link = (SELECT link FROM audit WHERE position = 14)`, `DELETE FROM audit WHERE position > 14`)
	}, want: "line 17: the log ends at 14, before the anchor of "},
	{name: "all of it deleted", anchored: true, by: func(m tamperer) {
		m.do(`DELETE FROM audit`, `UPDATE audit_chain SET last = 0, link = EMPTY`)
	}, want: "line 11: the log ends at 0, before the anchor of "},
}

// Whatever is altered, cut, reordered, copied, brought or made up is told in a
// sentence that names the line, and stays found once the sealer has chained what was
// put in.
func TestTamperingWithTheAuditLogIsFound(t *testing.T) {
	require.Greater(t, len(tampering), 20)
	onBoth(t, func(t *testing.T, dsn string) {
		keys := keySet(t, 1, 2)
		s := open(t, dsn, keys)
		_, first, last := aDay(t, s)
		m := tamperer{t: t, db: raw(t, dsn), names: strings.NewReplacer("EMPTY", "''"), theirs: otherLog(t, keys)}
		if strings.HasPrefix(dsn, "sqlite:") {
			m.names = strings.NewReplacer("EMPTY", "x''")
		}
		copied := copyOf(t, m.db)
		require.Empty(t, findings(t, s, first, last).Findings)
		for _, tc := range tampering {
			t.Run(tc.name, func(t *testing.T) {
				copied.restore(t)
				m := m
				m.t = t
				tc.by(m)
				anchors := []store.Anchor{}
				if tc.anchored {
					require.Empty(t, findings(t, s).Findings, "nothing shows it without an anchor")
					anchors = append(anchors, first, last)
				}
				require.Contains(t, sentences(findings(t, s, anchors...)), tc.want)
				_, err := s.SealAudit(t.Context())
				require.NoError(t, err)
				require.NotEmpty(t, findings(t, s, anchors...).Findings, "sealed")
			})
		}
		copied.restore(t)
		require.Empty(t, findings(t, s, first, last).Findings)
		forged := last
		forged.Link = first.Link
		require.Contains(t, sentences(findings(t, s, forged)), "line 17: the anchor of ")
	})
}

// sentences are the findings as they are printed.
func sentences(r store.AuditReport) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// otherLog is the log of another store under the same keys.
func otherLog(t *testing.T, keys store.Sealer) *sql.DB {
	t.Helper()
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	require.NoError(t, open(t, dsn, keys).AuditConfiguration(t.Context(), store.Audit{By: "api", Purpose: "sum-2"}))
	return raw(t, dsn)
}

// A line that is taken away before it was chained, within seconds, leaves no trace:
// this is as far as the chain goes, and the docs say so. From then on it is missed.
func TestAWaitingLineThatIsTakenAwayLeavesNoTrace(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		_, first, last := aDay(t, s)
		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{By: "api", Purpose: "sum-3"}))
		_, err := raw(t, dsn).Exec(`DELETE FROM audit WHERE position IS NULL`)
		require.NoError(t, err)
		require.Empty(t, findings(t, s, first, last).Findings)
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
