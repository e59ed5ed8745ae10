package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// filled leaves something in every place that is sealed or bound: of a running
// verification, with a decision and a consent, of an endpoint, and in the audit log.
func filled(t testing.TB, s store.Store) {
	t.Helper()
	r := row()
	r.ReqIDHash, r.Request.NFCReqID, r.PageCode, r.PageHash = []byte("hash-of-scan"), "a-scan", "a-code", []byte("hash-of-code")
	inserted(t, s, r)
	require.NoError(t, s.SaveCard(t.Context(), id, verification.Card{Name: holder, IDNumber: number, Portrait: []byte("a portrait")}, nil))
	opened(t, s, 1)
	_, err := s.SaveNotice(t.Context(), store.Notice{VerificationID: id, Number: 1, Data: []byte("a notice"), At: noon})
	require.NoError(t, err)
	require.NoError(t, s.SettleSession(t.Context(), id, 1, verification.FaceResult{}, false))
	require.NoError(t, s.AddDecision(t.Context(), store.Decision{VerificationID: id, Version: 1, Act: "approved", Reason: "review.approved", Note: "a note", By: "r", At: noon}))
	require.NoError(t, s.SetSwitch(t.Context(), store.Switch{Provider: "tencent_eid", State: store.SwitchDrain, Reason: "a reason", By: "wang"}))
	relay(t, s, routed("a"))
	d := sending(t, s)
	_, err = s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "a", At: now(), Class: "gone", State: store.DeliverySending, Health: store.Gone}, time.Hour)
	require.NoError(t, err)
	st := ended(2)
	st.Status, st.Decision = verification.RequiresInput, ""
	require.NoError(t, s.Publish(t.Context(), id, st))
}

// toldOf is all that a reader learns of what filled left.
func toldOf(t testing.TB, s store.Store) string {
	t.Helper()
	got, err := s.Load(t.Context(), id)
	require.NoError(t, err)
	session, err := s.Session(t.Context(), id, 1)
	require.NoError(t, err)
	scan, err := s.Scan(t.Context(), id, 0)
	require.NoError(t, err)
	portrait, err := s.Portrait(t.Context(), id)
	require.NoError(t, err)
	notice, err := s.Notice(t.Context(), id, 1)
	require.NoError(t, err)
	decisions, err := s.Decisions(t.Context(), id)
	require.NoError(t, err)
	consents, err := s.Consents(t.Context(), id)
	require.NoError(t, err)
	events, err := s.Events(t.Context(), id)
	require.NoError(t, err)
	page, err := s.Feed(t.Context(), client, 0, time.Time{}, 100)
	require.NoError(t, err)
	_, err = s.SealAudit(t.Context())
	require.NoError(t, err)
	lines, err := s.AuditLines(t.Context(), 0, 100)
	require.NoError(t, err)
	lines = slices.DeleteFunc(lines, func(a store.Audit) bool { return strings.HasPrefix(a.Act, "key.") })
	require.NotEmpty(t, lines)
	text, err := json.MarshalIndent([]any{got, session, scan, portrait, notice, decisions, consents, events, page, lines}, "", " ")
	require.NoError(t, err)
	return string(text)
}

