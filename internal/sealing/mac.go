package sealing

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// ErrMAC: a value that is not what was bound: it was changed past us, moved to
// another place, or bound with a key that is not in the set.
var ErrMAC = errors.New("sealing: the MAC does not match")

// macV1 is the form of a MAC: this byte, the length of the key id in one byte,
// the key id, HMAC-SHA256. It begins as a sealed value does.
const macV1 = sealedV1

// MAC binds parts of what rests in the open, so that a change past us is seen:
// HMAC-SHA256 under a key derived (HKDF, RFC 5869) from the active sealing key,
// whose id stands in front. kind keeps MACs of different things apart, and
// every part goes in behind its length.
func (k *Keys) MAC(kind string, parts ...string) ([]byte, error) {
	newest := active(k.set().seal, time.Now())
	return newest.mac(kind, parts)
}

// CheckMAC reports whether mac is what MAC made, now or with an earlier key.
// Every error is ErrMAC.
func (k *Keys) CheckMAC(mac []byte, kind string, parts ...string) error {
	if len(mac) < 2 || mac[0] != macV1 || len(mac) != 2+int(mac[1])+sha256.Size {
		return ErrMAC
	}
	id := string(mac[2 : 2+mac[1]])
	from, ok := find(k.set().seal, id)
	if !ok {
		return fmt.Errorf("%w: key %q is not in the key set", ErrMAC, id)
	}
	want, err := from.mac(kind, parts)
	if err != nil || !hmac.Equal(want, mac) {
		return ErrMAC
	}
	return nil
}

func (k key) mac(kind string, parts []string) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, k.bytes, nil, "yanzhen mac", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("sealing: key %q: %w", k.id, err)
	}
	mac := hmac.New(sha256.New, derived)
	head := MadeBy(k.id)
	mac.Write(appendParts(appendParts(nil, kind, string(head)), parts...))
	return mac.Sum(head), nil
}
