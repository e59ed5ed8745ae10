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

// The try's answer may be lost on its way to the engine, or with its worker: the
// pictures are gone then, and so is the portrait.
func TestWhatAVendorTellsOnceOutlivesTheTryThatWasTold(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	comparer.compare = func([]byte, []byte) (float64, error) { return 90, nil }
	in := activities.CaptureInput{Comparer: "comparer", Threshold: 60}
	first, err := capture(b, in)
	require.NoError(t, err)
	require.Equal(t, verification.EndedPassed, first.Ending())
	require.Empty(t, portraitOf(b))

	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{}, &provider.Error{Op: "face.look", Class: provider.Gone, Code: "http_400"}
	}
	for _, look := range []any{b.PollSession, b.LookAtSession} {
		again, err := run[activities.LookResult](b, look, activities.SessionInput{ID: "ver_1", Session: b.sessions, Provider: "face", Capture: &in})
		require.NoError(t, err)
		require.Equal(t, provider.Finished, again.Phase)
		require.True(t, again.Begun)
		require.Equal(t, first, *again.Result)
	}
	require.Equal(t, 1, comparer.calls)
}

// Who leaves the page is asked again, and compared then.
func TestPortraitStaysForWhoeverWasNotJudged(t *testing.T) {
	b, _, _ := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	left := verification.FaceResult{Reason: verification.SessionCanceled, Begun: true}
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{Phase: provider.Finished, Result: &left}, nil
	}
	vendor, _ := b.Vendors.Face("face")
	vendor.Name, vendor.Captures = "captures", true
	b.Vendors.AddFace(vendor)
	require.NoError(t, b.store.OpenSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "captures", Link: "l",
		Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)}))
	in := activities.SessionInput{ID: "ver_1", Session: 1, Provider: "captures", Capture: &activities.CaptureInput{Comparer: "comparer", LastAttempt: true}}
	_, err = run[activities.LookResult](b, b.PollSession, in)
	require.NoError(t, err)
	require.NotEmpty(t, portraitOf(b))
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{}, &provider.Error{Op: "face.look", Class: provider.Gone, Code: "http_400"}
	}
	out, err := run[activities.LookResult](b, b.LookAtSession, in)
	require.NoError(t, err)
	require.Equal(t, left, *out.Result, "how it ended is told only once too")
}

// The try that sees the end fetches the result, so that the run needs no other
// step; what that does not bring is left to FetchSession.
func TestTheLookThatSeesTheEndFetchesTheResult(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	b.face.look = func(provider.FaceSession) (provider.Look, error) { return provider.Look{Phase: provider.Finished}, nil }
	fetched := 0
	b.face.result = func(provider.FaceSession) (verification.FaceResult, error) {
		if fetched++; fetched == 1 {
			return verification.FaceResult{}, &provider.Error{Op: "face.result", Class: provider.RateLimited, Code: "RequestLimitExceeded"}
		}
		return verification.FaceResult{Judged: true, Checks: []verification.Check{verification.NewCheck(verification.Liveness, verification.Passed)}}, nil
	}
	out, err := run[activities.LookResult](b, b.PollSession, in)
	require.NoError(t, err)
	require.Equal(t, provider.Finished, out.Phase)
	require.Nil(t, out.Result, "whoever fetches it decides about errors")

	for _, step := range []any{b.PollSession, b.LookAtSession} {
		out, err = run[activities.LookResult](b, step, in)
		require.NoError(t, err)
		require.Equal(t, verification.EndedPassed, out.Result.Ending())
		require.True(t, out.Result.Begun)
	}
	require.Equal(t, 3, fetched)
}

// All workers together keep a vendor's limit on the queue of FetchSession; the
// looks of one process take a share of it, and no more.
func TestLooksFetchNoMoreResultsThanTheirShare(t *testing.T) {
	b := newBench(t)
	vendors := &provider.Registry{}
	vendors.AddFace(provider.FaceVendor{Name: "face", Provider: b.face, Open: provider.Queue{Name: "face", PerSecond: 16}, PollFirst: time.Minute, PollMax: time.Minute})
	b.Vendors = vendors
	in := openSession(b)
	b.face.look = func(provider.FaceSession) (provider.Look, error) { return provider.Look{Phase: provider.Finished}, nil }
	fetched := 0
	b.face.result = func(provider.FaceSession) (verification.FaceResult, error) {
		fetched++
		return verification.FaceResult{Judged: true, Checks: []verification.Check{verification.NewCheck(verification.Liveness, verification.Passed)}}, nil
	}
	began := time.Now()
	for range 10 {
		out, err := run[activities.LookResult](b, b.LookAtSession, in)
		require.NoError(t, err)
		require.Equal(t, provider.Finished, out.Phase)
	}
	require.LessOrEqual(t, fetched, 2+int(2*time.Since(began).Seconds())+1)
	require.GreaterOrEqual(t, fetched, 2)
}

// A run takes its poll with it, a moment after its end is written and the
// session's token is erased: a try in that moment asks nobody.
func TestAPollAfterTheEndAsksNobody(t *testing.T) {
	b := newBench(t)
	in := openSession(b)
	_, err := run[struct{}](b, b.Finish, activities.FinishInput{ID: in.ID, State: verification.State{Status: verification.Canceled, Version: 9}})
	require.NoError(t, err)
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		t.Error("the vendor was asked")
		return provider.Look{}, nil
	}
	_, err = run[activities.LookResult](b, b.PollSession, in)
	require.True(t, errorType(t, err).NonRetryable())
}

// A session that nobody opens costs no more than 30 looks, the last one at its
// expiry included; while its person is likely to be there, it is looked at every
// few seconds.
func TestAnAbandonedSessionIsLookedAtThirtyTimes(t *testing.T) {
	for name, v := range map[string]provider.FaceVendor{
		"tencent": {PollFirst: time.Second, PollMax: 10 * time.Second},
		"sino":    {PollFirst: 2500 * time.Millisecond, PollMax: 5 * time.Second},
	} {
		for range 200 {
			looks, quick, ago := 1, 0, time.Duration(0) // the last one
			for attempt := int32(1); ago < 10*time.Minute; attempt++ {
				looks++
				if ago < 45*time.Second {
					quick++
				}
				pause := activities.PollPause(v, attempt, ago)
				require.Less(t, pause, 37*time.Second)
				ago += pause
			}
			require.LessOrEqual(t, looks, 30, name)
			require.GreaterOrEqual(t, quick, 8, name)
		}
	}
}
