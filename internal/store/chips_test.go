package store_test

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

var card = verification.Card{
	Name: "样例乙", IDNumber: "310199200111300038", Sex: "m", BirthDate: "20011130",
	Validity: verification.Validity{From: "20220808", To: "20320808"},
	Portrait: bytes.Repeat([]byte("portrait"), 64),
}

// chipRow is a row that brings a scan and claims nobody.
func chipRow(id, reqid string) store.Row {
	r := row()
	r.ID, r.Request.Subject, r.Request.NFCReqID, r.ReqIDHash = id, nil, reqid, []byte("hash of "+reqid)
	return r
}

func TestAScanIsUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, chipRow("ver_a", "scan-1"))
		_, created, err := s.Insert(t.Context(), chipRow("ver_a", "scan-1"))
		require.NoError(t, err, "the same start again")
		require.False(t, created)

		_, _, err = s.Insert(t.Context(), chipRow("ver_b", "scan-1"))
		require.ErrorIs(t, err, store.ErrReqIDReused)
		_, err = s.Load(t.Context(), "ver_b")
		require.ErrorIs(t, err, store.ErrNotFound, "no row was written")

		again := store.Scan{VerificationID: "ver_a", Number: 1, ReqID: "scan-1", Hash: []byte("hash of scan-1")}
		require.ErrorIs(t, s.AddScan(t.Context(), again), store.ErrReqIDReused, "not even by the same verification")
		next := store.Scan{VerificationID: "ver_a", Number: 1, ReqID: "scan-2", Hash: []byte("hash of scan-2")}
		require.NoError(t, s.AddScan(t.Context(), next))
		require.NoError(t, s.AddScan(t.Context(), next), "idempotent")

		for n, want := range []string{"scan-1", "scan-2"} {
			got, err := s.Scan(t.Context(), "ver_a", n)
			require.NoError(t, err)
			require.Equal(t, want, got.ReqID)
			require.WithinDuration(t, time.Now(), got.ScannedAt, 100*365*24*time.Hour)
		}
	})
}

// A request outlives its verification; an id that may fetch a person's chip must
// not, nor stand in two places of which the end erases one.
func TestAScansIDRestsWithTheScanOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		keys := keySet(t, 1, 2)
		s := open(t, dsn, keys)
		for range 2 { // the second time it is there already
			kept, _, err := s.Insert(t.Context(), chipRow("ver_a", "scan-1"))
			require.NoError(t, err)
			require.True(t, kept.Scanned)
			require.Empty(t, kept.Request.NFCReqID)
		}
		loaded, err := s.Load(t.Context(), "ver_a")
		require.NoError(t, err)
		require.True(t, loaded.Scanned)
		require.Empty(t, loaded.Request.NFCReqID)

		var sealed []byte
		require.NoError(t, raw(t, dsn).QueryRowContext(t.Context(), `SELECT request FROM verifications WHERE id = 'ver_a'`).Scan(&sealed))
		plain, err := keys.Open("ver_a", "verifications.request", sealed)
		require.NoError(t, err)
		require.NotContains(t, string(plain), "scan-1")

		unscanned := inserted(t, s, row())
		require.False(t, unscanned.Scanned)
	})
}

func TestTheChipsHolderIsTheSubjectWhereNobodyWasClaimed(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, chipRow("ver_a", "scan-1"))
		before, err := s.Load(t.Context(), "ver_a")
		require.NoError(t, err)
		require.Nil(t, before.Subject())
		require.NoError(t, s.SaveCard(t.Context(), "ver_a", card, nil))
		after, err := s.Load(t.Context(), "ver_a")
		require.NoError(t, err)
		require.Equal(t, card.Subject(), *after.Subject())
		require.Empty(t, after.Card.Portrait, "the portrait is not handed out with the row")

		claimed := row()
		inserted(t, s, claimed)
		require.NoError(t, s.SaveCard(t.Context(), claimed.ID, card, nil))
		got, err := s.Load(t.Context(), claimed.ID)
		require.NoError(t, err)
		require.Equal(t, verification.Subject{Name: holder, IDNumber: number, IDValidity: card.Validity}, *got.Subject(),
			"the claim stays the claim, the dates are the document's")

		unclear := row()
		unclear.ID = "ver_unclear"
		inserted(t, s, unclear)
		undated := card
		undated.Validity.To = ""
		require.NoError(t, s.SaveCard(t.Context(), unclear.ID, undated, nil))
		got, err = s.Load(t.Context(), unclear.ID)
		require.NoError(t, err)
		require.Equal(t, unclear.Request.Subject.IDValidity, got.Subject().IDValidity, "dates that were not understood say nothing against claimed ones")
	})
}

