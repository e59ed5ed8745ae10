package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// byWorker is who does what nobody asked for.
const byWorker = "worker"

// Acts that are audited, beside those on endpoints (ActPaused), a reviewer's ("review." and the act of the
// decision) and a provider's switch ("provider." and its state).
const (
	// ActReadOutputs: a client read whom it had verified.
	ActReadOutputs = "outputs.read"
	// ActReadEvidence: a client was given the signed evidence of a verdict.
	ActReadEvidence = "evidence.read"
	// ActConfigured: the processes go by a catalogue, whose hash is the purpose.
	ActConfigured = "configuration.changed"
	// ActOps begins what an operator asked a run for; the verb follows. The request
	// is the update's id.
	ActOps = "ops."
	// ByTemporalUI is who asked where nobody says who they are.
	ByTemporalUI = "temporal ui"
)

// Audit is a line of who did what, when and why. It names a person by the
// verification only.
type Audit struct {
	// Position is the line's in the chain, from 1; 0: it waits for the sealer.
	Position int64     `json:"position"`
	At       time.Time `json:"at"`
	Act      string    `json:"act"`
	Client   string    `json:"client,omitempty"`
	// By is the name of the key, or of the operator.
	By             string `json:"by"`
	VerificationID string `json:"verification_id,omitempty"`
	// Purpose is a word of the configuration or of a catalogue, or what it was
	// done to.
	Purpose   string `json:"purpose,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Note is free text. It rests sealed and can be erased: the chain holds a
	// salted hash of it.
	Note string `json:"note,omitempty"`
	// Link chains the line to all before it, as hex; AuditLines sets it.
	Link string `json:"link,omitempty"`
}

// columnAuditNote is bound to the note's hash: a note fits no other line.
const columnAuditNote = "audit.note"

const auditSalt = 16

func auditNoteRow(hash []byte) string { return "audit/" + hex.EncodeToString(hash) }

// sealNote returns a note as it rests and what the chain holds of it. The salt
// is sealed with the text: once that is erased, nobody can try what it was.
func (s *sqlStore) sealNote(note string) (sealed, hash []byte, err error) {
	if note == "" {
		return nil, nil, nil
	}
	plain := make([]byte, auditSalt, auditSalt+len(note))
	rand.Read(plain) // never fails: crypto/rand ends the program instead
	plain = append(plain, note...)
	sum := sha256.Sum256(plain)
	sealed, err = s.seal(auditNoteRow(sum[:]), columnAuditNote, plain)
	return sealed, sum[:], err
}

// auditNonce makes each MAC another one: a line that is there twice is a copy.
const auditNonce = 16

// auditMAC binds a line to this store when it is written, so that nobody writes or
// changes one past us before it is chained, nor brings one from another store.
func (s *sqlStore) auditMAC(nonce []byte, a Audit, at sql.NullInt64, noteHash []byte) []byte {
	return append(bytes.Clone(nonce), s.keys.Hash("audit line", s.ident, string(nonce), optional(at), a.Act, a.Client, a.By, a.VerificationID, a.Purpose,
		a.RequestID, string(noteHash))...)
}

// audit writes a line in the transaction of the act.
func (s *sqlStore) audit(ctx context.Context, tx *sql.Tx, a Audit) error {
	sealed, hash, err := s.sealNote(a.Note)
	if err != nil {
		return err
	}
	at, nonce := stamp(orNow(a.At)), make([]byte, auditNonce)
	rand.Read(nonce)
	_, err = tx.ExecContext(ctx, `
		INSERT INTO audit (at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		at, a.Act, a.Client, a.By, a.VerificationID, a.Purpose, a.RequestID, sealed, hash, s.auditMAC(nonce, a, at, hash))
	return err
}

func (s *sqlStore) ReadOutputs(ctx context.Context, a Audit) (Row, error) {
	a.Act = ActReadOutputs
	return s.readAudited(ctx, a, func(r Row) bool { return r.State.Status == verification.Completed })
}

func (s *sqlStore) ReadEvidence(ctx context.Context, a Audit) (Row, error) {
	a.Act = ActReadEvidence
	return s.readAudited(ctx, a, func(r Row) bool { return r.Ended && r.State.Status.Ended() })
}

