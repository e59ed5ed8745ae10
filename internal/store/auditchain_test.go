package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
)

// theDay is what stands in the log after aDay, in its order.
var theDay = []string{
	"configuration.changed", "outputs.read", "provider.drain", "provider.drain", "review.reopened", "review.reopened", "evidence.read",
	"person.searched", "person.found", "webhook.paused", "webhook.resumed", // the morning's anchor
	"redacted", "provider.off", "configuration.changed", "verdict.erased", "webhook.tested", "provider.on",
}

// morning is how many lines come before its anchor.
const morning = 11

// aDay does a mixed day's work, an erasure in the middle, while the sealer runs, and
// returns the anchors that were taken before it, after the morning and at its end.
func aDay(t *testing.T, s store.Store) (empty, noonish, evening store.Anchor) {
	t.Helper()
	anchor := func() store.Anchor {
		a, err := s.AuditAnchor(t.Context())
		require.NoError(t, err)
		return a
	}
	empty = anchor()
	sealer := sealWhile(t, s)
	inserted(t, s, row())
	require.NoError(t, s.Finish(t.Context(), id, ended(5)))
	line := asked(noon)
	line.VerificationID, line.Purpose = id, "account_opening"
	configured := func(sum string) {
		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{At: noon, By: "api", Purpose: sum}))
		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{At: noon, By: "api", Purpose: sum}), "told once")
	}
	switched := func(state store.SwitchState, by string) {
		require.NoError(t, s.SetSwitch(t.Context(), store.Switch{Provider: "tencent_eid", State: state, Reason: "asked for by " + by, By: by, At: noon}))
	}
	configured("sum-1")
	noted := line
	noted.Note = "the person called"
	_, err := s.ReadOutputs(t.Context(), noted)
	require.NoError(t, err)
	switched(store.SwitchDrain, "wang")
	switched(store.SwitchDrain, "li")
	reopened := store.Decision{VerificationID: id, Version: 1, Act: "reopened", Reason: "holder.mismatch", Note: "a note", By: "wang", At: noon}
	require.NoError(t, s.AddDecision(t.Context(), reopened))
	require.NoError(t, s.AddDecision(t.Context(), reopened), "the first one stands")
	reopened.By = "li"
	require.NoError(t, s.AddDecision(t.Context(), reopened))
	_, err = s.ReadEvidence(t.Context(), line)
	require.NoError(t, err)
	found, err := s.Find(t.Context(), asked(noon), store.Choice{Client: client}, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, s.Pause(t.Context(), asked(noon), "main"))
	_, err = s.Resume(t.Context(), asked(noon), "main")
	require.NoError(t, err)
	sealer()
	noonish = anchor()
	require.Equal(t, int64(morning), noonish.Position)

	sealer = sealWhile(t, s)
	_, err = s.Redact(t.Context(), redaction())
	require.NoError(t, err)
	switched(store.SwitchOff, "wang")
	configured("sum-2")
	require.NoError(t, s.Strip(t.Context(), id))
	_, err = s.AddTest(t.Context(), asked(noon), "main")
	require.NoError(t, err)
	switched(store.SwitchOn, "li")
	sealer()
	evening = anchor()
	require.Equal(t, int64(len(theDay)), evening.Position)
	return empty, noonish, evening
}

// sealWhile chains until the function that it returns is called, and then to the end.
func sealWhile(t *testing.T, s store.Store) (stop func()) {
	t.Helper()
	over, done := make(chan struct{}), make(chan error)
	go func() {
		for last := false; ; {
			_, err := s.SealAudit(t.Context())
			if err != nil || last {
				done <- err
				return
			}
			select {
			case <-over:
				last = true // what was written since is still to be chained
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() {
		close(over)
		require.NoError(t, <-done)
	}
}

func findings(t *testing.T, s store.Store, anchors ...store.Anchor) store.AuditReport {
	t.Helper()
	report, err := s.VerifyAudit(t.Context(), anchors)
	require.NoError(t, err)
	return report
}

// A day's mixed work verifies, with the anchors taken on the way, also with a newer
// seal key; the note of whoever was erased is gone, and the chain is whole. What
// waits for the sealer is counted.
func TestAuditLogOfAMixedDayVerifies(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		require.Equal(t, store.AuditReport{Findings: []store.AuditFinding{}}, findings(t, s))
		empty, first, last := aDay(t, s)
		whole := store.AuditReport{Chained: int64(len(theDay)), Erased: 1, Findings: []store.AuditFinding{}}
		require.Equal(t, whole, findings(t, s, empty, first, last))
		lines, err := s.AuditLines(t.Context(), 0, 100)
		require.NoError(t, err)
		for i, l := range lines {
			require.Equal(t, theDay[i], l.Act)
			require.Equal(t, int64(i+1), l.Position)
			require.Len(t, l.Link, 64)
		}
		require.Equal(t, []string{first.Link, last.Link}, []string{lines[morning-1].Link, lines[len(theDay)-1].Link})
		require.Empty(t, lines[1].Note, "it went with the person")
		lines, err = s.AuditLines(t.Context(), 5, 2)
		require.NoError(t, err)
		require.Equal(t, []int64{6, 7}, []int64{lines[0].Position, lines[1].Position})

		require.NoError(t, s.AuditConfiguration(t.Context(), store.Audit{By: "api", Purpose: "sum-3"}))
		whole.Waiting = 1
		require.Equal(t, whole, findings(t, s, first))
		require.Empty(t, findings(t, open(t, dsn, keySet(t, 1, 2, 3)), first, last).Findings, "after a rotation of the seal keys")
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