// underKey counts the values of each resealed column that a key made, past the store.
func underKey(t testing.TB, dsn, key string) map[string]int {
	t.Helper()
	db, begins := raw(t, dsn), sealing.MadeBy(key)
	out := map[string]int{}
	for _, name := range store.ResealedColumns() {
		table, column, _ := strings.Cut(name, ".")
		var n int
		require.NoError(t, db.QueryRow(fmt.Sprintf(`SELECT count(*) FROM %s WHERE substr(%s, 1, %d) = $1`, table, column, len(begins)), begins).Scan(&n), name)
		out[name] = n
	}
	return out
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// age makes what the key ring and the processes did as old as that.
func age(t testing.TB, dsn string, d time.Duration) {
	t.Helper()
	db := raw(t, dsn)
	for _, text := range []string{`UPDATE key_ring SET changed_at = changed_at - $1`, `UPDATE key_holders SET seen_at = seen_at - $1`, `UPDATE resealing SET until = until - $1`} {
		_, err := db.Exec(text, d.Microseconds())
		require.NoError(t, err)
	}
}

func useOf(t testing.TB, s store.Store, key string) store.KeyUse {
	t.Helper()
	uses, err := s.KeyUses(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(uses, func(u store.KeyUse) bool { return u.ID == key })
	require.GreaterOrEqual(t, i, 0, key)
	return uses[i]
}

func resealed(t testing.TB, s store.Store, process string) store.Resealed {
	t.Helper()
	r, err := s.Reseal(t.Context(), process)
	require.NoError(t, err)
	return r
}

// Every column that is sealed or bound by a sealing key is among those that are
// sealed anew: one that was forgotten would be lost with its key.
func TestEverySealedColumnIsSealedAnew(t *testing.T) {
	known := store.ResealedColumns()
	for _, p := range store.Places {
		if p.Sealed {
			require.Contains(t, known, p.Name())
		}
	}
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	rows, err := raw(t, dsn).Query(`SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'mac'`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		if name != "audit.mac" { // by the hash key
			require.Contains(t, known, name)
		}
	}
	require.NoError(t, rows.Err())
}

// After a rotation everything is sealed and bound anew, and reads as before: no
// revision rises and no event is added. Then the old key is no longer needed, and
// nothing is unreadable without it.
func TestAfterARotationEverythingIsSealedAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		filled(t, open(t, dsn, keySet(t, 1, 2)))
		for name, n := range underKey(t, dsn, "seal-2") {
			require.Positive(t, n, "%s: nothing rests there, so nothing is proved", name)
		}
		s := open(t, dsn, keySet(t, 1, 2, 3))
		want := toldOf(t, s)
		require.Positive(t, useOf(t, s, "seal-2").Rows)
		require.Contains(t, useOf(t, s, "seal-2").Needed, "what was begun under it")

		r := resealed(t, s, "worker a")
		require.True(t, r.Looked)
		require.Positive(t, r.Rows)
		require.Zero(t, r.Broken)
		require.Empty(t, r.Clear, "what was begun under it may still be written")
		require.Zero(t, total(underKey(t, dsn, "seal-2")))
		for name, n := range underKey(t, dsn, "seal-3") {
			require.Positive(t, n, name)
		}
		require.Equal(t, want, toldOf(t, s))
		require.Empty(t, findings(t, s).Findings)
		_, err := store.Open(t.Context(), dsn, keySet(t, 1, 3))
		require.ErrorContains(t, err, `the key "seal-2" is not in it, and what was begun under it may be written until`)

		age(t, dsn, time.Minute)
		require.Equal(t, []string{"seal-2"}, resealed(t, s, "worker a").Clear)
		require.False(t, resealed(t, s, "worker a").Looked, "there is nothing more to do")
		require.Empty(t, useOf(t, s, "seal-2").Needed)
		require.Equal(t, want, toldOf(t, open(t, dsn, keySet(t, 1, 3))))
		_, err = store.Open(t.Context(), dsn, keySet(t, 1, 2))
		require.ErrorContains(t, err, `the key "seal-3" is not in it, and it is the active one of its use`)
	})
}

// A row that a slow process wrote under the old key after everything was sealed
// anew keeps the key needed, at start and at reload, until it was sealed anew, too.
func TestALateRowKeepsItsKey(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		slow := open(t, dsn, keySet(t, 1, 2))
		require.NoError(t, slow.HoldKeys(t.Context(), "api slow"))
		s := open(t, dsn, keySet(t, 1, 2, 3))
		require.NoError(t, s.HoldKeys(t.Context(), "worker a"))
		age(t, dsn, 40*time.Second)
		require.Empty(t, resealed(t, s, "worker a").Clear, "a process that runs still uses it")
		require.Contains(t, useOf(t, s, "seal-2").Needed, "the process api slow still uses it")
		inserted(t, slow, row())
		require.NoError(t, slow.ReleaseKeys(t.Context(), "api slow"))

		without := keySet(t, 1, 3).List()
		err := s.AdoptKeys(t.Context(), without, store.Adopter{Process: "worker a"})
		require.ErrorIs(t, err, store.ErrOtherKeys)
		require.ErrorContains(t, err, `the key "seal-2" is not in it, and 3 rows are under it; put it back: yanzhen keys check`)
		_, err = store.Open(t.Context(), dsn, keySet(t, 1, 3))
		require.ErrorContains(t, err, `"seal-2"`)

		r := resealed(t, s, "worker a")
		require.Equal(t, 3, r.Rows, "the row, its event and its consent")
		require.Equal(t, []string{"seal-2"}, r.Clear)
		require.NoError(t, s.AdoptKeys(t.Context(), without, store.Adopter{Process: "worker a"}))
		_, err = open(t, dsn, keySet(t, 1, 3)).Load(t.Context(), id)
		require.NoError(t, err)
	})
}

