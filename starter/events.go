package starter

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// feedLife is how long the feed serves an event.
const feedLife = 30 * 24 * time.Hour

// EventPage is a part of the feed.
type EventPage struct {
	Events []webhook.Event
	// Next is what to read on from; empty while there was no event.
	Next string
	// More: there are more events at this moment.
	More bool
}

// Events reads the client's feed on from a cursor. Errors are *Error:
// InvalidRequest (the cursor), CursorExpired, EngineUnavailable (the store),
// Internal.
func (s *Starter) Events(ctx context.Context, client, after string, limit int) (EventPage, error) {
	position, ok := s.openFeedCursor(client, after)
	if !ok {
		return EventPage{}, &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "after", Code: "cursor.unknown", Message: "Unknown cursor."}}}
	}
	events, err := s.store.Feed(ctx, client, position, s.now().Add(-feedLife), limit+1)
	if err != nil {
		return EventPage{}, s.storeError(ctx, "read the feed", "", err)
	}
	page := EventPage{Next: after, More: len(events) > limit}
	for _, e := range events[:min(limit, len(events))] {
		page.Next = s.feedCursor(client, e.Position)
		if e.Changed {
			// Nobody is told of it, and what comes behind it is not held up.
			s.log.ErrorContext(ctx, "event changed outside of yanzhen, and left out of its client's feed: restore the store from a backup", "event", e.ID, "client", client)
			s.changed()
			continue
		}
		page.Events = append(page.Events, e.Told())
	}
	return page, nil
}

const (
	purposeFeed     = "feed-cursor"
	purposeFeedMask = "feed-cursor-mask"
	// feedPlace is the length of a position in a cursor.
	feedPlace = 8
)

// feedCursor stands for a position in the client's feed. A position counts the
// events of all clients, so it is masked: two cursors would tell how many the others
// have. The mask follows from the MAC, which differs with client and position.
func (s *Starter) feedCursor(client string, position int64) string {
	place := binary.BigEndian.AppendUint64(nil, uint64(position))
	mac := s.feedMAC(client, place)
	return base64.RawURLEncoding.EncodeToString(append(mac, s.feedMask(mac, place)...))
}

func (s *Starter) openFeedCursor(client, cursor string) (position int64, ok bool) {
	if cursor == "" {
		return 0, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != cursorMAC+feedPlace {
		return 0, false
	}
	mac := raw[:cursorMAC]
	place := s.feedMask(mac, raw[cursorMAC:])
	position = int64(binary.BigEndian.Uint64(place))
	return position, equal(mac, s.feedMAC(client, place)) && position > 0
}

func (s *Starter) feedMAC(client string, place []byte) []byte {
	return s.keys.Hash(purposeFeed, client, string(place))[:cursorMAC]
}

// feedMask masks a place, and takes the mask off it.
func (s *Starter) feedMask(mac, place []byte) []byte {
	out := make([]byte, feedPlace)
	subtle.XORBytes(out, place, s.keys.Hash(purposeFeedMask, string(mac)))
	return out
}
