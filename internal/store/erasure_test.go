package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// whole is an ended verification with something in every place.
func whole(t testing.TB, s store.Store) {
	t.Helper()
	r := row()
	r.NumberHash, r.ReferenceHash, r.ReqIDHash = []byte("hash-of-number"), []byte("hash-of-reference"), []byte("hash-of-scan")
	r.Request.NFCReqID = "a-scan"
	inserted(t, s, r)
	opened(t, s, 1)
	_, err := intend(t, s)
	require.NoError(t, err)
	require.NoError(t, s.AddDecision(t.Context(), store.Decision{VerificationID: id, Version: 1, Act: "approved", Reason: "review.approved", Note: "a note", By: "r", At: noon}))
	require.NoError(t, s.Finish(t.Context(), id, ended(5)))
}

// visited are a browser and a phone that go on with the verification, written
// past the store: an end erases them.
func visited(t testing.TB, dsn string) {
	t.Helper()
	db := raw(t, dsn)
	for _, statement := range []string{
		`INSERT INTO visits (cookie_hash, verification_id, expires_at) VALUES ($1, $2, 1)`,
		`INSERT INTO handovers (code_hash, verification_id, expires_at, spent) VALUES ($1, $2, 1, false)`,
	} {
		_, err := db.Exec(statement, []byte("hash-of-visitor-xxxxxx"), id)
		require.NoError(t, err)
	}
}

// fillPlaces puts a text of its own into each place, past the store.
func fillPlaces(t testing.TB, dsn string) (texts []string) {
	t.Helper()
	db := raw(t, dsn)
	for i, p := range store.Places {
		if p.Column == "" {
			continue
		}
		text := fmt.Sprintf("place-%02d-%s", i, strings.Repeat("x", 20))
		var value any = []byte(text)
		if p.Column == "code" || p.Column == "result" || strings.HasSuffix(p.Column, "request_id") {
			value = text
		}
		res, err := db.Exec(fmt.Sprintf(`UPDATE %s SET %s = $1`, p.Table, p.Column), value)
		require.NoError(t, err, p.Name())
		n, err := res.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, n, "%s has no row: the test would prove nothing", p.Name())
		texts = append(texts, text)
	}
	return texts
}

// An erasure leaves alone the lines of the audit log that hold nothing of the person:
// whoever chains them at that moment has them locked, and each would wait for the
// other.
func TestAnErasureDoesNotWaitForTheAuditLogsChain(t *testing.T) {
	dsn := fresh["postgres"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s := open(t, dsn, keySet(t, 1, 2))
	whole(t, s)
	require.NoError(t, s.AuditAct(t.Context(), store.Audit{VerificationID: id, Act: "ops.look", By: "ops", RequestID: "1"}, false))
	chaining, err := raw(t, dsn).Begin()
	require.NoError(t, err)
	defer func() { _ = chaining.Rollback() }()
	res, err := chaining.Exec(`UPDATE audit SET position = NULL WHERE verification_id = $1`, id)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(2), "its lines are locked")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = s.Redact(ctx, redaction())
	require.NoError(t, err)
}

func redaction() store.Erasure {
	return store.Erasure{ID: id, Client: client, Cause: store.CauseRequest, By: "shop-key", RequestID: "req_1", ErasedAt: noon.Add(time.Hour)}
}

// Erasing leaves the bare verdict, and in the database's files not a byte of what
// lay in any place: neither what only the keys open, nor a keyed hash.
func TestRedactLeavesTheBareVerdictAndNothingInTheFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		whole(t, s)
		visited(t, dsn)
		texts := append(fillPlaces(t, dsn), "hash-of-visitor-xxxxxx")
		files := filesOf(t, dsn)
		for _, text := range texts {
			require.NotEmpty(t, findIn(files, text), "the search does not even find %s before", text)
		}

		e, err := s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		require.Equal(t, []store.Asked{{Provider: "acedata"}, {Provider: "tencent_eid", Sessions: []int{1}}}, e.Asked)
		require.NoError(t, s.Forget(t.Context()))
		vacuum(t, dsn)

		db := raw(t, dsn)
		for _, p := range store.Places {
			if p.Column == "" {
				var rows int
				require.NoError(t, db.QueryRow(fmt.Sprintf(`SELECT COUNT(*) FROM %s`, p.Table)).Scan(&rows))
				require.Zero(t, rows, p.Name())
				continue
			}
			var kept sql.NullString
			require.NoError(t, db.QueryRow(fmt.Sprintf(`SELECT %s FROM %s`, p.Column, p.Table)).Scan(&kept))
			require.Empty(t, kept.String, p.Name())
		}
		var state string
		require.NoError(t, db.QueryRow(`SELECT state FROM verifications`).Scan(&state))
		require.Contains(t, state, `"decision":"declined"`)
		require.NotContains(t, state, string(verification.IdentityMismatch), "what the checks found is gone")

		files = filesOf(t, dsn)
		for _, text := range texts {
			require.Empty(t, findIn(files, text))
		}
	})
}

