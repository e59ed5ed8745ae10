package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

// States of a key in the key ring.
const (
	// KeyAdded: it waits for its time.
	KeyAdded = "added"
	// KeyActive: it seals, issues or signs.
	KeyActive = "active"
	// KeyRetired: another one of its use took its place.
	KeyRetired = "retired"
)

// Adopter says who goes by a key set from now on.
type Adopter struct {
	// Process runs on, and is told by HoldKeys; empty: it is a command.
	Process string
	// By and Reason are noted where the key itself does not tell them.
	By, Reason string
}

// KeyUse is what the store knows of a key.
type KeyUse struct {
	ID, Use, State string
	Since          time.Time
	// Rows that are sealed or bound under it.
	Rows int
	// Needed says why it may not leave the key file; empty: it may.
	Needed string
}

// Holder is a running process and the ids of the keys that it uses.
type Holder struct {
	Process string
	Active  []string
	SeenAt  time.Time
}

// Keyring is what the store knows of the key set beside using it.
type Keyring interface {
	// AdoptKeys takes note of a key set before it is gone by, and writes into the
	// audit log what is new about it. One that lacks a key that is still needed, or
	// has another key under its id, is refused: ErrOtherKeys.
	AdoptKeys(ctx context.Context, set []sealing.KeyInfo, by Adopter) error
	// HoldKeys notes which keys a running process uses; it is repeated while it
	// runs. ReleaseKeys: it has stopped.
	HoldKeys(ctx context.Context, process string) error
	ReleaseKeys(ctx context.Context, process string) error
	// Reseal seals and binds anew, under the active key, what retired ones sealed
	// and bound. Of several processes one does.
	Reseal(ctx context.Context, process string) (Resealed, error)
	// KeyUses tells of each key that is or was in use, Holders of the processes.
	KeyUses(ctx context.Context) ([]KeyUse, error)
	Holders(ctx context.Context) ([]Holder, error)
}

const (
	// holderLife is how long a process counts as running after it last held its
	// keys.
	holderLife = time.Minute
	// keySettles is how long after its retirement what was begun under a key may
	// still be written.
	keySettles = 30 * time.Second
)

// ringKey is a key of the key ring.
type ringKey struct {
	id, use, check, state string
	changedAt             time.Time
	clearAt               sql.NullInt64
}

func readRing(ctx context.Context, q querier) ([]ringKey, error) {
	return all(ctx, q, func(from scanner) (k ringKey, err error) {
		var at sql.NullInt64
		err = from.Scan(&k.id, &k.use, &k.check, &k.state, &at, &k.clearAt)
		k.changedAt = timeOf(at)
		return k, err
	}, `SELECT id, purpose, check_hash, state, changed_at, clear_at FROM key_ring ORDER BY purpose, changed_at, id`)
}

func (s *sqlStore) AdoptKeys(ctx context.Context, set []sealing.KeyInfo, by Adopter) error {
	if err := s.mayReplace(ctx, s.read, set, by.Process); err != nil { // what takes long, with nobody waiting
		return wrap("adopt keys", err)
	}
	return s.update(ctx, "adopt keys", func(tx *sql.Tx) error { return s.adopt(ctx, tx, set, by) })
}

// mayReplace refuses a set that lacks a key that is needed.
func (s *sqlStore) mayReplace(ctx context.Context, q querier, set []sealing.KeyInfo, process string) error {
	ring, err := readRing(ctx, q)
	if err != nil {
		return err
	}
	for _, k := range ring {
		i := slices.IndexFunc(set, func(i sealing.KeyInfo) bool { return i.ID == k.id }) // of another use it is another one, too
		if i >= 0 && set[i].Check != k.check {
			return fmt.Errorf("%w: its key %q is another one than before, under the same id", ErrOtherKeys, k.id)
		}
		if i >= 0 {
			continue
		}
		why, err := s.needed(ctx, q, k, process)
		if err != nil {
			return err
		}
		if why != "" {
			return fmt.Errorf("%w: the key %q is not in it, and %s; put it back: yanzhen keys check reports when it is no longer needed", ErrOtherKeys, k.id, why)
		}
	}
	return nil
}

