package store

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// chainAtATime bounds how long the chain's lock is held.
const chainAtATime = 500

// auditHead is the chain's last position and link; hold keeps others from it.
func (s *sqlStore) auditHead(ctx context.Context, from querier, hold string) (last int64, link []byte, err error) {
	err = from.QueryRowContext(ctx, `SELECT last, link FROM audit_chain WHERE one = 1`+hold).Scan(&last, &link)
	return last, link, err
}

// auditLink chains a line to all before it.
func (s *sqlStore) auditLink(before []byte, position int64, mac []byte) []byte {
	return s.keys.Hash("audit chain", string(before), strconv.FormatInt(position, 10), string(mac))
}

func (s *sqlStore) SealAudit(ctx context.Context) (n int, err error) {
	var some bool
	if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM audit WHERE position IS NULL)`).Scan(&some); err != nil || !some {
		return 0, wrap("seal the audit log", err)
	}
	err = s.update(ctx, "seal the audit log", func(tx *sql.Tx) error {
		last, link, err := s.auditHead(ctx, tx, s.dialect.holdRow)
		if err != nil {
			return err
		}
		waiting, err := waitingLines(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range waiting {
			last++
			link = s.auditLink(link, last, w.mac)
			if _, err := tx.ExecContext(ctx, `UPDATE audit SET position = $2, link = $3 WHERE id = $1`, w.id, last, link); err != nil {
				return err
			}
		}
		n = len(waiting)
		_, err = tx.ExecContext(ctx, `UPDATE audit_chain SET last = $1, link = $2 WHERE one = 1`, last, link)
		return err
	})
	return n, err
}

func (s *sqlStore) AuditWaits(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT MIN(at) FROM audit WHERE position IS NULL`).Scan(&at)
	return timeOf(at), wrap("look for lines that wait for the sealer", err)
}

