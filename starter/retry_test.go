package starter

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// scanning is a verification that asks for another scan in the place of a
// session.
func scanning(t *testing.T, session int) (*rig, View) {
	r := newRig(t)
	v := r.launched()
	r.scans(v.ID, session)
	return r, v
}

func (r *rig) scans(id string, session int) {
	r.changed(id, func(st *verification.State) {
		st.Attempt.Session = session
		st.NextAction = &verification.NextAction{Type: verification.ActionScanChip}
	})
}

// scanned reports whether a scan is in the store.
func (r *rig) scanned(v View, number int, reqid string) bool {
	r.t.Helper()
	scan, err := r.store.Scan(r.t.Context(), v.ID, number)
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	require.NoError(r.t, err)
	return scan.ReqID == reqid
}

func TestAScanComesWithItsRetry(t *testing.T) {
	r, v := scanning(t, 0)
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.True(t, r.scanned(v, 1, "scan-a"), "it is there before the run hears of it")
		require.Equal(t, []any{workflows.RetryRequest{Session: 0, Scanned: true}}, o.Args)
		r.scans(v.ID, 1)
		return nil
	}
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
	require.NoError(t, err)

	// A repeat, while the next scan is already asked for and after the end.
	r.engine.update = nil
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
	require.NoError(t, err)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-b"})
	require.Equal(t, 1, requireCode(t, err, SessionReplaced).Session, "another scan is no repeat, and would be ignored")
	require.False(t, r.scanned(v, 2, "scan-b"))
	r.end(v.ID, verification.Expired)
	r.engine.update = func(client.UpdateWorkflowOptions) error { return serviceerror.NewNotFound("completed") }
	got, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
	require.NoError(t, err)
	require.Equal(t, verification.Expired, got.Status)
}

func TestAScanForASessionThatARetryWithoutOneReplacedIsRefused(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.run(v.ID, 2)
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, NFCReqID: "scan-a"})
	require.Equal(t, 2, requireCode(t, err, SessionReplaced).Session)
}

// What the run will not read can be brought by another retry.
func TestAScanThatIsRefusedIsNotUsedUp(t *testing.T) {
	for name, refusal := range map[string]func(r *rig) error{
		"the run refuses": func(r *rig) error { return refuse(workflows.RefusedState, r.asking(0))(client.UpdateWorkflowOptions{}) },
		"the run is over": func(r *rig) error {
			return serviceerror.NewNotFound("completed")
		},
	} {
		r, v := scanning(t, 0)
		r.engine.update = func(client.UpdateWorkflowOptions) error {
			if name == "the run is over" {
				r.end(v.ID, verification.Expired)
			}
			return refusal(r)
		}
		_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
		requireCode(t, err, InvalidState)
		require.False(t, r.scanned(v, 1, "scan-a"), name)
	}

	r, v := scanning(t, 0)
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a", Version: v.Revision})
	requireCode(t, err, VersionConflict)
	require.False(t, r.scanned(v, 1, "scan-a"))

	// It may have been taken: it stays.
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
	}
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
	requireCode(t, err, EngineUnavailable)
	require.True(t, r.scanned(v, 1, "scan-a"))
}

// Several scans for one retry: the loser's is told to be too late, and not that
// somebody has used it.
func TestTheScanThatComesSecondIsNotUsedUp(t *testing.T) {
	r, v := scanning(t, 0)
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-a"})
	require.NoError(t, err)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 0, NFCReqID: "scan-b"})
	requireCode(t, err, SessionReplaced)
	r.scans(v.ID, 1)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, NFCReqID: "scan-b"})
	require.NoError(t, err)
	require.True(t, r.scanned(v, 2, "scan-b"))
}

// Whose answer was lost repeats the call as it was, with the version that it read
// then: the first one has changed it since, and is no conflict.
func TestARepeatWithItsVersionIsAnsweredLikeTheFirst(t *testing.T) {
	r := newRig(t)
	v := r.launched()
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "retry-1", o.UpdateID)
		r.run(v.ID, 2)
		return nil
	}
	r.changed(v.ID, func(st *verification.State) {
		st.NextAction = &verification.NextAction{Type: verification.ActionRetry}
	})
	read, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	first, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, Version: read.Revision})
	require.NoError(t, err)
	require.Greater(t, first.Revision, read.Revision)
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "retry-1", o.UpdateID, "the engine keeps the first one's answer")
		return nil
	}
	again, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1, Version: read.Revision})
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 2, Version: read.Revision})
	requireCode(t, err, VersionConflict)

	r.engine.update = func(client.UpdateWorkflowOptions) error {
		r.end(v.ID, verification.Canceled)
		return nil
	}
	canceled, err := r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, first.Revision)
	require.NoError(t, err)
	r.engine.update = nil
	repeated, err := r.s.Cancel(t.Context(), "shop", v.ID, verification.CanceledByCaller, first.Revision)
	require.NoError(t, err)
	require.Equal(t, canceled, repeated)
}