// What somebody changed past yanzhen is not made good by a new MAC: it stays an
// alarm, and keeps its key.
func TestResealingBindsNothingThatWasChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		inserted(t, open(t, dsn, keySet(t, 1, 2)), row())
		_, err := raw(t, dsn).Exec(`UPDATE verifications SET status = 'completed'`)
		require.NoError(t, err)
		s := open(t, dsn, keySet(t, 1, 2, 3))
		r := resealed(t, s, "worker a")
		require.Equal(t, 1, r.Broken)
		_, err = s.Load(t.Context(), id)
		require.ErrorIs(t, err, store.ErrChanged)
		age(t, dsn, time.Minute)
		require.Empty(t, resealed(t, s, "worker a").Clear)
		require.Equal(t, "1 row is under it", useOf(t, s, "seal-2").Needed)
	})
}

// Runs go on while rows are sealed anew, by several workers and over a lost one, and
// none is held up or loses what it wrote.
func TestResealingBesideRunningVerifications(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		before := open(t, dsn, keySet(t, 1, 2))
		const rows = 60
		at := func(i int) string { return fmt.Sprintf("ver_%026d", i) }
		for i := range rows {
			r := row()
			r.ID = at(i)
			inserted(t, before, r)
		}
		s, other := open(t, dsn, keySet(t, 1, 2, 3)), open(t, dsn, keySet(t, 1, 2, 3))
		_, err := raw(t, dsn).Exec(`UPDATE resealing SET by_process = 'worker lost', until = $1`, now().Add(time.Minute).UnixMicro())
		require.NoError(t, err)
		require.False(t, resealed(t, s, "worker a").Looked, "another one does")
		done := make(chan error, rows)
		for i := range rows {
			go func() {
				for version := 1; version <= 3; version++ {
					st := ended(version)
					st.Status, st.Decision = verification.Processing, ""
					if err := other.Publish(t.Context(), at(i), st); err != nil {
						done <- err
						return
					}
				}
				done <- other.Finish(t.Context(), at(i), ended(9))
			}()
		}
		age(t, dsn, 2*time.Minute) // the lost worker's turn is over
		workers := make(chan error, 2)
		for _, name := range []string{"worker a", "worker b"} {
			go func() {
				_, err := other.Reseal(t.Context(), name)
				workers <- err
			}()
		}
		for range rows {
			require.NoError(t, <-done)
		}
		for range 2 {
			require.NoError(t, <-workers)
		}
		age(t, dsn, 2*time.Minute)
		for range 3 { // what others held is left to the next pass
			resealed(t, s, "worker c")
		}
		require.Zero(t, total(underKey(t, dsn, "seal-2")))
		after := open(t, dsn, keySet(t, 1, 3))
		for i := range rows {
			got, err := after.Load(t.Context(), at(i))
			require.NoError(t, err)
			require.Equal(t, []any{9, 5}, []any{got.State.Version, got.Revision})
			events, err := after.Events(t.Context(), at(i))
			require.NoError(t, err)
			require.Len(t, events, 2)
		}
	})
}

// A process that goes by the older file, or whose clock is behind, undoes nothing.
func TestAProcessThatIsBehindUndoesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		behind := open(t, dsn, keySet(t, 1, 2))
		s := open(t, dsn, keySet(t, 1, 2, 3))
		inserted(t, s, row())
		age(t, dsn, time.Minute)
		require.False(t, resealed(t, behind, "worker behind").Looked)
		require.Zero(t, total(underKey(t, dsn, "seal-2")))

		infos := keySet(t, 1, 2, 3).List() // by a clock that is behind
		for i := range infos {
			infos[i].Active = infos[i].ID != "seal-3"
		}
		require.NoError(t, s.AdoptKeys(t.Context(), infos, store.Adopter{Process: "api behind"}))
		require.Equal(t, store.KeyActive, useOf(t, s, "seal-3").State)
		require.Equal(t, store.KeyRetired, useOf(t, s, "seal-2").State)
	})
}

