package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// agrees notes a consent of the person's, and withdraws has them withdraw it,
// while the run has not heard of it.
func (b *bench) agrees() {
	b.t.Helper()
	require.NoError(b.t, b.store.AddConsents(b.t.Context(), "ver_1", []verification.Consent{{Purpose: verification.PurposeFace, GivenAt: b.now}}))
}

func (b *bench) withdraws() {
	b.t.Helper()
	unknown, err := b.store.WithdrawConsents(b.t.Context(), "ver_1", []verification.Purpose{verification.PurposeFace}, b.now)
	require.NoError(b.t, err)
	require.Empty(b.t, unknown)
}

// Once a consent is withdrawn no step asks a vendor, whatever the run knows of it,
// and none acts on what a vendor said before; the step waits for the run's end.
func TestNoVendorIsAskedOnceAConsentIsWithdrawn(t *testing.T) {
	b, chip, _ := chipBench(t, &subject)
	asked := 0
	b.face.open = func(provider.Opening) (provider.Opened, error) {
		asked++
		return provider.Opened{Link: "l", Handle: []byte("h"), ExpiresAt: b.now.Add(time.Minute)}, nil
	}
	b.face.look = func(provider.FaceSession) (provider.Look, error) { asked++; return provider.Look{}, nil }
	b.face.result = func(provider.FaceSession) (verification.FaceResult, error) {
		asked++
		return verification.FaceResult{}, nil
	}
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	open := activities.OpenInput{ID: "ver_1", Session: 1, Provider: "face"}
	session := activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face"}
	b.agrees()
	_, err := run[activities.OpenResult](b, b.OpenSession, open)
	require.NoError(t, err)
	require.NoError(t, b.store.SettleSession(t.Context(), "ver_1", 1, verification.FaceResult{Judged: true}, false))
	_, err = b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	require.Equal(t, 1, b.rec.calls)

	b.withdraws()
	for name, step := range map[string]func() error{
		"OpenSession": func() error { _, err := run[activities.OpenResult](b, b.OpenSession, open); return err },
		"a new session": func() error {
			o := open
			o.Session = 2
			_, err := run[activities.OpenResult](b, b.OpenSession, o)
			return err
		},
		"PollSession":   func() error { _, err := run[activities.LookResult](b, b.PollSession, session); return err },
		"LookAtSession": func() error { _, err := run[activities.LookResult](b, b.LookAtSession, session); return err },
		"FetchSession":  func() error { _, err := run[activities.FetchResult](b, b.FetchSession, session); return err },
		"CheckRecords":  func() error { _, err := b.check("ver_1", verification.UnknownRetry); return err },
		"ReadChip":      func() error { _, err := readChip(b); return err },
	} {
		e := errorType(t, step())
		require.Equal(t, activities.TypeWithdrawn, e.Type(), name)
		require.False(t, e.NonRetryable(), name)
		require.False(t, activities.WasAsked(e), "it uses up nobody's patience")
	}
	require.Equal(t, 1, asked)
	require.Equal(t, 1, b.rec.calls)
	require.Zero(t, chip.reads)
	out, err := run[activities.BeginResult](b, b.Begin, activities.BeginInput{ID: "ver_1"})
	require.NoError(t, err)
	require.True(t, out.Withdrawn)
}

// A comparer that is away is not asked again once a consent is withdrawn.
func TestNoFaceIsComparedOnceAConsentIsWithdrawn(t *testing.T) {
	b, _, comparer := chipBench(t, &subject)
	_, err := readChip(b)
	require.NoError(t, err)
	b.agrees()
	comparer.compare = func([]byte, []byte) (float64, error) {
		b.withdraws()
		return 0, &provider.Error{Op: "comparer.compare", Class: provider.Unavailable, Code: "http_502"}
	}
	_, err = capture(b, activities.CaptureInput{Rule: verification.CaptureInconclusive, Comparer: "comparer", Threshold: 60})
	require.Equal(t, activities.TypeWithdrawn, errorType(t, err).Type())
	require.Equal(t, 1, comparer.calls)
}

// An end that is written after a consent was withdrawn is that, whatever the run
// was about to write; one that was written before stands.
func TestAWithdrawnConsentIsTheEnd(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.agrees()
	approved := verification.State{Status: verification.Processing, Version: 4}
	approved.Complete(b.now, verification.Verdict{Version: 1, Decision: verification.Approved, DecidedBy: verification.ByPolicy, DecidedAt: b.now})
	finish := func() store.Row {
		_, err := run[struct{}](b, b.Finish, activities.FinishInput{ID: "ver_1", State: approved})
		require.NoError(t, err)
		row, err := b.store.Load(context.Background(), "ver_1")
		require.NoError(t, err)
		return row
	}
	b.withdraws()
	for range 2 {
		st := finish().State
		require.Equal(t, verification.Canceled, st.Status)
		require.Equal(t, verification.ConsentWithdrawn, st.LastError.Code)
		require.Nil(t, st.Verdict)
		require.Empty(t, st.Decision)
	}

	b = newBench(t)
	b.row("ver_1")
	b.agrees()
	require.Equal(t, verification.Completed, finish().State.Status)
	b.withdraws()
	require.Equal(t, verification.Completed, finish().State.Status)
}
