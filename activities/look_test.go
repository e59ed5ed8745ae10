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

// hanging is a vendor whose answer never comes: only its caller's patience ends
// a look.
type hanging struct{ provider.Face }

func (hanging) Look(ctx context.Context, _ provider.FaceSession) (provider.Look, error) {
	<-ctx.Done()
	return provider.Look{}, &provider.Error{Op: "face.look", Class: provider.Unavailable, Code: "timeout"}
}

// The step has minutes, for a comparison; a person who comes back waits for the
// look that is under way.
func TestLookThatNeverAnswersEndsLongBeforeItsStep(t *testing.T) {
	activities.SetLookPatience(t, 50*time.Millisecond)
	b := newBench(t)
	vendors := &provider.Registry{}
	vendors.AddFace(provider.FaceVendor{Name: "face", Provider: hanging{}, PollFirst: time.Second, PollMax: time.Second, Captures: true})
	b.Vendors = vendors
	b.row("ver_1")
	require.NoError(t, b.store.OpenSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face", Link: "l",
		Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)}))
	began := time.Now()
	_, err := run[activities.LookResult](b, b.PollSession, activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face",
		Capture: &activities.CaptureInput{Rule: verification.CaptureInconclusive}})
	require.Equal(t, string(provider.Unavailable), errorType(t, err).Type())
	require.False(t, errorType(t, err).NonRetryable())
	require.Less(t, time.Since(began), 10*time.Second)
}
