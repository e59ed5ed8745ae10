package sealing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// Hash is HMAC-SHA256 under the hash key. The purpose keeps hashes of the same
// data for different uses apart; every input goes in behind its length.
func (k *Keys) Hash(purpose string, parts ...string) []byte {
	mac := hmac.New(sha256.New, k.set().hash.bytes)
	mac.Write(appendParts(appendParts(nil, purpose), parts...))
	return mac.Sum(nil)
}

// HashCheck is a value by which a store recognises the hash key that it was
// made with, in 64 hexadecimal characters. It tells nothing about the key.
func (k *Keys) HashCheck() string {
	return hex.EncodeToString(k.Hash("hash-check"))
}

// idChars is how many characters of base32 follow "ver_": 130 bits.
const idChars = 26

// VerificationID derives the id of the verification that a client starts with
// an Idempotency-Key: the same two always give the same one, and from the id
// neither can be guessed.
func (k *Keys) VerificationID(client, idempotencyKey string) string {
	sum := k.Hash("verification-id", client, idempotencyKey)
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)
	return "ver_" + strings.ToLower(text[:idChars])
}
