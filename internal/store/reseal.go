package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Resealed is what one pass over the store did.
type Resealed struct {
	// Looked: there is a retired key under which something may rest, and it was this
	// process that looked.
	Looked bool
	// Rows were sealed and bound anew; Broken ones do not open or match under their
	// key, and stay as they are.
	Rows, Broken int
	// Clear are keys under which nothing is left.
	Clear []string
}

const (
	// resealPage is how many verifications are looked at in one go, whose rows are
	// held for a moment.
	resealPage = 20
	// resealPause lets others write between two pages that were written.
	resealPause = 10 * time.Millisecond
	// resealLease is how long a process that was lost keeps others from going on.
	resealLease = time.Minute
)

func (s *sqlStore) Reseal(ctx context.Context, process string) (Resealed, error) {
	old, err := s.retiredSeals(ctx)
	if err != nil || len(old) == 0 {
		return Resealed{}, wrap("reseal", err)
	}
	r := resealing{s: s, process: process, old: old}
	if err := r.lease(ctx); err != nil {
		if errors.Is(err, ErrNotFound) {
			err = nil // another one does
		}
		return Resealed{}, wrap("reseal", err)
	}
	r.report.Looked = true
	settled, err := s.settledKeys(ctx, old) // before the pass: what comes later is under another key
	if err == nil {
		err = r.all(ctx)
	}
	if r.report.Rows > 0 {
		s.forget()
	}
	if err != nil {
		return r.report, wrap("reseal", err)
	}
	for _, id := range settled {
		n, err := s.countUnder(ctx, s.read, id)
		if err == nil && n == 0 {
			r.report.Clear = append(r.report.Clear, id)
			_, err = s.write.ExecContext(ctx, `UPDATE key_ring SET clear_at = $2 WHERE id = $1 AND state = $3`, id, stamp(time.Now()), KeyRetired)
		}
		if err != nil {
			return r.report, wrap("reseal", err)
		}
	}
	return r.report, nil
}

// retiredSeals are the keys whose rows this process may seal anew: those before its
// own active one. So one whose clock is behind undoes nothing.
func (s *sqlStore) retiredSeals(ctx context.Context) (ids []string, err error) {
	ring, err := readRing(ctx, s.read)
	if err != nil {
		return nil, err
	}
	for _, k := range ofUse(s.keys.List(), "seal") {
		if k.Active {
			return ids, nil
		}
		if slices.ContainsFunc(ring, func(r ringKey) bool { return r.id == k.ID && r.state == KeyRetired && !r.clearAt.Valid }) {
			ids = append(ids, k.ID)
		}
	}
	return nil, nil
}

// settledKeys are those of them under which nobody writes any more.
func (s *sqlStore) settledKeys(ctx context.Context, old []string) (out []string, err error) {
	ring, err := readRing(ctx, s.read)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	holders, err := holdersIn(ctx, s.read, now)
	for _, k := range ring {
		used := slices.ContainsFunc(holders, func(h Holder) bool { return slices.Contains(h.Active, k.id) })
		if slices.Contains(old, k.id) && !used && now.After(k.changedAt.Add(keySettles)) {
			out = append(out, k.id)
		}
	}
	return out, err
}

// resealing is one pass over the store.
type resealing struct {
	s       *sqlStore
	process string
	old     []string
	leased  time.Time
	report  Resealed
}

// lease keeps other processes from doing the same, which would do no harm;
// ErrNotFound: another one does.
func (r *resealing) lease(ctx context.Context) error {
	now := time.Now()
	if now.Sub(r.leased) < resealLease/4 {
		return nil
	}
	err := touched(r.s.write.ExecContext(ctx, `UPDATE resealing SET by_process = $1, until = $2 WHERE one = 1 AND (by_process = $1 OR until < $3)`,
		r.process, stamp(now.Add(resealLease)), stamp(now)))
	if err == nil {
		r.leased = now
	}
	return err
}

// all goes through everything, page by page.
func (r *resealing) all(ctx context.Context) error {
	for _, stage := range []struct {
		pages, only string
		from        any
		tables      []resealTable
	}{
		{"verifications", "", "", ofVerifications},
		{"events", ofNoVerification, "", []resealTable{eventsOfEndpoints}},
		{"audit", "", int64(0), []resealTable{auditNotes}},
	} {
		from := stage.from
		for {
			to, err := r.s.pageEnd(ctx, stage.pages, stage.only, from)
			if err != nil {
				return err
			}
			if to == nil {
				break
			}
			for _, t := range stage.tables {
				if err := r.page(ctx, t, from, to); err != nil {
					return err
				}
			}
			from = to
		}
	}
	return nil
}

