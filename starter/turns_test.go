package starter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

func TestACrowdOfReadersSharesOneQuestionAndNeverAnOlderOne(t *testing.T) {
	var ts turns
	var mu sync.Mutex
	asked := 0
	first, let := make(chan struct{}), make(chan struct{})
	q := func(context.Context) (*client.QueryWorkflowWithOptionsResponse, error) {
		mu.Lock()
		asked++
		n := asked
		mu.Unlock()
		if n == 1 {
			close(first)
			<-let
			return nil, errors.New("old")
		}
		return &client.QueryWorkflowWithOptionsResponse{}, nil
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := ts.ask(t.Context(), "ver_1", q)
		require.EqualError(t, err, "old")
	})
	<-first
	joined := make(chan struct{}, 100)
	for range 100 {
		mine := ts.join(t.Context(), "ver_1", q)
		wg.Go(func() {
			joined <- struct{}{}
			<-mine.done
			require.NoError(t, mine.err, "asked before they came")
		})
	}
	_, err := ts.ask(t.Context(), "ver_2", func(context.Context) (*client.QueryWorkflowWithOptionsResponse, error) { return nil, nil })
	require.NoError(t, err, "another id waits for nobody")
	close(let)
	wg.Wait()
	require.Equal(t, 2, asked)
	require.Eventually(t, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.by) == 0
	}, 5*time.Second, time.Millisecond, "nothing stays behind")
}

func TestAReaderWhoLeavesTakesNobodysAnswerAlong(t *testing.T) {
	var ts turns
	gone, leave := context.WithCancel(t.Context())
	let := make(chan struct{})
	q := func(ctx context.Context) (*client.QueryWorkflowWithOptionsResponse, error) {
		<-let
		return &client.QueryWorkflowWithOptionsResponse{}, ctx.Err()
	}
	stays := ts.join(context.WithoutCancel(gone), "ver_1", q)
	leave()
	_, err := ts.ask(gone, "ver_1", q)
	require.ErrorIs(t, err, context.Canceled)
	close(let)
	<-stays.done
	require.NoError(t, stays.err)
}