// needed says why a key may not leave the set; empty: it may. The process that
// takes it out does not count.
func (s *sqlStore) needed(ctx context.Context, q querier, k ringKey, process string) (string, error) {
	now := time.Now()
	until := k.changedAt.Add(keySettles)
	if k.use == "ticket" {
		until = k.changedAt.Add(sealing.TicketLife + keySettles)
	}
	switch {
	case k.state == KeyActive:
		return "it is the active one of its use", nil
	case k.state == KeyRetired && k.use == "sig":
		return "what it signed is checked by its public part", nil
	case k.state == KeyRetired && k.use == "ticket" && now.Before(until):
		return fmt.Sprintf("callbacks under it may come until %s", until.Format(time.RFC3339)), nil
	case k.state == KeyRetired && now.Before(until):
		return fmt.Sprintf("what was begun under it may be written until %s", until.Format(time.RFC3339)), nil
	}
	holders, err := holdersIn(ctx, q, now)
	if err != nil {
		return "", err
	}
	for _, h := range holders {
		if h.Process != process && slices.Contains(h.Active, k.id) {
			return "the process " + h.Process + " still uses it", nil
		}
	}
	if k.use != "seal" {
		return "", nil
	}
	rows, err := s.countUnder(ctx, q, k.id)
	switch {
	case err != nil || rows == 0:
		return "", err
	case rows == 1:
		return "1 row is under it", nil
	}
	return fmt.Sprintf("%d rows are under it", rows), nil
}

// adopt writes the ring as the set says, and a line of the audit log for each
// change; the first set is none.
func (s *sqlStore) adopt(ctx context.Context, tx *sql.Tx, set []sealing.KeyInfo, by Adopter) error {
	// One process at a time.
	var one int
	if err := tx.QueryRowContext(ctx, `SELECT one FROM resealing WHERE one = 1`+s.dialect.holdRow).Scan(&one); err != nil {
		return err
	}
	ring, err := readRing(ctx, tx)
	if err != nil {
		return err
	}
	a := adoption{s: s, tx: tx, by: by, silent: len(ring) == 0, now: time.Now().UTC().Truncate(time.Microsecond)}
	for _, use := range sealing.Uses() {
		a.set, a.ring = ofUse(set, use), map[string]ringKey{}
		for _, k := range ring {
			if k.use == use {
				a.ring[k.id] = k
			}
		}
		if err := a.use(ctx); err != nil {
			return err
		}
	}
	return nil
}

func ofUse(set []sealing.KeyInfo, use string) (out []sealing.KeyInfo) {
	for _, k := range set {
		if k.Use == use {
			out = append(out, k)
		}
	}
	return out
}

// adoption is that of the keys of one use.
type adoption struct {
	s      *sqlStore
	tx     *sql.Tx
	by     Adopter
	silent bool
	now    time.Time
	set    []sealing.KeyInfo
	ring   map[string]ringKey
}

func (a *adoption) use(ctx context.Context) error {
	place := func(id string) int {
		return slices.IndexFunc(a.set, func(k sealing.KeyInfo) bool { return k.ID == id })
	}
	at := slices.IndexFunc(a.set, func(k sealing.KeyInfo) bool { return k.Active })
	was := ""
	for _, k := range a.ring {
		if k.state == KeyActive {
			was = k.id
		}
	}
	// A process whose clock is behind goes by the key before the one that is active
	// for the others.
	behind := was != "" && place(was) > at
	for i, k := range a.set {
		_, known := a.ring[k.ID]
		state := KeyRetired
		if i > at || i > place(was) && behind {
			state = KeyAdded
		}
		if !known {
			if err := a.add(ctx, k, state); err != nil {
				return err
			}
		}
	}
	if at >= 0 && !behind && a.set[at].ID != was {
		if err := a.activate(ctx, a.set[at], was); err != nil {
			return err
		}
	}
	for _, k := range a.ring {
		if place(k.id) >= 0 {
			continue
		}
		if _, err := a.tx.ExecContext(ctx, `DELETE FROM key_ring WHERE id = $1`, k.id); err != nil {
			return err
		}
		if err := a.audit(ctx, "key.removed", k.use, k.id, sealing.KeyInfo{}); err != nil {
			return err
		}
	}
	return nil
}