// vacuum is what an operator has PostgreSQL do, and what its log does in time.
func vacuum(t testing.TB, dsn string) {
	t.Helper()
	if strings.HasPrefix(dsn, "sqlite:") {
		return
	}
	conn, err := pgx.Connect(t.Context(), unnamed(dsn))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	do := func(statement string) {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	// A plain VACUUM moves rows together and leaves old bytes in the room between.
	do("VACUUM FULL")
	// A checkpoint keeps segments of the log for later use, as they are; they are
	// overwritten then.
	for range 2 {
		do("CHECKPOINT")
		var segments int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_ls_waldir()").Scan(&segments))
		for range segments + 1 {
			do("SELECT pg_logical_emit_message(false, 'fill', repeat('x', 16 * 1024 * 1024))")
		}
	}
}

// Afterwards nothing but the erasure itself is answered; the event comes once; a
// repeat, from whomever of the client, changes nothing.
func TestRedactIsAnsweredOnceAndForAll(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		whole(t, s)
		e, err := s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		again := redaction()
		again.By, again.ErasedAt, again.Cause = "another", noon.Add(2*time.Hour), store.CauseClient
		same, err := s.Redact(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, e, same)

		_, err = s.Get(t.Context(), client, id)
		require.ErrorIs(t, err, store.ErrRedacted)
		_, _, err = s.Insert(t.Context(), row())
		require.ErrorIs(t, err, store.ErrRedacted)
		list, err := s.List(t.Context(), store.Query{Clients: []string{client}, Limit: 10})
		require.NoError(t, err)
		require.Empty(t, list)
		events, err := s.Events(t.Context(), id)
		require.NoError(t, err)
		last := events[len(events)-1]
		require.Equal(t, "verification.redacted", last.Type)
		require.Equal(t, verification.Declined, last.Decision)
		require.Equal(t, 1, strings.Count(fmt.Sprint(events), "verification.redacted"))
		audited, err := s.Audited(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, audited, 2)
		require.Equal(t, store.ActRedacted, audited[1].Act)
		require.Equal(t, "shop-key", audited[1].By)

		require.NoError(t, s.SignErasure(t.Context(), id, "first", noon))
		require.NoError(t, s.SignErasure(t.Context(), id, "second", noon))
		kept, err := s.Erasure(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "first", kept.Receipt)
		left, err := s.Unsigned(t.Context(), noon.Add(100*time.Hour), 10)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// A late answer of a records vendor is counted, and tells nothing any more.
func TestAnAnswerAfterAnErasureTellsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		call, err := intend(t, s)
		require.NoError(t, err)
		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		_, err = s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		check := verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
		call.AnsweredAt, call.Code, call.Billable, call.Check = noon.Add(time.Hour), "-1", verification.BillableYes, &check
		require.NoError(t, s.AnswerCall(t.Context(), call))
		calls, err := s.Calls(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, verification.BillableYes, calls[0].Billable)
		require.Empty(t, calls[0].Code)
		require.Nil(t, calls[0].Check)
	})
}

// What is open is not erased, nor another client's: nobody learns that it is there.
func TestRedactRefusesWhatIsOpenOrAnothers(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		_, err := s.Redact(t.Context(), redaction())
		still, ok := errors.AsType[*store.StillOpenError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, verification.Processing, still.Status)
		theirs := redaction()
		theirs.Client = "other"
		_, err = s.Redact(t.Context(), theirs)
		require.ErrorIs(t, err, store.ErrNotFound)

		st := ended(5)
		st.Verdict = &verification.Verdict{Version: 1, Decision: verification.Declined}
		require.NoError(t, s.Finish(t.Context(), id, st))
		st.Reopen(noon, verification.ReasonOf("holder.mismatch"), noon.Add(time.Hour))
		require.NoError(t, s.Amend(t.Context(), id, st))
		_, err = s.Redact(t.Context(), redaction())
		require.ErrorIs(t, err, store.ErrStillOpen)
		st.CloseReview(noon)
		require.NoError(t, s.Amend(t.Context(), id, st))
		_, err = s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		_, err = s.Redact(t.Context(), theirs)
		require.ErrorIs(t, err, store.ErrNotFound, "nor once it is erased")
	})
}

// open columns of bytes: they hold nothing of a person.
var impersonal = []string{"verifications.mac", "scans.reqid_hash", "decisions.mac", "events.mac", "consents.mac",
	"audit.note_hash", "audit.mac", "audit.link", "audit_chain.link", // the note's hash is salted, and the salt goes with it
	// By which the person's page is found; its code is random.
	"verifications.page_hash"}

// A column of bytes is sealed or a keyed hash, so it belongs to the places that an
// erasure empties, or is known to hold nothing of a person.
func TestEveryColumnOfBytesIsAPlace(t *testing.T) {
	dsn := fresh["sqlite"](t)
	require.NoError(t, store.Migrate(t.Context(), dsn))
	rows, err := raw(t, dsn).Query(`SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BLOB'`)
	require.NoError(t, err)
	defer rows.Close()
	places := store.ErasedPlaces()
	seen := 0
	for rows.Next() {
		var table, column string
		require.NoError(t, rows.Scan(&table, &column))
		name := table + "." + column
		require.True(t, slices.Contains(places, name) || slices.Contains(places, table) || slices.Contains(impersonal, name),
			"%s is in no list: put it into store.Places, or, if it holds nothing of a person, here", name)
		seen++
	}
	require.NoError(t, rows.Err())
	require.Greater(t, seen, 10)
}

// An erasure is a line of the audit log, and leaves its chain whole.
func TestAnErasureLeavesTheAuditLogWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		whole(t, s)
		_, err := s.SealAudit(t.Context())
		require.NoError(t, err)
		lines, err := s.Audited(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, lines, 1)
		_, err = s.Redact(t.Context(), redaction())
		require.NoError(t, err)
		_, err = s.SealAudit(t.Context())
		require.NoError(t, err)
		report, err := s.VerifyAudit(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, report.Findings)
		lines, err = s.Audited(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, lines, 2)
	})
}