// withTicket are keys with a further one of the use ticket, active or waiting.
func withTicket(infos []sealing.KeyInfo, active bool) []sealing.KeyInfo {
	out := slices.Clone(infos)
	for i := range out {
		if out[i].Use == "ticket" {
			next := out[i]
			next.ID, next.Check, next.Active = "ticket-next", "another", active
			out[i].Active = !active
			return slices.Insert(out, i+1, next)
		}
	}
	return out
}

// A ticket key stays for as long as a ticket may live that it issued; one that never
// issued any may go, and so may a key of any use before its time.
func TestATicketKeyOutlivesItsTickets(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		first := keySet(t, 1, 2).List()
		adopt := func(set []sealing.KeyInfo) error {
			return s.AdoptKeys(t.Context(), set, store.Adopter{Process: "api a", By: "api"})
		}
		require.NoError(t, adopt(withTicket(first, false)))
		require.Equal(t, store.KeyAdded, useOf(t, s, "ticket-next").State)
		require.NoError(t, adopt(first), "it was never used")
		require.NoError(t, adopt(withTicket(first, true)))
		require.ErrorContains(t, adopt(first), `the key "ticket-next" is not in it, and it is the active one of its use`)
		left := slices.DeleteFunc(withTicket(first, true), func(k sealing.KeyInfo) bool { return k.ID == "ticket-201" })
		require.ErrorContains(t, adopt(left), `the key "ticket-201" is not in it, and callbacks under it may come until`)
		age(t, dsn, sealing.TicketLife-time.Minute)
		require.ErrorContains(t, adopt(left), "callbacks under it may come until")
		age(t, dsn, 2*time.Minute)
		require.NoError(t, adopt(left))
	})
}

// Another key under a known id would open nothing of what the first one made, and is
// refused.
func TestAnotherKeyUnderAKnownIDIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		infos := keySet(t, 1, 2).List()
		for i := range infos {
			if infos[i].Use == "hash" {
				continue
			}
			others := slices.Clone(infos)
			others[i].Check = "another"
			err := s.AdoptKeys(t.Context(), others, store.Adopter{})
			require.ErrorIs(t, err, store.ErrOtherKeys)
			require.ErrorContains(t, err, `its key "`+infos[i].ID+`" is another one than before`)
		}
	})
}

// Every change of the key file is a line of the audit log, once, however many
// processes see it, with who and why where the key tells that. The first file is no
// change.
func TestChangesOfKeysAreAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		open(t, dsn, keySet(t, 1, 2))
		next := keySet(t, 1, 2, 3).List()
		pending := slices.Clone(next)
		for i, k := range pending {
			if k.Use == "seal" {
				pending[i].Active = k.ID == "seal-2"
			}
			if k.ID == "seal-3" {
				pending[i].By, next[i].By = "ops", "ops"
				pending[i].Reason, next[i].Reason = "yearly", "yearly"
			}
		}
		for _, set := range [][]sealing.KeyInfo{pending, next} {
			done := make(chan error, 4)
			for i := range 4 {
				go func() {
					done <- s.AdoptKeys(t.Context(), set, store.Adopter{Process: fmt.Sprint("worker ", i), By: "worker"})
				}()
			}
			for range 4 {
				require.NoError(t, <-done)
			}
		}
		s = open(t, dsn, keySet(t, 1, 2, 3)) // the notes were sealed under the old key
		resealed(t, s, "worker 0")
		age(t, dsn, time.Minute)
		last := keySet(t, 1, 3).List()
		for range 2 {
			require.NoError(t, s.AdoptKeys(t.Context(), last, store.Adopter{By: "root", Reason: "nothing is under it"}))
		}
		_, err := s.SealAudit(t.Context())
		require.NoError(t, err)
		lines, err := s.AuditLines(t.Context(), 0, 100)
		require.NoError(t, err)
		var got []string
		for _, l := range lines {
			got = append(got, strings.Join([]string{l.Act, l.Purpose, l.By, l.Note}, "|"))
		}
		require.Equal(t, []string{
			"key.added|seal seal-3|ops|yearly", "key.activated|seal seal-3|ops|yearly", "key.retired|seal seal-2|ops|yearly",
			"key.removed|seal seal-2|root|nothing is under it",
		}, got)
		require.Empty(t, findings(t, s).Findings)
	})
}