func (a *adoption) add(ctx context.Context, k sealing.KeyInfo, state string) error {
	if _, err := a.tx.ExecContext(ctx, `INSERT INTO key_ring (id, purpose, check_hash, state, changed_at) VALUES ($1, $2, $3, $4, $5)`,
		k.ID, k.Use, k.Check, state, stamp(a.now)); err != nil {
		return err
	}
	return a.audit(ctx, "key.added", k.Use, k.ID, k)
}

func (a *adoption) activate(ctx context.Context, k sealing.KeyInfo, before string) error {
	for _, change := range []struct{ id, state string }{{k.ID, KeyActive}, {before, KeyRetired}} {
		if change.id == "" {
			continue
		}
		if _, err := a.tx.ExecContext(ctx, `UPDATE key_ring SET state = $2, changed_at = $3, clear_at = NULL WHERE id = $1`,
			change.id, change.state, stamp(a.now)); err != nil {
			return err
		}
		act := map[string]string{KeyActive: "key.activated", KeyRetired: "key.retired"}[change.state]
		if err := a.audit(ctx, act, k.Use, change.id, k); err != nil {
			return err
		}
	}
	return nil
}

// audit notes a change, on the word of the key if that tells who and why.
func (a *adoption) audit(ctx context.Context, act, use, id string, from sealing.KeyInfo) error {
	if a.silent {
		return nil
	}
	return a.s.audit(ctx, a.tx, Audit{At: a.now, Act: act, By: cmp.Or(from.By, a.by.By), Purpose: use + " " + id, Note: cmp.Or(from.Reason, a.by.Reason)})
}

func (s *sqlStore) HoldKeys(ctx context.Context, process string) error {
	ids := []string{}
	for _, k := range s.keys.List() {
		if k.Active {
			ids = append(ids, k.ID)
		}
	}
	active, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("store: hold keys: %w", err)
	}
	return s.update(ctx, "hold keys", func(tx *sql.Tx) error {
		now := time.Now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM key_holders WHERE seen_at < $1`, stamp(now.Add(-holderLife))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO key_holders (process, active, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (process) DO UPDATE SET active = excluded.active, seen_at = excluded.seen_at`, process, string(active), stamp(now))
		return err
	})
}

func (s *sqlStore) ReleaseKeys(ctx context.Context, process string) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM key_holders WHERE process = $1`, process)
	return wrap("release keys", err)
}

func (s *sqlStore) Holders(ctx context.Context) ([]Holder, error) {
	out, err := holdersIn(ctx, s.read, time.Now())
	return out, wrap("holders", err)
}

func holdersIn(ctx context.Context, q querier, now time.Time) ([]Holder, error) {
	return all(ctx, q, func(from scanner) (h Holder, err error) {
		var active string
		var at sql.NullInt64
		if err = from.Scan(&h.Process, &active, &at); err != nil {
			return h, err
		}
		h.SeenAt = timeOf(at)
		return h, fromJSON(h.Process, "key_holders.active", []byte(active), &h.Active)
	}, `SELECT process, active, seen_at FROM key_holders WHERE seen_at >= $1 ORDER BY process`, stamp(now.Add(-holderLife)))
}

func (s *sqlStore) KeyUses(ctx context.Context) ([]KeyUse, error) {
	ring, err := readRing(ctx, s.read)
	if err != nil {
		return nil, wrap("key uses", err)
	}
	var out []KeyUse
	for _, k := range ring {
		use := KeyUse{ID: k.id, Use: k.use, State: k.state, Since: k.changedAt}
		var counted error
		if k.use == "seal" {
			use.Rows, counted = s.countUnder(ctx, s.read, k.id)
		}
		use.Needed, err = s.needed(ctx, s.read, k, "")
		if err := errors.Join(counted, err); err != nil {
			return nil, wrap("key uses", err)
		}
		out = append(out, use)
	}
	return out, nil
}