func waitingLines(ctx context.Context, tx *sql.Tx) (out []auditLine, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, mac FROM audit WHERE position IS NULL ORDER BY id LIMIT $1`, chainAtATime)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l auditLine
		if err := rows.Scan(&l.id, &l.mac); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// Anchor is where the chain stood at a time. Who is told of one signs it.
type Anchor struct {
	Position int64
	// Link is the line's, as hex.
	Link string
	At   time.Time
}

func (s *sqlStore) AuditAnchor(ctx context.Context) (Anchor, error) {
	last, link, err := s.auditHead(ctx, s.read, "")
	if err != nil {
		return Anchor{}, wrap("anchor the audit log", err)
	}
	return Anchor{Position: last, Link: hex.EncodeToString(link), At: time.Now().UTC().Truncate(time.Second)}, nil
}

// AuditFinding is something in the audit log that is not as it was written.
type AuditFinding struct {
	// Position is where; 0: at a line that is not chained yet, which Row names, or at
	// none.
	Position int64  `json:"position"`
	Row      int64  `json:"row,omitempty"`
	What     string `json:"what"`
}

// String is the finding in a sentence that names the line.
func (f AuditFinding) String() string {
	switch {
	case f.Position != 0:
		return fmt.Sprintf("line %d: %s", f.Position, f.What)
	case f.Row > 0:
		return fmt.Sprintf("row %d, which waits for the sealer: %s", f.Row, f.What)
	}
	return f.What
}

// AuditReport is what a look at the whole audit log found.
type AuditReport struct {
	// Chained lines were looked at; Waiting ones wait for the sealer.
	Chained  int64          `json:"chained"`
	Waiting  int64          `json:"waiting"`
	Erased   int64          `json:"erased_notes"`
	Findings []AuditFinding `json:"findings"`
}

func (s *sqlStore) VerifyAudit(ctx context.Context, anchors []Anchor) (AuditReport, error) {
	v := auditVerifier{s: s, report: AuditReport{Findings: []AuditFinding{}}, anchors: map[int64][]Anchor{}}
	for _, a := range anchors {
		v.anchors[a.Position] = append(v.anchors[a.Position], a)
	}
	for {
		lines, err := s.auditLines(ctx, `position > $1 ORDER BY position LIMIT $2`, v.position, chainAtATime)
		if err != nil {
			return AuditReport{}, wrap("verify the audit log", err)
		}
		for _, l := range lines {
			v.chained(l)
		}
		if len(lines) == 0 {
			break
		}
	}
	if err := v.end(ctx); err != nil {
		return AuditReport{}, wrap("verify the audit log", err)
	}
	return v.report, nil
}

// auditVerifier goes along the chain.
type auditVerifier struct {
	s        *sqlStore
	report   AuditReport
	anchors  map[int64][]Anchor
	position int64
	link     []byte
}

func (v *auditVerifier) found(position int64, what string, args ...any) {
	v.report.Findings = append(v.report.Findings, AuditFinding{Position: position, What: fmt.Sprintf(what, args...)})
}

// foundAt is something at a line, chained or not.
func (v *auditVerifier) foundAt(l auditLine, what string) {
	f := AuditFinding{Position: l.Position, What: what}
	if l.Position == 0 {
		f.Row = l.id
	}
	v.report.Findings = append(v.report.Findings, f)
}

func (v *auditVerifier) chained(l auditLine) {
	v.report.Chained++
	switch {
	case l.Position != v.position+1:
		v.found(v.position+1, "%d lines are missing", l.Position-v.position-1)
	case !hmac.Equal(l.link, v.s.auditLink(v.link, l.Position, l.mac)):
		v.found(l.Position, "the line does not follow the one before it")
	}
	v.line(l)
	v.position, v.link = l.Position, l.link // so that one change is found once
	v.anchored()
}

// line holds a line against what was bound when it was written.
func (v *auditVerifier) line(l auditLine) {
	if len(l.mac) < auditNonce || !hmac.Equal(l.mac, v.s.auditMAC(l.mac[:auditNonce], l.Audit, l.at, l.noteHash)) {
		v.foundAt(l, "the line was changed, or not written by yanzhen")
	}
	switch {
	case len(l.noteHash) == 0 && len(l.sealed) > 0:
		v.foundAt(l, "the line has a note that it was not written with")
	case len(l.noteHash) > 0 && len(l.sealed) == 0:
		v.report.Erased++
	case len(l.sealed) > 0:
		plain, err := v.s.open(auditNoteRow(l.noteHash), columnAuditNote, l.sealed)
		if sum := sha256.Sum256(plain); err != nil || !bytes.Equal(sum[:], l.noteHash) {
			v.foundAt(l, "the note is another one")
		}
	}
}

// anchored holds the anchors of the position against the link that is there.
func (v *auditVerifier) anchored() {
	for _, a := range v.anchors[v.position] {
		if a.Link != hex.EncodeToString(v.link) {
			v.found(v.position, "the anchor of %s names another line here", a.At.Format(time.RFC3339))
		}
	}
	delete(v.anchors, v.position)
}

// end looks at the chain's head, the anchors that were not come by, and what
// waits.
func (v *auditVerifier) end(ctx context.Context) error {
	last, link, err := v.s.auditHead(ctx, v.s.read, "")
	if err != nil {
		return err
	}
	if last < v.position || last == v.position && !bytes.Equal(link, v.link) || last > v.position && v.sealedSince(ctx, last) {
		v.found(last, "the end of the log is not where the sealer left it")
	}
	for position, list := range v.anchors {
		if position == 0 { // of an empty log
			continue
		}
		v.found(position, "the log ends at %d, before the anchor of %s", v.position, list[0].At.Format(time.RFC3339))
	}
	waiting, err := v.s.auditLines(ctx, `position IS NULL ORDER BY id`)
	if err != nil {
		return err
	}
	for _, l := range waiting {
		v.report.Waiting++
		v.line(l)
	}
	if err := v.outside(ctx); err != nil {
		return err
	}
	copies, err := v.s.auditLines(ctx, `mac IN (SELECT mac FROM audit GROUP BY mac HAVING COUNT(*) > 1) ORDER BY position`)
	seen := map[string]bool{}
	for _, l := range copies {
		if seen[string(l.mac)] {
			v.foundAt(l, "the line is a copy of another one")
		}
		seen[string(l.mac)] = true
	}
	return err
}

// outside looks at lines that stand before the first, and at notes that went
// without an erasure.
func (v *auditVerifier) outside(ctx context.Context) error {
	before, err := v.s.auditLines(ctx, `position < 1 ORDER BY id`)
	if err != nil {
		return err
	}
	for _, l := range before {
		v.foundAt(l, "the line stands where the sealer puts none")
	}
	gone, err := v.s.auditLines(ctx, `note IS NULL AND note_hash IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.verification_id = audit.verification_id) ORDER BY id`)
	for _, l := range gone {
		v.foundAt(l, "the note was taken away, and nobody was erased")
	}
	return err
}

// sealedSince reports that the head's own line is not there: else it was chained
// while the log was being read.
func (v *auditVerifier) sealedSince(ctx context.Context, last int64) bool {
	lines, err := v.s.auditLines(ctx, `position = $1`, last)
	return err != nil || len(lines) == 0
}
