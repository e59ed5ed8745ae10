// Package webhook verifies and parses the events that yanzhen sends to a webhook
// endpoint. They are signed according to Standard Webhooks 1.0.
//
// An event may arrive more than once, and late. It has the same ID each time, and
// Data.Sequence is its position among the events of its verification. Events contain
// no personal data; read the verification for more.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/client"
)

// Why a delivery is refused.
var (
	ErrHeaders   = errors.New("webhook: a header is missing or malformed")
	ErrTimestamp = errors.New("webhook: the timestamp is outside of the replay window")
	ErrSignature = errors.New("webhook: no signature matches")
	ErrBody      = errors.New("webhook: the body is no event")
)

// Window is how far a delivery's timestamp may be from this machine's clock. An
// older one may be a replay.
const Window = 5 * time.Minute

// MaxBody is more than any event has.
const MaxBody = 64 << 10

// Verifier holds an endpoint's secrets: one, or two while it is rotated.
type Verifier struct {
	secrets [][]byte
	now     func() time.Time
}

// New returns a verifier. A secret is written as the configuration of yanzhen has
// it, "whsec_" and base64.
func New(secrets ...string) (*Verifier, error) {
	v := &Verifier{now: time.Now}
	for _, s := range secrets {
		encoded, ok := strings.CutPrefix(s, "whsec_")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(secret) < 24 {
			return nil, errors.New("webhook: a secret is not whsec_ and the base64 of at least 24 bytes")
		}
		v.secrets = append(v.secrets, secret)
	}
	if len(v.secrets) == 0 {
		return nil, errors.New("webhook: no secret")
	}
	return v, nil
}

// Event is what a delivery tells of: a verification, or an endpoint of the
// client's.
type Event struct {
	client.Event
	// Endpoint is the id of the webhook endpoint, if the type is
	// "webhook_endpoint.disabled" or "webhook_endpoint.test"; Data is empty then.
	Endpoint string
}

// read reads a delivery's body.
func read(body []byte) (e Event, err error) {
	var endpoint struct {
		Data struct {
			ID string `json:"webhook_endpoint_id"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &e.Event) != nil || json.Unmarshal(body, &endpoint) != nil || e.Type == "" {
		return Event{}, ErrBody
	}
	e.Endpoint = endpoint.Data.ID
	return e, nil
}

// Verify returns the event of a delivery whose signature and timestamp hold. The
// body must be as it was received, byte for byte.
func (v *Verifier) Verify(header http.Header, body []byte) (Event, error) {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return Event{}, ErrHeaders
	}
	if age := v.now().Sub(time.Unix(seconds, 0)); age > Window || age < -Window {
		return Event{}, ErrTimestamp
	}
	if !v.signed(id, timestamp, header.Get("webhook-signature"), body) {
		return Event{}, ErrSignature
	}
	return read(body)
}

// signed reports whether one of the signatures is by one of the secrets.
func (v *Verifier) signed(id, timestamp, signatures string, body []byte) bool {
	for _, secret := range v.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for signature := range strings.FieldsSeq(signatures) {
			encoded, ok := strings.CutPrefix(signature, "v1,")
			if got, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil && hmac.Equal(got, want) {
				return true
			}
		}
	}
	return false
}

// Handler answers deliveries: 204 once handle has returned nil, 500 after an
// error, so that the event is sent again, and 400 for what does not verify, of
// which handle hears nothing. handle has 20 s; what takes longer belongs into a
// queue of the service's own.
func (v *Verifier) Handler(handle func(context.Context, Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		if err != nil {
			http.Error(w, "The body cannot be read.", http.StatusBadRequest)
			return
		}
		e, err := v.Verify(r.Header, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if handle(r.Context(), e) != nil {
			http.Error(w, "The event was not handled.", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