func TestThePortraitRestsSealedAndNoLongerThanNeeded(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		for _, id := range []string{"ver_a", "ver_b", "ver_c"} {
			inserted(t, s, chipRow(id, "scan of "+id))
			require.NoError(t, s.SaveCard(t.Context(), id, card, nil))
			got, err := s.Portrait(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, card.Portrait, got)
		}
		require.NoError(t, s.OpenSession(t.Context(), store.Session{VerificationID: "ver_a", Number: 1, Provider: "sino_connect"}))
		require.NoError(t, s.SettleSession(t.Context(), "ver_a", 1, verification.FaceResult{Judged: true}, true))
		require.NoError(t, s.Finish(t.Context(), "ver_b", verification.State{Status: verification.Canceled, Version: 9}))
		require.NoError(t, s.Publish(t.Context(), "ver_c", verification.State{Status: verification.RequiresInput, Version: 4}))
		kept, err := s.Portrait(t.Context(), "ver_c")
		require.NoError(t, err)
		require.NotEmpty(t, kept, "a session may follow")
		require.NoError(t, s.Publish(t.Context(), "ver_c", verification.State{Status: verification.InReview, Version: 9}))
		for _, id := range []string{"ver_a", "ver_b", "ver_c"} {
			got, err := s.Portrait(t.Context(), id)
			require.NoError(t, err)
			require.Empty(t, got)
		}
		scan, err := s.Scan(t.Context(), "ver_b", 0)
		require.NoError(t, err)
		require.Empty(t, scan.ReqID, "nor the scan's id")
		require.ErrorIs(t, s.SaveCard(t.Context(), "ver_b", card, nil), store.ErrNotFound, "what the end erased does not come back")
		require.ErrorIs(t, s.AddScan(t.Context(), store.Scan{VerificationID: "ver_b", Number: 1, Hash: []byte("x")}), store.ErrNotFound)

		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			for _, file := range []string{path, path + "-wal"} {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				require.NotContains(t, string(data), "portrait"+"portrait")
				require.NotContains(t, string(data), card.Name)
			}
		}
	})
}

// Three scans for one retry: whoever comes first is read, and the others can be
// brought again.
func TestOneOfManyScansForOneNumberIsTaken(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		scan := func(number int, name string) store.Scan {
			return store.Scan{VerificationID: id, Number: number, ReqID: name, Hash: []byte(name), ScannedAt: noon}
		}
		names := []string{"a", "b", "c"}
		results := make([]error, len(names))
		var wg sync.WaitGroup
		for i, name := range names {
			wg.Go(func() { results[i] = s.AddScan(t.Context(), scan(1, name)) })
		}
		wg.Wait()
		var losers []string
		for i, err := range results {
			if err != nil {
				require.ErrorIs(t, err, store.ErrScanTaken)
				losers = append(losers, names[i])
			}
		}
		require.Len(t, losers, 2)
		require.NoError(t, s.AddScan(t.Context(), scan(2, losers[0])), "it is not used up")
		require.ErrorIs(t, s.AddScan(t.Context(), scan(3, losers[0])), store.ErrReqIDReused)

		require.NoError(t, s.DropScan(t.Context(), id, 2, []byte("another")))
		require.ErrorIs(t, s.AddScan(t.Context(), scan(3, losers[0])), store.ErrReqIDReused, "another's stays")
		require.NoError(t, s.DropScan(t.Context(), id, 2, []byte(losers[0])))
		require.NoError(t, s.AddScan(t.Context(), scan(3, losers[0])))
	})
}
