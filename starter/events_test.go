package starter

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// A feed's cursor is its client's own, reads on where it stands, and stays the
// same while nothing happens.
func TestEvents(t *testing.T) {
	r := newRig(t)
	id := r.keys.VerificationID("shop", "a")
	r.engine.launch = func(context.Context) error { r.run(id, 1); return nil }
	_, _, err := r.s.Start(t.Context(), "shop", "a", request())
	require.NoError(t, err)
	first, err := r.s.Events(t.Context(), "shop", "", 1)
	require.NoError(t, err)
	require.True(t, first.More)
	require.Equal(t, webhook.Created, first.Events[0].Type)
	about := first.Events[0].Data.(webhook.Verification)
	require.Equal(t, id, about.ID)
	require.Equal(t, request().ClientReferenceID, *about.Reference)
	rest, err := r.s.Events(t.Context(), "shop", first.Next, 100)
	require.NoError(t, err)
	require.Equal(t, webhook.RequiresInput, rest.Events[0].Type)
	require.False(t, rest.More)
	none, err := r.s.Events(t.Context(), "shop", rest.Next, 100)
	require.NoError(t, err)
	require.Equal(t, EventPage{Next: rest.Next}, none)

	for _, cursor := range []string{"x", rest.Next + "A", rest.Next[1:]} {
		_, err := r.s.Events(t.Context(), "shop", cursor, 100)
		require.Equal(t, InvalidRequest, CodeOf(err))
	}
	_, err = r.s.Events(t.Context(), "other", rest.Next, 100)
	require.Equal(t, InvalidRequest, CodeOf(err), "another client's cursor")
}

// A position counts the events of all clients: a cursor keeps it to itself, or one
// client would learn from two of its own how many verifications the others have.
func TestAFeedsCursorTellsNothingOfOtherClients(t *testing.T) {
	r := newRig(t)
	seen := map[uint64]bool{}
	for _, position := range []int64{1, 2, 3, 1000, 1 << 40, 1<<63 - 1} {
		for _, client := range []string{"shop", "other"} {
			cursor := r.s.feedCursor(client, position)
			raw, err := base64.RawURLEncoding.DecodeString(cursor)
			require.NoError(t, err)
			require.Len(t, raw, cursorMAC+8, "its length tells no more")
			shown := binary.BigEndian.Uint64(raw[cursorMAC:])
			require.NotEqual(t, uint64(position), shown)
			require.False(t, seen[shown])
			seen[shown] = true
			opened, ok := r.s.openFeedCursor(client, cursor)
			require.True(t, ok)
			require.Equal(t, position, opened)
			for i := range raw {
				changed := append([]byte{}, raw...)
				changed[i] ^= 1
				_, ok := r.s.openFeedCursor(client, base64.RawURLEncoding.EncodeToString(changed))
				require.False(t, ok, i)
			}
		}
	}
}
