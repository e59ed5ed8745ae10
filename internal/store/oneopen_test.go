package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

func personRow(id string, hash byte) store.Row {
	r := row()
	r.ID, r.NumberHash, r.OneOpen = id, []byte{hash}, true
	return r
}

// Of one client's starts for one person at once one is written; the others are
// told which. Another person, another client and a repeat are not held up, nor is
// anybody after the end. A chip's holder counts once their chip was read.
func TestOneOpenOfAPerson(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, keySet(t, 1, 2))
		var wait sync.WaitGroup
		refusals := make(chan error, 8)
		for i := range cap(refusals) {
			wait.Go(func() {
				_, _, err := s.Insert(t.Context(), personRow(fmt.Sprintf("ver_%d", i), 1))
				refusals <- err
			})
		}
		wait.Wait()
		close(refusals)
		written, named := 0, ""
		for err := range refusals {
			if err == nil {
				written++
				continue
			}
			require.ErrorIs(t, err, store.ErrAlreadyOpen)
			already, ok := errors.AsType[*store.AlreadyOpenError](err)
			require.True(t, ok)
			named = already.ID
		}
		require.Equal(t, 1, written)
		_, created, err := s.Insert(t.Context(), personRow(named, 1))
		require.NoError(t, err)
		require.False(t, created, "a repeat finds its own")

		other, another := personRow("ver_other", 1), personRow("ver_another", 2)
		other.Client = "other"
		inserted(t, s, other)
		inserted(t, s, another)
		anyway := personRow("ver_anyway", 2)
		anyway.OneOpen = false
		inserted(t, s, anyway)

		require.NoError(t, s.Finish(t.Context(), named, ended(5)))
		inserted(t, s, personRow("ver_next", 1))

		chip := chipRow("ver_chip", "scan-1")
		inserted(t, s, chip)
		require.NoError(t, s.SaveCard(t.Context(), chip.ID, card, []byte{3}))
		_, _, err = s.Insert(t.Context(), personRow("ver_claimed", 3))
		require.ErrorContains(t, err, "ver_chip")
		claimed := personRow("ver_claimed", 4)
		inserted(t, s, claimed)
		require.NoError(t, s.SaveCard(t.Context(), claimed.ID, verification.Card{}, []byte{9}))
		_, _, err = s.Insert(t.Context(), personRow("ver_again", 4))
		require.ErrorContains(t, err, "ver_claimed", "the claim stays the claim")
	})
}
