package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// asked is the line of a client's key.
func asked(at time.Time) store.Audit {
	return store.Audit{At: at, Client: client, By: "first", RequestID: "req_1"}
}

// Every act on a client's endpoints and events is written down with the act: who,
// when, on what. What changes nothing writes nothing, and where no line can be
// written nothing is done.
func TestActsOnWebhooksAreAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, client)
		relay(t, s, routed("main"))
		d, _, _, err := s.Delivery(t.Context(), sending(t, s).EventID, "main")
		require.NoError(t, err)
		at := now()
		acts := []struct {
			name string
			do   func() error
		}{
			{store.ActPaused, func() error { return s.Pause(t.Context(), asked(at), "main") }},
			{"", func() error { return s.Pause(t.Context(), asked(at), "main") }},
			{store.ActResumed, func() error { _, err := s.Resume(t.Context(), asked(at), "main"); return err }},
			{store.ActRecovered, func() error { _, err := s.Recover(t.Context(), asked(at), "main", longAgo); return err }},
			{store.ActTested, func() error { _, err := s.AddTest(t.Context(), asked(at), "main"); return err }},
			{store.ActRedelivered, func() error { return s.Redeliver(t.Context(), asked(at), d.EventID, []string{"main"}) }},
		}
		var want []store.Audit
		for _, a := range acts {
			require.NoError(t, a.do(), a.name)
			if a.name == "" {
				continue
			}
			line := asked(at.UTC().Truncate(time.Microsecond))
			line.Act, line.Purpose = a.name, "main"
			if a.name == store.ActRedelivered {
				line.Purpose, line.VerificationID = d.EventID, d.VerificationID
			}
			want = append(want, line)
		}
		about, err := s.Audited(t.Context(), d.VerificationID)
		require.NoError(t, err)
		lines, err := s.Audited(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, want, append(lines, about...))
		require.ErrorIs(t, s.Redeliver(t.Context(), store.Audit{Client: "other"}, d.EventID, []string{"main"}), store.ErrNotFound)

		_, err = raw(t, dsn).Exec(`DROP TABLE audit`)
		require.NoError(t, err)
		for _, a := range acts {
			require.Error(t, a.do(), a.name)
		}
		states, err := s.Endpoints(t.Context(), client)
		require.NoError(t, err)
		require.Equal(t, store.EndpointOn, states["main"].State)
	})
}

// An endpoint that is switched off because it only failed is a line, too.
func TestAnEndpointSwitchedOffIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		insertNumbered(t, s, 1, client)
		relay(t, s, routed("main"))
		d := sending(t, s)
		off, err := s.Settle(t.Context(), store.Try{EventID: d.EventID, Endpoint: "main", At: now(), Class: "410", State: store.DeliveryAborted, Health: store.Gone}, time.Hour)
		require.NoError(t, err)
		require.True(t, off)
		lines, err := s.Audited(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, lines, 1)
		require.Equal(t, []string{store.ActEndpointOff, client, "worker", "main"}, []string{lines[0].Act, lines[0].Client, lines[0].By, lines[0].Purpose})
	})
}

// Evidence is given out of what has ended, to its client, and never without a line.
func TestReadEvidenceIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		inserted(t, s, row())
		line := asked(noon)
		line.VerificationID = id
		read := func() (store.Row, error) { return s.ReadEvidence(t.Context(), line) }
		got, err := read()
		require.NoError(t, err)
		require.False(t, got.Ended)
		require.NoError(t, s.Finish(t.Context(), id, ended(5)))
		other := line
		other.Client = "other"
		_, err = s.ReadEvidence(t.Context(), other)
		require.ErrorIs(t, err, store.ErrNotFound)
		got, err = read()
		require.NoError(t, err)
		require.Equal(t, verification.Completed, got.State.Status)
		lines, err := s.Audited(t.Context(), id)
		require.NoError(t, err)
		want := line
		want.Act, want.At = store.ActReadEvidence, noon.UTC()
		require.Equal(t, []store.Audit{want}, lines)
		_, err = raw(t, dsn).Exec(`DROP TABLE audit`)
		require.NoError(t, err)
		_, err = read()
		require.Error(t, err)
		require.False(t, errors.Is(err, store.ErrNotFound))
	})
}