// readAudited returns the row of the line's verification and client, and writes the
// line with it if it is to be told.
func (s *sqlStore) readAudited(ctx context.Context, a Audit, told func(Row) bool) (Row, error) {
	var row Row
	err := s.update(ctx, "read for "+a.Act, func(tx *sql.Tx) error {
		sealed, err := scanRow(tx.QueryRowContext(ctx,
			`SELECT `+rowColumns+` FROM verifications WHERE id = $1 AND client = $2`+s.dialect.holdRow, a.VerificationID, a.Client))
		if err != nil {
			return err
		}
		if row, err = s.openRow(sealed); err != nil || !told(row) {
			return err
		}
		return s.audit(ctx, tx, a)
	})
	if err != nil {
		return Row{}, err
	}
	return row, nil
}

func (s *sqlStore) AuditAct(ctx context.Context, a Audit, once bool) error {
	return s.update(ctx, "audit an act", func(tx *sql.Tx) error {
		held, err := s.hold(ctx, tx, a.VerificationID) // one writer at a time
		if err != nil {
			return err
		}
		var there bool
		err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM audit WHERE verification_id = $1 AND act = $2 AND request_id = $3)`,
			a.VerificationID, a.Act, a.RequestID).Scan(&there)
		if err != nil || there && once {
			return err
		}
		a.Client = held.client
		return s.audit(ctx, tx, a)
	})
}

func (s *sqlStore) AuditConfiguration(ctx context.Context, a Audit) error {
	a.Act = ActConfigured
	return s.update(ctx, "audit the configuration", func(tx *sql.Tx) error {
		if _, _, err := s.auditHead(ctx, tx, s.dialect.holdRow); err != nil { // one api at a time
			return err
		}
		var last string
		err := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT purpose FROM audit WHERE act = $1 ORDER BY id DESC LIMIT 1), '')`, a.Act).Scan(&last)
		if err != nil || last == a.Purpose {
			return err
		}
		return s.audit(ctx, tx, a)
	})
}

func (s *sqlStore) Configured(ctx context.Context) (hash string, at time.Time, err error) {
	var noted sql.NullInt64
	err = s.read.QueryRowContext(ctx, `SELECT purpose, at FROM audit WHERE act = $1 ORDER BY id DESC LIMIT 1`, ActConfigured).Scan(&hash, &noted)
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return hash, timeOf(noted), wrap("configured", err)
}

func (s *sqlStore) Audited(ctx context.Context, id string) ([]Audit, error) {
	lines, err := s.auditLines(ctx, `verification_id = $1 ORDER BY id`, id)
	if err != nil {
		return nil, wrap("audited", err)
	}
	out := make([]Audit, 0, len(lines))
	for _, l := range lines {
		out = append(out, l.Audit)
	}
	return out, nil
}

func (s *sqlStore) AuditLines(ctx context.Context, after int64, limit int) ([]Audit, error) {
	lines, err := s.auditLines(ctx, `position > $1 ORDER BY position LIMIT $2`, after, limit)
	if err != nil {
		return nil, wrap("audit lines", err)
	}
	out := make([]Audit, 0, len(lines))
	for _, l := range lines {
		if l.Note, err = s.openNote(l); err != nil {
			return nil, err
		}
		l.Link = hex.EncodeToString(l.link)
		out = append(out, l.Audit)
	}
	return out, nil
}

// auditLine is a line as it rests.
type auditLine struct {
	Audit
	id                          int64
	at                          sql.NullInt64
	sealed, noteHash, mac, link []byte
}

// auditLines reads lines; their notes stay sealed.
func (s *sqlStore) auditLines(ctx context.Context, which string, args ...any) (out []auditLine, err error) {
	return all(ctx, s.read, func(from scanner) (l auditLine, err error) {
		err = from.Scan(&l.id, &l.Position, &l.at, &l.Act, &l.Client, &l.By, &l.VerificationID, &l.Purpose, &l.RequestID,
			&l.sealed, &l.noteHash, &l.mac, &l.link)
		l.At = timeOf(l.at)
		return l, err
	}, `
		SELECT id, COALESCE(position, 0), at, act, client, by_key, verification_id, purpose, request_id, note, note_hash, mac, link
		FROM audit WHERE `+which, args...)
}

// openNote opens a line's note; empty: there is none, or it is erased.
func (s *sqlStore) openNote(l auditLine) (string, error) {
	plain, err := s.open(auditNoteRow(l.noteHash), columnAuditNote, l.sealed)
	if err != nil || len(plain) < auditSalt {
		return "", err
	}
	return string(plain[auditSalt:]), nil
}
