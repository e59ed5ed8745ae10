package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Everything that was done is told with its time, in order, while the links and
// the person are not.
func TestSteps(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		none, err := s.Steps(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, none)
		r := chipRow(id, "scan-1")
		inserted(t, s, r)
		_, err = s.IntendSession(t.Context(), store.Session{VerificationID: id, Number: 1, Provider: "tencent_eid"}, store.Caps{})
		require.NoError(t, err)
		opened(t, s, 1)
		call, err := s.IntendCall(t.Context(), store.Call{VerificationID: id, Provider: "acedata", IntendedAt: noon.Add(2 * time.Second)}, []byte{1}, "20261122", 3)
		require.NoError(t, err)
		call.AnsweredAt, call.Code, call.Billable = noon.Add(3*time.Second), "0", verification.BillableYes
		require.NoError(t, s.AnswerCall(t.Context(), call))
		require.NoError(t, s.CloseSession(t.Context(), id, 1))

		steps, err := s.Steps(t.Context(), id)
		require.NoError(t, err)
		kinds := map[string]store.Step{}
		for i, v := range steps {
			require.False(t, i > 0 && v.At.Before(steps[i-1].At))
			kinds[v.Kind] = v
		}
		require.Len(t, kinds, 6)
		require.Equal(t, store.Step{At: noon.UTC(), Kind: store.StepSessionOpened, Number: 1, Provider: "tencent_eid"}, kinds[store.StepSessionOpened])
		require.Equal(t, store.Step{At: noon.Add(3 * time.Second).UTC(), Kind: store.StepRecordsAnswered, Provider: "acedata", Code: "0", Billable: verification.BillableYes},
			kinds[store.StepRecordsAnswered])
	})
}
