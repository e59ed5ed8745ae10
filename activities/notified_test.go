package activities_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// callbackFake judges by the notice's own word.
type callbackFake struct{}

func (callbackFake) Verify(provider.FaceSession, url.Values) ([]byte, error) { return nil, nil }

func (callbackFake) Judge(_ provider.FaceSession, data []byte) (verification.FaceResult, error) {
	if string(data) != "passed" {
		return verification.FaceResult{}, provider.ErrNoResult
	}
	return verification.FaceResult{Judged: true, Checks: []verification.Check{verification.NewCheck(verification.FaceMatch, verification.Passed)}}, nil
}

// keep keeps a notice of the bench's session.
func keep(b *bench, data string) {
	b.t.Helper()
	_, err := b.store.SaveNotice(b.t.Context(), store.Notice{VerificationID: "ver_1", Number: 1, Data: []byte(data), At: b.now, Judged: true})
	require.NoError(b.t, err)
}

// notifyBench is a bench whose face vendor notifies us, with an open session.
func notifyBench(t *testing.T) (*bench, *int) {
	b := newBench(t)
	lookups := 0
	b.Vendors.AddFace(provider.FaceVendor{Name: "notifier", Provider: b.face, Callback: callbackFake{}, Open: provider.Queue{Name: "n"}, Watch: provider.Queue{Name: "n-result"}})
	b.row("ver_1")
	require.NoError(t, b.store.OpenSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "notifier", Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)}))
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		lookups++
		return provider.Look{}, &provider.Error{Op: "n.look", Class: provider.Unavailable, Code: "http_502"}
	}
	return b, &lookups
}

func lookAt(b *bench, lookUp bool) (activities.LookResult, error) {
	return run[activities.LookResult](b, b.LookAtSession, activities.SessionInput{ID: "ver_1", Session: 1, Provider: "notifier", LookUp: lookUp})
}

func TestNoticeIsTheResultAndCostsNoLookUp(t *testing.T) {
	b, lookups := notifyBench(t)
	keep(b, "passed")
	for _, last := range []bool{false, true} {
		out, err := lookAt(b, last)
		require.NoError(t, err)
		require.Equal(t, provider.Finished, out.Phase)
		require.Equal(t, verification.EndedPassed, out.Result.Ending())
	}
	require.Zero(t, *lookups)
}

func TestHintWithoutANoticeCostsNoLookUp(t *testing.T) {
	b, lookups := notifyBench(t)
	out, err := lookAt(b, false)
	require.NoError(t, err)
	require.Equal(t, provider.Unasked, out.Phase)
	require.Zero(t, *lookups)
}

// Three look-ups at most, whatever becomes of them: one before the session's
// expiry, one at it, which is always kept, and those that are left ten minutes and
// two hours after it.
func TestLookUpsAreSpentWhenTheyHelpMost(t *testing.T) {
	for _, early := range []int{0, 1, 5} {
		b, lookups := notifyBench(t)
		unasked := func() {
			t.Helper()
			before := *lookups
			out, err := lookAt(b, true)
			require.NoError(t, err)
			require.Equal(t, provider.Unasked, out.Phase)
			require.Equal(t, before, *lookups)
		}
		for n := range early {
			if n == 0 {
				_, err := lookAt(b, true)
				require.Error(t, err)
				continue
			}
			unasked()
		}
		expires := b.now.Add(time.Minute)
		for _, at := range []struct{ after, next time.Duration }{{30 * time.Second, 10 * time.Minute}, {10 * time.Minute, 2 * time.Hour}, {2 * time.Hour, 2 * time.Hour}}[:3-min(early, 1)] {
			b.now = expires.Add(at.after)
			_, err := lookAt(b, true)
			require.InDelta(t, (at.next - at.after).Seconds(), errorType(t, err).NextRetryDelay().Seconds(), 2, "after %s", at.after)
		}
		unasked()
		require.Equal(t, 3, *lookups)
	}
}

// A provider that is off is not asked, and that costs no look-up.
func TestLookUpThatASwitchForbidsIsNotSpent(t *testing.T) {
	b, lookups := notifyBench(t)
	b.Switches = map[string]store.SwitchState{"notifier": store.SwitchOff}
	for range 5 {
		_, err := lookAt(b, true)
		require.Equal(t, provider.SwitchedOff, activities.ClassOf(err))
	}
	b.Switches = nil
	_, err := lookAt(b, true)
	require.Equal(t, provider.Unavailable, activities.ClassOf(err))
	require.Equal(t, 1, *lookups)
}

func TestSwitchKeepsAProviderFromBeingCalled(t *testing.T) {
	for _, c := range []struct {
		configured, thrown store.SwitchState
		opens, looks       bool
	}{
		{"", "", true, true},
		{store.SwitchOn, store.SwitchOn, true, true},
		{store.SwitchDrain, "", false, true},
		{"", store.SwitchDrain, false, true},
		{"", store.SwitchOff, false, false},
		{store.SwitchOff, store.SwitchOn, false, false},
	} {
		b := newBench(t)
		in := openSession(b)
		b.Switches = map[string]store.SwitchState{"face": c.configured}
		if c.thrown != "" {
			require.NoError(t, b.store.SetSwitch(t.Context(), store.Switch{Provider: "face", State: store.SwitchOff, At: b.now}))
			require.NoError(t, b.store.SetSwitch(t.Context(), store.Switch{Provider: "face", State: c.thrown, At: b.now}))
		}
		b.face.open = func(provider.Opening) (provider.Opened, error) {
			return provider.Opened{Link: "l", Handle: []byte("h"), ExpiresAt: b.now.Add(time.Minute)}, nil
		}
		b.face.look = func(provider.FaceSession) (provider.Look, error) {
			return provider.Look{Phase: provider.Finished}, nil
		}
		_, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: in.ID, Session: 2, Provider: "face"})
		require.Equal(t, c.opens, err == nil, "%+v", c)
		if err != nil {
			require.Equal(t, provider.SwitchedOff, activities.ClassOf(err))
		}
		_, err = run[activities.LookResult](b, b.LookAtSession, in)
		require.Equal(t, c.looks, err == nil, "%+v", c)
	}
}
