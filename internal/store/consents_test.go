package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Of each purpose the first consent stands, with all that proves it; what is
// withdrawn stays on record, and nobody changes it from outside unseen.
func TestConsentsStandAsTheyWereGiven(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		r := row()
		records := verification.Consent{Purpose: verification.PurposeIdentityRecords, TextVersion: "3", TextHash: "ab", Language: "zh-CN",
			GivenAt: noon.UTC(), Channel: verification.ChannelCaller}
		r.Request.Consents = []verification.Consent{records}
		inserted(t, s, r)
		face := verification.Consent{Purpose: verification.PurposeFace, TextVersion: "7", TextHash: "cd", Language: "en",
			GivenAt: noon.Add(time.Minute).UTC(), Channel: verification.ChannelPage}
		require.NoError(t, s.AddConsents(t.Context(), id, []verification.Consent{face}))
		later := face
		later.TextVersion, later.GivenAt = "8", noon.Add(time.Hour)
		require.NoError(t, s.AddConsents(t.Context(), id, []verification.Consent{later, records}))
		got, err := s.Consents(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []verification.Consent{records, face}, got)

		at := noon.Add(2 * time.Hour).UTC()
		unknown, err := s.WithdrawConsents(t.Context(), id, []verification.Purpose{verification.PurposeFace, verification.PurposeVendorAbroad}, at)
		require.NoError(t, err)
		require.Equal(t, []verification.Purpose{verification.PurposeVendorAbroad}, unknown)
		loaded, err := s.Load(t.Context(), id)
		require.NoError(t, err)
		require.False(t, loaded.Withdrawn, "all of them, or none")
		for _, on := range []time.Time{at, at.Add(time.Hour)} {
			unknown, err := s.WithdrawConsents(t.Context(), id, []verification.Purpose{verification.PurposeFace, verification.PurposeFace}, on)
			require.NoError(t, err)
			require.Empty(t, unknown)
		}
		loaded, err = s.Load(t.Context(), id)
		require.NoError(t, err)
		require.True(t, loaded.Withdrawn)
		face.WithdrawnAt = &at
		got, err = s.Consents(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []verification.Consent{records, face}, got)

		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		require.ErrorIs(t, s.AddConsents(t.Context(), id, []verification.Consent{face}), store.ErrNotFound, "after the end nobody agrees any more")
		unknown, err = s.WithdrawConsents(t.Context(), id, []verification.Purpose{verification.PurposeIdentityRecords}, at)
		require.NoError(t, err)
		require.Empty(t, unknown, "and may still withdraw")

		for before, want := range map[time.Time][]store.Chosen{at: nil, at.Add(time.Second): {{ID: id, Client: r.Client}}} {
			list, err := s.Withdrawn(t.Context(), before, 10)
			require.NoError(t, err)
			require.Equal(t, want, list)
		}

		_, err = raw(t, dsn).Exec(`UPDATE consents SET text_version = '4' WHERE purpose = 'identity_records'`)
		require.NoError(t, err)
		_, err = s.Consents(t.Context(), id)
		require.ErrorIs(t, err, store.ErrChanged)
	})
}

// The page's code rests sealed while the verification runs; its hash finds the
// row also after the end, when the code is gone.
func TestPageCodeRestsSealedAndIsFoundByItsHash(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		r := row()
		r.PageCode, r.PageHash = "Qx7-page-code", []byte("hash of it")
		require.Equal(t, r.PageCode, inserted(t, s, r).PageCode)
		again, created, err := s.Insert(t.Context(), func() store.Row { o := row(); o.PageCode, o.PageHash = "another", []byte("another"); return o }())
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, r.PageCode, again.PageCode, "a repeated start has the same link")

		got, err := s.ByPageCode(t.Context(), r.PageHash)
		require.NoError(t, err)
		require.Equal(t, id, got.ID)
		_, err = s.ByPageCode(t.Context(), []byte("another"))
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.ByPageCode(t.Context(), nil)
		require.ErrorIs(t, err, store.ErrNotFound)
		var code []byte
		require.NoError(t, raw(t, dsn).QueryRow(`SELECT page_code FROM verifications`).Scan(&code))
		require.NotEmpty(t, code)
		require.NotContains(t, string(code), r.PageCode)

		require.NoError(t, s.Finish(t.Context(), id, ended(9)))
		got, err = s.ByPageCode(t.Context(), r.PageHash)
		require.NoError(t, err)
		require.Empty(t, got.PageCode)
		require.True(t, got.Ended)
	})
}

// While a person acts on our page, a session that opens is no news to the caller:
// the link is the same.
func TestSessionsOfThePageMakeNoEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		st := verification.State{Status: verification.RequiresInput, Page: true, Version: 2,
			NextAction: &verification.NextAction{Type: verification.ActionRedirect}}
		require.NoError(t, s.Publish(t.Context(), id, st))
		st.Version, st.Attempt.Session, st.Open = 3, 1, &verification.OpenSession{ExpiresAt: noon}
		require.NoError(t, s.Publish(t.Context(), id, st))
		events, err := s.Events(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, events, 2, "created, requires_input")
	})
}
