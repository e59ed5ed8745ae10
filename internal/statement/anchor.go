package statement

import (
	"encoding/json"
	"time"
)

// TypeAnchor is the "typ" of an anchor.
const TypeAnchor = "yanzhen-audit-anchor+jws"

// Anchor says where the chain of the audit log stood. Kept elsewhere, it shows that
// the end of the log was cut off, or the whole of it written anew.
type Anchor struct {
	Issuer string `json:"iss,omitempty"`
	// IssuedAt is in seconds since 1970.
	IssuedAt int64 `json:"iat"`
	// Position is the last line's that was chained; 0: the log was empty.
	Position int64 `json:"position"`
	// Link is that line's, a keyed hash of it and of all before it, as hex.
	Link string `json:"link"`
}

// At is when it was taken.
func (a Anchor) At() time.Time { return time.Unix(a.IssuedAt, 0).UTC() }

// OpenAnchor checks an anchor's signature, as Verify does, and returns it.
func OpenAnchor(signed string, keys []byte) (a Anchor, err error) {
	said, err := Verify(signed, TypeAnchor, keys)
	if err != nil {
		return a, err
	}
	if json.Unmarshal(said, &a) != nil || a.Position < 0 || a.IssuedAt <= 0 {
		return a, ErrForm
	}
	return a, nil
}