// pageEnd is the last id of the page after an id; nil: there is none.
func (s *sqlStore) pageEnd(ctx context.Context, table, only string, after any) (to any, err error) {
	err = s.read.QueryRowContext(ctx, fmt.Sprintf(`SELECT MAX(id) FROM (SELECT id FROM %s WHERE id > $1%s ORDER BY id LIMIT %d) AS page`, table, only, resealPage), after).Scan(&to)
	return to, err
}

// page seals anew the rows of a table in a range of ids. They are held for as long
// as that takes; one that somebody else holds is left for the next pass, so nobody
// waits for two of ours.
func (r *resealing) page(ctx context.Context, t resealTable, from, to any) error {
	if err := r.lease(ctx); err != nil {
		return err
	}
	under, args := under(append(slices.Clone(t.sealed), t.bound()...), r.old, from, to)
	where := fmt.Sprintf(` FROM %s WHERE %s > $1 AND %s <= $2 AND %s%s`, t.name, t.ranged, t.ranged, under, t.only)
	var some bool
	if err := r.s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+where+`)`, args...).Scan(&some); err != nil || !some {
		return err
	}
	columns := append(slices.Clone(t.columns), append(slices.Clone(t.sealed), t.bound()...)...)
	err := r.s.update(ctx, "reseal", func(tx *sql.Tx) error {
		rows, err := all(ctx, tx, t.scan, `SELECT `+strings.Join(columns, ", ")+where+r.s.dialect.passRows, args...)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := r.row(ctx, tx, t, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(resealPause):
		return nil
	}
}

// row seals and binds a held row anew. Nothing else about it changes: no revision,
// no event.
func (r *resealing) row(ctx context.Context, tx *sql.Tx, t resealTable, row resealRow) error {
	set, args := []string{}, slices.Clone(row.key)
	to := func(column string, value []byte) {
		args = append(args, value)
		set = append(set, fmt.Sprintf("%s = $%d", column, len(args)))
	}
	for i, column := range t.sealed {
		if !r.isOld(row.sealed[i]) {
			continue
		}
		plain, err := r.s.keys.Open(row.name, t.name+"."+column, row.sealed[i])
		if err != nil {
			r.report.Broken++
			continue
		}
		sealed, err := r.s.seal(row.name, t.name+"."+column, plain)
		if err != nil {
			return err
		}
		to(column, sealed)
	}
	if t.kind != "" && r.isOld(row.mac) {
		if r.s.keys.CheckMAC(row.mac, t.kind, row.parts...) != nil {
			r.report.Broken++
		} else {
			mac, err := r.s.keys.MAC(t.kind, row.parts...)
			if err != nil {
				return err
			}
			to("mac", mac)
		}
	}
	if len(set) == 0 {
		return nil
	}
	r.report.Rows++
	var key []string
	for i := range row.key {
		key = append(key, fmt.Sprintf("%s = $%d", t.columns[i], i+1))
	}
	_, err := tx.ExecContext(ctx, `UPDATE `+t.name+` SET `+strings.Join(set, ", ")+` WHERE `+strings.Join(key, " AND "), args...)
	return err
}

func (r *resealing) isOld(value []byte) bool {
	return slices.ContainsFunc(r.old, func(id string) bool { return madeBy(value, id) })
}

func madeBy(value []byte, id string) bool {
	return strings.HasPrefix(string(value), string(sealing.MadeBy(id)))
}

// under is the condition that one of the columns was made by one of the keys.
func under(columns, keys []string, args ...any) (string, []any) {
	var or []string
	for _, id := range keys {
		begins := sealing.MadeBy(id)
		args = append(args, begins)
		for _, c := range columns {
			or = append(or, fmt.Sprintf("substr(%s, 1, %d) = $%d", c, len(begins), len(args)))
		}
	}
	return "(" + strings.Join(or, " OR ") + ")", args
}

// countUnder counts the rows that are sealed or bound under a key.
func (s *sqlStore) countUnder(ctx context.Context, q querier, id string) (rows int, err error) {
	for _, t := range append(slices.Clone(ofVerifications), auditNotes) { // the events of endpoints stand among the others
		where, args := under(append(slices.Clone(t.sealed), t.bound()...), []string{id})
		var n int
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+t.name+` WHERE `+where, args...).Scan(&n); err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// resealTable is a table whose rows are sealed, or bound by a column mac.
type resealTable struct {
	name string
	// only is a further condition; empty: there is none.
	only string
	// ranged is the column by which its pages go, columns those of its key, first,
	// and what name and parts of a row are made of.
	ranged  string
	columns []string
	// sealed columns, and the kind of the MAC; empty: there is none.
	sealed []string
	kind   string
	// fields are what columns are scanned into; then tells of the row.
	fields func() (into []any, then func() resealRow)
}

func (t resealTable) bound() []string {
	if t.kind == "" {
		return nil
	}
	return []string{"mac"}
}

// resealRow is a row of a table.
type resealRow struct {
	key []any
	// name is that by which its columns are sealed, parts what the MAC covers.
	name   string
	parts  []string
	sealed [][]byte
	mac    []byte
}

func (t resealTable) scan(from scanner) (resealRow, error) {
	into, then := t.fields()
	sealed, mac := make([][]byte, len(t.sealed)), []byte(nil)
	for i := range sealed {
		into = append(into, &sealed[i])
	}
	if t.kind != "" {
		into = append(into, &mac)
	}
	err := from.Scan(into...)
	row := then()
	row.sealed, row.mac = sealed, mac
	return row, err
}

// ofVerifications are the tables that belong to verifications.
var ofVerifications = []resealTable{
	{name: "verifications", ranged: "id", sealed: []string{"request", "card", "portrait", "page_code"}, kind: macOfRow,
		columns: []string{"id", "client", "policy_name", "policy_version", "created_at", "status", "decision", "state", "state_version", "revision", "ended_at", "redacted_at"},
		fields: func() ([]any, func() resealRow) {
			var p publicRow
			return []any{&p.id, &p.client, &p.policy.Name, &p.policy.Version, &p.createdAt, &p.status, &p.decision, &p.state, &p.version, &p.revision, &p.endedAt, &p.redactedAt},
				func() resealRow { return resealRow{key: []any{p.id}, name: p.id, parts: p.parts()} }
		}},
	{name: "scans", ranged: "verification_id", columns: []string{"verification_id", "number"}, sealed: []string{"reqid"}, fields: numbered(scanName)},
	{name: "sessions", ranged: "verification_id", columns: []string{"verification_id", "number"}, sealed: []string{"link", "handle", "notice", "outcome"}, fields: numbered(sessionRow)},
	{name: "decisions", ranged: "verification_id", columns: []string{"verification_id", "version", "act", "reason", "decided_by", "decided_at"}, sealed: []string{"note"}, kind: macOfDecision,
		fields: func() ([]any, func() resealRow) {
			var d Decision
			var at sql.NullInt64
			return []any{&d.VerificationID, &d.Version, &d.Act, &d.Reason, &d.By, &at}, func() resealRow {
				return resealRow{key: []any{d.VerificationID, d.Version, d.Act, string(d.Reason), d.By}, name: decisionRow(d), parts: decisionParts(d, at)}
			}
		}},
	{name: "consents", ranged: "verification_id", columns: []string{"verification_id", "purpose", "text_version", "text_hash", "language", "channel", "given_at", "withdrawn_at"}, kind: macOfConsent,
		fields: func() ([]any, func() resealRow) {
			var id string
			var c verification.Consent
			var given, withdrawn sql.NullInt64
			return []any{&id, &c.Purpose, &c.TextVersion, &c.TextHash, &c.Language, &c.Channel, &given, &withdrawn}, func() resealRow {
				return resealRow{key: []any{id, string(c.Purpose)}, parts: consentParts(id, c, given, withdrawn)}
			}
		}},
	events("verification_id", ""),
}

// eventsOfEndpoints belong to no verification.
var eventsOfEndpoints = events("id", ofNoVerification)

const ofNoVerification = " AND verification_id IS NULL"

func events(ranged, only string) resealTable {
	return resealTable{name: "events", ranged: ranged, only: only, kind: macOfEvent,
		columns: []string{"id", "verification_id", "sequence", "client", "type", "revision", "status", "decision", "reasons", "created_at", "endpoint"},
		fields: func() ([]any, func() resealRow) {
			var e Event
			var id, endpoint sql.NullString
			var reasons string
			var at sql.NullInt64
			return []any{&e.ID, &id, &e.Sequence, &e.Client, &e.Type, &e.Revision, &e.Status, &e.Decision, &reasons, &at, &endpoint}, func() resealRow {
				e.VerificationID, e.Endpoint, e.CreatedAt = id.String, endpoint.String, timeOf(at)
				return resealRow{key: []any{e.ID}, parts: e.parts(reasons)}
			}
		}}
}

var auditNotes = resealTable{name: "audit", ranged: "id", columns: []string{"id", "note_hash"}, sealed: []string{"note"},
	fields: func() ([]any, func() resealRow) {
		var id int64
		var hash []byte
		return []any{&id, &hash}, func() resealRow { return resealRow{key: []any{id}, name: auditNoteRow(hash)} }
	}}

// numbered is a table whose rows count within their verification.
func numbered(name func(id string, number int) string) func() ([]any, func() resealRow) {
	return func() ([]any, func() resealRow) {
		var id string
		var number int
		return []any{&id, &number}, func() resealRow { return resealRow{key: []any{id, number}, name: name(id, number)} }
	}
}
