package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/provider"
)

// In a mini program no browser comes back: the vendor is given no address, and
// the one to be told of the person's return rests sealed with the token.
func TestASessionForAMiniProgramRestsWithTheAddressToTell(t *testing.T) {
	b := newBench(t)
	b.row("ver_1")
	b.face.open = func(o provider.Opening) (provider.Opened, error) {
		require.True(t, o.MiniProgram)
		require.Empty(t, o.ReturnURL)
		return provider.Opened{Link: "planted-token", Handle: []byte("h"), ExpiresAt: b.now.Add(600 * time.Second)}, nil
	}
	out, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: "ver_1", Session: 1, Provider: "face", MiniProgram: true})
	require.NoError(t, err)
	require.True(t, out.ExpiresAt.Equal(b.now.Add(600*time.Second)))
	s, err := b.store.LatestSession(t.Context(), "ver_1")
	require.NoError(t, err)
	require.Equal(t, "planted-token", s.Link)
	text, ok := strings.CutPrefix(s.Returned, "https://kyc.example/callbacks/face/return/")
	require.True(t, ok, s.Returned)
	ticket, err := b.Keys.(*sealing.Keys).OpenTicket(text)
	require.NoError(t, err)
	require.Equal(t, sealing.Ticket{Provider: "face", Kind: sealing.KindReturn, ID: "ver_1", Session: 1, Expires: ticket.Expires}, ticket)
	require.NotContains(t, b.log.String(), "planted-token")
}

// The pace is the mini program's, not the page's.
func TestAMiniProgramIsPolledAtItsOwnPace(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	vendors := &provider.Registry{}
	vendors.AddFace(provider.FaceVendor{Name: "face", Provider: b.face, PollFirst: time.Second, PollMax: 10 * time.Second,
		MiniProgram: &provider.MiniProgram{PollFirst: 7 * time.Second, PollMax: 20 * time.Second}})
	b.Vendors = vendors
	b.face.look = func(provider.FaceSession) (provider.Look, error) { return provider.Look{Phase: provider.Unasked}, nil }
	for mini, pause := range map[bool]time.Duration{false: time.Second, true: 7 * time.Second} {
		in.MiniProgram = mini
		_, err := run[activities.LookResult](b, b.PollSession, in)
		app := errorType(t, err)
		require.Equal(t, activities.TypePending, app.Type())
		require.InDelta(t, pause, app.NextRetryDelay(), float64(pause/5+time.Millisecond))
	}
}
