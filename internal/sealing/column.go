package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrSealed: a sealed value that was changed, moved to another row or column,
// or sealed with a key that is not in the set.
var ErrSealed = errors.New("sealing: the sealed value cannot be opened")

// sealedV1 is the form of a sealed value: this byte, the length of the key id
// in one byte, the key id, a random nonce of 12 bytes, AES-256-GCM ciphertext
// and tag.
const sealedV1 = 1

// Seal encrypts a column's value with the active sealing key, bound to its row
// and column: moved elsewhere it does not open. One key may seal 2^32 values
// (NIST SP 800-38D section 8.3, random nonces); rotate long before.
func (k *Keys) Seal(row, column string, plain []byte) ([]byte, error) {
	newest := active(k.set().seal, time.Now())
	aead, err := newest.aead()
	if err != nil {
		return nil, err
	}
	head := MadeBy(newest.id)
	return aead.Seal(head, nil, plain, columnData(head, row, column)), nil
}

// MadeBy is how every sealed value and every MAC of a key begins.
func MadeBy(id string) []byte { return append([]byte{sealedV1, byte(len(id))}, id...) }

// Open decrypts what Seal made for the same row and column. Every error is
// ErrSealed.
func (k *Keys) Open(row, column string, sealed []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != sealedV1 || len(sealed) < 2+int(sealed[1]) {
		return nil, ErrSealed
	}
	head, body := sealed[:2+sealed[1]], sealed[2+sealed[1]:]
	from, ok := find(k.set().seal, string(head[2:]))
	if !ok {
		return nil, fmt.Errorf("%w: key %q is not in the key set", ErrSealed, head[2:])
	}
	aead, err := from.aead()
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, body, columnData(head, row, column))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// aead is AES-256-GCM that makes a random nonce itself and puts it in front.
func (k key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.bytes)
	if err != nil {
		return nil, fmt.Errorf("sealing: key %q: %w", k.id, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("sealing: key %q: %w", k.id, err)
	}
	return aead, nil
}

// columnData is the additional data of a sealed value.
func columnData(head []byte, row, column string) []byte {
	return appendParts(nil, "yanzhen column", string(head), row, column)
}

// appendParts writes each part behind its length, so that no two lists of
// parts give the same bytes.
func appendParts(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}
