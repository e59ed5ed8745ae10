package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks 1.0.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Secret signs what one receiver gets. It prints as no more than that it is one.
type Secret struct{ key []byte }

const secretPrefix = "whsec_"

// ErrSecret: not a secret of Standard Webhooks.
var ErrSecret = errors.New("must be whsec_ and the base64 of 24 to 64 random bytes: create one with yanzhen webhook secret")

// ParseSecret reads a secret as it is written: "whsec_" and the base64 of 24 to
// 64 bytes.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return Secret{}, ErrSecret
	}
	return Secret{key}, nil
}

// NewSecret makes a secret, as it is written.
func NewSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

func (Secret) String() string   { return secretPrefix + "…" }
func (Secret) GoString() string { return secretPrefix + "…" }

// signature is over id, time and body, in Standard Webhooks' version 1.
func (s Secret) signature(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sign sets the headers of a message; with two secrets, while one is rotated,
// there are two signatures, of which a receiver needs one.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, s := range secrets {
		signatures = append(signatures, s.signature(id, timestamp, body))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}
