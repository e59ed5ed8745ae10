package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// nobodyTook is what the engine says of a step that waited for a worker in vain.
func nobodyTook() error { return temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil) }

// waitedFor makes the script's steps that open a session fail in a row: each
// after a time, with an error; then the vendor works.
func waitedFor(sc *script, tries ...try) {
	sc.delay["OpenSession"] = tries[0].takes
	sc.openError = func(time.Duration) error {
		n := sc.count("OpenSession")
		sc.delay["OpenSession"] = 0
		if n < len(tries) {
			sc.delay["OpenSession"] = tries[n].takes
		}
		if n > len(tries) {
			return nil
		}
		return tries[n-1].err
	}
}

type try struct {
	takes time.Duration
	err   error
}

// The person was never judged, and no vendor had its chance: there was no
// worker, or the engine stood still.
func TestTimeInWhichNobodyCouldBeAskedUsesNoPatienceUp(t *testing.T) {
	down := vendorFault(provider.Unavailable)
	for name, tries := range map[string][]try{
		"no worker for hours":                  {{30 * time.Minute, nobodyTook()}, {30 * time.Minute, nobodyTook()}, {30 * time.Minute, nobodyTook()}},
		"the engine stood still in a try":      {{3 * time.Hour, down}, {3 * time.Hour, down}, {time.Second, down}},
		"an answer that the engine never got":  {{2 * time.Hour, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)}},
		"the store was away, and nobody asked": {{40 * time.Minute, temporal.NewApplicationError("the store did not answer", "store")}},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScript()
			waitedFor(sc, tries...)
			e := newEnv(t, sc)
			e.in.Policy.RecordsPatience = verification.Duration(48 * time.Hour)
			s := e.run()
			require.Equal(t, verification.OutcomeApproved, s.Outcome(), "%+v", s.LastError)
			require.Equal(t, len(tries)+1, sc.count("OpenSession"))
		})
	}
}

// The patience is the vendors', from the first time on that they can be asked;
// the clock that the caller sees goes with it.
func TestErrorComesAfterTheWholePatienceWithVendorsThatWereAsked(t *testing.T) {
	sc := newScript()
	sc.delay["OpenSession"] = 2 * time.Hour
	sc.openError = func(at time.Duration) error {
		if sc.count("OpenSession") == 1 {
			sc.delay["OpenSession"] = time.Second
			return nobodyTook()
		}
		return vendorFault(provider.Unavailable)
	}
	e := newEnv(t, sc)
	e.at(2*time.Hour+10*time.Minute, func() {
		s := e.state()
		require.Equal(t, verification.Processing, s.Status)
		require.WithinDuration(t, s.CreatedAt.Add(2*time.Hour+30*time.Minute), *s.ExpiresAt, time.Minute)
	})
	s := e.run()
	require.Equal(t, verification.OutcomeError, s.Outcome())
	require.Equal(t, verification.ProviderUnavailable, s.LastError.Code)
	took := s.UpdatedAt.Sub(s.CreatedAt) - 2*time.Hour
	require.Greater(t, took, 28*time.Minute)
	require.LessOrEqual(t, took, 31*time.Minute)
}

// Another vendor may have its worker, or its queue be shorter.
func TestSessionWaitsAMinuteForAWorkerWhereAnotherProviderMayOpenIt(t *testing.T) {
	for providers, longest := range map[int]time.Duration{1: 30 * time.Minute, 2: time.Minute + 12*time.Second} {
		sc := newScript()
		e := newEnv(t, sc)
		if providers == 2 {
			second(e)
		}
		sc.openError = func(time.Duration) error {
			limit := e.engine.pending["open-1"].opts.ScheduleToCloseTimeout
			require.LessOrEqual(t, limit, longest)
			require.Greater(t, limit, longest-15*time.Second)
			if sc.count("OpenSession") == 1 {
				return nobodyTook()
			}
			return nil
		}
		s := e.run()
		require.Equal(t, verification.OutcomeApproved, s.Outcome())
		require.Equal(t, 2, sc.count("OpenSession"))
	}
}
